/**
 * How many calls run at once on all connections of a server, whose turn it is
 * when one of them ends, and how long that will take.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { AdaptiveLimit } from "./adaptive_limit.ts";
import { WAITING_SHARE } from "./request_queue.ts";
import { RunningMean } from "./running_mean.ts";
import type { ServerLoad } from "./server_load.ts";
import type { ServerLimits } from "./server_options.ts";
import type { Method } from "./services.ts";

/** A connection whose calls wait for their turn. */
export interface Waiter {
  /**
   * Its turn has come: it runs the oldest of its calls that wait.
   *
   * @returns Whether another of them waits for a turn.
   */
  takeTurn(): boolean;
}

/** A call that is refused because it would wait too long. */
export interface Refused {
  /** Why. */
  readonly why: string;
  /** After how many milliseconds there may be room. */
  readonly retryAfterMs: number;
}

/** In how many of the last calls times are averaged. */
const MEMORY = 100;
/** Behind so many, one that is many times as long as the others counts as so many times as long. */
const OUTLIER_FREE = 10;
const OUTLIER = 10;
/** The least time whose logarithm is taken, in milliseconds. */
const LEAST_MS = 0.001;
/** What share of the longest wait calls may wait behind a queue that has not been empty for that long. */
const STANDING_SHARE = 1 / 20;
/** The longest time after which refused callers are told to come back, in milliseconds. */
const LONGEST_RETRY_AFTER_MS = 10_000;

/**
 * Limits how many calls of all connections run at once. Only handlers that
 * return a promise count: one that returns at once is over before the next call
 * is looked at. Methods that are registered as `unlimited` do not, as they run for long and do little.
 *
 * Connections whose calls wait take turns, each with its oldest call (round
 * robin between sources, as J. Nagle's RFC 970 has it): a client that sends a
 * thousand calls at once makes its own calls wait, and not those of the others.
 */
export class Concurrency {
  readonly #clock: Clock;
  readonly #load: ServerLoad;
  readonly #maxWaitMs: number;
  readonly #adaptive: AdaptiveLimit | undefined;
  #limit: number;
  #running = 0;
  /** The connections that wait, in the order of their turns. */
  readonly #turns = new Set<Waiter>();
  /** Since when some connection has waited at any time. */
  #standsSinceMs = -Infinity;
  /** When a connection last had its last turn. */
  #stoodUntilMs = -Infinity;
  /** How much time has passed of late between the ends of two calls, while as many ran as may. */
  readonly #gapMs = new RunningMean(MEMORY);
  /** How long calls have run of late. */
  readonly #tookMs = new RunningMean(MEMORY);
  /** The logarithms of how long those of each method have run: a few long ones say little. */
  readonly #logMsBy = new WeakMap<Method, RunningMean>();
  /** When a call last began or ended. */
  #movedAtMs: number;
  #isReleasing = false;

  /**
   * @param clock Where the time comes from.
   * @param load What runs and waits.
   * @param limits `maxConcurrent`, and how long calls may wait.
   */
  constructor(clock: Clock, load: ServerLoad, { maxConcurrent, maxWaitMs }: ServerLimits) {
    this.#clock = clock;
    this.#load = load;
    this.#maxWaitMs = maxWaitMs;
    this.#adaptive = typeof maxConcurrent === "number"
      ? undefined
      : new AdaptiveLimit(maxConcurrent);
    this.#limit = typeof maxConcurrent === "number" ? maxConcurrent : this.#adaptive!.value;
    this.#movedAtMs = clock.now();
  }

  /** How many calls may run at once now. */
  get limit(): number {
    return this.#limit;
  }

  /** Whether one more call may run. */
  get hasRoom(): boolean {
    return this.#running < this.#limit;
  }

  /**
   * A call runs, whose handler has not ended.
   *
   * @returns The present time, for `ended`.
   */
  began(): number {
    this.#running++;
    return this.#movedAtMs = this.#clock.now();
  }

  /**
   * A handler has ended. Its place is given away by `release`.
   *
   * @param method The method.
   * @param beganAtMs What `began` has returned.
   * @param isMeasure Whether its time is that of a call that did its work, or more of it.
   */
  ended(method: Method, beganAtMs: number, isMeasure: boolean): void {
    const nowMs = this.#clock.now();
    const tookMs = nowMs - beganAtMs;
    if (!this.hasRoom) {
      const gap = this.#gapMs;
      const gapMs = nowMs - this.#movedAtMs;
      // All handlers hung for an hour: that says nothing of the time from here on.
      gap.add(gap.count < OUTLIER_FREE ? gapMs : Math.min(gapMs, OUTLIER * gap.value + 1));
    }
    this.#movedAtMs = nowMs;
    this.#tookMs.add(tookMs);
    this.#logsOf(method).add(Math.log(Math.max(tookMs, LEAST_MS)));
    if (isMeasure && this.#adaptive !== undefined) {
      this.#adaptive.observe(tookMs, this.#running, nowMs);
      this.#limit = this.#adaptive.value;
    }
    this.#running--;
  }

