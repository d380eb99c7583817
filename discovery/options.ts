/**
 * What the sources that are asked over the network can be told, and tell.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Backoff } from "./time.ts";
import type { Random } from "../selector.ts";

/** Something that a source has to tell. */
export type SourceEvent =
  /** The list has changed. */
  | { readonly type: "changed"; readonly servers: readonly string[] }
  /** The source tells of no servers: the last good list stays. */
  | { readonly type: "empty" }
  /** The source tells of something that is no address: it is left out. Told once while it stays. */
  | { readonly type: "invalid"; readonly server: string; readonly error: unknown }
  /** The source does not answer, or a watch is lost: the last good list stays. */
  | { readonly type: "failed"; readonly error: unknown }
  /** The source answers again. */
  | { readonly type: "recovered" };

/** An entry of a source's answer: a server's address, or what could not be read as one. */
export type SourceEntry = string | UnreadableEntry;

/** An entry that no address could be read out of. */
export interface UnreadableEntry {
  /** What the source says, for messages. */
  readonly server: string;
  /** Why it can't be read. */
  readonly error: unknown;
}

/** What every source that is asked over the network can be told. */
export interface SourceOptions {
  /** Ends it, as `close` does. */
  signal?: AbortSignal;
  /** Told what happens, as it happens. */
  onEvent?: (event: SourceEvent) => void;
  /** Where waits take the time from. Default: the system's clock. */
  clock?: Clock;
  /** Where jitter and `get` take chance from. Default `Math.random`. */
  random?: Random;
}

/** What kind of source it is. */
export interface SourceTraits {
  /** What it is called in messages. */
  readonly name: string;
  /** How soon it is asked again after a failure. */
  readonly backoff: Backoff;
  /** Whether it stands by the list while `hold` goes on. */
  readonly isLive: boolean;
}
