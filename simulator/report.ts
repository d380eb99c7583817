/**
 * Tables of the outcomes, in Markdown.
 *
 * @module
 */

import { OVERLOADS } from "./overload.ts";
import { POLICIES, type Policy } from "./policies.ts";
import { RESTARTS } from "./restarts.ts";
import type { Outcome } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import {
  A70,
  A90,
  B70,
  BLACK_HOLE,
  C70,
  CROWDED,
  FAR,
  IN_TURN,
  OUTAGE,
  RECOVERY,
  SLOW_TO_MS,
} from "./scenarios.ts";
import { SMALL_FLEETS } from "./small_fleets.ts";
import { type Check, secondsToRecover } from "./targets.ts";
import { clientsText } from "./workload.ts";
import { ZONES } from "./zones.ts";

const UNDER_LOAD = [A70, A90, B70, C70];
const FAULTS = [BLACK_HOLE, RECOVERY, OUTAGE];
const FAULT_HEADS = [
  "black hole: failed %",
  "tries at it %",
  "p99",
  "slow then well: share while slow",
  "seconds to 80 % of fair share",
  "outage: tries per call",
];

/**
 * Makes all tables.
 *
 * @param outcomes The outcomes of all runs.
 * @param checks The targets, and what was reached.
 * @returns Markdown.
 */
export function report(outcomes: readonly Outcome[], checks: readonly Check[]): string {
  const timesTable = (scenarios: readonly Scenario[], clients: number) => {
    const heads = scenarios.flatMap(({ name }) => [`${name} p50`, "p99", "late"]);
    return table(["policy", ...heads], byPolicy(outcomes, scenarios, clients, times));
  };
  return [
    ...A70.clients.flatMap((clients) => [
      `### p50 and p99 in ms, calls that ran into the deadline in %: ${clientsText(clients)}`,
      timesTable(UNDER_LOAD, clients),
    ]),
    "### The same with 100 clients",
    timesTable(CROWDED, 100),
    "### The same with 20 clients and servers whose calls wait for each other",
    timesTable(IN_TURN, 20),
    "### What servers report of their load: p50/p99 in ms",
    table(REPORT_HEADS, reports(outcomes)),
    ...BLACK_HOLE.clients.flatMap((clients) => [
      `### Faults: ${clientsText(clients)}`,
      table(["policy", ...FAULT_HEADS], byPolicy(outcomes, FAULTS, clients, faults)),
    ]),
    "### Small fleets: calls at the slow servers, %",
    table(
      ["policy", ...SMALL_FLEETS.map(smallHead)],
      byPolicy(outcomes, SMALL_FLEETS, undefined, slowShare),
    ),
    "### 150 % load: 20 clients",
    table(OVERLOAD_HEADS, byScenario(outcomes, OVERLOADS, overload)),
    "### Rolling restart: p50 and p99 in ms, late calls in %",
    table(RESTART_HEADS, byScenario(outcomes, RESTARTS, restarts)),
    "### Zones: answers from another zone in %, p50 and p99 in ms, late calls in %",
    table(ZONE_HEADS, byScenario(outcomes, ZONES, zones)),
    "### Targets",
    table(["target", "reached", "limit", ""], checks.map(checkRow)),
  ].join("\n\n");
}

/** A row for each policy, with the cells of each scenario behind each other. */
function byPolicy(
  outcomes: readonly Outcome[],
  scenarios: readonly Scenario[],
  clients: number | undefined,
  cells: (outcome: Outcome) => string[],
): string[][] {
  return POLICIES.map((policy) => [
    policy,
    ...scenarios.flatMap(({ name }) => {
      const found = outcomes.find((one) =>
        one.scenario === name && one.policy === policy && one.clients === (clients ?? one.clients)
      );
      return found === undefined ? [] : cells(found);
    }),
  ]).filter((row) => row.length > 1);
}

/** A row for each run of each scenario. */
function byScenario(
  outcomes: readonly Outcome[],
  scenarios: readonly Scenario[],
  cells: (outcome: Outcome) => string[],
): string[][] {
  return scenarios.flatMap(({ name }) =>
    outcomes.filter(({ scenario }) => scenario === name).map((one) => [name, ...cells(one)])
  );
}

