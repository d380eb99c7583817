/**
 * What became of the calls of a run.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../errors.ts";

/** Counts calls from the end of the warm-up on. */
export class Tally {
  /** How long each call took, in milliseconds, in the order in which they ended. */
  readonly tookMs: number[] = [];
  /** The same of those that were answered. */
  readonly answeredMs: number[] = [];
  /** The same of those that failed, but not by their deadline. */
  readonly failedMs: number[] = [];
  /** How many ran into their deadline. */
  timeouts = 0;
  /** How much work the answered ones were, in milliseconds. */
  workMs = 0;
  readonly #fromMs: number;

  /** @param fromMs Calls that were made before are not counted. */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  succeeded(atMs: number, nowMs: number, workMs: number): void {
    if (atMs < this.#fromMs) return;
    this.tookMs.push(nowMs - atMs);
    this.answeredMs.push(nowMs - atMs);
    this.workMs += workMs;
  }

  failed(atMs: number, nowMs: number, error: unknown): void {
    if (!(error instanceof TimeoutError || error instanceof RpcError)) throw error;
    if (atMs < this.#fromMs) return;
    this.tookMs.push(nowMs - atMs);
    if (error instanceof TimeoutError) this.timeouts++;
    else this.failedMs.push(nowMs - atMs);
  }
}

/**
 * A quantile of times.
 *
 * @param tookMs The times, in any order.
 * @param share 0.99 for the 99th percentile.
 * @returns `NaN` if there are none.
 */
export function quantile(tookMs: readonly number[], share: number): number {
  const sorted = tookMs.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length * share)] ?? NaN;
}
