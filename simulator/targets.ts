/**
 * The targets that the policies have to reach.
 *
 * @module
 */

import { SelectMode } from "../selector.ts";
import type { Policy } from "./policies.ts";
import type { Outcome } from "./run.ts";
import {
  A70,
  A90,
  B70,
  BLACK_HOLE,
  C70,
  OUTAGE,
  RECOVERY,
  SLOW_TO_MS,
  SMALL_FLEETS,
} from "./scenarios.ts";
import { clientsText } from "./workload.ts";

/** A target, and what was reached. */
export interface Check {
  /** What is measured. */
  readonly name: string;
  /** What was reached. */
  readonly value: number;
  /** The most that the value may be. */
  readonly limit: number;
}

const DEFAULT = SelectMode.ShortestExpectedDelay;

/** The most that p99 may be over the oracle's: scenario, clients, ratio. */
const RATIOS: readonly (readonly [string, number, number])[] = [
  [A70.name, 1, 1.10],
  [A90.name, 1, 1.10],
  [B70.name, 1, 1.10],
  [C70.name, 1, 1.15],
  [A70.name, 20, 3.2],
  [B70.name, 20, 3.2],
  [A90.name, 20, 4.2],
];

/** The most calls, in %, that may go to the slow servers of a small fleet. */
const SLOW_SHARE = 5;
/** Over how many seconds a server's share of the calls is measured. */
const SHARE_SECONDS = 5;

/**
 * Checks outcomes against the targets.
 *
 * @param outcomes All outcomes that the targets need.
 * @returns All targets, with what was reached.
 */
export function checkTargets(outcomes: readonly Outcome[]): Check[] {
  const of = (scenario: string, clients: number, policy: Policy = DEFAULT): Outcome => {
    const found = outcomes.find((one) =>
      one.scenario === scenario && one.clients === clients && one.policy === policy
    );
    if (found === undefined) throw new Error(`${scenario} was not run with ${policy}`);
    return found;
  };
  const ratios = RATIOS.map(([scenario, clients, limit]) => ({
    name: `${scenario}, ${clientsText(clients)}: p99 over the oracle's`,
    value: of(scenario, clients).p99 / of(scenario, clients, "oracle").p99,
    limit,
  }));
  const leastLoaded = of(B70.name, 20, SelectMode.LeastLoaded).p99;
  return [
    ...ratios,
    {
      name: "B70, 20 clients: p99 over least_loaded's",
      value: of(B70.name, 20).p99 / leastLoaded,
      limit: 0.55,
    },
    ...A70.clients.flatMap((clients) => checkFaults(clients, (scenario) => of(scenario, clients))),
    ...SMALL_FLEETS.map(({ name, clients: [clients] }) => {
      const { triesAtFaulty, tries } = of(name, clients);
      return {
        name: `${name}, ${clientsText(clients)}: calls at slow servers, %`,
        value: triesAtFaulty / tries * 100,
        limit: SLOW_SHARE,
      };
    }),
  ];
}

function checkFaults(clients: number, of: (scenario: string) => Outcome): Check[] {
  const blackHole = of(BLACK_HOLE.name);
  const outage = of(OUTAGE.name);
  const budget = 1.2 * outage.calls + 10 * clients * OUTAGE.durationMs / 1000;
  const who = clientsText(clients);
  return [
    {
      name: `black hole, ${who}: failed calls, %`,
      value: blackHole.errors / blackHole.calls * 100,
      limit: 0.01,
    },
    {
      name: `black hole, ${who}: tries at it, %`,
      value: blackHole.triesAtFaulty / blackHole.tries * 100,
      limit: 0.1,
    },
    {
      name: `outage, ${who}: tries over 1.2 × calls + 10/s`,
      value: outage.tries / budget,
      limit: 1,
    },
    {
      name: `recovery, ${who}: seconds until 80 % of the fair share`,
      value: secondsToRecover(of(RECOVERY.name)),
      limit: 15,
    },
  ];
}

/**
 * How long after its recovery the first server had 80 % of its fair share
 * again, averaged over five seconds.
 *
 * @param outcome An outcome of the scenario `recovery`.
 * @returns Seconds; `Infinity` if it never had.
 */
export function secondsToRecover({ shares }: Outcome): number {
  const recovered = SLOW_TO_MS / 1000;
  for (let second = recovered; second + SHARE_SECONDS <= shares.length; second++) {
    const seen = shares.slice(second, second + SHARE_SECONDS);
    if (seen.reduce((sum, share) => sum + share, 0) >= 0.8 * SHARE_SECONDS) {
      return second - recovered;
    }
  }
  return Infinity;
}
