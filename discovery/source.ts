/**
 * What a source of servers is, such as a registry, DNS or etcd: how it is
 * asked, what it answers, which options it has and which events come of it.
 *
 * @module
 */

import { aClock, aSignal, callback, type Checks } from "../internal/options.ts";
import type { Clock } from "../clock.ts";
import type { Random } from "../selector.ts";

/** Where a list of servers is read from. A {@linkcode SourceDiscovery} makes a discovery of it. */
export interface Source {
  /** Its name in error messages. */
  readonly name: string;
  /** The pause after a first failure, in milliseconds; it doubles with each, and half is random. */
  readonly firstRetryMs: number;
  /** The longest pause between failures, in milliseconds. */
  readonly longestRetryMs: number;
  /**
   * Whether the list counts as confirmed for as long as it is followed, as by
   * etcd's watch: `staleMs` stays 0 then. Default `false`.
   */
  readonly isLive?: boolean;
  /**
   * Asks the source once.
   *
   * @param list The list; for {@linkcode SourceAnswer.follow}, to change it later.
   * @param signal Aborts when the discovery is closed; the error is its reason then.
   * @param isFull Whether everything is to be read, not only what has changed
   * since the last answer.
   * @returns The answer.
   * @throws Whatever went wrong; the last list stays, and the source is asked again.
   */
  read(list: SourceList, signal: AbortSignal, isFull: boolean): Promise<SourceAnswer>;
  /**
   * Forgets all servers that the source itself remembers: a list has been put
   * in place by hand, or the discovery has been closed.
   */
  forget?(): void;
}

/** What a source lists at one time. */
export interface SourceListing {
  /** Addresses, and what could not be read as one. */
  readonly entries: readonly SourceEntry[];
  /**
   * The list that comes of the answer, if it is not simply the valid entries.
   * Called when the list is put in place.
   */
  servers?(): readonly string[];
}

/** A source's answer, and how to go on from there. */
export interface SourceAnswer extends SourceListing {
  /**
   * Waits until the source is to be asked again; a source that reports changes
   * puts them into the list meanwhile.
   *
   * @param signal Aborts when the discovery is closed or refreshed, and may have
   * aborted already. That ends the wait and is no failure.
   * @throws If the source is lost. It is asked again after a pause.
   */
  follow(signal: AbortSignal): Promise<void>;
  /**
   * Asks the source once more while it is followed. Without this method,
   * a refresh ends `follow` and reads again.
   */
  refresh?(): Promise<void>;
}

/** The list, as a source changes it. */
export interface SourceList {
  /**
   * Puts what the source lists now in place. Invalid entries are reported and
   * left out; if no valid entry is left, the present list stays.
   *
   * @param listing What the source lists.
   */
  take(listing: SourceListing): void;
  /**
   * Puts a list in place that comes from the source's memory, not from an answer.
   * An empty list does not replace one that has servers.
   *
   * @param servers Valid addresses.
   */
  put(servers: readonly string[]): void;
  /** The source has confirmed its last answer: `staleMs` begins again at 0. */
  confirm(): void;
}

/** An entry of a source's answer: a server's address, or what could not be read as one. */
export type SourceEntry = string | UnreadableEntry;

/** An entry from which no address could be read. */
export interface UnreadableEntry {
  /** The entry as the source has it, for messages. */
  readonly server: string;
  /** Why it could not be read. */
  readonly error: unknown;
}

/** What has happened to a source or its list. */
export type SourceEvent =
  /** The list has changed. */
  | { readonly type: "changed"; readonly servers: readonly string[] }
  /** The source lists no servers: the last good list stays. */
  | { readonly type: "empty" }
  /** An entry is no valid address and is left out. Reported once for as long as it stays. */
  | { readonly type: "invalid"; readonly server: string; readonly error: unknown }
  /** The source does not answer, or its watch is lost: the last good list stays. */
  | { readonly type: "failed"; readonly error: unknown }
  /** The source answers again. */
  | { readonly type: "recovered" };

/** The options of every source that is asked over the network. */
export interface SourceOptions {
  /** Closes the discovery when it aborts. */
  signal?: AbortSignal;
  /**
   * Called with each event, frozen, a microtask after the fact. What it throws is an
   * uncaught error of the program.
   */
  onEvent?: (event: SourceEvent) => void;
  /** The clock of all pauses and time limits. Default: the system's. */
  clock?: Clock;
  /** The randomness of `get` and of jitter. Default `Math.random`. */
  random?: Random;
}

/** What the options may be. */
export const SOURCE_CHECKS: Checks<SourceOptions> = {
  signal: aSignal,
  onEvent: callback,
  clock: aClock,
  random: callback,
};
