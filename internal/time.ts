/**
 * Limits of time: the one way in which the library gives up on a promise when
 * time is over or the caller's signal aborts.
 *
 * @module
 */

import { type Clock, LONGEST_TIMER_MS, type Timer } from "../clock.ts";
import { type Abortable, abortWith, releaseFrom } from "./abort.ts";

export { LONGEST_TIMER_MS } from "../clock.ts";

/** Options of a {@linkcode TimeLimit}. */
export interface TimeLimitOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The caller's signal, which ends the work too. */
  readonly signal?: AbortSignal;
}

/**
 * Limits some work by time and by the caller's signal. Its own
 * {@linkcode TimeLimit.signal} aborts when the time is over, with an error made
 * then, or when the caller's signal aborts, with its reason. Call `end` when the
 * work has ended, in whichever way.
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

  /** @param options Clock and signal. There is no limit of time until `set` is called. */
  constructor({ clock, signal }: TimeLimitOptions) {
    this.#clock = clock;
    this.#outer = signal;
    if (signal !== undefined) abortWith(signal, this);
  }

  /** Aborts when the work is to be given up; pass it on to the work. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Sets the limit of time, in place of the last one. If its timer fires late,
   * the event loop goes round once before the time is over.
   *
   * @param timeoutMs How long from now, in milliseconds; `Infinity` for no limit.
   * @param onTimeout Makes the error to abort with; called only when the time is over.
   */
  set(timeoutMs: number, onTimeout: () => unknown): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (timeoutMs > LONGEST_TIMER_MS || this.signal.aborted) return;
    const waitMs = Math.max(timeoutMs, 0);
    const dueAtMs = this.#clock.now() + waitMs;
    const expire = () => this.abort(onTimeout());
    this.#timer = this.#clock.setTimer(waitMs, () => {
      // Late: this process stood still. What has arrived in time is read first.
      if (this.#clock.now() > dueAtMs) this.#timer = this.#clock.setTimer(0, expire);
      else expire();
    });
  }

  /**
   * Waits for a promise until the work is to be given up.
   *
   * @param promise What to wait for. If it is given up it goes on, and what it fails with is lost.
   * @returns What it resolves to.
   * @throws What it rejects with, or the reason of the signal if that aborts first.
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

  /** Gives the work up: aborts the signal with this reason. */
  abort(reason: unknown): void {
    this.end();
    this.#controller.abort(reason);
  }

  /** Cancels the timer and stops following the caller's signal. Idempotent. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#outer !== undefined) releaseFrom(this.#outer, this);
  }
}

/**
 * Waits for a while.
 *
 * @param clock Where the time comes from.
 * @param ms How long, in milliseconds.
 * @param signal Ends the wait early: the promise resolves then, too.
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

/**
 * A clock whose timers let the program end, for what only serves others.
 *
 * @param clock Where the time comes from.
 * @returns The same time.
 */
export function unrefClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    setTimer(delayMs, callback) {
      const timer = clock.setTimer(delayMs, callback);
      timer.unref?.();
      return timer;
    },
  };
}
