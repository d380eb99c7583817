/**
 * The last good list of a source: kept through empty answers, invalid entries
 * and outages, with its age.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import type { Clock } from "../clock.ts";
import type { Random } from "../selector.ts";
import { EndpointList } from "./endpoint_list.ts";
import type { SourceEvent, SourceList, SourceListing } from "./source.ts";

/** What a {@linkcode LastGoodList} needs. */
export interface LastGoodListOptions {
  /** The clock by which the list ages. */
  readonly clock: Clock;
  /** The randomness of picks. Default `Math.random`. */
  readonly random?: Random;
  /** Where the list comes from, for errors. */
  readonly source?: string;
  /** Called with each event that concerns the list. */
  readonly emit: (event: SourceEvent) => void;
}

/** The last good list of a source. */
export class LastGoodList implements SourceList {
  /** The list itself: to pick from and to watch. */
  readonly endpoints: EndpointList;
  readonly #clock: Clock;
  readonly #emit: (event: SourceEvent) => void;
  #confirmedAtMs = -Infinity;
  /** Whether a live watch confirms the list all the time. */
  #isWatched = false;
  /** Whether the last answer was empty, and the list is an older one. */
  #isEmpty = false;
  /** The invalid entries of the last answer. */
  #invalid: ReadonlySet<string> = new Set();

  /** @param options Clock, randomness, and who gets the events. */
  constructor({ clock, random, source, emit }: LastGoodListOptions) {
    this.#clock = clock;
    this.#emit = emit;
    this.endpoints = new EndpointList(random, source);
  }

  /**
   * For how long the source has not confirmed the list, in milliseconds.
   * `Infinity` if it never has.
   */
  get staleMs(): number {
    return this.#isConfirmed ? 0 : this.#clock.now() - this.#confirmedAtMs;
  }

  get #isConfirmed(): boolean {
    return this.#isWatched && !this.#isEmpty;
  }

  get #hasServers(): boolean {
    const { current } = this.endpoints;
    return current !== undefined && current.length > 0;
  }

  /**
   * Puts an answer of the source in place. Invalid entries are reported once
   * and left out; if no valid entry is left, a list that has servers stays.
   *
   * @param listing What the source lists.
   */
  take({ entries, servers }: SourceListing): void {
    const valid = this.#validOf(entries);
    const isEmpty = valid.length === 0 && this.#hasServers;
    // A watch has confirmed the list until this moment, also if it now reports an empty one.
    if (!isEmpty || this.#isConfirmed) this.#confirmedAtMs = this.#clock.now();
    if (isEmpty && !this.#isEmpty) this.#emit({ type: "empty" });
    this.#isEmpty = isEmpty;
    this.put(servers?.() ?? valid);
  }

  /**
   * Puts a list in place, unless it is empty and the present one is not.
   *
   * @param servers Valid addresses.
   */
  put(servers: readonly string[]): void {
    if (servers.length > 0 || !this.#hasServers) this.replace(servers);
  }

  /**
   * Puts a list in place, even an empty one.
   *
   * @param servers Addresses.
   * @throws {RpcError} `invalid_argument` if an address is invalid; the list stays then.
   */
  replace(servers: readonly string[]): void {
    if (this.endpoints.replace(servers)) {
      this.#emit({ type: "changed", servers: this.endpoints.current! });
    }
  }

  /** The source has confirmed its last answer. If that was empty, the list goes on ageing. */
  confirm(): void {
    if (!this.#isEmpty) this.#confirmedAtMs = this.#clock.now();
  }

  /** A live watch confirms the list from now on. */
  beginWatch(): void {
    this.#isWatched = true;
  }

  /** The watch has ended: the list ages from now on. Does nothing if none has begun. */
  endWatch(): void {
    if (this.#isConfirmed) this.#confirmedAtMs = this.#clock.now();
    this.#isWatched = false;
  }

  #validOf(entries: SourceListing["entries"]): string[] {
    const valid: string[] = [];
    const invalid = new Set<string>();
    const leaveOut = (server: string, error: unknown) => {
      const isKnown = this.#invalid.has(server) || invalid.has(server);
      if (!isKnown) this.#emit({ type: "invalid", server, error });
      invalid.add(server);
    };
    for (const entry of entries) {
      if (typeof entry !== "string") {
        leaveOut(entry.server, entry.error);
        continue;
      }
      try {
        parseAddress(entry);
        valid.push(entry);
      } catch (error) {
        leaveOut(entry, error);
      }
    }
    this.#invalid = invalid;
    return valid;
  }
}