  /**
   * Why a call is not to wait for its turn, if that is so: the wait that is to be expected is
   * longer than calls may wait, or than the time that its caller gives it.
   *
   * @param method What it calls.
   * @param extras The time that its caller gives it.
   * @param ahead How many calls of its connection wait before it.
   * @returns `undefined` if it may wait.
   */
  refusal(method: Method | undefined, extras: RequestExtras, ahead: number): Refused | undefined {
    const nowMs = this.#clock.now();
    const waitMs = this.#expectedMs(ahead, nowMs);
    const mostMs = this.#mostMs(nowMs);
    const { timeoutMs = Infinity } = extras;
    const most = Math.min(mostMs, timeoutMs * WAITING_SHARE, timeoutMs - this.#usualMs(method));
    if (waitMs <= most) return undefined;
    const limit = waitMs > mostMs
      ? `no call is to wait for more than ${Math.round(mostMs)} ms now (maxWaitMs)`
      : `its caller gives it ${Math.round(timeoutMs)} ms`;
    const why =
      `it would wait for ${Math.ceil(waitMs)} ms until it is one of ${this.#limit} that ` +
      `run (maxConcurrent), and ${limit}`;
    return { why, retryAfterMs: this.#retryAfter(waitMs) };
  }

  /**
   * After how many milliseconds there may be room for a call that did not run.
   *
   * @param ahead How many calls of its connection wait.
   */
  retryAfterMs(ahead: number): number {
    return this.#retryAfter(this.#expectedMs(ahead, this.#clock.now()));
  }

  /** A connection has calls that may run when it is their turn. */
  join(waiter: Waiter): void {
    if (this.#turns.size === 0) {
      const nowMs = this.#clock.now();
      const emptyForMs = nowMs - this.#stoodUntilMs;
      if (emptyForMs > this.#maxWaitMs * STANDING_SHARE) this.#standsSinceMs = nowMs;
    }
    this.#turns.add(waiter);
  }

  /** A connection has no calls that wait for their turn any more. */
  leave(waiter: Waiter): void {
    if (this.#turns.delete(waiter)) this.#stoodUntilMs = this.#movedAtMs;
  }

  /** Gives the places that are free to those whose turn it is. */
  release(): void {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    try {
      while (this.#turns.size > 0 && this.hasRoom) {
        const [next] = this.#turns;
        const isBack = next.takeTurn();
        this.#turns.delete(next);
        if (isBack) this.#turns.add(next);
        else this.#stoodUntilMs = this.#movedAtMs;
      }
    } finally {
      this.#isReleasing = false;
    }
  }

  #logsOf(method: Method): RunningMean {
    let logs = this.#logMsBy.get(method);
    if (logs === undefined) this.#logMsBy.set(method, logs = new RunningMean(MEMORY));
    return logs;
  }

  /** What a call of a method takes as a rule: half of them, more or less, take no longer. */
  #usualMs(method: Method | undefined): number {
    const logs = method && this.#logMsBy.get(method);
    return logs === undefined ? 0 : Math.exp(logs.value);
  }

  /**
   * How long a call would wait for its turn. So many calls have to end first, its own turn
   * included; and if none has begun or ended for some time, that will take as long again.
   */
  #expectedMs(ahead: number, nowMs: number): number {
    const turns = ahead === 0 ? this.#turns.size + 1 : Math.max(this.#turns.size, 1);
    const tooMany = Math.max(0, this.#running - this.#limit); // where the limit has fallen
    const ends = tooMany + Math.min(this.#load.waiting + 1, (ahead + 1) * turns);
    const gapMs = this.#gapMs.count > 0 ? this.#gapMs.value : this.#tookMs.value / this.#limit;
    return Math.max(ends * gapMs, nowMs - this.#movedAtMs);
  }

  /**
   * How long calls may wait now. A queue takes in a burst; one that has not been empty for as
   * long as calls may wait is no burst, and would make every call wait for nothing. That is over
   * when it has been empty for as long as calls may wait in it then.
   *
   * Source: B. Maurer, "Fail at Scale" (ACM Queue 13/8), after CoDel (RFC 8289).
   */
  #mostMs(nowMs: number): number {
    const isStanding = this.#turns.size > 0 && nowMs - this.#standsSinceMs > this.#maxWaitMs;
    if (!isStanding) return this.#maxWaitMs;
    return Math.min(
      Math.max(this.#maxWaitMs * STANDING_SHARE, this.#tookMs.value),
      this.#maxWaitMs,
    );
  }

  #retryAfter(waitMs: number): number {
    return Math.min(Math.max(Math.ceil(waitMs), 1), LONGEST_RETRY_AFTER_MS);
  }
}
