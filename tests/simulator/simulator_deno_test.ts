/** A short simulation meets the targets that say most. `deno task simulate` checks all of them. */

import { assert, assertEquals } from "@std/assert";
import { type Job, runAll } from "../../simulator/pool.ts";
import { SMALL_FLEETS } from "../../simulator/small_fleets.ts";
import { checkTargets, TARGETS } from "../../simulator/targets.ts";

/** For how long calls are made, in milliseconds: long enough for a stable p99. */
const SHORT_MS = 15_000;
/** Faults begin and end at times of their own, and small fleets have few calls. */
const WHOLE = ["recovery", "outage", ...SMALL_FLEETS.map(({ name }) => name)];

/** The targets that are checked, by their names. */
const CHECKED = [
  "A70, 1 client: p99 over oracle",
  "A70, 20 clients: p99 over oracle",
  "B70, 20 clients: p99 over oracle",
  "B70, 20 clients: p99 without_reports over least_loaded",
  "black hole, 20 clients: failed calls, %",
  "black hole, 20 clients: tries at it, %",
  "recovery, 1 client: seconds until 80 % of the fair share",
  "outage, 20 clients: tries over 1.2 × calls + 10/s",
  "1+3 ×100, 1 client: calls at slow servers, %",
  "2+2 ×10, 4 clients: calls at slow servers, %",
  "adaptive limit, 20 clients: answers over capacity",
];

Deno.test("the policies meet their targets in a short simulation", async () => {
  const targets = TARGETS.filter(({ name }) => CHECKED.includes(name));
  assertEquals(targets.map(({ name }) => name).sort(), CHECKED.toSorted());
  const jobs = new Map<string, Job>();
  for (const job of targets.flatMap(({ runs }) => runs)) {
    const durationMs = WHOLE.includes(job.scenario) ? undefined : SHORT_MS;
    jobs.set(JSON.stringify(job), { ...job, durationMs });
  }
  for (const { target, value, isMet } of checkTargets(await runAll([...jobs.values()]), targets)) {
    assert(isMet, `${target.name}: ${value}, but ${JSON.stringify(target)}`);
  }
});
