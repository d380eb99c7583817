/**
 * Large messages beside the raw echo: texts and bytes of 64 KiB, and one call that streams chunks of
 * 64 KiB, as a share of what a socket does with as many bytes in the same run, and the memory that
 * both ends take meanwhile, above what they take at rest; the task `bench:large`. The share of calls a second is what counts on a quiet machine; the share by the
 * time that the processors worked for both ends says as much on a busy one.
 */

import { parseArgs } from "node:util";
import { programOf, RUNTIMES } from "../scripts/runtimes.ts";
import type { Figures } from "./peers/measured.ts";
import type { Program } from "./program.ts";
import { Stage } from "./stage.ts";
import { table } from "./table.ts";

const USAGE = `Usage: deno task bench:large [options]
  --runtime NAME  deno (default) or node24
  --rounds N      how often each is measured, in turn; the median counts; default 5
  --ms N          for how long each time, in milliseconds; default 1500
  --in-flight N   only with so many calls in flight; default 1, 64 and 256`;

const TITLES = [
  "",
  "in flight",
  "raw/s",
  "ours/s",
  "share",
  "raw µs",
  "ours µs",
  "share",
  "MiB",
  "MiB",
];
const IN_FLIGHT = [1, 64, 256];
const WORKS = ["echo64k", "bytes64k", "chunks"] as const;
const NAMES = { echo64k: "64 KiB text", bytes64k: "64 KiB bytes", chunks: "64 KiB streamed" };

const { runtime, rounds, ms, inFlight } = options();
await using stage = new Stage();
const launch = runtime === "deno" ? stage.deno : await onNode24();
const raw = runtime === "deno" ? "raw_deno.ts" : "raw_node.ts";
const rawServer = await launch(`peers/${raw}`, "serve");
const rawClient = await launch(`peers/${raw}`, "call", rawServer.firstLine);
const server = await launch("peers/server.ts", "geerpc/json", "1");
const client = await launch("peers/client.ts", "client", "geerpc/json", server.firstLine);

const rows: string[][] = [];
for (const work of WORKS) {
  for (const count of work === "chunks" ? [1] : inFlight) rows.push(await row(work, count));
}
console.log(table(TITLES, rows));

async function row(work: typeof WORKS[number], count: number): Promise<string[]> {
  const figures: number[][] = [];
  let peaks = [0, 0];
  for (let round = 0; round <= rounds; round++) {
    const rawWork = work === "chunks" ? work : "echo64k";
    const raw = await measure([rawClient, rawServer], rawWork, count);
    const atRest = residentBytes([client, server]);
    const watch = watchMemory([client, server]);
    const ours = await measure([client, server], work, count);
    peaks = watch.stop().map((bytes, place) => bytes - atRest[place]);
    if (round === 0) continue; // the engine compiles
    figures.push([raw.rate, ours.rate, ours.rate / raw.rate, raw.us, ours.us, raw.us / ours.us]);
  }
  return [
    NAMES[work],
    String(count),
    ...[0, 0, 2, 0, 0, 2].map((digits, column) =>
      median(figures.map((row) => row[column])).toFixed(digits)
    ),
    ...peaks.map((bytes) => (bytes / 2 ** 20).toFixed(0)),
  ];
}

/** Calls a second, and the microseconds of processor time that one takes at both ends. */
async function measure(ends: [Program, Program], work: string, count: number) {
  const [client] = ends;
  const from = cpuMs(ends);
  const begun = performance.now();
  const { calls, ms: passed } = await client.ask<Figures>(`measure ${work} ${count} ${ms}`);
  const rate = calls / passed * 1000;
  const all = rate * (performance.now() - begun) / 1000; // the client leaves its lead-in out
  return { rate, us: (cpuMs(ends) - from) * 1000 / all };
}

/** The processor time of processes, in milliseconds: Linux counts it in hundredths of a second. */
function cpuMs(programs: readonly Program[]): number {
  return programs.reduce((sum, { pid }) => {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

/** The resident memory of processes, in bytes. */
function residentBytes(programs: readonly Program[]): number[] {
  return programs.map(({ pid }) => {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * 4096;
  });
}

/** Looks at the resident memory of processes from time to time, and keeps the most. */
function watchMemory(programs: readonly Program[]): { stop(): number[] } {
  const most = programs.map(() => 0);
  const look = () =>
    residentBytes(programs).forEach((bytes, place) => most[place] = Math.max(most[place], bytes));
  const timer = setInterval(look, 50);
  return {
    stop() {
      look();
      clearInterval(timer);
      return most;
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function onNode24() {
  const path = await programOf(RUNTIMES.node24);
  return (file: string, ...args: string[]) => stage.nodeAt(path, file, ...args);
}

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      runtime: { type: "string", default: "deno" },
      rounds: { type: "string", default: "5" },
      ms: { type: "string", default: "1500" },
      "in-flight": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const { runtime } = values;
  const [rounds, ms] = [Number(values.rounds), Number(values.ms)];
  const inFlight = values["in-flight"] === undefined ? IN_FLIGHT : [Number(values["in-flight"])];
  const isRight = (runtime === "deno" || runtime === "node24") &&
    [rounds, ms, ...inFlight].every((number) => Number.isInteger(number) && number >= 1);
  if (values.help || !isRight) {
    console.log(USAGE);
    Deno.exit(values.help ? 0 : 2);
  }
  return { runtime, rounds, ms, inFlight };
}
