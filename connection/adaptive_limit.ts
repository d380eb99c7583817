/**
 * How many calls a server runs at once, found out from how long they take.
 *
 * @module
 */

import { type Checks, numberFrom, wholeFrom } from "../internal/options.ts";
import { RunningMean } from "./running_mean.ts";

/**
 * Bounds of a limit that adapts itself.
 *
 * @example
 * ```ts
 * import { type AdaptiveLimitOptions, Server } from "@geerpc/xclient";
 *
 * const maxConcurrent: AdaptiveLimitOptions = { min: 10, max: 200 };
 * const server = new Server({ maxConcurrent });
 * await server.close();
 * ```
 */
export interface AdaptiveLimitOptions {
  /** The limit at first, a whole number from `min` to `max`. Default 20, within these. */
  initial?: number;
  /** The lowest limit, a whole number from 1 to 1,000,000. Default 4. */
  min?: number;
  /** The highest limit, a whole number from `min` to 1,000,000. Default 1,000. */
  max?: number;
  /**
   * How many times as long as usual calls may take before the limit falls, from 1 to 10.
   * Default 1.5.
   */
  tolerance?: number;
}

const MOST = 1_000_000;

/** What the options may be. */
export const ADAPTIVE_CHECKS: Checks<AdaptiveLimitOptions> = {
  initial: wholeFrom(1, MOST),
  min: wholeFrom(1, MOST),
  max: wholeFrom(1, MOST),
  tolerance: numberFrom(1, 10),
};

/**
 * Fills in the defaults.
 *
 * @param options What the caller gave, each checked.
 * @throws {RangeError} If they contradict each other.
 */
export function adaptiveOptions(options: AdaptiveLimitOptions): Required<AdaptiveLimitOptions> {
  const { min = Math.min(4, options.max ?? 4, options.initial ?? 4), tolerance = 1.5 } = options;
  const { max = Math.max(1000, min, options.initial ?? 0) } = options;
  const { initial = Math.min(Math.max(20, min), max) } = options;
  if (min > max) {
    throw new RangeError(`maxConcurrent.min must be at most maxConcurrent.max, ${max}, got ${min}`);
  }
  if (initial < min || initial > max) {
    throw new RangeError(
      `maxConcurrent.initial must be from maxConcurrent.min, ${min}, to maxConcurrent.max, ${max}, ` +
        `got ${initial}`,
    );
  }
  return { initial, min, max, tolerance };
}

/** A window of samples ends when it has so many and has lasted so long, in milliseconds, … */
const FULL_WINDOW = 100;
const SHORT_WINDOW_MS = 100;
/** … or has lasted so long and has so many. */
const LONG_WINDOW_MS = 1000;
const LEAST_WINDOW = 10;
/** How much of a new limit is taken over with each window. */
const SMOOTHING = 0.2;
/** The least gradient: no window halves the limit more than once. */
const LEAST_GRADIENT = 0.5;
/** How much a window counts in the long-term reply time. */
const LONG_TERM_WEIGHT = 0.05;
/** A long-term reply time that is more than so many times too long gives way faster, by a factor. */
const FAR_TOO_LONG = 2;
const GIVES_WAY = 0.95;
/** How long calls may be at the limit before it is tried whether a lower one does as well, in milliseconds. */
const PROBE_AFTER_MS = 20_000;
/** With half of the limit calls have to take so much less, or they did not wait for each other. */
const IS_FASTER = 0.6;

/**
 * A limit of calls at once that follows how long they take: a gradient, as the
 * `Gradient2` of Netflix's concurrency-limits
 * (https://github.com/Netflix/concurrency-limits) has it.
 *
 * Reply times are averaged over windows of 100 calls (at least 100 ms, at most
 * 1 s with at least 10 calls): that is the short term. The long term is an
 * average of the windows. With each window
 *
 * ```text
 * gradient = long term × tolerance / short term, from 0.5 to 1
 * limit    = limit × gradient + √limit, of which a fifth is taken over;
 *            all of it until the limit falls for the first time
 * ```
 *
 * So the limit rises by a little while calls take no longer than usual, which
 * is the room for a queue, and falls when they take longer. It rises only in a window in
 * which it was reached, and does not fall in one in which less than half of it was in use: such
 * windows say nothing about it.
 *
 * Where calls share what is scarce, they take longer the more of them run, and
 * a long-term average that is taken at the limit would follow the limit that
 * follows it, without end. So two more things are otherwise than there. What is
 * measured at the limit does not raise the long term. And when calls have been at
 * the limit for 20 s, it is tried out: the limit is halved for a window of calls that
 * begin then, and again as long as calls take no more than 0.6 of what they took before. What
 * they take at last is the long term, and the limit goes on from where it was. Where calls
 * take as long with half of the limit, that costs some throughput for a window or
 * two; but so a service that has become slower for good is not held down.
 *
 * There is no chance in it, and time is what the samples say.
 */
