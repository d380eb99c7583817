/**
 * Chance, with the questions that one asks it.
 *
 * @module
 */

import { seededRandom } from "../seeded_random.ts";

/** Chance, with the questions that one asks it. */
export class Dice {
  readonly #random: () => number;

  /** @param seed Equal seeds give equal chance. */
  constructor(seed: number) {
    this.#random = seededRandom(seed);
    for (let count = 0; count < 3; count++) this.#random(); // seeds side by side begin alike
  }

  /** Whether something of this probability comes true. */
  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** A whole number, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  /** One of some. */
  one<T>(some: readonly T[]): T {
    return some[this.whole(0, some.length - 1)];
  }

  /** Each with this probability, but at least one. */
  some<T>(all: readonly T[], probability: number): T[] {
    const taken = all.filter(() => this.chance(probability));
    return taken.length > 0 ? taken : [this.one(all)];
  }
}
