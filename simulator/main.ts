/**
 * Runs every scenario under every policy; the task `simulate`. Prints tables,
 * and writes them and the pictures to a folder: the first argument, default
 * `build/simulation`. Fails if a target is missed.
 *
 * @module
 */

import { pictures } from "./pictures.ts";
import { POLICIES } from "./policies.ts";
import { runAll } from "./pool.ts";
import { report } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import { checkTargets } from "./targets.ts";
import { clientsText } from "./workload.ts";

const folder = Deno.args[0] ?? "build/simulation";
const jobs = SCENARIOS.flatMap(({ name, clients: counts, policies = POLICIES }) =>
  counts.flatMap((clients) => policies.map((policy) => ({ scenario: name, policy, clients })))
);
let done = 0;
const outcomes = await runAll(jobs, ({ scenario, clients, policy }) => {
  console.error(`${++done}/${jobs.length} ${scenario}, ${clientsText(clients)}, ${policy}`);
});
const checks = checkTargets(outcomes);
const tables = report(outcomes, checks);
console.log(tables);

Deno.mkdirSync(folder, { recursive: true });
Deno.writeTextFileSync(`${folder}/results.md`, `${tables}\n`);
for (const [name, svg] of pictures(outcomes)) Deno.writeTextFileSync(`${folder}/${name}`, svg);
console.log(`\nTables and pictures are in ${folder}.`);
if (checks.some(({ isMet }) => !isMet)) Deno.exit(1);
