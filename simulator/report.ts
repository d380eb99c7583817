/**
 * Tables of the outcomes, in Markdown.
 *
 * @module
 */

import { POLICIES } from "./policies.ts";
import type { Outcome } from "./run.ts";
import {
  A70,
  A90,
  B70,
  BLACK_HOLE,
  C70,
  OUTAGE,
  RECOVERY,
  type Scenario,
  SLOW_TO_MS,
  SMALL_FLEETS,
} from "./scenarios.ts";
import { type Check, secondsToRecover } from "./targets.ts";
import { clientsText } from "./workload.ts";

const LOAD_SCENARIOS = [A70, A90, B70, C70].map(({ name }) => name);

/**
 * Makes all tables.
 *
 * @param outcomes The outcomes of all runs.
 * @param checks The targets, and what was reached.
 * @returns Markdown.
 */
export function report(outcomes: readonly Outcome[], checks: readonly Check[]): string {
  const small = SMALL_FLEETS.map(({ name }) => name);
  return A70.clients.flatMap((count) => {
    const ours = outcomes.filter((one) => one.clients === count);
    const who = clientsText(count);
    return [
      `### p50 and p99 in ms, calls that ran into the deadline in %: ${who}`,
      table(
        ["policy", ...LOAD_SCENARIOS.flatMap((name) => [`${name} p50`, "p99", "late"])],
        rows(ours, LOAD_SCENARIOS, times),
      ),
      `### Faults: ${who}`,
      table(
        ["policy", "black hole: failed %", "tries at it %", "p99", ...FAULT_HEADS],
        rows(ours, [BLACK_HOLE.name, RECOVERY.name, OUTAGE.name], faults),
      ),
    ];
  }).concat(
    "### Small fleets: calls at the slow servers, %",
    table(["policy", ...SMALL_FLEETS.map(smallHead)], rows(outcomes, small, slowShare)),
    "### Targets",
    table(["target", "reached", "at most", ""], checks.map(checkRow)),
  ).join("\n\n");
}

const FAULT_HEADS = [
  "slow then well: share while slow",
  "seconds to 80 % of fair share",
  "outage: tries per call",
];

function rows(
  outcomes: readonly Outcome[],
  scenarios: readonly string[],
  cells: (outcome: Outcome) => string[],
): string[][] {
  return POLICIES.map((policy) => [
    policy,
    ...scenarios.flatMap((scenario) => {
      const found = outcomes.find((one) => one.scenario === scenario && one.policy === policy);
      return found === undefined ? [] : cells(found);
    }),
  ]).filter((row) => row.length > 1);
}

function times({ p50, p99, timeouts, calls }: Outcome): string[] {
  return [p50.toFixed(1), p99.toFixed(0), (timeouts / calls * 100).toFixed(2)];
}

function faults(outcome: Outcome): string[] {
  const { scenario, calls, errors, tries, triesAtFaulty, p99, shares } = outcome;
  if (scenario === BLACK_HOLE.name) {
    return [percent(errors / calls), percent(triesAtFaulty / tries), p99.toFixed(0)];
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
  return [(triesAtFaulty / tries * 100).toFixed(1)];
}

function percent(share: number): string {
  return (share * 100).toFixed(4);
}

function checkRow({ name, value, limit }: Check): string[] {
  const reached = Number.isInteger(value) ? String(value) : value.toFixed(4).slice(0, 6);
  return [name, reached, String(limit), value <= limit ? "met" : "MISSED"];
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
