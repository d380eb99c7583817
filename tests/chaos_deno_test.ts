/**
 * Real processes under load, and every fault that may befall them, one after
 * the other. Prints its seed and what happened; `bench:chaos` has the times.
 */

import { assert, assertEquals } from "@std/assert";
import { RpcError } from "../errors.ts";
import { runChaos } from "./support/chaos.ts";

const SEED = 20_240_613;

Deno.test("chaos: no idempotent call fails, and no other runs twice", async () => {
  const { samples, runs, story, events, calm } = await runChaos(SEED);
  const failed = samples.filter(({ error }) => error !== undefined);
  const failedIdempotent = failed.filter(({ idempotent }) => idempotent);
  const repeated = samples.filter(({ id }) => (runs.get(id) ?? 0) > 1);
  const twice = repeated.filter(({ idempotent }) => !idempotent);
  console.log(story.join("\n"));
  console.log(
    `seed ${SEED}: ${samples.length} calls, ${failed.length} failed ` +
      `(${failedIdempotent.length} idempotent), ${repeated.length} ran more than once ` +
      `(${twice.length} not idempotent)\n` +
      `events: ${[...events].map(([type, count]) => `${type} ${count}`).join(", ")}`,
  );
  for (const { error, id, beganMs } of failed) {
    assert(error instanceof RpcError, String(error));
    console.log(`call ${id} of ${(beganMs / 1000).toFixed(1)} s: ${error.message}`);
    assertEquals(error.execution, "unknown"); // all that is certain not to have run is repeated
  }
  assertEquals(failedIdempotent.length, 0, "idempotent calls failed");
  assertEquals(twice.length, 0, "calls ran twice");
  assert(
    samples.every(({ id, error }) => error !== undefined || runs.has(id)),
    "an answer without a call",
  );
  assert(calm.before.length > 0 && calm.between.length > 0, "calls while nothing changed");
  assertEquals(calm.before.filter(({ error }) => error !== undefined), []);
});
