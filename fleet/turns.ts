/**
 * The turns of endpoints in their slow start: each is credited its share of
 * every call, and has its turn when that makes a call.
 *
 * @module
 */

import type { Random } from "../selector.ts";
import type { Endpoint } from "./endpoint.ts";

/** Whose turn it is. */
export class Turns {
  readonly #random: Random;
  readonly #isByWeight: boolean;
  /** The credit of each; none before its first call. */
  readonly #credits = new Map<Endpoint, number | undefined>();
  /** What all have together. */
  #sum = 0;

  /**
   * @param isByWeight Whether endpoints of a higher weight have more turns.
   * @param random Where the first credit comes from, so that many clients do not come together.
   */
  constructor(isByWeight: boolean, random: Random) {
    this.#isByWeight = isByWeight;
    this.#random = random;
  }

  /**
   * Takes the shares as they are now.
   *
   * @param all All endpoints that calls are given to.
   * @param starting Those of them that take turns.
   */
  update(all: readonly Endpoint[], starting: readonly Endpoint[]): void {
    for (const endpoint of this.#credits.keys()) {
      if (!starting.includes(endpoint)) this.#credits.delete(endpoint);
    }
    for (const endpoint of starting) {
      if (!this.#credits.has(endpoint)) this.#credits.set(endpoint, undefined);
    }
    this.#sum = 0;
    for (const endpoint of all) this.#sum += this.#weightOf(endpoint);
  }

  /**
   * Credits each with its share of one call.
   *
   * @returns The one whose turn it is, if any: it has paid for that.
   */
  next(): Endpoint | undefined {
    let next: Endpoint | undefined;
    for (const [endpoint, credit] of this.#credits) {
      let left = (credit ?? this.#random()) + this.#weightOf(endpoint) / this.#sum;
      if (!this.#credits.has(endpoint)) continue; // the caller's own chance has changed the list
      if (next === undefined && left >= 1) {
        next = endpoint;
        left--;
      }
      this.#credits.set(endpoint, left);
    }
    return next;
  }

  #weightOf({ weight, share }: Endpoint): number {
    return this.#isByWeight ? weight : share;
  }

  /**
   * An endpoint has got a call that was not its turn.
   *
   * @param endpoint Any endpoint.
   */
  took(endpoint: Endpoint): void {
    const credit = this.#credits.get(endpoint);
    if (credit !== undefined) this.#credits.set(endpoint, Math.max(0, credit - 1));
  }
}
