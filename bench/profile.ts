/**
 * Where the time of calls goes, function by function; the task `bench:profile`.
 * Client and server run in processes of their own under V8's sampling profiler.
 */

import { parseArgs } from "node:util";
import { type Profile, Profiler, shares } from "./profiler.ts";
import type { Program } from "./program.ts";
import { Stage } from "./stage.ts";
import { table } from "./table.ts";

const USAGE = `Usage: deno task bench:profile WORK IN_FLIGHT [options]
  WORK         add, echo1k, echo64k, bytes64k, items or chunks
  IN_FLIGHT    how many calls in flight
  --servers N  an XClient of so many servers; default: a Client of one
  --node       on Node instead of Deno`;
const MS = 3000;
const WARM_UP_MS = 2000;
const SHOWN = 14;

const { work, inFlight, servers, runtime } = options();
await using stage = new Stage();
const started = await Promise.all(
  Array.from({ length: servers ?? 1 }, () => start("server.ts", "geerpc/json", "1")),
);
const addresses = started.map(({ program }) => program.firstLine);
const kind = servers === undefined ? "client" : "xclient";
const client = await start("client.ts", kind, "geerpc/json", ...addresses);

await client.program.ask(`measure ${work} ${inFlight} ${WARM_UP_MS}`);
const profilers = await Promise.all([client, started[0]].map(({ port }) => Profiler.attach(port)));
const { calls, ms } = await client.program.ask<{ calls: number; ms: number }>(
  `measure ${work} ${inFlight} ${MS}`,
);
const profiles = await Promise.all(profilers.map((profiler) => profiler.stop()));
console.log(
  `${work}, ${inFlight} in flight: ${Math.round(calls / ms * 1000)} calls a second while profiled`,
);
["client", "server"].forEach((side, place) => show(side, profiles[place]));

/** Starts a program of `bench/peers/` with an inspector's port. */
async function start(file: string, ...args: string[]): Promise<{ program: Program; port: number }> {
  const port = freePort();
  const program = await stage.inspected(runtime, port)(`peers/${file}`, ...args);
  return { program, port };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

function show(side: string, profile: Profile): void {
  const { idle, functions } = shares(profile);
  const rows = functions.slice(0, SHOWN).map(({ name, share }) => [
    name,
    (share * 100).toFixed(1),
  ]);
  console.log(`\n${side}: ${Math.round(idle * 100)} % idle; of the rest, in %\n`);
  console.log(table(["", "%"], rows));
}

function options() {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      servers: { type: "string" },
      node: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  const [work, inFlight] = positionals;
  const servers = values.servers === undefined ? undefined : Number(values.servers);
  const right = positionals.length === 2 &&
    ["add", "echo1k", "echo64k", "bytes64k", "items", "chunks"].includes(work) &&
    Number(inFlight) >= 1 && (servers === undefined || servers >= 1);
  if (values.help || !right) {
    console.log(USAGE);
    Deno.exit(values.help ? 0 : 2);
  }
  return { work, inFlight, servers, runtime: values.node ? "node" : "deno" } as const;
}