function times({ p50, p99, timeouts, calls }: Outcome): string[] {
  return [p50.toFixed(1), p99.toFixed(0), percent(timeouts / calls, 2)];
}

const REPORT_HEADS = [
  "scenario",
  "clients",
  "without reports",
  "probing",
  "with reports",
  "oracle",
  "p99 over the oracle's",
  "refused tries per call",
];

/** The default policy with and without reports, and what it is to be compared with. */
function reports(outcomes: readonly Outcome[]): string[][] {
  const both = ({ p50, p99 }: Outcome) => `${p50.toFixed(1)}/${p99.toFixed(0)}`;
  return [...UNDER_LOAD, ...CROWDED, FAR, ...IN_TURN].flatMap((scenario) =>
    scenario.clients.map((clients) => {
      const of = (policy: Policy) =>
        outcomes.find((one) =>
          one.scenario === scenario.name && one.clients === clients && one.policy === policy
        )!;
      const ours = of("shortest_expected_delay");
      const oracle = of("oracle");
      return [
        scenario.name,
        String(clients),
        ...[of("without_reports"), of("probing"), ours, oracle].map(both),
        (ours.p99 / oracle.p99).toFixed(2),
        (ours.refusedTries / ours.calls).toFixed(2),
      ];
    })
  );
}

function faults(outcome: Outcome): string[] {
  const { scenario, calls, errors, tries, triesAtFaulty, p99, shares } = outcome;
  if (scenario === BLACK_HOLE.name) {
    return [percent(errors / calls, 4), percent(triesAtFaulty / tries, 4), p99.toFixed(0)];
  }
  if (scenario === OUTAGE.name) return [(tries / calls).toFixed(3)];
  const slow = shares.slice(SLOW_TO_MS / 2000, SLOW_TO_MS / 1000);
  const share = slow.reduce((sum, one) => sum + one, 0) / slow.length;
  return [share.toFixed(2), String(secondsToRecover(outcome))];
}

function smallHead({ name, clients: [clients] }: Scenario): string {
  return `${name}, ${clientsText(clients)}`;
}

function slowShare({ triesAtFaulty, tries }: Outcome): string[] {
  return [percent(triesAtFaulty / tries, 1)];
}

const OVERLOAD_HEADS = [
  "servers",
  "answers over capacity",
  "useful work",
  "p50 of answers",
  "p99",
  "late %",
  "turned away %",
  "after p50",
  "p99",
];

function overload(outcome: Outcome): string[] {
  const { goodput, usefulWork, answeredP50, answeredP99, calls, timeouts, errors } = outcome;
  return [
    goodput.toFixed(2),
    usefulWork.toFixed(2),
    answeredP50.toFixed(0),
    answeredP99.toFixed(0),
    percent(timeouts / calls, 1),
    percent(errors / calls, 1),
    ms(outcome.failedP50),
    ms(outcome.failedP99),
  ];
}

const RESTART_HEADS = ["clients", "their number", "policy", "p50", "p99", "late"];

function restarts({ clients, policy, p50, p99, timeouts, calls }: Outcome): string[] {
  const late = percent(timeouts / calls, 2);
  return [String(clients), policy, p50.toFixed(1), p99.toFixed(0), late];
}

const ZONE_HEADS = ["zones", "policy", "out of zone", "p50", "p99", "late"];

function zones({ policy, outOfZone, p50, p99, timeouts, calls }: Outcome): string[] {
  const late = percent(timeouts / calls, 2);
  return [policy, percent(outOfZone, 1), p50.toFixed(1), p99.toFixed(0), late];
}

function percent(share: number, digits: number): string {
  return (share * 100).toFixed(digits);
}

function ms(time: number): string {
  return Number.isNaN(time) ? "" : time.toFixed(1);
}

function checkRow({ target: { name, least, most }, value, isMet }: Check): string[] {
  const reached = Number.isInteger(value) ? String(value) : value.toFixed(4).slice(0, 6);
  const limit = least === undefined ? `at most ${most}` : `at least ${least}`;
  return [name, reached, limit, isMet ? "met" : "MISSED"];
}

function table(head: readonly string[], body: readonly string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...body.map((row) => row[column].length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...body].map(line).join("\n");
}
