/**
 * The one timer of a connection: how long its present phase may take.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** A timer that is set anew for each phase. */
export class PhaseTimer {
  readonly #clock: Clock;
  #timer: Timer | undefined;

  /** @param clock Where the time comes from. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether it is running. */
  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Sets it, in place of what was set. */
  set(delayMs: number, callback: () => void): void {
    this.cancel();
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      callback();
    });
  }

  /** Stops it. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
