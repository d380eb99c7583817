/**
 * Our clients beside other libraries'; the task `bench:peers`. The same work for
 * all, client and server in processes of their own, everything once per round.
 */

import { parseArgs } from "node:util";
import { contestants, NAMES, WORKS } from "./contestants.ts";
import { describeMachine } from "./machine.ts";
import type { Figures } from "./peers/measured.ts";
import { plot } from "./plot.ts";
import type { Program } from "./program.ts";
import { type PeerSeries, progress, report, type Result, type Skipped } from "./report.ts";
import { measure, type Subject } from "./rounds.ts";
import { run, Stage } from "./stage.ts";
import { reached } from "./targets.ts";

/** How long each program warms up before all else: V8 takes long to optimise the layers of HTTP/2. */
const FIRST_WARM_UP_MS = 2000;
const FIRST_IN_FLIGHT = 64;
const WARM_UP_MS = 600;
/** How many times its own time a measurement takes. */
const OVERHEAD = 1.25;
const USAGE = `Usage: deno task bench:peers [options]
  --seconds N     how long each measurement takes; default 0.25
  --rounds N      how many rounds; default 6
  --only A,B      only contestants whose names contain one of these
  --work A,B      only these kinds of work: ${Object.keys(WORKS).join(", ")}
  --in-flight N,M only with these numbers of calls in flight
  --out FOLDER    where to write the figures and the plot; default bench/results

Names: ${Object.values(NAMES).join("; ")}.
A missed target is shown, and does not fail the command.`;

/** What is measured: one kind of work of one contestant, with the times of single calls. */
interface PeerSubject extends Subject {
  readonly work: string;
  /** The times of the warm-up, then of each round. */
  readonly latencies: Figures[];
}

const { seconds, rounds, only, works, inFlights, out } = options();
await using stage = new Stage();
const machine = { ...describeMachine(), ...await versions() };
const { started, skipped } = await startAll();
if (started.length === 0) {
  console.log("there is nothing to measure");
  await stage[Symbol.asyncDispose]();
  Deno.exit(1);
}
const byWork = works.map((work) =>
  (inFlights ?? WORKS[work]).flatMap((inFlight) =>
    started.filter((each) => each.works.includes(work))
      .map(({ name, program }) => subject(name, program, work, inFlight))
  )
).filter((subjects) => subjects.length > 0);
const subjects = byWork.flat();
const busy = subjects.length * (rounds * seconds + WARM_UP_MS / 1000) +
  started.length * FIRST_WARM_UP_MS / 1000;
console.log(
  `${rounds} rounds of ${subjects.length} measurements of ${seconds} s, ` +
    `some ${Math.ceil(OVERHEAD * busy)} s with the warm-up`,
);
for (const { name, program } of started) {
  progress(`warm-up: ${name}`);
  await program.ask(`measure add ${FIRST_IN_FLIGHT} ${FIRST_WARM_UP_MS}`);
}
let done = 0;
const series: PeerSeries[] = [];
// One kind of work after the other: large messages slow some contestants down for a second or two,
// which would count against them in other work.
for (const subjects of byWork) {
  const measured = await measure(subjects, {
    rounds,
    ms: seconds * 1000,
    warmUpMs: WARM_UP_MS,
    onProgress: (round, { name, inFlight }) =>
      showProgress(round, subjects[0].work, name, inFlight),
  });
  measured.forEach((each, place) => {
    const { work, latencies } = subjects[place];
    series.push({ ...each, work, latencies: latencies.slice(1) });
  });
}
progress("");

const loadAfter = Deno.loadavg()[0];
const result: Result = {
  machine: { ...machine, loadAfter },
  seconds,
  rounds,
  skipped,
  series,
  ratios: reached(series),
};
const tables = report(result);
console.log(`\n${tables}`);
Deno.mkdirSync(out, { recursive: true });
Deno.writeTextFileSync(`${out}/peers.json`, JSON.stringify(result, undefined, 2) + "\n");
Deno.writeTextFileSync(`${out}/peers.svg`, plot(result));
Deno.writeTextFileSync(`${out}/peers.md`, `# Beside others\n\n${tables}\n`);
console.log(`\nfigures: ${out}/peers.json, tables: ${out}/peers.md, plot: ${out}/peers.svg`);

function showProgress(round: number, work: string, name: string, inFlight: number): void {
  const percent = Math.floor(done++ / subjects.length / (rounds + 1) * 100);
  const what = round === 0 ? "warm-up" : `round ${round} of ${rounds}`;
  progress(`${percent} %  ${work}, ${what}: ${name}, ${inFlight} in flight`);
}

/** Starts the contestants, but for those that are not installed. */
async function startAll() {
  const started: { name: string; works: readonly string[]; program: Program }[] = [];
  const skipped: Skipped[] = [];
  for (const { name, works: able, start } of contestants(stage)) {
    if (only !== undefined && !only.some((part) => name.includes(part))) continue;
    if (!works.some((work) => able.includes(work))) continue;
    progress(`starting ${name}`);
    try {
      started.push({ name, works: able, program: await start() });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      progress("");
      console.log(`left out: ${name}: ${error.message}`);
      skipped.push({ name, reason: error.message });
    }
  }
  progress("");
  return { started, skipped };
}

function subject(name: string, program: Program, work: string, inFlight: number): PeerSubject {
  const latencies: Figures[] = [];
  const run = async (ms: number) => {
    const figures = await program.ask<Figures>(`measure ${work} ${inFlight} ${Math.round(ms)}`);
    latencies.push(figures);
    return figures.calls / figures.ms * 1000;
  };
  return { name, work, inFlight, latencies, run };
}

async function versions(): Promise<{ node: string; go: string }> {
  const none = () => "none";
  const node = await run("node", ["--version"], ".").catch(none);
  const go = await run("go", ["env", "GOVERSION"], ".").catch(none);
  return { node: node.trim().replace(/^v/, ""), go: go.trim().replace(/^go/, "") };
}

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      seconds: { type: "string", default: "0.25" },
      rounds: { type: "string", default: "6" },
      only: { type: "string" },
      work: { type: "string" },
      "in-flight": { type: "string" },
      out: { type: "string", default: `${import.meta.dirname}/results` },
      help: { type: "boolean", short: "h" },
    },
  });
  const seconds = Number(values.seconds);
  const rounds = Number(values.rounds);
  const works = values.work?.split(",") ?? Object.keys(WORKS);
  const inFlights = values["in-flight"]?.split(",").map(Number);
  const right = seconds > 0 && Number.isInteger(rounds) && rounds >= 1 &&
    works.every((work) => Object.hasOwn(WORKS, work)) &&
    (inFlights ?? [1]).every((inFlight) => Number.isInteger(inFlight) && inFlight >= 1);
  if (values.help || !right) {
    console.log(USAGE);
    Deno.exit(values.help ? 0 : 2);
  }
  const only = values.only?.split(",");
  return { seconds, rounds, only, works, inFlights, out: values.out };
}
