/**
 * Throughput: calls per second of `Client` and `XClient`, beside a raw echo;
 * and to a server in Go, beside Go's own client. The task `bench`.
 */

import { parseArgs } from "node:util";
import { dial, MultiServerDiscovery, XClient } from "@geerpc/xclient";
import { GO_RATIOS, goSubjects } from "./go.ts";
import { callsPerSecond } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { RawEcho } from "./raw.ts";
import { progress } from "./report.ts";
import { measure, median, ratio, type Series, type Subject } from "./rounds.ts";
import { Stage } from "./stage.ts";

const IN_FLIGHT = [1, 64, 256];
const WARM_UP_MS = 1000;
const USAGE = `Usage: deno task bench [options]
  --seconds N   how long each measurement takes; default 0.25
  --rounds N    how many rounds; default 15
  --json FILE   also write the results to a file`;

/** Names of subjects, which the ratios refer to. */
const RAW = "raw echo";
const CLIENT = "Client";
const THREE_CLIENTS = "Client, three in turn";
const XCLIENT_ONE = "XClient, one server";
const XCLIENT_THREE = "XClient, three servers";
const RATIOS: readonly [one: string, other: string, inFlight: number][] = [
  [CLIENT, RAW, 1],
  [XCLIENT_ONE, CLIENT, 64],
  [XCLIENT_THREE, CLIENT, 64],
  [XCLIENT_THREE, THREE_CLIENTS, 64],
];

/** What both `Client` and `XClient` can do. */
interface Caller {
  call(serviceMethod: string, args: unknown): Promise<unknown>;
}

const { seconds, rounds, json } = options();
const machine = describeMachine();
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.os}, Deno ${machine.deno}`);
console.log(`load before the start: ${machine.load.toFixed(2)}`);

await using stage = new Stage();
await using opened = new AsyncDisposableStack();
const echo = await stage.deno("peers/deno_echo.ts");
const servers = await Promise.all([1, 2, 3].map(() => stage.deno("peers/deno_server.ts")));
const addresses = servers.map(({ firstLine }) => firstLine);

using raw = await RawEcho.dial(echo.firstLine);
await using client = await dial(addresses[0]);
// Three clients in turn show what spreading itself costs: smaller writes, and servers that share
// the cores.
const clients = await Promise.all(addresses.map((address) => dial(address)));
for (const each of clients) opened.use(each);
let turn = 0;
const threeClients: Caller = {
  call: (serviceMethod, args) => clients[turn++ % clients.length].call(serviceMethod, args),
};
await using one = new XClient(new MultiServerDiscovery(addresses.slice(0, 1)));
await using three = new XClient(new MultiServerDiscovery(addresses));

const subjects: Subject[] = [{
  name: RAW,
  inFlight: 1,
  run: (ms) => callsPerSecond(() => raw.echo(), RawEcho.bytes, 1, ms),
}];
for (const inFlight of IN_FLIGHT) {
  subjects.push(
    sums(CLIENT, client, inFlight),
    sums(THREE_CLIENTS, threeClients, inFlight),
    sums(XCLIENT_ONE, one, inFlight),
    sums(XCLIENT_THREE, three, inFlight),
  );
}
subjects.push(...await goSubjects(stage, opened));

const estimate = subjects.length * (rounds * seconds + WARM_UP_MS / 1000);
console.log(
  `${rounds} rounds of ${subjects.length} measurements of ${seconds} s, ` +
    `some ${Math.ceil(estimate)} s with the warm-up\n`,
);
const series = await measure(subjects, {
  rounds,
  ms: seconds * 1000,
  warmUpMs: WARM_UP_MS,
  onProgress: (round, { name, inFlight }) => {
    const what = round === 0 ? "warm-up" : `round ${round} of ${rounds}`;
    progress(`${what}: ${name}, ${inFlight} in flight`);
  },
});
progress("");
const ratios = [...RATIOS, ...GO_RATIOS].filter(([one]) => series.some(({ name }) => name === one))
  .map(([one, other, inFlight]) => ({
    what: `${one} / ${other}, ${inFlight} in flight`,
    ratio: ratio(find(one, inFlight), find(other, inFlight)),
  }));
print();
if (json !== undefined) {
  const result = { machine, seconds, rounds, messageBytes: RawEcho.bytes, series, ratios };
  await Deno.writeTextFile(json, JSON.stringify(result, undefined, 2) + "\n");
}

function sums(name: string, caller: Caller, inFlight: number): Subject {
  const call = () => caller.call("Arith.Sum", { A: 1, B: 2 });
  return { name, inFlight, run: (ms) => callsPerSecond(call, 3, inFlight, ms) };
}

function find(name: string, inFlight: number): Series {
  return series.find((each) => each.name === name && each.inFlight === inFlight)!;
}

function print(): void {
  console.log(line("", "in flight", "calls/s", "lowest", "highest"));
  for (const { name, inFlight, rates } of series) {
    const figures = [inFlight, median(rates), Math.min(...rates), Math.max(...rates)];
    console.log(line(name, ...figures.map((figure) => Math.round(figure).toLocaleString("en-US"))));
  }
  console.log();
  for (const { what, ratio } of ratios) console.log(`${what.padEnd(64)}${ratio.toFixed(3)}`);
}

function line(name: string, ...figures: string[]): string {
  return name.padEnd(24) + figures.map((figure) => figure.padStart(11)).join("");
}

function options(): { seconds: number; rounds: number; json?: string } {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      seconds: { type: "string", default: "0.25" },
      rounds: { type: "string", default: "15" },
      json: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const seconds = Number(values.seconds);
  const rounds = Number(values.rounds);
  if (values.help || !(seconds > 0) || !Number.isInteger(rounds) || rounds < 1) {
    console.log(USAGE);
    Deno.exit(values.help ? 0 : 2);
  }
  return { seconds, rounds, json: values.json };
}
