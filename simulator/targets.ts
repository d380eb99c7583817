/**
 * The targets that the policies have to reach.
 *
 * @module
 */

import { SelectMode } from "../selector.ts";
import { LIMITED } from "./overload.ts";
import type { Policy } from "./policies.ts";
import type { Job } from "./pool.ts";
import type { Outcome } from "./run.ts";
import {
  A70,
  A90,
  B70,
  BLACK_HOLE,
  C70,
  CROWDED,
  OUTAGE,
  RECOVERY,
  SLOW_TO_MS,
} from "./scenarios.ts";
import { RESTARTS } from "./restarts.ts";
import { SMALL_FLEETS } from "./small_fleets.ts";
import { clientsText } from "./workload.ts";
import { ZONES } from "./zones.ts";

/** Something that has to be reached. */
export interface Target {
  /** What is measured. */
  readonly name: string;
  /** The runs that show it. */
  readonly runs: readonly Job[];
  /** The least that the value may be. Default: there is no least. */
  readonly least?: number;
  /** The most that the value may be. Default: there is no most. */
  readonly most?: number;
  /** What is measured, from the outcomes of the runs. */
  measure(...outcomes: Outcome[]): number;
}

/** A target, and what was reached. */
export interface Check {
  readonly target: Target;
  readonly value: number;
  readonly isMet: boolean;
}

const DEFAULT = SelectMode.ShortestExpectedDelay;
const WITHOUT = { policy: "without_reports" } as const;

function p99Over(
  { name: scenario }: { readonly name: string },
  clients: number,
  most: number,
  { policy = DEFAULT, over = "oracle" }: { policy?: Policy; over?: Policy } = {},
): Target {
  const whose = policy === DEFAULT ? "" : ` ${policy}`;
  return {
    name: `${scenario}, ${clientsText(clients)}: p99${whose} over ${over}`,
    runs: [{ scenario, clients, policy }, { scenario, clients, policy: over }],
    most,
    measure: (ours, others) => ours.p99 / others.p99,
  };
}

/** A target of the default policy alone. */
function ofDefault(
  { name: scenario }: { readonly name: string },
  clients: number,
  what: string,
  limit: Pick<Target, "least" | "most">,
  measure: (outcome: Outcome) => number,
): Target {
  const runs = [{ scenario, clients, policy: DEFAULT }];
  return { name: `${scenario}, ${clientsText(clients)}: ${what}`, runs, ...limit, measure };
}

function faults(clients: number): Target[] {
  const perMs = 10 * clients / 1000;
  return [
    ofDefault(
      BLACK_HOLE,
      clients,
      "failed calls, %",
      { most: 0.01 },
      ({ errors, calls }) => errors / calls * 100,
    ),
    ofDefault(
      BLACK_HOLE,
      clients,
      "tries at it, %",
      { most: 0.1 },
      ({ triesAtFaulty, tries }) => triesAtFaulty / tries * 100,
    ),
    ofDefault(
      OUTAGE,
      clients,
      "tries over 1.2 × calls + 10/s",
      { most: 1 },
      ({ tries, calls }) => tries / (1.2 * calls + perMs * OUTAGE.durationMs),
    ),
    ofDefault(
      RECOVERY,
      clients,
      "seconds until 80 % of the fair share",
      { most: 15 },
      secondsToRecover,
    ),
  ];
}

const [A70_CROWDED] = CROWDED;
/** The most calls, in %, that may go to the slow servers of a small fleet. */
const SLOW_SHARE = 5;
/**
 * The same where nearly all are slow, and not by much: a call that is short looks fast there, too,
 * and there are many to be deceived by.
 */
const SLOW_SHARES: Readonly<Record<string, number>> = { "1+3 ×10": 10 };
/** The least that overloaded servers with a limit have to achieve: answers, and useful work. */
const GOODPUT = 0.9;
/** Without a limit it is less than 0.75. One that adapts lets more calls begin that can't end. */
const USEFUL = 0.8;
/** The most calls, in %, that may be late while servers restart, or in a zone with too little room. */
const LATE = 0.25;
/** Zones that have room, with clients that know theirs. */
const TWO_ZONES = ZONES.find(({ name }) => name === "two zones, told")!;
/** Over how many seconds a server's share of the calls is measured. */
const SHARE_SECONDS = 5;

/** All targets. */
export const TARGETS: readonly Target[] = [
  p99Over(A70, 1, 1.10),
  p99Over(A90, 1, 1.10),
  p99Over(B70, 1, 1.10),
  p99Over(C70, 1, 1.15),
  p99Over(A70, 20, 1.45),
  p99Over(A90, 20, 1.55),
  p99Over(B70, 20, 1.6),
  p99Over(C70, 20, 1.8),
  p99Over(A70_CROWDED, 100, 1.75),
  p99Over(A70, 20, 3.2, WITHOUT),
  p99Over(A90, 20, 4.2, WITHOUT),
  p99Over(B70, 20, 3.2, WITHOUT),
  p99Over(B70, 20, 0.55, { ...WITHOUT, over: SelectMode.LeastLoaded }),
  ...BLACK_HOLE.clients.flatMap(faults),
  ...SMALL_FLEETS.map((scenario) =>
    ofDefault(
      scenario,
      scenario.clients[0],
      "calls at slow servers, %",
      { most: SLOW_SHARES[scenario.name] ?? SLOW_SHARE },
      ({ triesAtFaulty, tries }) => triesAtFaulty / tries * 100,
    )
  ),
  ...LIMITED.flatMap((scenario) => [
    ofDefault(
      scenario,
      20,
      "answers over capacity",
      { least: GOODPUT },
      ({ goodput }) => goodput,
    ),
    ofDefault(scenario, 20, "useful work", { least: USEFUL }, ({ usefulWork }) => usefulWork),
  ]),
  ...RESTARTS.map((scenario) => ofDefault(scenario, 20, "late calls, %", { most: LATE }, late)),
  ...ZONES.filter(({ zones }) => zones?.areTold).map((scenario) =>
    ofDefault(scenario, scenario.clients[0], "late calls, %", { most: LATE }, late)
  ),
  ofDefault(
    TWO_ZONES,
    TWO_ZONES.clients[0],
    "answers from the other zone, %",
    { most: 5 },
    ({ outOfZone }) => outOfZone * 100,
  ),
];

/**
 * Checks outcomes against targets.
 *
 * @param outcomes All outcomes that the targets need.
 * @param targets Which targets. Default: all.
 * @returns What was reached of each.
 */
export function checkTargets(
  outcomes: readonly Outcome[],
  targets: readonly Target[] = TARGETS,
): Check[] {
  const of = ({ scenario, clients, policy }: Job): Outcome => {
    const found = outcomes.find((one) =>
      one.scenario === scenario && one.clients === clients && one.policy === policy
    );
    if (found === undefined) throw new Error(`${scenario} was not run with ${policy}`);
    return found;
  };
  return targets.map((target) => {
    const { runs, least = -Infinity, most = Infinity } = target;
    const value = target.measure(...runs.map(of));
    return { target, value, isMet: value >= least && value <= most };
  });
}

function late({ timeouts, calls }: Outcome): number {
  return timeouts / calls * 100;
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
