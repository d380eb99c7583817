/**
 * A clock that is cheap to read.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { queueMicrotask } from "./platform.ts";

/**
 * Reads another clock at most once between two microtasks. Reading the
 * system's costs a tenth of a call, and what happens between two microtasks
 * can count as simultaneous.
 */
export class TurnClock {
  readonly #clock: Clock;
  #nowMs = 0;
  #isFresh = false;

  /** @param clock The clock to read. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The present time, in milliseconds, on the other clock's scale. */
  now(): number {
    if (this.#isFresh) return this.#nowMs;
    this.#isFresh = true;
    queueMicrotask(this.#expire);
    return this.#nowMs = this.#clock.now();
  }

  readonly #expire = (): void => {
    this.#isFresh = false;
  };
}
