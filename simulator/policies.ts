/**
 * The policies that are compared: all policies of the library, what others do,
 * and an oracle.
 *
 * @module
 */

import type { EndpointView, PickContext, Selector } from "../selector.ts";
import { createSelector, SelectMode } from "../selector.ts";
import type { FakeFleet } from "../testing.ts";
import { ServersByAddress } from "./servers_by_address.ts";
import { ProbingSelector } from "./probing.ts";
import { MEAN_WORK_MS } from "./workload.ts";

/** A policy of the library by its name, what it was without reports, a rival, or the oracle. */
export type Policy = SelectMode | "without_reports" | "probing" | "oracle";

/** All of them. All weights are 1, so `weighted_round_robin` and `round_robin` hardly differ. */
export const POLICIES: readonly Policy[] = [
  SelectMode.Random,
  SelectMode.RoundRobin,
  SelectMode.WeightedRoundRobin,
  SelectMode.ConsistentHash,
  SelectMode.LeastLoaded,
  SelectMode.PeakEwma,
  "without_reports",
  "probing",
  SelectMode.ShortestExpectedDelay,
  "oracle",
];

/** Those that show what there is to see, for scenarios that not all of them have to run. */
export const RIVALS: readonly Policy[] = [
  SelectMode.RoundRobin,
  SelectMode.LeastLoaded,
  SelectMode.PeakEwma,
  "without_reports",
  "probing",
  SelectMode.ShortestExpectedDelay,
  "oracle",
];

/**
 * What a client's option `mode` is for a policy.
 *
 * @param policy The policy.
 * @param fleet The fleet, which the oracle sees and probes go to.
 * @param random The client's randomness.
 * @returns A name, or a selector for this client alone.
 */
export function modeOf(
  policy: Policy,
  fleet: FakeFleet,
  random: () => number,
): SelectMode | Selector {
  if (policy === "oracle") return new OracleSelector(fleet, random);
  if (policy === "probing") return new ProbingSelector(fleet, random);
  if (policy === "without_reports") return new WithoutReports(random);
  return policy;
}

/**
 * The default policy as it is where servers tell nothing of their load: at
 * servers of others, and in other protocols. It sees each endpoint without its
 * reports; as it is none of the library's own policies, no call says how many
 * others it expects, and nothing is asked.
 */
export class WithoutReports implements Selector {
  readonly subsets = true;
  readonly #selector: Selector;
  #endpoints: readonly EndpointView[] = [];
  #views: readonly EndpointView[] = [];

  /** @param random Breaks ties. */
  constructor(random: () => number) {
    this.#selector = createSelector(SelectMode.ShortestExpectedDelay, { random });
  }

  pick<T extends EndpointView>(endpoints: readonly T[], { nowMs }: PickContext): T | undefined {
    if (endpoints !== this.#endpoints) {
      this.#endpoints = endpoints;
      const untold = { reportedLoad: { value: undefined }, lateAtMs: { value: Infinity } };
      this.#views = endpoints.map((endpoint) => Object.create(endpoint, untold));
    }
    const picked = this.#selector.pick(this.#views, { nowMs });
    return picked && endpoints[this.#views.indexOf(picked)];
  }
}

/**
 * Knows what no client can know: the true queue of each server, from all
 * clients, how slow it is, and for how long it is still stalled. Picks the
 * server that should be done first.
 */
export class OracleSelector implements Selector {
  readonly #servers: ServersByAddress;
  readonly #random: () => number;

  /**
   * @param fleet The fleet, whose state it sees.
   * @param random Breaks ties.
   */
  constructor(fleet: FakeFleet, random: () => number) {
    this.#servers = new ServersByAddress(fleet);
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[]): T | undefined {
    let best: T | undefined;
    let leastMs = Infinity;
    let ties = 1;
    for (const endpoint of endpoints) {
      const server = this.#servers.find(endpoint.address);
      if (server === undefined || server.faults.error !== undefined) continue;
      const { running, faults, stalledForMs } = server;
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
