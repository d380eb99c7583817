/**
 * The policies that are compared: all policies of the library, and an oracle.
 *
 * @module
 */

import type { EndpointView, Selector } from "../selector.ts";
import { SelectMode } from "../selector.ts";
import type { FakeFleet, FakeServer } from "../testing.ts";
import { MEAN_WORK_MS } from "./workload.ts";

/** The name of a policy, or of the oracle. */
export type Policy = SelectMode | "oracle";

/** All of them. All weights are 1, so `weighted_round_robin` and `round_robin` hardly differ. */
export const POLICIES: readonly Policy[] = [
  SelectMode.Random,
  SelectMode.RoundRobin,
  SelectMode.WeightedRoundRobin,
  SelectMode.ConsistentHash,
  SelectMode.LeastLoaded,
  SelectMode.PeakEwma,
  SelectMode.ShortestExpectedDelay,
  "oracle",
];

/**
 * Knows what no client can know: the true queue of each server, from all
 * clients, how slow it is, and for how long it is still stalled. Picks the
 * server that should be done first.
 */
export class OracleSelector implements Selector {
  readonly #servers: ReadonlyMap<string, FakeServer>;
  readonly #random: () => number;

  /**
   * @param fleet The fleet, whose state it sees.
   * @param random Breaks ties.
   */
  constructor(fleet: FakeFleet, random: () => number) {
    this.#servers = new Map(fleet.servers.map((server) => [server.address, server]));
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[]): T | undefined {
    let best: T | undefined;
    let leastMs = Infinity;
    let ties = 1;
    for (const endpoint of endpoints) {
      const { running, faults, stalledForMs } = this.#servers.get(endpoint.address)!;
      if (faults.error !== undefined) continue;
      const expectedMs = stalledForMs + (running + 1) * (faults.slow ?? 1) * MEAN_WORK_MS;
      if (expectedMs < leastMs) {
        best = endpoint;
        leastMs = expectedMs;
        ties = 1;
      } else if (expectedMs === leastMs && this.#random() * ++ties < 1) {
        best = endpoint;
      }
    }
    return best;
  }
}
