/**
 * Rolling restarts of real processes under load: no call is lost, and none runs
 * twice. The task `restarts` does the same for every policy and protocol.
 */

import { assertEquals } from "@std/assert";
import { SelectMode } from "../selector.ts";
import { type RestartPlan, runRestarts } from "./support/restarts.ts";

const rounds = 2;
const PLANS: readonly RestartPlan[] = [
  { protocol: "geerpc/json", mode: SelectMode.ConsistentHash, source: "list", rounds },
  { protocol: "geerpc/gob", mode: SelectMode.RoundRobin, source: "registry", rounds },
  { protocol: "netrpc/gob", mode: SelectMode.ShortestExpectedDelay, source: "list", rounds },
  { protocol: "netrpc/json", mode: SelectMode.LeastLoaded, source: "registry", rounds },
];

for (const plan of PLANS) {
  const { protocol, mode, source } = plan;
  Deno.test(`a rolling restart loses no call: ${protocol}, ${mode}, ${source}`, async () => {
    const { calls, lost, ran, events } = await runRestarts(plan);
    assertEquals(lost.map(String), [], events.join("\n"));
    assertEquals(ran, calls, "calls that ran");
  });
}
