/**
 * What a server tells its clients of how much it has to do.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { LoadSource } from "../protocol/codec.ts";
import type { ServerLoad } from "./server_load.ts";
import type { ServerListeners } from "./server_options.ts";

/** How long what the server's own function has said counts, in milliseconds. */
const ASKED_EVERY_MS = 10;
/** Whom `onError` is told of when that function fails: it belongs to no call. */
const NO_CALL = { serviceMethod: "", remote: "" };

/** What {@linkcode ReportedLoad} needs. */
export interface ReportedLoadOptions {
  /** Counts the calls. */
  readonly load: ServerLoad;
  /** The server's own measure, if it has one. */
  readonly own: (() => number) | undefined;
  /** When it was asked last. */
  readonly clock: Pick<Clock, "now">;
  /** Whom to tell that it fails. */
  readonly listeners: Pick<ServerListeners, "error">;
}

/** The calls that run or wait, or what the server says in place of that. */
export class ReportedLoad implements LoadSource {
  readonly #options: ReportedLoadOptions;
  readonly #load: ServerLoad;
  readonly #own: (() => number) | undefined;
  /** What it has said last; `undefined` if that was of no use. */
  #said: number | undefined;
  #askedAtMs = -Infinity;
  /** Whether it has failed, and has not been of use since. */
  #hasFailed = false;

  /** @param options The count, and what may stand in its place. */
  constructor(options: ReportedLoadOptions) {
    this.#options = options;
    this.#load = options.load;
    this.#own = options.own;
  }

  current(): number {
    return this.#own === undefined ? this.#load.total : this.#ask(this.#own);
  }

  #ask(own: () => number): number {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#askedAtMs >= ASKED_EVERY_MS) {
      this.#askedAtMs = nowMs;
      this.#said = this.#valueOf(own);
    }
    return this.#said ?? this.#load.total;
  }

  #valueOf(own: () => number): number | undefined {
    let error: unknown;
    try {
      const said: unknown = own();
      if (typeof said === "number" && said >= 0 && said <= Number.MAX_SAFE_INTEGER) {
        this.#hasFailed = false;
        return Math.round(said);
      }
      const message = `the option load must return a number of calls from 0 on, not ${said}`;
      error = new RangeError(message);
    } catch (thrown) {
      error = thrown; // also by what it has returned, which may have no text
    }
    if (!this.#hasFailed) this.#options.listeners.error(error, NO_CALL);
    this.#hasFailed = true;
    return undefined;
  }
}
