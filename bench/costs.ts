/**
 * What the library costs beside throughput; the task `bench:costs`. Each part
 * measures in processes of its own.
 */

import { parseArgs } from "node:util";
import { broadcast } from "./costs/broadcast.ts";
import { firstCall } from "./costs/first_call.ts";
import { memory } from "./costs/memory.ts";
import type { Part, Runtime } from "./costs/part.ts";
import { picks } from "./costs/picks.ts";
import { size } from "./costs/size.ts";
import { soak } from "./costs/soak.ts";
import { figuresTable, targetsTable } from "./costs/table.ts";
import { reached } from "./costs/targets.ts";
import { describeMachine } from "./machine.ts";
import { progress } from "./report.ts";
import { Missing, run, Stage } from "./stage.ts";

const PARTS: readonly Part[] = [broadcast, memory, firstCall, size, picks, soak];
const NAMES = PARTS.map(({ name }) => name);
const USAGE = `Usage: deno task bench:costs [options]
  --only A,B      only these parts: ${NAMES.join(", ")}
  --soak-calls N  how many calls the soak test makes; default 10,000,000
  --details       also list the largest modules of the bundle
  --out FOLDER    where to write the figures; default bench/results`;

const { parts, soakCalls, details, out } = options();
await using stage = new Stage();
const machine = { ...describeMachine(), node: await nodeVersion() };
const printed: string[] = [];
print(
  `- ${machine.cpu}, ${machine.cores} cores, ${machine.os}\n` +
    `- Deno ${machine.deno}, Node ${machine.node}; load ${machine.load.toFixed(2)}`,
);
const runtimes: Runtime[] = machine.node === "none" ? ["deno"] : ["deno", "node"];

const measured = [];
for (const part of parts) {
  const name = part.name;
  const figures = await part.measure({
    stage,
    runtimes,
    soakCalls,
    details,
    progress: (text) => progress(`${name}: ${text}`),
  });
  progress("");
  print(figuresTable(part, figures));
  measured.push({ name, title: part.title, figures, targets: reached(name, figures) });
}
const targets = measured.flatMap(({ targets }) => targets);
if (targets.length > 0) print(targetsTable(targets));

const result = { machine: { ...machine, loadAfter: Deno.loadavg()[0] }, parts: measured };
Deno.mkdirSync(out, { recursive: true });
Deno.writeTextFileSync(`${out}/costs.json`, JSON.stringify(result, undefined, 2) + "\n");
Deno.writeTextFileSync(`${out}/costs.md`, `# What it costs\n\n${printed.join("\n\n")}\n`);
console.log(`figures: ${out}/costs.json, tables: ${out}/costs.md`);

/** Prints a text, and keeps it for the file. */
function print(text: string): void {
  console.log(`${text}\n`);
  printed.push(text);
}

async function nodeVersion(): Promise<string> {
  try {
    return (await run("node", ["--version"], ".")).trim().replace(/^v/, "");
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log("Node is left out: it is not installed");
    return "none";
  }
}

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string" },
      "soak-calls": { type: "string", default: "10000000" },
      details: { type: "boolean", default: false },
      out: { type: "string", default: `${import.meta.dirname}/results` },
      help: { type: "boolean", short: "h" },
    },
  });
  const only = values.only?.split(",") ?? NAMES;
  const soakCalls = Number(values["soak-calls"]);
  const right = only.every((name) => NAMES.includes(name)) &&
    Number.isInteger(soakCalls) && soakCalls >= 1000;
  if (values.help || !right) {
    console.log(USAGE);
    Deno.exit(values.help ? 0 : 2);
  }
  const parts = PARTS.filter(({ name }) => only.includes(name));
  return { parts, soakCalls, details: values.details, out: values.out };
}
