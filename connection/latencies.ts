/**
 * How long handlers take: a histogram for each method.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { isPromise } from "../internal/promise.ts";
import type { Measure } from "./services.ts";

/** Where one bucket ends and the next begins, in microseconds. */
export const LATENCY_BOUNDS_US: readonly number[] = Object.freeze(
  [1, 2.5, 5].flatMap((step) => [1e2, 1e3, 1e4, 1e5, 1e6].map((unit) => step * unit))
    .concat(1e7).sort((a, b) => a - b),
);

/**
 * How long the handler of one method has taken; one that answers with a stream, until it has
 * returned that. Plain data, in whole microseconds.
 */
export interface MethodLatency {
  /** `Service.Method`. */
  readonly method: string;
  /** How many calls have ended, those that failed included. */
  readonly count: number;
  /** How long all of them took together, in microseconds. */
  readonly sumUs: number;
  /** Half of the calls took no longer than this, in microseconds, to the end of its bucket. */
  readonly p50Us: number;
  /** The same for 95 % of the calls. */
  readonly p95Us: number;
  /** The same for 99 % of the calls. */
  readonly p99Us: number;
  /**
   * How many calls each bucket has: those up to 100, 250, 500 µs, 1, 2.5, 5 ms, … 10 s,
   * and all beyond.
   */
  readonly counts: readonly number[];
}

/** The times of a server's handlers. */
export class Latencies {
  readonly #clock: Clock;
  readonly #histograms = new Map<string, Histogram>();

  /** @param clock Where the time comes from. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Measures a handler from now on: from its start until what it returns is settled. */
  readonly measure: Measure = (serviceMethod, handle) => {
    const clock = this.#clock;
    const histogram = new Histogram(serviceMethod);
    this.#histograms.set(serviceMethod, histogram);
    return (args, context) => {
      const startedAtMs = clock.now();
      let result: unknown;
      try {
        result = handle(args, context);
      } catch (error) {
        histogram.observe(clock.now() - startedAtMs);
        throw error;
      }
      if (!isPromise(result)) {
        histogram.observe(clock.now() - startedAtMs);
        return result;
      }
      const promise = Promise.resolve(result);
      const ended = () => histogram.observe(clock.now() - startedAtMs);
      promise.then(ended, ended);
      return promise;
    };
  };

  /** Those of every method that was called. */
  get figures(): MethodLatency[] {
    return [...this.#histograms.values()].map((histogram) => histogram.figures)
      .filter(({ count }) => count > 0);
  }
}

class Histogram {
  readonly #method: string;
  readonly #counts = new Array<number>(LATENCY_BOUNDS_US.length + 1).fill(0);
  #count = 0;
  #sumUs = 0;
  #longestUs = 0;

  constructor(method: string) {
    this.#method = method;
  }

  observe(tookMs: number): void {
    const tookUs = Math.max(0, Math.round(tookMs * 1000));
    this.#count++;
    this.#sumUs += tookUs;
    if (tookUs > this.#longestUs) this.#longestUs = tookUs;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS_US.length && tookUs > LATENCY_BOUNDS_US[bucket]) bucket++;
    this.#counts[bucket]++;
  }

  get figures(): MethodLatency {
    return {
      method: this.#method,
      count: this.#count,
      sumUs: this.#sumUs,
      p50Us: this.#quantileUs(0.5),
      p95Us: this.#quantileUs(0.95),
      p99Us: this.#quantileUs(0.99),
      counts: [...this.#counts],
    };
  }

  /** The end of the bucket in which a quantile lies: never less than it, nor more than the longest. */
  #quantileUs(share: number): number {
    let left = Math.ceil(share * this.#count);
    const bucket = this.#counts.findIndex((count) => (left -= count) <= 0);
    return Math.min(LATENCY_BOUNDS_US[bucket] ?? Infinity, this.#longestUs);
  }
}
