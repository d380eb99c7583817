/**
 * The policy `random`.
 *
 * @module
 */

import type { EndpointView, Random, Selector } from "./types.ts";

/** Any endpoint, each as likely as the others. */
export class RandomSelector implements Selector {
  readonly #random: Random;

  /** @param random Source of randomness. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[]): T | undefined {
    return endpoints[Math.floor(this.#random() * endpoints.length)];
  }
}
