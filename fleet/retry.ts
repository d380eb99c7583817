/**
 * When a call is tried again: attempts, backoff, and a budget that keeps an
 * outage from being multiplied. Pure arithmetic.
 *
 * @module
 */

import { type Execution, type RpcCode, RpcError } from "../errors.ts";
import { atLeast } from "../internal/validate.ts";

/** What becomes of a call whose try has failed, in rpcx's terms. */
export const FailMode = {
  /** It is tried on another server. The default. */
  Failover: "failover",
  /** It fails at once. */
  Failfast: "failfast",
  /** It is tried on the same server again. */
  Failtry: "failtry",
  /** A second copy is sent elsewhere when the first is slow; the first answer wins. */
  Failbackup: "failbackup",
} as const;

/** The name of a fail mode. */
export type FailMode = (typeof FailMode)[keyof typeof FailMode];

/**
 * Checks the name of a fail mode.
 *
 * @param failMode What was said.
 * @returns The same.
 * @throws {RpcError} `invalid_argument` if there is none of that name.
 */
export function checkFailMode(failMode: FailMode): FailMode {
  const modes = Object.values(FailMode);
  if (modes.includes(failMode)) return failMode;
  const message = `fail mode ${JSON.stringify(failMode)} is none of ${modes.join(", ")}`;
  throw new RpcError("invalid_argument", message, { execution: "not_sent" });
}

/** What decides whether a failed try may be repeated. */
export interface Failure {
  /** What went wrong. */
  readonly code: RpcCode;
  /** Whether the call ran. */
  readonly execution: Execution;
}

/** Errors that another server would give just as well, or that end the client. */
const FINAL: ReadonlySet<RpcCode> = new Set<RpcCode>([
  "invalid_argument",
  "unimplemented",
  "canceled",
]);

/**
 * Whether a failed try may be repeated without running the call twice against
 * the caller's will.
 *
 * @param failure What is certain about it.
 * @param idempotent Whether the caller said that running it twice does no harm.
 * @returns `true` if it certainly did not run, or may run again.
 */
export function mayRepeat(failure: Failure, idempotent: boolean): boolean {
  switch (failure.execution) {
    case "not_sent":
    case "rejected":
      return !FINAL.has(failure.code);
    case "unknown":
      return idempotent && failure.code !== "canceled";
    case "answered":
      return false;
  }
}

/**
 * How long to wait before another round through the servers: anything up to a
 * bound that doubles. Source: "full jitter", the AWS Architecture Blog.
 *
 * @param round 0 for the first.
 * @param random At least 0, below 1.
 * @returns Milliseconds: below 50, 100, 200, … 2,000.
 */
export function backoffMs(round: number, random: number): number {
  return random * Math.min(50 * 2 ** round, 2000);
}

/**
 * How long an address is let alone after dials that failed: 1 s, then 1.6
 * times longer each time, give or take a fifth; at most 120 s. Source: gRPC's
 * connection backoff.
 *
 * @param failures How many dials have failed in a row, at least 1.
 * @param random At least 0, below 1.
 * @returns Milliseconds.
 */
export function redialMs(failures: number, random: number): number {
  return Math.min(1000 * 1.6 ** (failures - 1), 100_000) * (0.8 + 0.4 * random);
}

/** How much may be tried again. */
export interface RetryBudgetOptions {
  /** Tries beyond the first, as a share of calls. Default 0.2. */
  ratio?: number;
  /** And so many each second, so that rare calls have some. Default 10. */
  perSecond?: number;
}

/** What may be saved up, in calls' worth. */
const MOST_SAVED = 100;

/**
 * Tries beyond the first, retries and hedges together: a share of the calls
 * and a few each second. In an outage the load grows by that and no more.
 * Source: Finagle's `RetryBudget`, tower.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #perSecond: number;
  #saved = 0;
  /** The reserve is never more than a second's worth, or one. */
  readonly #most: number;
  #reserve: number;
  #reserveAtMs: number;

  /**
   * @param nowMs The present time, in milliseconds.
   * @param options How much.
   * @throws {RangeError} If a number is below 0.
   */
  constructor(nowMs: number, options: RetryBudgetOptions = {}) {
    this.#ratio = atLeast(0, "the budget's ratio", options.ratio ?? 0.2);
    this.#perSecond = atLeast(0, "the budget's perSecond", options.perSecond ?? 10);
    this.#reserve = this.#most = this.#perSecond > 0 ? Math.max(this.#perSecond, 1) : 0;
    this.#reserveAtMs = nowMs;
  }

  /** A call is made. */
  deposit(): void {
    const saved = this.#saved + this.#ratio;
    this.#saved = saved < MOST_SAVED ? saved : MOST_SAVED;
  }

  /**
   * Asks for one more try.
   *
   * @param nowMs The present time, in milliseconds.
   * @returns Whether it may be made.
   */
  withdraw(nowMs: number): boolean {
    if (this.#saved >= 1) {
      this.#saved--;
      return true;
    }
    const earned = (nowMs - this.#reserveAtMs) / 1000 * this.#perSecond;
    this.#reserve = Math.min(this.#reserve + earned, this.#most);
    this.#reserveAtMs = nowMs;
    if (this.#reserve < 1) return false;
    this.#reserve--;
    return true;
  }
}

/** How many buckets a doubling of the time has: an error of 9 % at the most. */
const BUCKETS_A_DOUBLING = 8;
const BUCKETS = 256;
const SMALLEST_MS = 0.01;
/** After so many observations the old ones count half. */
const HALVE_EVERY = 1000;
/** Fewer observations say nothing. */
const ENOUGH = 20;

function bucketOf(tookMs: number): number {
  const doublings = Math.log2(Math.max(tookMs, SMALLEST_MS) / SMALLEST_MS);
  return Math.min(Math.ceil(doublings * BUCKETS_A_DOUBLING), BUCKETS - 1);
}

/** A quantile of reply times, kept in buckets that grow by an eighth of a doubling. */
export class Quantile {
  readonly #share: number;
  readonly #counts: number[] = new Array(BUCKETS).fill(0);
  #total = 0;
  #sinceHalved = 0;
  /** The last reply time and its bucket: replies that come together took as long, mostly. */
  #tookMs = -1;
  #bucket = 0;

  /** @param share 0.95 for the 95th percentile. */
  constructor(share: number) {
    this.#share = share;
  }

  /**
   * Takes a reply time in.
   *
   * @param tookMs Milliseconds.
   */
  observe(tookMs: number): void {
    if (tookMs !== this.#tookMs) {
      this.#tookMs = tookMs;
      this.#bucket = bucketOf(tookMs);
    }
    this.#counts[this.#bucket]++;
    this.#total++;
    if (++this.#sinceHalved < HALVE_EVERY) return;
    this.#sinceHalved = 0;
    this.#total = 0;
    for (let place = 0; place < this.#counts.length; place++) {
      this.#total += this.#counts[place] /= 2;
    }
  }

  /** The quantile, in milliseconds; `undefined` while too little is known. */
  get valueMs(): number | undefined {
    if (this.#total < ENOUGH) return undefined;
    let above = this.#total * (1 - this.#share);
    let bucket = this.#counts.length - 1;
    while (bucket > 0 && (above -= this.#counts[bucket]) >= 0) bucket--;
    return SMALLEST_MS * 2 ** (bucket / BUCKETS_A_DOUBLING);
  }
}
