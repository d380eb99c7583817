/** The result of `bench:peers`, and its report in Markdown. */

import type { Machine } from "./machine.ts";
import type { Figures } from "./peers/measured.ts";
import { BYTES_SIZES, CHUNK_SIZE, ECHO_SIZES } from "./peers/measured.ts";
import { median } from "./rounds.ts";
import { table } from "./table.ts";
import { type Reached, verdict, type WorkSeries } from "./targets.ts";

/** A contestant that was left out. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** The rates of one contestant and kind of work, and the times of single calls by round. */
export interface PeerSeries extends WorkSeries {
  readonly latencies: readonly Figures[];
}

/** The result of a run. */
export interface Result {
  readonly machine: Machine & {
    readonly node: string;
    readonly go: string;
    readonly loadAfter: number;
  };
  readonly seconds: number;
  readonly rounds: number;
  readonly skipped: readonly Skipped[];
  readonly series: readonly PeerSeries[];
  readonly ratios: readonly Reached[];
}

/** Titles of the kinds of work. */
export const TITLES: Readonly<Record<string, string>> = {
  add: "two integers added",
  echo1k: "1 KiB echoed",
  echo64k: "64 KiB echoed",
  bytes1k: "1 KiB of bytes echoed",
  bytes64k: "64 KiB of bytes echoed",
  bytes1m: "1 MiB of bytes echoed",
  items: "numbers streamed",
  chunks: "64 KiB chunks streamed",
};

/** The lengths of what is sent, by the name of the work. */
const SIZES: Readonly<Record<string, number>> = {
  ...ECHO_SIZES,
  ...BYTES_SIZES,
  chunks: CHUNK_SIZE,
};
/** The kinds of work that are streams: items are counted there, not calls. */
const STREAMS = ["items", "chunks"];

/** The tables of a run, in Markdown. */
export function report({ machine, seconds, rounds, series, ratios, skipped }: Result): string {
  const parts = [
    `- ${machine.cpu}, ${machine.cores} cores, ${machine.os}\n` +
    `- Deno ${machine.deno}, Node ${machine.node}, Go ${machine.go}\n` +
    `- load ${machine.load.toFixed(2)} before, ${machine.loadAfter.toFixed(2)} after\n` +
    `- ${rounds} rounds of ${seconds} s each`,
  ];
  for (const work of new Set(series.map(({ work }) => work))) {
    parts.push(...workTables(work, series.filter((each) => each.work === work)));
  }
  parts.push("For the raw echoes, what is in flight is one write, and the time that of all of it.");
  if (ratios.length > 0) parts.push(ratiosTable(ratios));
  parts.push(verdict(ratios));
  if (skipped.length > 0) {
    parts.push(skipped.map(({ name, reason }) => `left out: ${name}: ${reason}`).join("\n"));
  }
  return parts.join("\n\n");
}

function workTables(work: string, series: readonly PeerSeries[]): string[] {
  const names = [...new Set(series.map(({ name }) => name))];
  const inFlights = [...new Set(series.map(({ inFlight }) => inFlight))];
  const isStream = STREAMS.includes(work);
  const titles = inFlights.map((inFlight) =>
    isStream ? `${inFlight} ${inFlight === 1 ? "stream" : "streams"}` : `${inFlight} in flight`
  );
  const find = (name: string, inFlight: number) =>
    series.find((each) => each.name === name && each.inFlight === inFlight)!;

  const size = SIZES[work];
  const rates = names.map((name) => {
    const cells = inFlights.map((inFlight) => {
      const { rates } = find(name, inFlight);
      return count(median(rates)) + (rates.length > 1 ? ` ± ${spread(rates)} %` : "");
    });
    if (size) cells.push(count(median(find(name, inFlights.at(-1)!).rates) * size / 1e6));
    return [name, ...cells];
  });
  const times = names.map((name) => [
    name,
    ...inFlights.map((inFlight) => {
      const { latencies } = find(name, inFlight);
      const middle = (key: "p50" | "p99") => count(median(latencies.map((each) => each[key])));
      return `${middle("p50")} / ${middle("p99")}`;
    }),
  ]);
  const what = isStream ? "items a second" : "calls a second";
  const parts = [
    `## ${TITLES[work]}: ${what} (median ± half the spread of the rounds)`,
    table(["", ...titles, ...(size ? [`MB/s at ${inFlights.at(-1)}`] : [])], rates),
  ];
  if (isStream) return parts;
  return [
    ...parts,
    `## ${TITLES[work]}: µs for a call, p50 / p99 (medians of the rounds)`,
    table(["", ...titles], times),
  ];
}

function ratiosTable(ratios: readonly Reached[]): string {
  const rows = ratios.map(({ one, other, work, inFlight, least, ratio, met }) => [
    `${one} / ${other}`,
    TITLES[work],
    `${inFlight}`,
    ratio.toFixed(2),
    least === undefined ? "" : `≥ ${least}`,
    met === undefined ? "" : met ? "met" : "MISSED",
  ]);
  return "## Ratios of calls or items a second (median of the rounds' ratios)\n\n" +
    table(["", "work", "in flight", "measured", "target", ""], rows);
}

/** Shows progress in a line that is overwritten; only on a terminal. */
export function progress(text: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

/** Half of the interquartile range of the rounds, in percent of the median. */
function spread(rates: readonly number[]): number {
  const sorted = rates.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  return Math.round((at(0.75) - at(0.25)) / 2 / median(rates) * 100);
}

function count(figure: number): string {
  return Math.round(figure).toLocaleString("en-US");
}
