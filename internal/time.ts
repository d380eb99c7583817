/**
 * Waiting with an end: the one way in which the library limits something by
 * time and by the caller's signal.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { type Abortable, abortWith, releaseFrom } from "./abort.ts";

export { LONGEST_TIMER_MS } from "../clock.ts";

/** What ends a {@linkcode TimeLimit}. */
export interface TimeLimitOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The caller's signal. */
  readonly signal?: AbortSignal;
}

/**
 * An end that is set for some work: its {@linkcode TimeLimit.signal} aborts
 * when the time is over, with an error made then, or when the caller's signal
 * aborts, with its reason. Whoever makes one calls `end`, whatever came of the work.
 *
 * @example
 * ```ts ignore
 * const limit = new TimeLimit({ clock, signal });
 * limit.set(5000, () => new RpcError("unavailable", `${url}: no answer within 5000 ms`));
 * try {
 *   return await limit.race(fetch(url, { signal: limit.signal }));
 * } finally {
 *   limit.end();
 * }
 * ```
 */
export class TimeLimit implements Abortable {
  readonly #clock: Clock;
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  #timer: Timer | undefined;

  /** @param options Clock and the caller's signal; no time is set yet. */
  constructor({ clock, signal }: TimeLimitOptions) {
    this.#clock = clock;
    this.#outer = signal;
    if (signal !== undefined) abortWith(signal, this);
  }

  /** Aborts when the work is to be given up. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Sets the time, or sets it anew.
   *
   * @param timeoutMs From now; `Infinity` for none.
   * @param onTimeout Makes the reason to abort with.
   */
  set(timeoutMs: number, onTimeout: () => unknown): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (timeoutMs === Infinity || this.signal.aborted) return;
    this.#timer = this.#clock.setTimer(timeoutMs, () => this.abort(onTimeout()));
  }

  /**
   * Waits for a promise, but no longer than until the end.
   *
   * @param promise Goes on if it is given up, and may fail then unheard.
   * @returns What it resolves to.
   * @throws What it rejects with, or the signal's reason if that aborted first.
   */
  race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const waiter = { abort: reject };
      abortWith(signal, waiter);
      const over = () => releaseFrom(signal, waiter);
      promise.then(resolve, reject).finally(over);
    });
  }

  /** Gives the work up. */
  abort(reason: unknown): void {
    this.end();
    this.#controller.abort(reason);
  }

  /** Ends the timer, and no longer follows the caller's signal. Idempotent. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#outer !== undefined) releaseFrom(this.#outer, this);
  }
}

/**
 * Waits.
 *
 * @param clock Whose time.
 * @param ms How long.
 * @param signal Ends the wait early; that is no failure.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const sleeper = { abort: () => end() };
    const timer = clock.setTimer(ms, () => end());
    const end = () => {
      timer.cancel();
      if (signal !== undefined) releaseFrom(signal, sleeper);
      resolve();
    };
    if (signal !== undefined) abortWith(signal, sleeper);
  });
}
