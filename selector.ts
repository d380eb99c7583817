/**
 * Balancing: which of the servers is to get the next call. The policies are
 * pure: what they know of a server is handed to them, and so are time and
 * chance.
 *
 * @module
 */

import { RpcError } from "./errors.ts";
import { ConsistentHashSelector } from "./balance/consistent_hash.ts";
import {
  LeastLoadedSelector,
  PeakEwmaSelector,
  ShortestExpectedDelaySelector,
} from "./balance/load_aware.ts";
import type { Random, Selector } from "./balance/types.ts";
import { RandomSelector, RoundRobinSelector, WeightedRoundRobinSelector } from "./balance/turns.ts";

export { subsetOf } from "./balance/consistent_hash.ts";
export type { EndpointView, PickContext, Random, Selector } from "./balance/types.ts";

/** The balancing policies, by name. */
export const SelectMode = {
  /** Any server, each as likely as the others. */
  Random: "random",
  /** One after the other, from a random start. */
  RoundRobin: "round_robin",
  /** In turn, each as often as its weight says, and spread out. Source: nginx. */
  WeightedRoundRobin: "weighted_round_robin",
  /** Of two at random, the one with fewer calls in flight for its weight. */
  LeastLoaded: "least_loaded",
  /** Of two at random, the one with the lower peak-sensitive reply time × load. Source: Finagle. */
  PeakEwma: "peak_ewma",
  /** Of all, the one that should answer first; slow ones are avoided. The default. */
  ShortestExpectedDelay: "shortest_expected_delay",
  /** The same server for the same key, in every process. Needs the call's `key`. */
  ConsistentHash: "consistent_hash",
} as const;

/** The name of a balancing policy. */
export type SelectMode = (typeof SelectMode)[keyof typeof SelectMode];

/** What some policies may be told. */
export interface SelectorOptions {
  /** Where chance is taken from. Default `Math.random`. */
  random?: Random;
  /**
   * For `consistent_hash`: a server with more than this many times the mean of
   * calls in flight is passed over for the key's next one. Default `Infinity`.
   */
  boundedLoad?: number;
}

/**
 * Makes a selector for a mode.
 *
 * @param mode The policy.
 * @param options Randomness, and what the policy may be told.
 * @returns A new selector, with a state of its own.
 * @throws {RpcError} `invalid_argument` for an unknown mode, naming those there are.
 * @throws {RangeError} If `boundedLoad` is less than 1.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { createSelector, SelectMode } from "@geerpc/xclient";
 *
 * const idle = { weight: 1, inFlight: 0, oldestAtMs: 0, latencyMs: 0, peakMs: 0, updatedAtMs: 0 };
 * const servers = [{ address: "tcp@a:1", ...idle }, { address: "tcp@b:1", ...idle }];
 * const selector = createSelector(SelectMode.RoundRobin, { random: () => 0 });
 * assert(selector.pick(servers, { nowMs: 0 }) === servers[0]);
 * assert(selector.pick(servers, { nowMs: 0 }) === servers[1]);
 * ```
 */
export function createSelector(mode: SelectMode, options: SelectorOptions = {}): Selector {
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
      const message = `unknown select mode ${JSON.stringify(mode)}; expected ${modes}`;
      throw new RpcError("invalid_argument", message, { execution: "not_sent" });
    }
  }
}
