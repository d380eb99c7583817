/** What was measured, for people to read. */

import type { Machine } from "./machine.ts";
import type { Figures } from "./peers/measured.ts";
import { ECHO_SIZES } from "./peers/measured.ts";
import { median } from "./rounds.ts";
import type { Reached, WorkSeries } from "./targets.ts";

/** Who did not take part. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** A whole run. */
export interface Result {
  readonly machine: Machine & {
    readonly node: string;
    readonly go: string;
    readonly loadAfter: number;
  };
  readonly seconds: number;
  readonly rounds: number;
  readonly skipped: readonly Skipped[];
  readonly series: readonly (WorkSeries & { readonly latencies?: readonly Figures[] })[];
  readonly ratios: readonly Reached[];
}

/** Titles of the kinds of work. */
export const TITLES: Readonly<Record<string, string>> = {
  add: "two integers added",
  echo1k: "1 KiB echoed",
  echo64k: "64 KiB echoed",
};

/** Writes a run as tables in Markdown. */
export function print({ machine, series, ratios, skipped }: Result): void {
  console.log(
    `\n${machine.cpu}, ${machine.cores} cores, ${machine.os}, ` +
      `Deno ${machine.deno}, Node ${machine.node}, Go ${machine.go}; ` +
      `load ${machine.load.toFixed(2)} before, ${machine.loadAfter.toFixed(2)} after`,
  );
  for (const work of new Set(series.map(({ work }) => work))) {
    const mine = series.filter((each) => each.work === work);
    const inFlights = [...new Set(mine.map(({ inFlight }) => inFlight))];
    console.log(`\n${TITLES[work]}: calls a second (median; ± half the spread of the rounds)\n`);
    const titles = inFlights.flatMap((inFlight) => [`${inFlight} in flight`, "p50 / p99 µs"]);
    row("", ...titles, ...(work in ECHO_SIZES ? [`MB/s at ${inFlights.at(-1)}`] : []));
    row("---", ...titles.map(() => "--:"), ...(work in ECHO_SIZES ? ["--:"] : []));
    for (const name of new Set(mine.map(({ name }) => name))) {
      const cells = inFlights.flatMap((inFlight) => {
        const { rates, latencies = [] } = mine.find((each) =>
          each.name === name && each.inFlight === inFlight
        )!;
        const middle = (key: "p50" | "p99") =>
          count(median(latencies.map((figures) => figures[key] ?? NaN)));
        return [
          `${count(median(rates))} ± ${spread(rates)} %`,
          `${middle("p50")} / ${middle("p99")}`,
        ];
      });
      if (work in ECHO_SIZES) {
        const { rates } = mine.findLast((each) => each.name === name)!;
        cells.push(count(median(rates) * ECHO_SIZES[work as keyof typeof ECHO_SIZES] / 1e6));
      }
      row(name, ...cells);
    }
  }
  console.log("\nratios (median of the rounds' ratios)\n");
  row("", "work", "in flight", "ratio", "target");
  row("---", "---", "--:", "--:", "---");
  for (const { one, other, work, inFlight, least, ratio } of ratios) {
    const target = least === undefined ? "" : `≥ ${least}: ${ratio >= least ? "yes" : "MISSED"}`;
    row(`${one} / ${other}`, TITLES[work], `${inFlight}`, ratio.toFixed(2), target);
  }
  for (const { name, reason } of skipped) console.log(`\nleft out: ${name}: ${reason}`);
}

/** Writes the line that changes while a run goes on, or, where nobody watches, nothing. */
export function progress(text: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

/** Half of what lies between the quarters of the rounds, in percent of the median. */
function spread(rates: readonly number[]): number {
  const sorted = rates.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  return Math.round((at(0.75) - at(0.25)) / 2 / median(rates) * 100);
}

function count(figure: number): string {
  return Math.round(figure).toLocaleString("en-US");
}

function row(...cells: string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}
