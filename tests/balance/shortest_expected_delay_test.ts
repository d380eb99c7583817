import { assert, assertEquals } from "@std/assert";
import { createSelector, type EndpointView, SelectMode } from "../../selector.ts";
import { FakeClock, FakeFleet, seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { endpoint, endpoints, picks } from "../support/endpoint_views.ts";

/** What shortest expected delay picks; ties go to the first. */
function shortest(from: readonly EndpointView[], nowMs = 0): string {
  const selector = createSelector(SelectMode.ShortestExpectedDelay, { random: () => 0.999 });
  return picks(selector, from, 1, nowMs);
}

Deno.test("shortest expected delay: (in flight + 1) / weight among equal endpoints", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => endpoint(address, { latencyMs: 10 }));
  [a.inFlight, b.inFlight, c.inFlight] = [2, 1, 3];
  assertEquals(shortest([a, b, c]), "b");
  a.weight = 2; // 3/2 against 2/1
  assertEquals(shortest([a, b, c]), "a");
});

Deno.test("shortest expected delay: up to 1.5 times slower counts as equal", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => endpoint(address, { latencyMs: 10 }));
  b.inFlight = c.inFlight = 1;
  a.latencyMs = 14.9; // f = 1: a costs 1, the others 2
  assertEquals(shortest([a, b, c]), "a");
  a.latencyMs = 19; // f = 1.9
  assertEquals(shortest([a, b, c]), "a");
  a.latencyMs = 21; // f = 2.1
  assertEquals(shortest([a, b, c]), "b");
});

Deno.test("shortest expected delay: slowness fades while no calls go there", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => endpoint(address, { latencyMs: 10 }));
  b.inFlight = c.inFlight = 3; // they cost 4
  a.latencyMs = 100; // 10 × e^(−t/10 s) is below 4 from 9.163 s on
  for (const [nowMs, expected] of [[0, "b"], [9_100, "b"], [9_200, "a"]] as const) {
    b.updatedAtMs =
      c.updatedAtMs =
      b.oldestAtMs =
      c.oldestAtMs =
        nowMs;
    assertEquals(shortest([a, b, c], nowMs), expected, `at ${nowMs}`);
  }
});

Deno.test("shortest expected delay: the age of the oldest unanswered call counts", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => endpoint(address, { latencyMs: 10 }));
  a.inFlight = 1;
  b.inFlight = c.inFlight = 3; // they cost 4, a costs 2 × age/10
  a.oldestAtMs = b.oldestAtMs = c.oldestAtMs = 1000;
  assertEquals(shortest([a, b, c], 1014), "a"); // 14 ms are nothing unusual
  b.oldestAtMs = c.oldestAtMs = 1021;
  assertEquals(shortest([a, b, c], 1019), "a"); // 3.8
  assertEquals(shortest([a, b, c], 1021), "b"); // 4.2
});

Deno.test("shortest expected delay: none is slow while no reply times are known", () => {
  const [a, b] = [endpoint("a", { inFlight: 1, oldestAtMs: 0 }), endpoint("b", { inFlight: 2 })];
  assertEquals(shortest([a, b], 60_000), "a");
});

Deno.test("shortest expected delay: ties are broken at random, evenly", () => {
  const random = seededRandom(5);
  const selector = createSelector(SelectMode.ShortestExpectedDelay, { random });
  const from = [endpoint("busy", { inFlight: 1 }), ...endpoints(4)];
  const counts = new Map<string, number>();
  for (let time = 0; time < 8000; time++) {
    const { address } = selector.pick(from, { nowMs: 0 })!;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  assertEquals(counts.has("busy"), false);
  for (const { address } of from.slice(1)) {
    assert(Math.abs(counts.get(address)! - 2000) < 160); // four standard deviations
  }
});

Deno.test("shortest expected delay: the reference is calculated every 100 ms", () => {
  const selector = createSelector(SelectMode.ShortestExpectedDelay, { random: () => 0 });
  const [a, b, c] = ["a", "b", "c"].map((address) => endpoint(address, { latencyMs: 10 }));
  const from = [a, b, c];
  b.inFlight = c.inFlight = 1;
  assertEquals(picks(selector, from, 1, 0), "a");
  a.latencyMs = b.latencyMs = c.latencyMs = 1000; // equal, but the reference is an old one
  b.inFlight = c.inFlight = 0;
  a.inFlight = 0;
  a.updatedAtMs = b.updatedAtMs = c.updatedAtMs = 99;
  a.latencyMs = 1400;
  assert(picks(selector, from, 1, 99) !== "a");
  b.inFlight = c.inFlight = 1;
  assertEquals(picks(selector, from, 1, 100), "a"); // 1.4 times the reference is equal
});

Deno.test("shortest expected delay: the reference is the lower quartile", () => {
  for (
    const [fast, slow, isSlow] of [
      [1, 1, true],
      [1, 2, true],
      [1, 3, true],
      [1, 4, false], // the second of five is slow, too
      [2, 3, true],
      [2, 7, false],
      [5, 15, true],
    ]
  ) {
    const view = (latencyMs: number) => (_: unknown, place: number) =>
      endpoint(`${latencyMs} ms, ${place}`, { latencyMs, inFlight: latencyMs === 10 ? 3 : 0 });
    const from = [
      ...Array.from({ length: Number(fast) }, view(10)),
      ...Array.from({ length: Number(slow) }, view(1000)),
    ];
    assertEquals(shortest(from).startsWith("10 ms"), isSlow, `${fast} fast, ${slow} slow`);
  }
});

Deno.test("one caller and one slow server of two: a few calls find out that it is slow", async () => {
  const clock = new FakeClock();
  const services = { Work: { Do: () => null } };
  const fleet = await FakeFleet.start(2, { clock, services, workMs: () => 1 });
  fleet.servers[1].setFaults({ slow: 100 });
  const xclient = new XClient(fleet.discovery, { ...fleet.clientOptions, random: seededRandom(3) });
  let isDone = false;
  const calls = (async () => {
    for (let n = 0; n < 400; n++) await xclient.call("Work.Do", null);
    isDone = true;
  })();
  while (!isDone) await clock.advance(1);
  await calls;
  const [fast, slow] = fleet.servers;
  assert(slow.calls <= 4, `${slow.calls} of ${fast.calls + slow.calls} calls at the slow server`);
  await xclient.close();
  await fleet.close();
});
