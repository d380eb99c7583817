/**
 * Where the time comes from: the system's clock, or one that a test or a
 * simulation moves by hand.
 *
 * @module
 */

import { clearTimeout, now, setTimeout } from "./internal/platform.ts";

/** A timer that has been set. */
export interface Timer {
  /** Stops the timer: its callback is not called any more. Idempotent. */
  cancel(): void;
  /** Lets the program end while the timer runs. Left out where it may end anyway. */
  unref?(): void;
}

/** The source of time of a client, a server or a policy. */
export interface Clock {
  /** The present time, in milliseconds since a fixed point. Never goes back. */
  now(): number;
  /**
   * Sets a timer, which calls back once.
   *
   * @param delayMs How long from now, in milliseconds; the system's clock waits for at most
   * 2^31 − 1 of them (24.8 days).
   * @param callback What to call then.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/**
 * The longest delay that a timer of the platform keeps, in milliseconds: 24.8
 * days. A longer one would fire at once.
 *
 * @internal
 */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #id: ReturnType<typeof setTimeout>;
  constructor(delayMs: number, callback: () => void) {
    this.#id = setTimeout(callback, Math.min(delayMs, LONGEST_TIMER_MS));
  }
  cancel(): void {
    clearTimeout(this.#id);
  }
  unref(): void {
    // A number in browsers, and on older versions of Deno.
    const id = this.#id as unknown as { unref?(): void };
    id.unref?.();
  }
}

/** The system's monotonic clock and its timers. */
export const systemClock: Clock = {
  now,
  setTimer: (delayMs: number, callback: () => void): Timer => new SystemTimer(delayMs, callback),
};
