/**
 * Discovery: which servers there are.
 *
 * @module
 */

import type { Random, SelectMode } from "./selector.ts";
import { EndpointList } from "./discovery/endpoint_list.ts";

/** A source of servers. */
export interface Discovery {
  /**
   * Asks the source anew.
   *
   * @throws {RpcError} If the source does not answer; the last good list stays.
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
  /** All servers; the array is the caller's. */
  getAll(): Promise<string[]>;
  /**
   * Each list from now on, the present one first, until `signal` aborts.
   * For sources that can say when their list changes.
   */
  watch?(signal: AbortSignal): AsyncIterable<readonly string[]>;
  /**
   * The present list, without waiting: a new array whenever it changes,
   * `undefined` while none is known. A source without it is asked with
   * `getAll` for every call.
   */
  readonly current?: readonly string[];
}

/** How a {@linkcode MultiServerDiscovery} picks. */
export interface MultiServerDiscoveryOptions {
  /** Where `get` takes chance from. Default `Math.random`. */
  random?: Random;
}

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
   * @param servers Their addresses, with metadata if wanted. The same server
   * twice counts once.
   * @param options Randomness.
   * @throws {RpcError} `invalid_argument` for a wrong address, naming it.
   */
  constructor(servers: readonly string[] = [], options: MultiServerDiscoveryOptions = {}) {
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
   * @param servers Their addresses. The same server twice counts once.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
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
   * All servers.
   *
   * @returns A copy of the list.
   */
  getAll(): Promise<string[]> {
    return Promise.resolve([...this.current]);
  }

  /**
   * Each list from now on, the present one first.
   *
   * @param signal Ends it.
   */
  watch(signal: AbortSignal): AsyncIterable<readonly string[]> {
    return this.#list.watch(signal);
  }
}
