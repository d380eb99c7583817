/**
 * Finds out whether a client that has ended its side of a connection is still
 * there to read its replies, or gone.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** How long after the end, and after the first question, the next one is asked, in milliseconds. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

/**
 * The end of a client's bytes does not say whether it waits for replies, as
 * `nc -N` does, or was closed. The system of one that was closed answers what
 * is written to it with a reset, which fails the next write. So something that
 * means nothing is written while calls run, less and less often.
 */
export class GoneClientProbe {
  readonly #clock: Clock;
  readonly #write: () => void;
  #timer: Timer | undefined;
  #delayMs = FIRST_DELAY_MS;

  /**
   * @param clock Where the time comes from.
   * @param write Writes something that means nothing.
   */
  constructor(clock: Clock, write: () => void) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Writes at once, and again from time to time. */
  start(): void {
    this.#timer = this.#clock.setTimer(this.#delayMs, () => this.start());
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
    this.#write();
  }

  /** Writes no more. */
  stop(): void {
    this.#timer?.cancel();
  }
}
