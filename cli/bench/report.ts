/**
 * What a benchmark has measured, as text and as JSON.
 *
 * @module
 */

import { digits, duration, type Style, table } from "../style.ts";
import type { Result } from "./load.ts";

/** One step, and what came of it. */
export interface Step {
  readonly concurrency: number;
  readonly rate?: number;
  readonly result: Result;
}

/** A whole benchmark. */
export interface Report {
  readonly serviceMethod: string;
  readonly servers: readonly string[];
  readonly durationMs: number;
  readonly steps: readonly Step[];
  /** What each server had of all steps, warming up included. */
  readonly shares: readonly Share[];
}

/** What one server had. */
export interface Share {
  readonly address: string;
  readonly successes: number;
  readonly failures: number;
}

/** The percentiles that reports have. */
export const PERCENTS = [50, 90, 95, 99, 99.9, 99.99];

const CLOSED =
  "Each call began when one before it had ended, so a server that stalls was asked less, " +
  "and its latencies look better\nthan to clients that come on their own. --rate measures those.";
const OPEN = "Latency counts from when a call was due, whether it could be sent then or not.";
const BARS = 14;
const WIDEST = 40;

/** What a step is called. */
export function stepName({ concurrency, rate }: Step): string {
  return rate === undefined ? `${concurrency} in flight` : `${digits(rate)} calls/s`;
}

/** The report for people. */
export function reportText(report: Report, style: Style): string {
  const { serviceMethod, servers, durationMs, steps } = report;
  const isOpen = steps.some(({ rate }) => rate !== undefined);
  const where = servers.length === 1 ? servers[0] : `${servers.length} servers`;
  const rows = steps.map((step) => {
    const { latencies, perSecond, failed, unsent } = step.result;
    const times = [50, 90, 99, 99.9].map((percent) => duration(latencies.percentileMs(percent)));
    const lost = failed + unsent;
    return [
      stepName(step),
      digits(perSecond),
      duration(latencies.meanMs),
      ...times,
      duration(latencies.mostMs),
      { text: digits(lost), paint: lost > 0 ? style.red : (text: string) => text },
    ];
  });
  const heads = ["LOAD", ">CALLS/S", ">MEAN", ">P50", ">P90", ">P99", ">P99.9", ">MAX", ">FAILED"];
  const last = steps.at(-1)!;
  return `${style.bold(serviceMethod)} at ${where}, ${duration(durationMs)} a step\n\n` +
    table(heads, rows, style) + failures(steps) + shareTable(report.shares, style) +
    `\nLatencies of ${stepName(last)}:\n${shape(last.result, style)}\n${isOpen ? OPEN : CLOSED}\n`;
}

function failures(steps: readonly Step[]): string {
  return steps.flatMap((step) => {
    const { errors, unsent } = step.result;
    const parts = [...errors].map(([code, count]) => `${digits(count)} ${code}`);
    if (unsent > 0) parts.push(`${digits(unsent)} were due and found no room before the end`);
    return parts.length === 0 ? [] : [`${stepName(step)}: ${parts.join(", ")}\n`];
  }).join("");
}

/** How the calls were spread, if there was more than one server to choose from. */
function shareTable(shares: readonly Share[], style: Style): string {
  if (shares.length < 2) return "";
  const all = shares.reduce((sum, { successes }) => sum + successes, 0) || 1;
  const rows = shares.map(({ address, successes, failures }) => [
    address,
    digits(successes),
    `${digits(successes / all * 100)} %`,
    digits(failures),
  ]);
  return `\n${table(["SERVER", ">CALLS", ">SHARE", ">FAILED"], rows, style)}`;
}

function shape({ latencies }: Result, style: Style): string {
  const bars = latencies.bars(BARS);
  const most = Math.max(...bars.map(({ count }) => count), 1);
  return bars.map(({ endMs, count }) => {
    const bar = "█".repeat(Math.round(count / most * WIDEST)) || (count > 0 ? "▏" : "");
    const share = digits(count / latencies.count * 100);
    return `  ≤ ${duration(endMs).padStart(7)}  ${style.cyan(bar.padEnd(WIDEST))}  ${share} %\n`;
  }).join("");
}

/** The report for scripts. */
export function reportValue(report: Report): unknown {
  const { serviceMethod, servers, durationMs, steps, shares } = report;
  return {
    serviceMethod,
    servers,
    durationMs,
    shares,
    latencyFrom: steps.some(({ rate }) => rate !== undefined) ? "due" : "sent",
    steps: steps.map(({ concurrency, rate, result }) => {
      const { latencies, perSecond, elapsedMs, unsent, errors, failed } = result;
      const percentiles = PERCENTS.map((percent) => [
        `p${percent}`,
        rounded(latencies.percentileMs(percent)),
      ]);
      return {
        concurrency,
        rate,
        elapsedMs: rounded(elapsedMs),
        succeeded: latencies.count,
        failed,
        unsent,
        errors: Object.fromEntries(errors),
        callsPerSecond: rounded(perSecond),
        latencyMs: {
          min: rounded(latencies.leastMs),
          mean: rounded(latencies.meanMs),
          ...Object.fromEntries(percentiles),
          max: rounded(latencies.mostMs),
        },
        histogram: latencies.bars(100).map(({ endMs, count }) => ({
          endMs: rounded(endMs),
          count,
        })),
      };
    }),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
