/**
 * Waits of the sources of servers: backoff, sleep, time limits, and shared answers.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** How soon a source that failed is asked again: doubling waits, with jitter. */
export interface Backoff {
  /** The first wait, at most, in milliseconds. */
  readonly firstMs: number;
  /** The longest wait, in milliseconds. */
  readonly mostMs: number;
}

/**
 * How long to wait before another try: half of it certain, half of it chance.
 *
 * @param backoff First and longest wait.
 * @param failures How many tries have failed before the last one.
 * @param random At least 0, below 1.
 * @returns Milliseconds.
 */
export function backoffMs({ firstMs, mostMs }: Backoff, failures: number, random: number): number {
  return Math.min(firstMs * 2 ** Math.min(failures, 30), mostMs) * (0.5 + random / 2);
}

/**
 * Waits.
 *
 * @param clock Whose time.
 * @param ms How long.
 * @param signal Ends it early; that is no failure.
 */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.setTimer(ms, end);
    signal.addEventListener("abort", end);
  });
}

/**
 * Does something within a time limit.
 *
 * @param clock Whose time.
 * @param ms The limit.
 * @param signal Ends it, with its reason.
 * @param late Makes the error for when the time has passed.
 * @param body What to do. Its signal aborts when it is to be given up; nothing
 * waits for it then.
 * @returns What `body` returns.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  late: () => unknown,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = clock.setTimer(ms, () => controller.abort(late()));
  signal.addEventListener("abort", abort);
  try {
    return await new Promise<T>((resolve, reject) => {
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
      body(controller.signal).then(resolve, (error) => {
        reject(controller.signal.aborted ? controller.signal.reason : error);
      });
    });
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", abort);
  }
}

/** An answer that several wait for. */
export interface Answer {
  /** Settled when it is there. */
  readonly promise: Promise<void>;
  /** It is there. */
  resolve(): void;
  /** There is none. */
  reject(error: unknown): void;
}

/**
 * Makes an answer to wait for. That nobody waits for it is no failure.
 *
 * @returns The answer, not there yet.
 */
export function newAnswer(): Answer {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
