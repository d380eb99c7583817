/**
 * A list of servers as a source of servers holds it: the last good one, kept
 * through empty answers and outages, and handed to those who watch it.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import { RpcError } from "../errors.ts";
import {
  createSelector,
  type EndpointView,
  type Random,
  type SelectMode,
  type Selector,
} from "../selector.ts";

/** Discovery knows who exists, not how they fare. */
const IDLE = { inFlight: 0, oldestAtMs: 0, latencyMs: 0, peakMs: 0, updatedAtMs: 0 };

/** A list of servers, and who is to hear of its changes. */
export class ServerList {
  readonly #random: Random | undefined;
  readonly #selectors = new Map<SelectMode, Selector>();
  readonly #watchers = new Set<() => void>();
  #current: readonly string[] | undefined;
  #candidates: readonly EndpointView[] = [];

  /** @param random Where `get` takes chance from. Default `Math.random`. */
  constructor(random?: Random) {
    this.#random = random;
  }

  /** The present list: a new array whenever it changes, `undefined` while none is known. */
  get current(): readonly string[] | undefined {
    return this.#current;
  }

  /**
   * Puts a list in place of the present one. The same server twice counts
   * once. A list that says the same as the present one changes nothing.
   *
   * @param servers Their addresses, with metadata if wanted.
   * @param skip Told of each address that is not valid, which is left out. Without
   * it, such an address is an error.
   * @returns Whether the list has changed.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
   */
  take(servers: readonly string[], skip?: (server: string, error: unknown) => void): boolean {
    const byAddress = new Map<string, { server: string; weight: number }>();
    for (const server of servers) {
      try {
        const { address, weight } = parseAddress(server);
        if (!byAddress.has(address)) byAddress.set(address, { server, weight });
      } catch (error) {
        if (skip === undefined) throw error;
        skip(server, error);
      }
    }
    const taken = [...byAddress.values()];
    if (isSame(taken.map(({ server }) => server), this.#current)) return false;
    this.#current = Object.freeze(taken.map(({ server }) => server));
    this.#candidates = taken.map(({ server, weight }) => ({ ...IDLE, address: server, weight }));
    for (const wake of this.#watchers) wake();
    return true;
  }

  /**
   * Picks one server.
   *
   * @param mode The policy.
   * @returns Its address.
   * @throws {RpcError} `unavailable` if the list is empty, `invalid_argument`
   * for an unknown mode, naming the modes.
   */
  get(mode: SelectMode): string {
    let selector = this.#selectors.get(mode);
    if (selector === undefined) {
      selector = createSelector(mode, { random: this.#random });
      this.#selectors.set(mode, selector);
    }
    const picked = selector.pick(this.#candidates, { nowMs: 0 });
    if (picked === undefined) throw noServers();
    return picked.address;
  }

  /**
   * Each list from now on, the present one first if there is one.
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
        if (this.#current !== undefined && seen !== this.#current) {
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
}

/**
 * The error of an empty list.
 *
 * @returns `unavailable`, "no available servers".
 */
export function noServers(): RpcError {
  return new RpcError("unavailable", "no available servers", { execution: "not_sent" });
}

/**
 * Whether two lists say the same.
 *
 * @param one A list.
 * @param other Another, or none.
 * @returns `true` if they hold the same servers in the same order.
 */
export function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one === other ||
    one.length === other?.length && one.every((server, place) => server === other[place]);
}
