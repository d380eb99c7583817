/** The arithmetic of `bench:peers`, and its plot. */

import { assert, assertEquals } from "@std/assert";
import { plot } from "../../bench/plot.ts";
import { type Result, TITLES } from "../../bench/report.ts";
import { measure, median, ratio } from "../../bench/rounds.ts";
import { reached, type Target, verdict } from "../../bench/targets.ts";

const TARGETS: Target[] = [
  { one: "a", other: "b", work: "add", inFlight: 64, least: 2 },
  { one: "b", other: "a", work: "add", inFlight: 64, least: 1 },
  { one: "a", other: "b", work: "add", inFlight: 1, least: 1 },
  { one: "a", other: "b", work: "add", inFlight: 64 },
];

const SERIES = [
  { name: "a", work: "add", inFlight: 64, rates: [200, 100, 400] },
  { name: "b", work: "add", inFlight: 64, rates: [100, 100, 100] },
];

Deno.test("median() is the value in the middle, or between the two there", () => {
  assertEquals(median([100, 9, 20]), 20);
  assertEquals(median([1, 2, 10, 4]), 3);
});

Deno.test("ratio() compares within each round", () => {
  const [one, other] = [[100, 10, 1], [50, 20, 0.25]];
  const series = (rates: number[]) => ({ name: "", inFlight: 1, rates });
  assertEquals(ratio(series(one), series(other)), 2);
});

Deno.test("measure() warms up, then measures forwards and backwards by turns", async () => {
  const order: string[] = [];
  const subjects = ["a", "b"].map((name) => ({
    name,
    inFlight: 1,
    run: (ms: number) => Promise.resolve(order.push(`${name} ${ms}`)),
  }));
  const series = await measure(subjects, { rounds: 2, ms: 5, warmUpMs: 9 });
  assertEquals(order, ["a 9", "b 9", "b 5", "a 5", "a 5", "b 5"]);
  assertEquals(series.map(({ rates }) => rates), [[4, 5], [3, 6]]);
});

Deno.test("reached() has the ratios that were measured, and whether their targets are met", () => {
  const ratios = reached(SERIES, TARGETS);
  assertEquals(ratios.map(({ ratio, met }) => [ratio, met]), [
    [2, true],
    [0.5, false],
    [2, undefined],
  ]);
  const said = "of 3 targets 1 are met, 1 MISSED, 1 not measured";
  assertEquals(verdict(ratios, TARGETS), said);
});

Deno.test("plot() has a figure for each contestant, and all dots within the picture", () => {
  const result: Result = {
    machine: {
      cpu: "<fast & small>",
      cores: 2,
      os: "linux",
      deno: "2",
      node: "20",
      go: "none",
      load: 0,
      loadAfter: 0,
    },
    seconds: 1,
    rounds: 3,
    skipped: [],
    series: SERIES.map((each) => ({ ...each, latencies: [] })),
    ratios: [],
  };
  const svg = plot(result);
  for (const words of ["&lt;fast &amp; small>", TITLES.add, "64 in flight", ">200<", ">100<"]) {
    assert(svg.includes(words), words);
  }
  const width = Number(/ width="(\d+)"/.exec(svg)![1]);
  for (const [, x] of svg.matchAll(/ cx="([^"]*)"/g)) assert(Number(x) > 0 && Number(x) < width);
});
