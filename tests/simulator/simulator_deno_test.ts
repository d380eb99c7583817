import { assert } from "@std/assert";
import { type Job, runAll } from "../../simulator/pool.ts";
import { BLACK_HOLE, OUTAGE, RECOVERY, SMALL_FLEETS } from "../../simulator/scenarios.ts";
import { checkTargets } from "../../simulator/targets.ts";

/** Long enough for a stable p99, short enough for every run of the tests. */
const SHORT_MS = 20_000;

Deno.test("the policies meet their targets in a short simulation", async () => {
  const jobs: Job[] = [
    ...[1, 20].flatMap((clients) =>
      [BLACK_HOLE, RECOVERY, OUTAGE].map(({ name }) => (
        { scenario: name, policy: "shortest_expected_delay" as const, clients }
      ))
    ),
    ...[1, 20].flatMap((clients) =>
      ["A70", "A90", "B70", "C70"].flatMap((scenario) =>
        (["shortest_expected_delay", "oracle"] as const).map((policy) => (
          { scenario, policy, clients, durationMs: SHORT_MS }
        ))
      )
    ),
    ...SMALL_FLEETS.map(({ name, clients: [clients] }) => (
      { scenario: name, policy: "shortest_expected_delay" as const, clients }
    )),
    { scenario: "B70", policy: "least_loaded", clients: 20, durationMs: SHORT_MS },
  ];
  for (const { name, value, limit } of checkTargets(await runAll(jobs))) {
    assert(value <= limit, `${name}: ${value} is over ${limit}`);
  }
});
