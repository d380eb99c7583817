/**
 * The policy `least_loaded`.
 *
 * @module
 */

import { betterOfTwo, loadOf } from "./two_choices.ts";
import type { EndpointView, Random, Selector } from "./types.ts";

/**
 * Of two endpoints at random, the one with fewer calls in flight for its
 * weight. Source: the power of two choices (Mitzenmacher); Envoy, gRPC A48,
 * Finagle.
 */
export class LeastLoadedSelector implements Selector {
  readonly subsets = true;
  readonly #random: Random;

  /** @param random Source of randomness. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[]): T | undefined {
    return betterOfTwo(endpoints, this.#random, loadOf);
  }
}
