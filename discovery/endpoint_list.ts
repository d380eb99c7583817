/**
 * A list of endpoints that is replaced as a whole, picked from and watched.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import { RpcError } from "../errors.ts";
import { wrongType } from "../internal/options.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import {
  createSelector,
  type EndpointView,
  type Random,
  type SelectMode,
  type Selector,
} from "../selector.ts";

/** A discovery knows which endpoints there are, not how loaded they are. */
const IDLE = { inFlight: 0, oldestAtMs: 0, latencyMs: 0, peakMs: 0, updatedAtMs: 0 };

/** A list of endpoints that can be replaced, picked from and watched. */
export class EndpointList {
  readonly #random: Random | undefined;
  readonly #source: string | undefined;
  readonly #selectors = new Map<SelectMode, Selector>();
  /** Each wakes one watcher. */
  readonly #watchers = new Set<() => void>();
  #current: readonly string[] | undefined;
  #views: readonly EndpointView[] = [];

  /**
   * @param random The randomness of `get`. Default `Math.random`.
   * @param source Where the list comes from, for errors.
   */
  constructor(random?: Random, source?: string) {
    this.#random = random;
    this.#source = source;
  }

  /** The present list: a new array whenever it changes, `undefined` before the first. */
  get current(): readonly string[] | undefined {
    return this.#current;
  }

  /**
   * Puts a list in place of the present one. An address that occurs twice
   * counts once. A list that equals the present one changes nothing.
   *
   * @param servers Addresses, with or without metadata.
   * @returns Whether the list has changed.
   * @throws {RpcError} `invalid_argument` if an address is invalid; the list stays then.
   * @throws {TypeError} If it is no list, as one address is none.
   */
  replace(servers: readonly string[]): boolean {
    if (!Array.isArray(servers)) throw wrongType("servers", "a list of addresses", servers);
    const byAddress = new Map<string, { server: string; weight: number }>();
    for (const server of servers) {
      const { address, weight } = parseAddress(server);
      if (!byAddress.has(address)) byAddress.set(address, { server, weight });
    }
    const endpoints = [...byAddress.values()];
    const list = endpoints.map(({ server }) => server);
    if (isSame(list, this.#current)) return false;
    this.#current = Object.freeze(list);
    this.#views = endpoints.map(({ server, weight }) => ({ ...IDLE, address: server, weight }));
    for (const wake of this.#watchers) wake();
    return true;
  }

  /**
   * Picks one endpoint.
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
    const picked = selector.pick(this.#views, { nowMs: 0 });
    if (picked === undefined) throw noServers(this.#source);
    return picked.address;
  }

  /**
   * Yields each list from now on, the present one first if there is one. Lists
   * that are replaced before the watcher asks for the next are skipped.
   *
   * @param signal Ends it.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    let wake: () => void = () => {};
    const onChange = () => wake();
    const onAbort = { abort: onChange };
    this.#watchers.add(onChange);
    abortWith(signal, onAbort);
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
      this.#watchers.delete(onChange);
      releaseFrom(signal, onAbort);
    }
  }
}

/**
 * The error of a pick from an empty list.
 *
 * @param source Where the list comes from, if that has a name.
 * @returns `unavailable`, "no available servers", and who lists none.
 */
export function noServers(source?: string): RpcError {
  return new RpcError("unavailable", noServersText(source), { execution: "not_sent" });
}

/**
 * What is said of an empty list.
 *
 * @param source Where the list comes from, if that has a name.
 */
export function noServersText(source: string | undefined): string {
  return source === undefined
    ? "no available servers"
    : `no available servers: ${source} lists none`;
}

/**
 * Whether two lists are equal.
 *
 * @param one A list.
 * @param other Another, or none.
 * @returns `true` if they have the same entries in the same order.
 */
export function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one === other ||
    one.length === other?.length && one.every((server, place) => server === other[place]);
}
