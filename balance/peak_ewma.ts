/**
 * The policy `peak_ewma`.
 *
 * @module
 */

import { DECAY_MS } from "./decay.ts";
import { betterOfTwo, loadOf } from "./two_choices.ts";
import type { EndpointView, PickContext, Random, Selector } from "./types.ts";

/**
 * Of two endpoints at random, the one with the lower reply time × load. A
 * slower reply replaces the smoothed reply time at once, a faster one only
 * lowers it bit by bit. Source: Finagle's `PeakEwma`, tower, linkerd.
 */
export class PeakEwmaSelector implements Selector {
  readonly subsets = true;
  readonly #random: Random;

  /** @param random Source of randomness. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[], { nowMs }: PickContext): T | undefined {
    return betterOfTwo(endpoints, this.#random, (endpoint) => {
      const { peakMs, updatedAtMs, inFlight, oldestAtMs } = endpoint;
      // One that has never answered gets one call, not many: it is not known to be fast.
      if (peakMs === 0 && inFlight > 0 && oldestAtMs < Infinity) return Infinity;
      return peakMs * Math.exp((updatedAtMs - nowMs) / DECAY_MS) * loadOf(endpoint);
    });
  }
}
