/**
 * Discovery: which servers there are.
 *
 * @module
 */

import { callback, checkOptions, type Checks } from "./internal/options.ts";
import type { Random, SelectMode } from "./selector.ts";
import { EndpointList } from "./discovery/endpoint_list.ts";

/** A list of servers, wherever it comes from. */
export interface Discovery {
  /** What it is called in errors, such as `registry http://10.0.0.1:9999/…`. */
  readonly name?: string;
  /**
   * Asks again where the list comes from.
   *
   * @throws {RpcError} If there is no answer; the last good list stays.
   */
  refresh(): Promise<void>;
  /** Puts a list in place by hand. */
  update(servers: readonly string[]): Promise<void>;
  /**
   * Picks one server.
   *
   * @throws {RpcError} `unavailable` if there are none, `invalid_argument` for
   * an unknown mode.
   */
  get(mode: SelectMode): Promise<string>;
  /** Returns all servers, in an array of the caller's own. */
  getAll(): Promise<string[]>;
  /**
   * Yields each list from now on, the present one first, until `signal` aborts.
   * Left out where changes can't be seen.
   */
  watch?: ((signal: AbortSignal) => AsyncIterable<readonly string[]>) | undefined;
  /**
   * The present list, without waiting: a new array whenever it changes,
   * `undefined` while none is known. Without this property, `getAll` is called
   * for every call.
   */
  readonly current?: readonly string[] | undefined;
}

/** The options of a {@linkcode MultiServerDiscovery}. */
export interface MultiServerDiscoveryOptions {
  /** The randomness of `get`. Default `Math.random`. */
  random?: Random;
}

const LIST_CHECKS: Checks<MultiServerDiscoveryOptions> = { random: callback };

/**
 * A list of servers that is kept by hand.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { MultiServerDiscovery, SelectMode } from "@geerpc/xclient";
 *
 * const discovery = new MultiServerDiscovery(["tcp@10.0.0.1:9001", "tcp@10.0.0.2:9001"]);
 * const first = await discovery.get(SelectMode.RoundRobin);
 * const second = await discovery.get(SelectMode.RoundRobin);
 * assert(first !== second);
 *
 * await discovery.update(["tcp@10.0.0.3:9001"]);
 * assert(await discovery.get(SelectMode.Random) === "tcp@10.0.0.3:9001");
 * ```
 */
export class MultiServerDiscovery implements Discovery {
  readonly #list: EndpointList;

  /**
   * Makes a list.
   *
   * @param servers Addresses, with or without metadata. The same address twice
   * counts once.
   * @param options The randomness of `get`.
   * @throws {RpcError} `invalid_argument` if an address is invalid, naming it.
   */
  constructor(servers: readonly string[] = [], options: MultiServerDiscoveryOptions = {}) {
    checkOptions("MultiServerDiscovery", options, LIST_CHECKS);
    this.#list = new EndpointList(options.random);
    this.#list.replace(servers);
  }

  /** The present list: a new array whenever it changes. */
  get current(): readonly string[] {
    return this.#list.current!;
  }

  /** Does nothing: the list is kept by hand. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Puts a list in place of the present one.
   *
   * @param servers Addresses, with or without metadata. The same address twice
   * counts once.
   * @throws {RpcError} `invalid_argument` if an address is invalid; the list stays then.
   */
  // deno-lint-ignore require-await
  async update(servers: readonly string[]): Promise<void> {
    this.#list.replace(servers);
  }

  /**
   * Picks one server.
   *
   * @param mode The policy.
   * @returns Its address.
   * @throws {RpcError} `unavailable` if the list is empty, `invalid_argument`
   * for an unknown mode, naming the modes.
   */
  // deno-lint-ignore require-await
  async get(mode: SelectMode): Promise<string> {
    return this.#list.get(mode);
  }

  /**
   * Returns all servers.
   *
   * @returns A copy of the list.
   */
  getAll(): Promise<string[]> {
    return Promise.resolve([...this.current]);
  }

  /**
   * Yields each list from now on, the present one first.
   *
   * @param signal Ends it.
   */
  watch(signal: AbortSignal): AsyncIterable<readonly string[]> {
    return this.#list.watch(signal);
  }
}
