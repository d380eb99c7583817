/**
 * The pictures that are drawn of the outcomes.
 *
 * @module
 */

import { OVERLOADS } from "./overload.ts";
import { barChart, type BarPanel, lineChart } from "./plot.ts";
import { POLICIES, type Policy } from "./policies.ts";
import type { Outcome } from "./run.ts";
import { RESTARTS } from "./restarts.ts";
import type { Scenario } from "./scenario.ts";
import {
  A70,
  A90,
  B70,
  BLACK_HOLE,
  C70,
  CROWDED,
  IN_TURN,
  RECOVERY,
  SLOW_FROM_MS,
  SLOW_TO_MS,
} from "./scenarios.ts";
import { clientsText } from "./workload.ts";
import { ZONES } from "./zones.ts";

/** The policies that lines show; the last, which is the default policy, is drawn on top. */
const OVER_TIME: readonly Policy[] = [
  "round_robin",
  "peak_ewma",
  "least_loaded",
  "oracle",
  "shortest_expected_delay",
];

/** Over how many seconds shares are averaged: lines that cross too often can't be told apart. */
const SMOOTH_SECONDS = 3;

/**
 * Draws the outcomes.
 *
 * @param outcomes The outcomes of all runs.
 * @returns SVG documents by file name.
 */
export function pictures(outcomes: readonly Outcome[]): Map<string, string> {
  const p99s = (scenarios: readonly Scenario[], clients: number) =>
    scenarios.map((one) => p99Panel(outcomes, one, clients));
  const title = "99th percentile of reply times: 20 servers";
  const underLoad = [A70, A90, B70, C70];
  return new Map([
    ["p99_1.svg", barChart(`${title}, 1 client`, p99s(underLoad, 1))],
    ["p99_20.svg", barChart(`${title}, 20 clients`, p99s(underLoad, 20))],
    ["p99_100.svg", barChart(`${title}, 100 clients`, p99s(CROWDED, 100))],
    [
      "in_turn.svg",
      barChart(`${title} whose calls wait for each other, 20 clients`, p99s(IN_TURN, 20)),
    ],
    ["black_hole.svg", blackHole(outcomes)],
    ["recovery.svg", recovery(outcomes)],
    ["overload.svg", barChart("Half as many calls again as 20 servers can do", overload(outcomes))],
    [
      "restarts.svg",
      barChart(
        "A rolling restart of 20 servers that come back cold, 20 clients",
        p99s(RESTARTS, 20),
      ),
    ],
    ["zones.svg", barChart("Zones: the default policy", zones(outcomes))],
  ]);
}

function blackHole(outcomes: readonly Outcome[]): string {
  return barChart(
    "Calls that came to a server that fails all of them in 1 ms, of 20",
    BLACK_HOLE.clients.map((clients) => ({
      title: `${clientsText(clients)}: share of tries, in % (a fair share is 5 %)`,
      bars: select(outcomes, BLACK_HOLE, clients).map(({ policy, triesAtFaulty, tries }) => {
        const share = triesAtFaulty / tries * 100;
        return { label: policy, value: share, text: share.toFixed(4) };
      }),
    })),
  );
}

function recovery(outcomes: readonly Outcome[]): string {
  return lineChart(
    "Share of calls of a server that is slow for a while, over a fair share",
    RECOVERY.clients.map((clients) => ({
      title: `${clientsText(clients)}: ${RECOVERY.title}`,
      lines: OVER_TIME.flatMap((policy) =>
        select(outcomes, RECOVERY, clients).filter((one) => one.policy === policy)
          .map(({ shares }) => ({ label: policy, values: smooth(shares) }))
      ),
      shaded: { from: SLOW_FROM_MS / 1000, to: SLOW_TO_MS / 1000, label: "10 times slower" },
    })),
    1.4,
  );
}

/** What a server achieves, and how long those wait whom it turns away. */
function overload(outcomes: readonly Outcome[]): BarPanel[] {
  const bars = (value: (outcome: Outcome) => number, text: (value: number) => string) =>
    OVERLOADS.flatMap((scenario) => select(outcomes, scenario, 20)).map((one) => ({
      label: one.scenario,
      value: value(one),
      text: text(value(one)),
    }));
  return [
    {
      title: "work of calls that were answered, over capacity",
      bars: bars(({ usefulWork }) => usefulWork, (value) => value.toFixed(2)),
    },
    {
      title: "p99 of calls that failed before their deadline, ms",
      bars: bars(
        ({ failedP99 }) => failedP99 || 0,
        (value) => value === 0 ? "none" : value.toFixed(1),
      ),
    },
  ];
}

function zones(outcomes: readonly Outcome[]): BarPanel[] {
  const ours = ZONES.flatMap((scenario) =>
    outcomes.filter((one) => one.scenario === scenario.name && one.policy === OVER_TIME.at(-1))
  );
  return [
    {
      title: "answers from another zone, in %",
      bars: ours.map(({ scenario, outOfZone }) => {
        const share = outOfZone * 100;
        return { label: scenario, value: share, text: share.toFixed(1) };
      }),
    },
    {
      title: "99th percentile of reply times",
      bars: ours.map(({ scenario, p99 }) => (
        { label: scenario, value: p99, text: `${p99.toFixed(0)} ms` }
      )),
    },
  ];
}

function p99Panel(outcomes: readonly Outcome[], scenario: Scenario, clients: number) {
  const ours = select(outcomes, scenario, clients);
  const oracle = ours.find(({ policy }) => policy === "oracle")?.p99 ?? NaN;
  return {
    title: `${scenario.name}: ${scenario.title}`,
    bars: ours.map(({ policy, p99 }) => ({
      label: policy,
      value: p99,
      text: `${p99.toFixed(0)} ms, ×${(p99 / oracle).toFixed(2)}`,
    })),
  };
}

function select(outcomes: readonly Outcome[], { name }: Scenario, clients: number): Outcome[] {
  return POLICIES.flatMap((policy) =>
    outcomes.filter((one) =>
      one.scenario === name && one.clients === clients && one.policy === policy
    )
  );
}

function smooth(values: readonly number[]): number[] {
  return values.map((_, place) => {
    const near = values.slice(Math.max(0, place - SMOOTH_SECONDS + 1), place + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}
