/**
 * What telemetry costs: calls per second without it, with it but no SDK, and
 * with OpenTelemetry's SDK; beside grpc-js with OpenTelemetry's instrumentation.
 * The task `bench:telemetry`. Client and server record alike.
 */

import { parseArgs } from "node:util";
import { describeMachine } from "./machine.ts";
import type { Figures } from "./peers/measured.ts";
import type { Recording } from "./peers/otel.ts";
import type { Program } from "./program.ts";
import { progress } from "./report.ts";
import { measure, median, ratio, type Series, type Subject } from "./rounds.ts";
import { type Launch, Stage } from "./stage.ts";
import { table } from "./table.ts";

const WARM_UP_MS = 2000;
const TITLES: Readonly<Record<Recording, string>> = {
  "off": "without",
  "no-sdk": "no SDK",
  "sampled": "1 % of traces",
  "sdk": "all traces",
};
/** The least share of the calls without telemetry that there must be with it and no SDK. */
const LEAST_WITHOUT_SDK = 0.95;
const USAGE = `Usage: deno task bench:telemetry [options]
  --seconds N     how long each measurement takes; default 0.5
  --rounds N      how many rounds; default 10
  --in-flight N,M how many calls are in flight; default 1,64
  --only A,B      only these: deno, node, grpc
  --json FILE     also write the results to a file

A missed target is shown, and does not fail the command.`;

const { seconds, rounds, inFlights, only, json } = options();
const machine = describeMachine();
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.os}, Deno ${machine.deno}`);
console.log(`load before the start: ${machine.load.toFixed(2)}`);

await using stage = new Stage();
const KINDS: Readonly<Record<string, readonly [title: string, file: string, launch: Launch]>> = {
  deno: ["Client, Deno", "peers/telemetry.ts", stage.deno],
  node: ["Client, Node", "peers/telemetry.ts", stage.npm],
  grpc: ["grpc-js, Node", "peers/npm/grpc_telemetry.ts", stage.npm],
};
const subjects: Subject[] = [];
for (const kind of only) {
  const [title, file, launch] = KINDS[kind];
  for (const recording of Object.keys(TITLES) as Recording[]) {
    progress(`starting ${title}, ${TITLES[recording]}`);
    const { firstLine } = await launch(file, "serve", recording);
    const client = await launch(file, "call", recording, firstLine);
    const name = `${title}, ${TITLES[recording]}`;
    subjects.push(...inFlights.map((inFlight) => subject(name, inFlight, client)));
  }
}
const series = await measure(subjects, {
  rounds,
  ms: seconds * 1000,
  warmUpMs: WARM_UP_MS,
  onProgress: (round, { name }) => progress(`${round} of ${rounds}: ${name}`),
});
progress("");
console.log(`\n${report(series)}`);
if (json !== undefined) {
  const result = { machine: { ...machine, loadAfter: Deno.loadavg()[0] }, seconds, rounds, series };
  Deno.writeTextFileSync(json, JSON.stringify(result, undefined, 2) + "\n");
}

function subject(name: string, inFlight: number, client: Program): Subject {
  const run = async (ms: number) => {
    const figures = await client.ask<Figures>(`measure add ${inFlight} ${Math.round(ms)}`);
    return figures.calls / figures.ms * 1000;
  };
  return { name, inFlight, run };
}

/** Calls per second, and the share of those without telemetry. */
function report(series: readonly Series[]): string {
  const rows = series.map((one) => {
    const [title, runtime, recording] = one.name.split(", ");
    const without = series.find(({ name, inFlight }) =>
      name === `${title}, ${runtime}, ${TITLES.off}` && inFlight === one.inFlight
    )!;
    const share = ratio(one, without);
    const isMissed = recording === TITLES["no-sdk"] && title === "Client" &&
      share < LEAST_WITHOUT_SDK;
    const shown = `${(share * 100).toFixed(1)} %${isMissed ? " MISSED" : ""}`;
    return [one.name, `${one.inFlight}`, `${Math.round(median(one.rates))}`, shown];
  });
  return table(["adding two integers", "in flight", "calls/s", "of those without"], rows);
}

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      seconds: { type: "string", default: "0.5" },
      rounds: { type: "string", default: "10" },
      "in-flight": { type: "string", default: "1,64" },
      only: { type: "string", default: "deno,node,grpc" },
      json: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const seconds = Number(values.seconds);
  const rounds = Number(values.rounds);
  const inFlights = values["in-flight"].split(",").map(Number);
  const only = values.only.split(",");
  const isRight = seconds > 0 && Number.isInteger(rounds) && rounds >= 1 &&
    inFlights.every((inFlight) => Number.isInteger(inFlight) && inFlight >= 1) &&
    only.every((kind) => ["deno", "node", "grpc"].includes(kind));
  if (values.help || !isRight) {
    console.log(USAGE);
    Deno.exit(values.help ? 0 : 2);
  }
  return { seconds, rounds, inFlights, only, json: values.json };
}
