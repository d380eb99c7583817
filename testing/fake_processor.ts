/**
 * How long work takes on a fake server: calls share its cores, it may be slow,
 * and it may stand still.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { atLeast } from "../internal/validate.ts";

/** A server may be faster than usual, but not so that its speed is no number any more. */
const LEAST_SLOW = 1e-6;

/** A call at work. */
interface Job {
  /** When it is done, on the scale of {@linkcode Processor.#doneMs}. */
  readonly doneAtMs: number;
  readonly resolve: () => void;
}

/**
 * Processor sharing: while no more calls are at work than there are cores,
 * each gets on at full speed; beyond that they share evenly.
 */
export class Processor {
  readonly #clock: Clock;
  readonly #cores: number;
  readonly #jobs = new Set<Job>();
  #slow = 1;
  #stalledUntilMs = -Infinity;
  /** How much work a call that had been here from the start would have had done. */
  #doneMs = 0;
  #doneAtMs: number;
  #timer: Timer | undefined;

  /**
   * @param clock Where the time comes from.
   * @param cores How many calls get on at full speed.
   */
  constructor(clock: Clock, cores: number) {
    this.#clock = clock;
    this.#cores = cores;
    this.#doneAtMs = clock.now();
  }

  /** How many calls are at work. */
  get running(): number {
    return this.#jobs.size;
  }

  /** How many times longer everything takes. */
  get slow(): number {
    return this.#slow;
  }

  set slow(factor: number) {
    const slow = atLeast(LEAST_SLOW, "slow", factor);
    this.#proceed();
    this.#slow = slow;
    this.#arm();
  }

  /** When it goes on; in the past if it does not stand still. */
  get stalledUntilMs(): number {
    return this.#stalledUntilMs;
  }

  /** Stands still until then. */
  stallUntil(untilMs: number): void {
    this.#proceed();
    this.#stalledUntilMs = untilMs;
    this.#arm();
  }

  /**
   * Does a call's work.
   *
   * @param workMs How long it takes alone, at full speed.
   * @param signal Ends it.
   * @returns Resolves when it is done.
   */
  work(workMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      this.#proceed();
      const job = { doneAtMs: this.#doneMs + workMs, resolve };
      this.#jobs.add(job);
      signal.addEventListener("abort", () => {
        this.#proceed();
        if (!this.#jobs.delete(job)) return;
        this.#arm();
        reject(signal.reason);
      });
      this.#arm();
    });
  }

  /** How much work a call gets done in a millisecond. */
  get #speed(): number {
    return Math.min(1, this.#cores / this.#jobs.size) / this.#slow;
  }

  #proceed(): void {
    const nowMs = this.#clock.now();
    const fromMs = Math.max(this.#doneAtMs, Math.min(this.#stalledUntilMs, nowMs));
    if (this.#jobs.size > 0) this.#doneMs += (nowMs - fromMs) * this.#speed;
    this.#doneAtMs = nowMs;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let firstMs = Infinity;
    for (const { doneAtMs } of this.#jobs) if (doneAtMs < firstMs) firstMs = doneAtMs;
    if (firstMs === Infinity) return;
    const leftMs = Math.max(0, firstMs - this.#doneMs);
    const workMs = leftMs === 0 ? 0 : leftMs / this.#speed; // the speed may be 0, too
    const pauseMs = Math.max(0, this.#stalledUntilMs - this.#clock.now());
    this.#timer = this.#clock.setTimer(pauseMs + workMs, () => this.#finish(firstMs));
  }

  /** The first is done, and whoever is as far as it. */
  #finish(doneMs: number): void {
    this.#proceed();
    this.#doneMs = Math.max(this.#doneMs, doneMs); // whatever rounding has left
    for (const job of this.#jobs) {
      if (job.doneAtMs > this.#doneMs) continue;
      this.#jobs.delete(job);
      job.resolve();
    }
    this.#arm();
  }
}
