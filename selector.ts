/**
 * Balancing: which endpoint is to get the next call. The policies are pure:
 * the figures of each endpoint, the time and the randomness are handed in.
 *
 * @module
 */

import { RpcError } from "./errors.ts";
import { didYouMean } from "./internal/nearest.ts";
import { callback, checkOptions, type Checks, number } from "./internal/options.ts";
import { ConsistentHashSelector } from "./balance/consistent_hash.ts";
import { LeastLoadedSelector } from "./balance/least_loaded.ts";
import { PeakEwmaSelector } from "./balance/peak_ewma.ts";
import { RandomSelector } from "./balance/random.ts";
import { RoundRobinSelector } from "./balance/round_robin.ts";
import { ShortestExpectedDelaySelector } from "./balance/shortest_expected_delay.ts";
import type { Random, Selector } from "./balance/types.ts";
import { WeightedRoundRobinSelector } from "./balance/weighted_round_robin.ts";

export { subsetOf } from "./balance/subset.ts";
export type { EndpointView, PickContext, Random, Selector } from "./balance/types.ts";

/** The balancing policies, by name. */
export const SelectMode = {
  /** Any endpoint, each as likely as the others. */
  Random: "random",
  /** One endpoint after the other, from a random start. */
  RoundRobin: "round_robin",
  /** In turn, each as often as its weight says, and evenly spread. Source: nginx. */
  WeightedRoundRobin: "weighted_round_robin",
  /** Of two at random, the one with fewer calls in flight for its weight. */
  LeastLoaded: "least_loaded",
  /** Of two at random, the one with the lower peak-sensitive reply time × load. Source: Finagle. */
  PeakEwma: "peak_ewma",
  /** Of all, the one that should answer first; slow ones are avoided. The default. */
  ShortestExpectedDelay: "shortest_expected_delay",
  /** The same endpoint for the same key, in every process. Needs the call's option `key`. */
  ConsistentHash: "consistent_hash",
} as const;

/** The name of a balancing policy. */
export type SelectMode = (typeof SelectMode)[keyof typeof SelectMode];

/** What {@linkcode createSelector} may be given beside the mode. */
export interface SelectorOptions {
  /** Source of randomness. Default `Math.random`. */
  random?: Random;
  /**
   * For `consistent_hash`: an endpoint with more than this many times the mean
   * of calls in flight is passed over for the key's next one. At least 1.
   * Default `Infinity`.
   */
  boundedLoad?: number;
}

const SELECTOR_CHECKS: Checks<SelectorOptions> = { random: callback, boundedLoad: number(1) };

/**
 * Creates the selector of a policy.
 *
 * @param mode The policy's name.
 * @param options Randomness and the bounded load.
 * @returns A new selector, which shares no state with others.
 * @throws {RpcError} `invalid_argument` for an unknown mode; the message lists those there are.
 * @throws {RangeError} If `boundedLoad` is less than 1.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { createSelector, SelectMode } from "@geerpc/xclient";
 *
 * const idle = { weight: 1, inFlight: 0, oldestAtMs: 0, latencyMs: 0, peakMs: 0, updatedAtMs: 0 };
 * const endpoints = [{ address: "tcp@a:1", ...idle }, { address: "tcp@b:1", ...idle }];
 * const selector = createSelector(SelectMode.RoundRobin, { random: () => 0 });
 * assert(selector.pick(endpoints, { nowMs: 0 }) === endpoints[0]);
 * assert(selector.pick(endpoints, { nowMs: 0 }) === endpoints[1]);
 * ```
 */
export function createSelector(mode: SelectMode, options: SelectorOptions = {}): Selector {
  checkOptions("createSelector", options, SELECTOR_CHECKS);
  const { random = Math.random, boundedLoad = Infinity } = options;
  switch (mode) {
    case SelectMode.Random:
      return new RandomSelector(random);
    case SelectMode.RoundRobin:
      return new RoundRobinSelector(random);
    case SelectMode.WeightedRoundRobin:
      return new WeightedRoundRobinSelector(random);
    case SelectMode.LeastLoaded:
      return new LeastLoadedSelector(random);
    case SelectMode.PeakEwma:
      return new PeakEwmaSelector(random);
    case SelectMode.ShortestExpectedDelay:
      return new ShortestExpectedDelaySelector(random);
    case SelectMode.ConsistentHash:
      return new ConsistentHashSelector(boundedLoad);
    default: {
      const modes = Object.values(SelectMode).join(", ");
      const hint = didYouMean(String(mode), Object.values(SelectMode));
      const message = `unknown select mode ${JSON.stringify(mode)}; expected ${modes}${hint}`;
      throw new RpcError("invalid_argument", message, { execution: "not_sent" });
    }
  }
}
