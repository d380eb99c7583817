/**
 * The retry budget: how many attempts beyond the first all calls together may
 * make, so that clients do not multiply an outage. Pure arithmetic.
 *
 * @module
 */

import { type Checks, number } from "../internal/options.ts";

/** How many attempts beyond the first there may be, retries and hedges together. */
export interface RetryBudgetOptions {
  /** As a share of the calls, at least 0; `Infinity` for no limit. Default 0.2: one for five calls. */
  ratio?: number;
  /**
   * Further attempts per second, at least 0, so that rare calls have some;
   * `Infinity` for no limit. Default 10.
   */
  perSecond?: number;
}

/** What the options may be. */
export const BUDGET_CHECKS: Checks<RetryBudgetOptions> = { ratio: number(0), perSecond: number(0) };

/** How many unused attempts calls can save up. */
const MAX_SAVED = 100;

/**
 * A token bucket: each call deposits a share of an attempt, and each attempt
 * beyond the first withdraws one. A second bucket fills with time. In an
 * outage the load grows by that and no more. Source: Finagle's `RetryBudget`,
 * tower.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #perSecond: number;
  readonly #isUnlimited: boolean;
  /** What calls have deposited, in attempts. */
  #saved = 0;
  /** The reserve fills with time, up to what a second brings, or one attempt. */
  readonly #maxReserve: number;
  #reserve: number;
  #reserveAtMs: number;

  /**
   * @param nowMs The present time, in milliseconds.
   * @param options Share of the calls, and attempts per second; checked.
   */
  constructor(nowMs: number, options: RetryBudgetOptions = {}) {
    const { ratio = 0.2, perSecond = 10 } = options;
    this.#ratio = ratio;
    this.#perSecond = perSecond;
    this.#isUnlimited = ratio === Infinity || perSecond === Infinity;
    this.#reserve = this.#maxReserve = this.#perSecond > 0 ? Math.max(this.#perSecond, 1) : 0;
    this.#reserveAtMs = nowMs;
  }

  /** Counts a call, which adds its share to the budget. */
  deposit(): void {
    const saved = this.#saved + this.#ratio;
    this.#saved = saved < MAX_SAVED ? saved : MAX_SAVED;
  }

  /**
   * Takes one attempt out of the budget.
   *
   * @param nowMs The present time, in milliseconds.
   * @returns Whether the attempt may be made.
   */
  withdraw(nowMs: number): boolean {
    if (this.#isUnlimited) return true;
    if (this.#saved >= 1) {
      this.#saved--;
      return true;
    }
    const earned = (nowMs - this.#reserveAtMs) / 1000 * this.#perSecond;
    this.#reserve = Math.min(this.#reserve + earned, this.#maxReserve);
    this.#reserveAtMs = nowMs;
    if (this.#reserve < 1) return false;
    this.#reserve--;
    return true;
  }
}
