/**
 * The policy `weighted_round_robin`.
 *
 * @module
 */

import type { EndpointView, Random, Selector } from "./types.ts";

/**
 * In turn, each endpoint as often as its weight says, and evenly spread: for
 * each pick every endpoint is credited its weight, and the one with the most
 * credit is picked and debited the sum of all weights. Weights {5, 1, 1} give
 * a a b a c a a. Source: nginx's smooth weighted round robin.
 */
export class WeightedRoundRobinSelector implements Selector {
  readonly #random: Random;
  #endpoints: readonly EndpointView[] | undefined;
  #weights = new Float64Array(0);
  #credits = new Float64Array(0);

  /** @param random Picks the start, so that many clients do not go in step. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[]): T | undefined {
    if (endpoints !== this.#endpoints) this.#change(endpoints);
    const weights = this.#weights;
    const credits = this.#credits;
    let best = 0;
    let most = -Infinity;
    let sum = 0;
    for (let place = 0; place < weights.length; place++) {
      const weight = weights[place];
      const credit = credits[place] + weight;
      sum += weight;
      credits[place] = credit;
      if (credit > most) {
        most = credit;
        best = place;
      }
    }
    if (weights.length > 0) credits[best] -= sum;
    return endpoints[best];
  }

  /** Endpoints that stay keep their credit. */
  #change(endpoints: readonly EndpointView[]): void {
    const before = new Map<string, number>();
    this.#endpoints?.forEach(({ address }, place) => before.set(address, this.#credits[place]));
    const isFirst = this.#endpoints === undefined;
    this.#endpoints = endpoints;
    this.#weights = Float64Array.from(endpoints, ({ weight }) => weight);
    this.#credits = Float64Array.from(endpoints, ({ address }) => before.get(address) ?? 0);
    if (isFirst) {
      for (let turns = Math.floor(this.#random() * endpoints.length); turns > 0; turns--) {
        this.pick(endpoints);
      }
    }
  }
}
