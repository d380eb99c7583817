/**
 * Passive health: a server whose calls fail is left out for a while, and one
 * trial call lets it back in. Source: Envoy's outlier detection, gRPC A50,
 * Finagle's failure accrual.
 *
 * @module
 */

import { aboveZero, atLeast } from "../internal/validate.ts";

/** When a server is left out, and for how long. */
export interface HealthOptions {
  /** So many failures in a row. Default 5; `Infinity`: never for that. */
  failuresInARow?: number;
  /** A lower share of successes than this over `windowMs`. Default 0.8; 0: never for that. */
  minSuccessRate?: number;
  /** Over how long the share is counted, in milliseconds. Default 30,000. */
  windowMs?: number;
  /** With fewer calls than this in the window the share says nothing. Default 50. */
  minCalls?: number;
  /** For how long the first time, in milliseconds; so much longer each time. Default 10,000. */
  ejectionMs?: number;
  /** The longest, in milliseconds. Default 300,000. */
  maxEjectionMs?: number;
}

/**
 * Checks what was said of health, and completes it.
 *
 * @param options What was said.
 * @returns What holds.
 * @throws {RangeError} If a number is out of range.
 */
export function healthOptions(options: HealthOptions = {}): Required<HealthOptions> {
  return {
    failuresInARow: atLeast(1, "health.failuresInARow", options.failuresInARow ?? 5),
    minSuccessRate: atLeast(0, "health.minSuccessRate", options.minSuccessRate ?? 0.8),
    windowMs: aboveZero("health.windowMs", options.windowMs ?? 30_000),
    minCalls: atLeast(0, "health.minCalls", options.minCalls ?? 50),
    ejectionMs: aboveZero("health.ejectionMs", options.ejectionMs ?? 10_000),
    maxEjectionMs: aboveZero("health.maxEjectionMs", options.maxEjectionMs ?? 300_000),
  };
}

/** Whether a server may be given calls. */
export type HealthState = "healthy" | "ejected" | "trial";

/** Into how many parts the window is cut; the oldest is dropped as a whole. */
const WINDOW_PARTS = 3;

/** The health of one server. Times are in milliseconds, on one scale. */
export class Health {
  readonly #options: Required<HealthOptions>;
  #inARow = 0;
  #good = [0];
  #bad = [0];
  #part = -1;
  #partEndsAtMs = -Infinity;
  #ejectedUntilMs = -Infinity;
  #ejected = false;
  #timesEjected = 0;
  #healthySinceMs = 0;

  /** @param options When it is left out, and for how long. */
  constructor(options: Required<HealthOptions>) {
    this.#options = options;
  }

  /**
   * Whether it may be given calls: all, none, or one on trial.
   *
   * @param nowMs The present time.
   */
  state(nowMs: number): HealthState {
    if (!this.#ejected) return "healthy";
    return nowMs < this.#ejectedUntilMs ? "ejected" : "trial";
  }

  /**
   * A call went well.
   *
   * @param nowMs The present time.
   * @returns Whether it is let back in by this.
   */
  succeed(nowMs: number): boolean {
    this.#inARow = 0;
    this.#count(nowMs, this.#good);
    if (this.state(nowMs) !== "trial") return false;
    this.#ejected = false;
    this.#healthySinceMs = nowMs;
    this.#good = [0];
    this.#bad = [0];
    return true;
  }

  /**
   * A call failed by its fault.
   *
   * @param nowMs The present time.
   * @returns Whether it ought to be left out now: `eject` does it.
   */
  fail(nowMs: number): boolean {
    this.#inARow++;
    this.#count(nowMs, this.#bad);
    const state = this.state(nowMs);
    if (state !== "healthy") return state === "trial";
    if (this.#inARow >= this.#options.failuresInARow) return true;
    const bad = sum(this.#bad);
    const calls = bad + sum(this.#good);
    return calls >= this.#options.minCalls && 1 - bad / calls < this.#options.minSuccessRate;
  }

  /**
   * Leaves it out: longer each time, while it was not healthy for long in between.
   *
   * @param nowMs The present time.
   * @returns Until when.
   */
  eject(nowMs: number): number {
    const { windowMs, ejectionMs, maxEjectionMs } = this.#options;
    if (!this.#ejected) {
      const forgiven = Math.floor((nowMs - this.#healthySinceMs) / windowMs);
      this.#timesEjected = Math.max(0, this.#timesEjected - forgiven);
    }
    this.#ejected = true;
    this.#inARow = 0;
    this.#timesEjected++;
    const forMs = Math.min(ejectionMs * this.#timesEjected, maxEjectionMs);
    return this.#ejectedUntilMs = nowMs + forMs;
  }

  #count(nowMs: number, counts: number[]): void {
    if (nowMs >= this.#partEndsAtMs) this.#turnPage(nowMs);
    counts[counts.length - 1]++;
  }

  #turnPage(nowMs: number): void {
    const partMs = this.#options.windowMs / WINDOW_PARTS;
    const part = Math.floor(nowMs / partMs);
    for (let passed = Math.min(part - this.#part, WINDOW_PARTS); passed > 0; passed--) {
      push(this.#good);
      push(this.#bad);
    }
    this.#part = part;
    this.#partEndsAtMs = (part + 1) * partMs;
  }
}

function push(counts: number[]): void {
  if (counts.push(0) > WINDOW_PARTS) counts.shift();
}

function sum(counts: readonly number[]): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
