/**
 * Discovery: which servers there are.
 *
 * @module
 */

import { parseAddress } from "./address.ts";
import { RpcError } from "./errors.ts";
import { createSelector, type Random, type SelectMode, type Selector } from "./selector.ts";

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
  readonly #random: Random | undefined;
  readonly #selectors = new Map<SelectMode, Selector>();
  readonly #watchers = new Set<() => void>();
  #current: readonly string[];
  #candidates: readonly { readonly address: string }[] = [];

  /**
   * Makes a list.
   *
   * @param servers Their addresses, with metadata if wanted. The same server
   * twice counts once.
   * @param options Randomness.
   * @throws {RpcError} `invalid_argument` for a wrong address, naming it.
   */
  constructor(servers: readonly string[] = [], options: MultiServerDiscoveryOptions = {}) {
    this.#random = options.random;
    this.#current = this.#take(servers);
  }

  /** The present list: a new array whenever it changes. */
  get current(): readonly string[] {
    return this.#current;
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
    this.#current = this.#take(servers);
    for (const wake of this.#watchers) wake();
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
    let selector = this.#selectors.get(mode);
    if (selector === undefined) {
      selector = createSelector(mode, this.#random);
      this.#selectors.set(mode, selector);
    }
    const picked = selector.pick(this.#candidates);
    if (picked === undefined) throw noServers();
    return picked.address;
  }

  /**
   * All servers.
   *
   * @returns A copy of the list.
   */
  getAll(): Promise<string[]> {
    return Promise.resolve([...this.#current]);
  }

  /**
   * Each list from now on, the present one first.
   *
   * @param signal Ends it.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    let wake: () => void = () => {};
    const woken = () => wake();
    this.#watchers.add(woken);
    signal.addEventListener("abort", woken);
    try {
      let seen: readonly string[] | undefined;
      while (!signal.aborted) {
        if (seen !== this.#current) {
          seen = this.#current;
          yield seen;
          continue;
        }
        await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      this.#watchers.delete(woken);
      signal.removeEventListener("abort", woken);
    }
  }

  #take(servers: readonly string[]): readonly string[] {
    const byAddress = new Map<string, string>();
    for (const server of servers) {
      const { address } = parseAddress(server);
      if (!byAddress.has(address)) byAddress.set(address, server);
    }
    const taken = Object.freeze([...byAddress.values()]);
    this.#candidates = taken.map((address) => ({ address }));
    return taken;
  }
}

/**
 * The error of an empty list.
 *
 * @returns `unavailable`, "no available servers".
 */
export function noServers(): RpcError {
  return new RpcError("unavailable", "no available servers", { execution: "not_sent" });
}
