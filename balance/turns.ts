/**
 * Policies that know nothing of load: chance and turns.
 *
 * @module
 */

import type { EndpointView, Random, Selector } from "./types.ts";

/** Any server, each as likely as the others. */
export class RandomSelector implements Selector {
  readonly #random: Random;

  /** @param random Where it takes chance from. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(candidates: readonly T[]): T | undefined {
    return candidates[Math.floor(this.#random() * candidates.length)];
  }
}

/** One after the other, from a random start; keeps its place when the list changes. */
export class RoundRobinSelector implements Selector {
  readonly #random: Random;
  #candidates: readonly EndpointView[] | undefined;
  #next = 0;

  /** @param random Where it takes the start from. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(candidates: readonly T[]): T | undefined {
    if (candidates !== this.#candidates) this.#change(candidates);
    if (this.#next >= candidates.length) this.#next = 0;
    return candidates[this.#next++];
  }

  /** Goes on with the first server that was due before and is still there. */
  #change(candidates: readonly EndpointView[]): void {
    const before = this.#candidates ?? [];
    this.#candidates = candidates;
    const places = new Map(candidates.map(({ address }, place) => [address, place]));
    for (let turn = 0; turn < before.length; turn++) {
      const due = before[(this.#next + turn) % before.length];
      const place = places.get(due.address);
      if (place !== undefined) {
        this.#next = place;
        return;
      }
    }
    this.#next = Math.floor(this.#random() * candidates.length);
  }
}

/**
 * In turn, each as often as its weight says, and spread out: each turn every
 * server earns its weight, the richest is taken and pays for all. Weights
 * {5, 1, 1} give a a b a c a a. Source: nginx's smooth weighted round robin.
 */
export class WeightedRoundRobinSelector implements Selector {
  readonly #random: Random;
  #candidates: readonly EndpointView[] | undefined;
  #weights = new Float64Array(0);
  #earned = new Float64Array(0);

  /** @param random Where it takes the start from, so that many clients do not march in step. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(candidates: readonly T[]): T | undefined {
    if (candidates !== this.#candidates) this.#change(candidates);
    const weights = this.#weights;
    const earned = this.#earned;
    let richest = 0;
    let most = -Infinity;
    let sum = 0;
    for (let place = 0; place < weights.length; place++) {
      const weight = weights[place];
      const has = earned[place] + weight;
      sum += weight;
      earned[place] = has;
      if (has > most) {
        most = has;
        richest = place;
      }
    }
    if (weights.length > 0) earned[richest] -= sum;
    return candidates[richest];
  }

  /** Who stays keeps what it has earned. */
  #change(candidates: readonly EndpointView[]): void {
    const before = new Map<string, number>();
    this.#candidates?.forEach(({ address }, place) => before.set(address, this.#earned[place]));
    const start = this.#candidates === undefined;
    this.#candidates = candidates;
    this.#weights = Float64Array.from(candidates, ({ weight }) => weight);
    this.#earned = Float64Array.from(candidates, ({ address }) => before.get(address) ?? 0);
    if (start) {
      for (let turns = Math.floor(this.#random() * candidates.length); turns > 0; turns--) {
        this.pick(candidates);
      }
    }
  }
}