export class AdaptiveLimit {
  readonly #options: Required<AdaptiveLimitOptions>;
  #limit: number;
  #longTermMs = 0;
  readonly #window = new RunningMean();
  #windowFromMs: number | undefined;
  /** The most calls that ran at once in this window. */
  #peak = 0;
  /** Whether it has been too high before: until then it rises faster. */
  #hasFallen = false;
  /** Since when each window has reached the limit. */
  #atLimitSinceMs: number | undefined;
  /** While lower limits are tried: the one that was, and how long calls took with the last one. */
  #probe: { readonly limit: number; readonly tookMs: number } | undefined;

  /** @param options Its bounds, complete. */
  constructor(options: Required<AdaptiveLimitOptions>) {
    this.#options = options;
    this.#limit = options.initial;
  }

  /** How many calls may run at once: a whole number. */
  get value(): number {
    return Math.floor(this.#limit);
  }

  /** How long calls usually take, in milliseconds; 0 while that is not known. */
  get longTermMs(): number {
    return this.#longTermMs;
  }

  /**
   * A call has ended.
   *
   * @param tookMs How long it ran.
   * @param running How many ran at its end, itself included.
   * @param nowMs The present time.
   */
  observe(tookMs: number, running: number, nowMs: number): void {
    this.#windowFromMs ??= nowMs;
    // What has run with the limit that was before says nothing of the lower one.
    if (this.#probe !== undefined && nowMs - tookMs < this.#windowFromMs) return;
    if (running > this.#peak) this.#peak = running;
    this.#window.add(tookMs);
    const { count } = this.#window;
    const lastedMs = nowMs - this.#windowFromMs;
    const isOver = count >= FULL_WINDOW && lastedMs >= SHORT_WINDOW_MS ||
      count >= LEAST_WINDOW && lastedMs >= LONG_WINDOW_MS;
    if (!isOver) return;
    const shortTermMs = this.#window.value;
    const peak = this.#peak;
    this.#window.clear();
    this.#windowFromMs = nowMs;
    this.#peak = 0;
    this.#windowEnded(shortTermMs, peak, nowMs);
  }

  #windowEnded(shortTermMs: number, peak: number, nowMs: number): void {
    const isAtLimit = peak >= this.value;
    if (this.#probe !== undefined) return this.#probed(shortTermMs, isAtLimit, nowMs);
    this.#learn(shortTermMs, isAtLimit);
    if (!isAtLimit) this.#atLimitSinceMs = undefined;
    else this.#atLimitSinceMs ??= nowMs;
    if (peak * 2 < this.#limit) return;
    const { tolerance } = this.#options;
    const gradient = shortTermMs > 0 ? this.#longTermMs * tolerance / shortTermMs : 1;
    const next = this.#limit * Math.min(Math.max(gradient, LEAST_GRADIENT), 1) +
      Math.sqrt(this.#limit);
    if (next > this.#limit && !isAtLimit) return;
    if (next < this.#limit) this.#hasFallen = true;
    this.#set(this.#limit + (next - this.#limit) * (this.#hasFallen ? SMOOTHING : 1));
    if (isAtLimit && nowMs - this.#atLimitSinceMs! >= PROBE_AFTER_MS) {
      this.#tryHalf(this.#limit, shortTermMs);
    }
  }

  #learn(shortTermMs: number, isAtLimit: boolean): void {
    if (this.#longTermMs === 0) {
      this.#longTermMs = shortTermMs;
      return;
    }
    if (isAtLimit && shortTermMs > this.#longTermMs) return;
    if (this.#longTermMs > shortTermMs * FAR_TOO_LONG) this.#longTermMs *= GIVES_WAY;
    this.#longTermMs += (shortTermMs - this.#longTermMs) * LONG_TERM_WEIGHT;
  }

  #tryHalf(limit: number, tookMs: number): void {
    this.#probe = { limit, tookMs };
    this.#set(this.#limit / 2);
  }

  /** A window with a lower limit is over. */
  #probed(shortTermMs: number, isAtLimit: boolean, nowMs: number): void {
    const { limit, tookMs } = this.#probe!;
    const isFaster = shortTermMs <= tookMs * IS_FASTER;
    this.#longTermMs = shortTermMs;
    if (isFaster && isAtLimit && this.#limit > this.#options.min) {
      return this.#tryHalf(limit, shortTermMs);
    }
    this.#probe = undefined;
    this.#atLimitSinceMs = nowMs;
    this.#set(limit);
  }

  #set(limit: number): void {
    const { min, max } = this.#options;
    this.#limit = Math.min(Math.max(limit, min), max);
  }
}
