/** The policies that are the simulator's own. */

import { assert, assertEquals } from "@std/assert";
import type { EndpointView } from "../../selector.ts";
import { modeOf, type Policy } from "../../simulator/policies.ts";
import { run } from "../../simulator/run.ts";
import { A70, IN_TURN } from "../../simulator/scenarios.ts";
import { ZONES } from "../../simulator/zones.ts";
import { FakeClock, FakeFleet, seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";

const SHORT = { durationMs: 7000, warmUpMs: 2000 };

/** How many of some calls each server of a fleet got, of which the first is 10 times slower. */
async function callsOf(policy: Policy): Promise<number[]> {
  const clock = new FakeClock();
  const services = { Work: { Do: () => null } };
  const fleet = await FakeFleet.start(4, { clock, services, workMs: 10, cores: 1 });
  fleet.servers[0].setFaults({ slow: 10 });
  const mode = modeOf(policy, fleet, seededRandom(1));
  const xclient = new XClient(fleet.discovery, { ...fleet.clientOptions, mode });
  for (let count = 0; count < 200; count++) {
    const call = xclient.call("Work.Do");
    await clock.advance(10);
    await clock.advance(100);
    await call;
  }
  await xclient.close();
  await fleet.close();
  return fleet.servers.map(({ calls }) => calls);
}

Deno.test("the oracle never takes the slow server, and probes find it out", async () => {
  const [atSlow, ...others] = await callsOf("oracle");
  assertEquals(atSlow, 0);
  assert(others.every((calls) => calls > 40), `${others}`);
  const [probed, ...otherProbed] = await callsOf("probing");
  assert(probed < 5, `${probed}`); // before the first probes are back
  assert(otherProbed.every((calls) => calls > 40), `${otherProbed}`);
});

Deno.test("without reports the default policy takes no notice of them", async () => {
  const fleet = await FakeFleet.start(1, { services: {} });
  const idle = { weight: 1, inFlight: 0, oldestAtMs: 0, latencyMs: 10, peakMs: 10, updatedAtMs: 0 };
  const view = (address: string, others: number): EndpointView => ({
    ...idle,
    address,
    reportedLoad: others,
    othersInFlight: others,
    reportedAtMs: 0,
  });
  const endpoints = [view("memory@busy", 9), view("memory@free", 0)];
  const seen = (policy: Policy) => {
    const mode = modeOf(policy, fleet, seededRandom(1));
    if (typeof mode === "string") throw new TypeError(`${policy} is a policy of the library`);
    const picks = Array.from(
      { length: 50 },
      () => mode.pick(endpoints, { nowMs: 0, meanOthers: 4 })?.address,
    );
    return new Set(picks);
  };
  assertEquals(seen("without_reports").size, 2);
  await fleet.close();
});

Deno.test("a run comes out the same each time, whatever the policy", async () => {
  const [, , slowInTurn] = IN_TURN;
  for (const policy of ["probing", "shortest_expected_delay"] as const) {
    const once = await run({ ...slowInTurn, ...SHORT }, policy, 5);
    assertEquals(await run({ ...slowInTurn, ...SHORT }, policy, 5), once);
    assertEquals([once.errors, once.scenario], [0, "B70 in turn"]);
    assert(once.calls > 6000 && once.p99 > once.p50, JSON.stringify(once));
  }
});

Deno.test("what is counted: answers, work, and answers from other zones", async () => {
  const plain = await run({ ...A70, ...SHORT }, "oracle", 1);
  assert(Math.abs(plain.goodput - 0.7) < 0.03, `${plain.goodput}`);
  assert(Math.abs(plain.usefulWork - 0.7) < 0.06, `${plain.usefulWork}`);
  assertEquals([plain.outOfZone, plain.failedP50], [0, NaN]);
  const zones = (name: string) => ZONES.find((one) => one.name === name)!;
  const untold = await run({ ...zones("two zones"), ...SHORT }, "least_loaded", 4);
  assert(Math.abs(untold.outOfZone - 0.5) < 0.05, `${untold.outOfZone}`);
  const told = await run({ ...zones("two zones, told"), ...SHORT }, "least_loaded", 4);
  assert(told.outOfZone < 0.02, `${told.outOfZone}`);
});
