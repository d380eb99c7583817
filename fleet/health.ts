/**
 * Passive health: an endpoint whose calls fail is ejected for a while, and one
 * trial call decides whether it is let back in. Source: Envoy's outlier
 * detection, gRPC A50, Finagle's failure accrual.
 *
 * @module
 */

import { type Checks, numberFrom, positive, whole } from "../internal/options.ts";

/** When an endpoint is ejected for its failures, and for how long. */
export interface HealthOptions {
  /** So many failures in a row eject it; at least 1. Default 5; `Infinity`: never for that. */
  failuresInARow?: number;
  /** A lower share of successes over `windowMs` ejects it. Default 0.8; 0: never for that. */
  minSuccessRate?: number;
  /** Over how long the share is counted, in milliseconds, above 0. Default 30,000. */
  windowMs?: number;
  /** With fewer calls in the window the share does not count. Default 50. */
  minCalls?: number;
  /** How long the first ejection lasts, in milliseconds; each further one so much longer. Default 10,000. */
  ejectionMs?: number;
  /** How long an ejection lasts at most, in milliseconds. Default 300,000. */
  maxEjectionMs?: number;
}

/** What the options may be. */
export const HEALTH_CHECKS: Checks<HealthOptions> = {
  failuresInARow: whole(1),
  minSuccessRate: numberFrom(0, 1),
  windowMs: positive,
  minCalls: whole(0),
  ejectionMs: positive,
  maxEjectionMs: positive,
};

/**
 * Fills in the defaults.
 *
 * @param options What the caller gave, checked.
 * @returns All of them.
 */
export function healthOptions(options: HealthOptions = {}): Required<HealthOptions> {
  return {
    failuresInARow: options.failuresInARow ?? 5,
    minSuccessRate: options.minSuccessRate ?? 0.8,
    windowMs: options.windowMs ?? 30_000,
    minCalls: options.minCalls ?? 50,
    ejectionMs: options.ejectionMs ?? 10_000,
    maxEjectionMs: options.maxEjectionMs ?? 300_000,
  };
}

/**
 * Whether an endpoint is given calls:
 *
 * - `healthy`: it is.
 * - `condemned`: it is, but only because too many others are ejected already.
 * - `ejected`: it is not.
 * - `trial`: its ejection is over, and one call at a time tests whether it is well again.
 */
export type HealthState = "healthy" | "condemned" | "ejected" | "trial";

/** One that refuses calls and answers none for so long is taken to be hung, in milliseconds. */
const REFUSING_MS = 5000;
/** One that refuses one call after the other is busy for so long the first time, if it does not say, … */
const BUSY_MS = 50;
/** … then for twice as long each time, up to this, and at most for so long if it says so, in milliseconds. */
const LONGEST_BUSY_MS = 1000;
const LONGEST_SAID_MS = 10_000;
/** Into how many parts the window is cut; the oldest is dropped as a whole. */
const WINDOW_PARTS = 3;

/** The health of one endpoint. Times are in milliseconds, on one scale. */
export class Health {
  readonly #options: Required<HealthOptions>;
  /** What was last decided; an ejection becomes a trial by time alone. */
  #state: "healthy" | "condemned" | "ejected" = "healthy";
  #ejectedUntilMs = -Infinity;
  #timesEjected = 0;
  #healthySinceMs = 0;
  /** The call that is the trial; `reserved` until that call begins. */
  #trial: object | "reserved" | undefined;
  #failuresInARow = 0;
  /** How many calls it has refused since the last success, and since when. */
  #refusals = 0;
  #refusesSinceMs = 0;
  #busyUntilMs = -Infinity;
  #successes = [0];
  #failures = [0];
  #part = -1;
  #partEndsAtMs = -Infinity;

  /** @param options When it is ejected, and for how long. */
  constructor(options: Required<HealthOptions>) {
    this.#options = options;
  }

