/**
 * Makes load: so many calls in flight, or so many a second.
 *
 * @module
 */

import type { Clock, Timer } from "../../clock.ts";
import { codeOf } from "../../errors.ts";
import { Histogram } from "./histogram.ts";

/** One step of a benchmark. */
export interface Load {
  /** The most calls in flight. */
  readonly concurrency: number;
  /** Calls a second; `undefined` for as many as `concurrency` allows. */
  readonly rate?: number;
  readonly durationMs: number;
  /** Makes a call. */
  readonly call: () => Promise<unknown>;
  readonly clock: Clock;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** What came of it. */
export class Result {
  /** Of the calls that succeeded. */
  readonly latencies = new Histogram();
  readonly #errors = new Map<string, number>();
  #elapsedMs = 0;
  #unsent = 0;

  /** How many calls failed, by code. */
  get errors(): ReadonlyMap<string, number> {
    return this.#errors;
  }

  /** How many calls failed. */
  get failed(): number {
    return [...this.#errors.values()].reduce((sum, one) => sum + one, 0);
  }

  /** From the first call to the end of the last. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** How many calls were due, and could not be sent before the end: with `rate` only. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Successful calls a second. */
  get perSecond(): number {
    return this.#elapsedMs > 0 ? this.latencies.count / this.#elapsedMs * 1000 : 0;
  }

  /** Counts a call that has failed. */
  fail(error: unknown): void {
    const code = codeOf(error);
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  /** It is over. */
  end(elapsedMs: number, unsent: number): void {
    this.#elapsedMs = elapsedMs;
    this.#unsent = unsent;
  }
}

/**
 * Runs one step.
 *
 * With `rate`, calls are due at fixed times, whatever the servers do, and a call's latency counts
 * from when it was due: a server that stalls for a second has made all calls of that second late.
 * Without it, as many calls as `concurrency` says are in flight, each begins when one before it has
 * ended, and a server that stalls is asked less: its latencies look better than they would be to
 * clients that come on their own.
 *
 * @param load What to do.
 * @param result Gets the outcomes as they come.
 */
export function runLoad(load: Load, result: Result): Promise<void> {
  return new Promise((done) => new Run(load, result, done).pump());
}

class Run {
  readonly #load: Load;
  readonly #result: Result;
  readonly #done: () => void;
  readonly #startedAtMs: number;
  #sent = 0;
  #inFlight = 0;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(load: Load, result: Result, done: () => void) {
    this.#load = load;
    this.#result = result;
    this.#done = done;
    this.#startedAtMs = load.clock.now();
  }

  /** Sends what is due and has room. */
  pump(): void {
    const { clock, concurrency, durationMs, rate, signal } = this.#load;
    if (this.#isOver) return this.#settle();
    const elapsedMs = clock.now() - this.#startedAtMs;
    const isLate = elapsedMs >= durationMs || signal.aborted;
    if (rate === undefined) {
      while (!isLate && this.#inFlight < concurrency) this.#send(clock.now());
    } else if (!signal.aborted) {
      // The last ones too, if the timer of the end came before that of a call.
      const due = Math.min(Math.floor(elapsedMs * rate / 1000) + 1, this.#dueAt(durationMs));
      while (this.#sent < due && this.#inFlight < concurrency) {
        this.#send(this.#startedAtMs + this.#sent * 1000 / rate);
      }
    }
    if (isLate) {
      this.#isOver = true;
      this.#settle();
    } else if (rate !== undefined) {
      const nextMs = Math.min(durationMs, this.#sent * 1000 / rate) - elapsedMs;
      if (this.#inFlight < concurrency) this.#wait(Math.max(1, nextMs));
      else this.#wait(durationMs - elapsedMs); // a call that ends makes room before
    }
  }

  /** How many calls are due before a time. */
  #dueAt(elapsedMs: number): number {
    return Math.ceil(elapsedMs * (this.#load.rate ?? 0) / 1000);
  }

  #wait(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#load.clock.setTimer(ms, () => this.pump());
  }

  #send(fromMs: number): void {
    this.#sent++;
    this.#inFlight++;
    const ended = () => {
      this.#inFlight--;
      this.pump();
    };
    const { call, clock } = this.#load;
    call().then(
      () => {
        this.#result.latencies.add(clock.now() - fromMs);
        ended();
      },
      (error) => {
        if (!this.#load.signal.aborted) this.#result.fail(error);
        ended();
      },
    );
  }

  /** No call begins any more; the last ones are waited for. */
  #settle(): void {
    if (this.#inFlight > 0) return;
    const { clock, durationMs } = this.#load;
    const elapsedMs = clock.now() - this.#startedAtMs;
    const due = this.#dueAt(Math.min(elapsedMs, durationMs));
    this.#timer?.cancel();
    this.#result.end(elapsedMs, Math.max(0, due - this.#sent));
    this.#done();
  }
}
