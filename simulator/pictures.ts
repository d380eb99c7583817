/**
 * The pictures that are drawn of the outcomes.
 *
 * @module
 */

import { barChart, lineChart } from "./plot.ts";
import { POLICIES, type Policy } from "./policies.ts";
import type { Outcome } from "./run.ts";
import {
  A70,
  A90,
  B70,
  BLACK_HOLE,
  C70,
  RECOVERY,
  type Scenario,
  SLOW_FROM_MS,
  SLOW_TO_MS,
} from "./scenarios.ts";
import { clientsText } from "./workload.ts";

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
  const counts = A70.clients;
  const drawn = new Map<string, string>();
  for (const clients of counts) {
    const title = `99th percentile of reply times: 20 servers, ${clientsText(clients)}`;
    const panels = [A70, A90, B70, C70].map((scenario) => p99Panel(outcomes, scenario, clients));
    drawn.set(`p99_${clients}.svg`, barChart(title, panels));
  }
  drawn.set(
    "black_hole.svg",
    barChart(
      `Calls that came to a server that fails all of them in 1 ms, of 20`,
      counts.map((clients) => ({
        title: `${clientsText(clients)}: share of tries, in % (a fair share is 5 %)`,
        bars: select(outcomes, BLACK_HOLE, clients).map(({ policy, triesAtFaulty, tries }) => {
          const share = triesAtFaulty / tries * 100;
          return { label: policy, value: share, text: share.toFixed(4) };
        }),
      })),
    ),
  );
  drawn.set(
    "recovery.svg",
    lineChart(
      "Share of calls of a server that is slow for a while, over a fair share",
      counts.map((clients) => ({
        title: `${clientsText(clients)}: ${RECOVERY.title}`,
        lines: OVER_TIME.flatMap((policy) =>
          select(outcomes, RECOVERY, clients).filter((one) => one.policy === policy)
            .map(({ shares }) => ({ label: policy, values: smooth(shares) }))
        ),
        shaded: { from: SLOW_FROM_MS / 1000, to: SLOW_TO_MS / 1000, label: "10 times slower" },
      })),
      1.4,
    ),
  );
  return drawn;
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