  /**
   * Its state.
   *
   * @param nowMs The present time.
   */
  state(nowMs: number): HealthState {
    if (this.#state !== "ejected") return this.#state;
    return nowMs < this.#ejectedUntilMs ? "ejected" : "trial";
  }

  /** Whether it is ejected or on trial: calls go elsewhere if they can. */
  get isEjected(): boolean {
    return this.#state === "ejected";
  }

  /**
   * Whether an ejection still makes a difference, now or to the length of the next one.
   *
   * @param nowMs The present time.
   */
  isRemembered(nowMs: number): boolean {
    const sinceMs = this.isEjected ? this.#ejectedUntilMs : this.#healthySinceMs;
    return nowMs < sinceMs + this.#timesEjected * this.#options.windowMs;
  }

  /**
   * Whether the next call may be the trial.
   *
   * @param nowMs The present time.
   * @returns `false` while another call is.
   */
  isTrialDue(nowMs: number): boolean {
    return this.#trial === undefined && this.state(nowMs) === "trial";
  }

  /**
   * Makes the next call that begins the trial.
   *
   * @returns `false` if another call is the trial already.
   */
  reserveTrial(): boolean {
    if (this.#trial !== undefined) return false;
    this.#trial = "reserved";
    return true;
  }

  /**
   * A call begins.
   *
   * @param call The call.
   */
  begin(call: object): void {
    if (this.#trial === "reserved") this.#trial = call;
  }

  /**
   * A call has ended, and has been judged.
   *
   * @param call The call.
   */
  end(call: object): void {
    if (this.#trial === call) this.#trial = undefined;
  }

  /**
   * A call succeeded.
   *
   * @param nowMs The present time.
   * @returns Whether that ends its ejection.
   */
  succeed(nowMs: number): boolean {
    this.#failuresInARow = 0;
    if (this.#refusals > 0) {
      this.#refusals = 0;
      this.#busyUntilMs = -Infinity;
    }
    this.#count(nowMs, this.#successes);
    const state = this.state(nowMs);
    if (state === "condemned") this.#state = "healthy";
    if (state !== "trial") return false;
    this.#state = "healthy";
    this.#healthySinceMs = nowMs;
    this.#successes = [0];
    this.#failures = [0];
    return true;
  }

  /**
   * A call failed by the endpoint's fault.
   *
   * @param nowMs The present time.
   * @returns Whether it is to be ejected: `eject` or `condemn` follows.
   */
  fail(nowMs: number): boolean {
    this.#failuresInARow++;
    this.#count(nowMs, this.#failures);
    if (this.#state === "ejected") return this.state(nowMs) === "trial";
    if (this.#failuresInARow >= this.#options.failuresInARow) return true;
    const failures = sum(this.#failures);
    const calls = failures + sum(this.#successes);
    return calls >= this.#options.minCalls && 1 - failures / calls < this.#options.minSuccessRate;
  }

  /**
   * It has refused a call because it has too much to do. That is no failure, and no success
   * either. One that refuses two calls and answers none in between is busy for a while,
   * and one that does nothing else for 5 s has hung.
   *
   * @param nowMs The present time.
   * @param roomInMs When there may be room, if it has said so.
   * @returns Whether it is to be ejected: `eject` or `condemn` follows.
   */
  refuse(nowMs: number, roomInMs = 0): boolean {
    if (this.#refusals++ === 0) this.#refusesSinceMs = nowMs;
    else {
      const saidMs = Math.min(roomInMs, LONGEST_SAID_MS);
      const backoffMs = (saidMs || BUSY_MS) * 2 ** Math.min(this.#refusals - 2, 10);
      this.#busyUntilMs = nowMs + Math.max(Math.min(backoffMs, LONGEST_BUSY_MS), saidMs);
    }
    return this.state(nowMs) !== "ejected" && this.#refusals >= this.#options.failuresInARow &&
      nowMs - this.#refusesSinceMs >= REFUSING_MS;
  }

  /**
   * Whether it has refused one call after the other: for a while they go elsewhere, unless most
   * of the others are busy, too.
   *
   * @param nowMs The present time.
   */
  isBusy(nowMs: number): boolean {
    return nowMs < this.#busyUntilMs;
  }

  /**
   * Ejects it: longer each time, unless it was healthy for long in between.
   *
   * @param nowMs The present time.
   * @returns Until when.
   */
  eject(nowMs: number): number {
    const { windowMs, ejectionMs, maxEjectionMs } = this.#options;
    if (this.#state !== "ejected") {
      const forgiven = Math.floor((nowMs - this.#healthySinceMs) / windowMs);
      this.#timesEjected = Math.max(0, this.#timesEjected - forgiven);
    }
    this.#state = "ejected";
    this.#failuresInARow = 0;
    this.#timesEjected++;
    const forMs = Math.min(ejectionMs * this.#timesEjected, maxEjectionMs);
    return this.#ejectedUntilMs = nowMs + forMs;
  }

  /**
   * It ought to be ejected, but too many others are. On trial it stays so.
   *
   * @returns Whether it was healthy before.
   */
  condemn(): boolean {
    if (this.#state !== "healthy") return false;
    this.#state = "condemned";
    return true;
  }

  #count(nowMs: number, counts: number[]): void {
    if (nowMs >= this.#partEndsAtMs) this.#startPart(nowMs);
    counts[counts.length - 1]++;
  }

  #startPart(nowMs: number): void {
    const partMs = this.#options.windowMs / WINDOW_PARTS;
    const part = Math.floor(nowMs / partMs);
    for (let passed = Math.min(part - this.#part, WINDOW_PARTS); passed > 0; passed--) {
      pushPart(this.#successes);
      pushPart(this.#failures);
    }
    this.#part = part;
    this.#partEndsAtMs = (part + 1) * partMs;
  }
}

function pushPart(counts: number[]): void {
  if (counts.push(0) > WINDOW_PARTS) counts.shift();
}

function sum(counts: readonly number[]): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
