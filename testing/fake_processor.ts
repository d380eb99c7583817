/**
 * How long work takes on a fake server: its calls share its cores or take them in
 * turn, it can be slow, and it can be stalled.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** The smallest slowdown: a server may be fast, but its speed has to stay finite. */
export const MIN_SLOWDOWN = 1e-6;

/** The work of one call. */
interface Job {
  readonly workMs: number;
  readonly resolve: () => void;
  /** At which value of `#progressMs` it is done; `Infinity` while it waits. */
  doneAtMs: number;
}

/**
 * As long as there are no more jobs than cores, each runs at full speed. Beyond
 * that either all share the cores evenly, or those that came first have one
 * each and the others wait.
 */
export class Processor {
  readonly #clock: Clock;
  readonly #cores: number;
  /** How many jobs may run at a time. */
  readonly #most: number;
  readonly #jobs = new Set<Job>();
  readonly #waiting = new Set<Job>();
  #slowdown = 1;
  #stalledUntilMs = -Infinity;
  /** How much work a job that was here from the start would have behind it, in milliseconds. */
  #progressMs = 0;
  /** Up to when `#progressMs` is counted. */
  #countedToMs: number;
  #timer: Timer | undefined;

  /**
   * @param clock Where the time comes from.
   * @param cores How many jobs run at full speed.
   * @param inTurn Whether more jobs wait for those that came before them, rather than share.
   */
  constructor(clock: Clock, cores: number, inTurn: boolean) {
    this.#clock = clock;
    this.#cores = cores;
    this.#most = inTurn ? Math.max(1, Math.floor(cores)) : Infinity;
    this.#countedToMs = clock.now();
  }

  /** How many jobs run or wait. */
  get running(): number {
    return this.#jobs.size + this.#waiting.size;
  }

  /**
   * Makes all work take longer, from now on.
   *
   * @param slow How many times longer: at least `MIN_SLOWDOWN`.
   */
  setSlowdown(slow: number): void {
    this.#proceed();
    this.#slowdown = slow;
    this.#arm();
  }

  /** When a stall ends, in milliseconds on the clock; in the past if there is none. */
  get stalledUntilMs(): number {
    return this.#stalledUntilMs;
  }

  /** Stalls: no work is done until then. */
  stallUntil(untilMs: number): void {
    this.#proceed();
    this.#stalledUntilMs = untilMs;
    this.#arm();
  }

  /**
   * Runs a job.
   *
   * @param workMs How long it takes alone, at full speed, in milliseconds.
   * @param signal Aborts it.
   * @returns Resolves when it is done.
   * @throws The signal's reason if it aborts first.
   */
  work(workMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      this.#proceed();
      const job: Job = { workMs, resolve, doneAtMs: Infinity };
      this.#waiting.add(job);
      signal.addEventListener("abort", () => {
        this.#proceed();
        if (!this.#waiting.delete(job) && !this.#jobs.delete(job)) return;
        this.#arm();
        reject(signal.reason);
      });
      this.#arm();
    });
  }

  /** How many milliseconds of its work a job gets done in one. */
  get #speed(): number {
    return Math.min(1, this.#cores / this.#jobs.size) / this.#slowdown;
  }

  /** Counts the work done since the last time. Called before anything changes the speed. */
  #proceed(): void {
    const nowMs = this.#clock.now();
    const fromMs = Math.max(this.#countedToMs, Math.min(this.#stalledUntilMs, nowMs));
    if (this.#jobs.size > 0) this.#progressMs += (nowMs - fromMs) * this.#speed;
    this.#countedToMs = nowMs;
  }

  /** Lets those that wait begin where there is room, and sets the timer for the job done first. */
  #arm(): void {
    for (const job of this.#waiting) {
      if (this.#jobs.size >= this.#most) break;
      this.#waiting.delete(job);
      job.doneAtMs = this.#progressMs + job.workMs;
      this.#jobs.add(job);
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    let firstMs = Infinity;
    for (const { doneAtMs } of this.#jobs) if (doneAtMs < firstMs) firstMs = doneAtMs;
    if (firstMs === Infinity) return;
    const leftMs = Math.max(0, firstMs - this.#progressMs);
    const workMs = leftMs === 0 ? 0 : leftMs / this.#speed; // 0 / 0 if the speed is 0, too
    const pauseMs = Math.max(0, this.#stalledUntilMs - this.#clock.now());
    this.#timer = this.#clock.setTimer(pauseMs + workMs, () => this.#finish(firstMs));
  }

  /** Ends the jobs that are done. */
  #finish(progressMs: number): void {
    this.#proceed();
    this.#progressMs = Math.max(this.#progressMs, progressMs); // rounding may leave a rest
    for (const job of this.#jobs) {
      if (job.doneAtMs > this.#progressMs) continue;
      this.#jobs.delete(job);
      job.resolve();
    }
    this.#arm();
  }
}
