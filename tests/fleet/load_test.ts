/** A server's live figures, by hand-computed values. */

import { assert, assertAlmostEquals, assertEquals, assertStrictEquals } from "@std/assert";
import { InFlight, Load, type Outcome } from "../../fleet/load.ts";
import { between } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

/** One call from `fromMs` to `toMs`. */
function run(load: Load, fromMs: number, toMs: number, outcome: Outcome = "success"): void {
  const call = new InFlight();
  load.begin(call, fromMs);
  load.end(call, toMs, outcome);
}

Deno.test("nothing is known at first", () => {
  const { inFlight, latencyMs, peakMs, successes, failures, oldestAtMs } = new Load();
  assertEquals({ inFlight, latencyMs, peakMs, successes, failures, oldestAtMs }, {
    inFlight: 0,
    latencyMs: 0,
    peakMs: 0,
    successes: 0,
    failures: 0,
    oldestAtMs: Infinity,
  });
});

Deno.test("the first reply time is taken as it is, the next by their age", () => {
  const load = new Load();
  run(load, 0, 20);
  assertEquals([load.latencyMs, load.peakMs, load.updatedAtMs], [20, 20, 20]);
  // Half a second later what was known counts e^(−0.05).
  run(load, 510, 520);
  const kept = Math.exp(-0.05);
  assertAlmostEquals(load.latencyMs, 20 * kept + 10 * (1 - kept), 1e-9);
  assertAlmostEquals(load.peakMs, 20 * kept + 10 * (1 - kept), 1e-9);
  assertEquals(load.updatedAtMs, 520);
});

Deno.test("after a long time the peak has faded by its age", () => {
  const load = new Load();
  run(load, 0, 20);
  run(load, 10_010, 10_020);
  const kept = Math.exp(-1);
  assertAlmostEquals(load.peakMs, 20 * kept + 10 * (1 - kept), 1e-9);
});

Deno.test("a server that was slow, was avoided for long, and is fast when tried again, recovers faster", () => {
  const load = new Load();
  run(load, 0, 200);
  run(load, 15_180, 15_200);
  const kept = Math.exp(-1.5);
  assert(load.latencyMs >= 20 && load.latencyMs < 200 * kept + 20 * (1 - kept));
  const slow = new Load();
  run(slow, 0, 200);
  run(slow, 14_900, 15_200); // but not if it is slow
  assertAlmostEquals(slow.latencyMs, 200 * kept + 300 * (1 - kept), 1e-9);
});

Deno.test("a slower reply replaces the peak at once, and the smoothed time bit by bit", () => {
  const load = new Load();
  run(load, 0, 10);
  run(load, 0, 110); // 100 ms later
  const kept = Math.exp(-0.01);
  assertEquals(load.peakMs, 110);
  assertAlmostEquals(load.latencyMs, 10 * kept + 110 * (1 - kept), 1e-9);
});

Deno.test("replies at one and the same time leave the figures as they are", () => {
  const load = new Load();
  run(load, 0, 10);
  run(load, 5, 10);
  assertEquals(load.latencyMs, 10);
  assertEquals(load.successes, 2);
});

Deno.test("a failure never looks fast", () => {
  const load = new Load();
  run(load, 0, 1, "failure");
  assert(load.latencyMs >= 1000 && load.peakMs >= 1000);
  assertEquals([load.successes, load.failures], [0, 1]);
  const busy = new Load();
  run(busy, 0, 10);
  run(busy, 1009, 1010, "failure");
  assert(busy.latencyMs > 10 && busy.peakMs >= 1000);
});

Deno.test("a failure that took longer counts as long as it took", () => {
  const load = new Load();
  run(load, 0, 5000, "failure");
  assertEquals(load.latencyMs, 5000);
});

Deno.test("a call that was given up counts only if it had taken long already", () => {
  const load = new Load();
  run(load, 0, 10);
  run(load, 100, 105, "given_up");
  assertEquals([load.latencyMs, load.updatedAtMs], [10, 10]);
  run(load, 100, 400, "given_up");
  assert(load.latencyMs > 10);
  assertEquals([load.successes, load.failures], [1, 0]);
});

Deno.test("the oldest call in flight is known whichever ends, as in a model", () => {
  const random = seededRandom(1);
  const load = new Load();
  const model: InFlight[] = [];
  for (let step = 0; step < 5000; step++) {
    if (model.length === 0 || random() < 0.5) {
      const call = new InFlight();
      load.begin(call, step);
      model.push(call);
    } else {
      const [call] = model.splice(between(random, 0, model.length - 1), 1);
      load.end(call, step, "success");
      assertEquals([call.older, call.newer], [undefined, undefined]);
    }
    assertEquals(load.inFlight, model.length);
    assertEquals(load.oldestAtMs, model[0]?.startedAtMs ?? Infinity);
    if (step % 100 === 0) {
      const calls = [...load.calls()];
      assertEquals(calls.length, model.length);
      calls.forEach((call, place) => assertStrictEquals(call, model[place]));
    }
  }
});

Deno.test("calls may end while they are gone through", () => {
  const load = new Load();
  const links = [new InFlight(), new InFlight(), new InFlight()];
  links.forEach((call, place) => load.begin(call, place));
  let seen = 0;
  for (const call of load.calls()) {
    seen++;
    load.end(call, 10, "success");
  }
  assertEquals([seen, load.inFlight], [3, 0]);
});

Deno.test("what the server tells of its load, without our own calls", () => {
  const load = new Load();
  assertEquals([load.reportedLoad, load.othersInFlight], [undefined, 0]);
  assertEquals([load.report(7, 2, 100), load.othersInFlight], [5, 5]);
  assertEquals([load.reportedLoad, load.reportedAtMs], [7, 100]);
  assertEquals(load.report(1, 3, 200), 0); // two of ours have not arrived there
  assertEquals([load.reportedLoad, load.othersInFlight, load.reportedAtMs], [1, 0, 200]);
  load.report(9, 0, 300);
  load.forgetReport();
  assertEquals([load.reportedLoad, load.othersInFlight], [undefined, 0]);
});

Deno.test("a call that was refused for the queue it met says nothing of the server", () => {
  const load = new Load();
  run(load, 0, 10);
  const before = { ...load };
  run(load, 20, 60_000, "unexpected");
  assertEquals({ ...load }, before);
});
