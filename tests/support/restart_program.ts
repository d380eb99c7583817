/**
 * Rolling restarts of every policy and protocol on the runtime that runs this;
 * the task `restarts` runs it on Deno and on Node. Prints what each has lost,
 * and ends with 1 unless that is nothing.
 */

import process from "node:process";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { SelectMode } from "../../selector.ts";
import { type RestartPlan, runRestarts } from "./restarts.ts";

const HELP = `Arguments:
  --rounds 20          how often each server is restarted
  --protocols a,b      of ${PROTOCOLS.join(", ")}
  --modes a,b          of ${Object.values(SelectMode).join(", ")}
  --sources a,b        of list, registry`;

const given = new Map<string, string>();
const args = process.argv.slice(2);
for (let n = 0; n < args.length; n += 2) given.set(args[n], args[n + 1]);
const known = ["--rounds", "--protocols", "--modes", "--sources"];
if ([...given].some(([name, value]) => !known.includes(name) || value === undefined)) {
  console.error(HELP);
  process.exit(2);
}
const listOf = (name: string, all: readonly string[]) => given.get(name)?.split(",") ?? all;

const rounds = Number(given.get("--rounds") ?? 20);
let lostInAll = 0;
for (const source of listOf("--sources", ["list", "registry"])) {
  for (const protocol of listOf("--protocols", PROTOCOLS)) {
    for (const mode of listOf("--modes", Object.values(SelectMode))) {
      const { calls, lost, ran, events } = await runRestarts(
        { protocol, mode, source, rounds } as RestartPlan,
      );
      const isWrong = lost.length > 0 || ran !== calls;
      lostInAll += lost.length + Math.abs(ran - calls);
      console.log(
        `${protocol} ${mode} ${source}: ${rounds} rounds, ${calls} calls, ${ran} ran, ` +
          `${lost.length} lost`,
      );
      if (isWrong) console.log(events.join("\n"));
    }
  }
}
console.log(`lost or run twice: ${lostInAll}`);
process.exit(lostInAll === 0 ? 0 : 1);
