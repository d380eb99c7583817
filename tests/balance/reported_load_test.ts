/** What servers have told of their load, in the default policy: by hand-computed values. */

import { assertEquals } from "@std/assert";
import type { EndpointView, PickContext } from "../../selector.ts";
import { ShortestExpectedDelaySelector } from "../../balance/shortest_expected_delay.ts";
import { endpoint } from "../support/endpoint_views.ts";

/** A pick over endpoints; ties go to the first. */
function pick(
  from: readonly EndpointView[],
  context: Partial<PickContext> = {},
): string | undefined {
  const selector = new ShortestExpectedDelaySelector(() => 0.999);
  return selector.pick(from, { nowMs: 0, meanOthers: 1, ...context })?.address;
}

/** An endpoint with reply times of 10 ms, so that what is told fades within 640 ms. */
function known(address: string, more: Partial<EndpointView> = {}): EndpointView {
  return endpoint(address, { latencyMs: 10, ...more });
}

/** The same with a report. */
function told(address: string, others: number, more: Partial<EndpointView> = {}): EndpointView {
  const own = more.inFlight ?? 0;
  return known(address, { reportedLoad: own + others, othersInFlight: others, ...more });
}

const HALF_MS = 640 * Math.log(2);

Deno.test("the calls of others count like our own; what is not known counts as the mean", () => {
  const table: readonly [string, EndpointView[], Partial<PickContext>, string][] = [
    ["others", [told("a", 3), told("b", 2)], {}, "b"],
    ["own and others", [told("a", 2, { inFlight: 2 }), told("b", 3)], {}, "b"],
    ["equal", [told("a", 2), told("b", 2)], {}, "a"],
    ["no report: the mean", [known("a"), told("b", 2)], { meanOthers: 3 }, "b"],
    ["no report: the mean", [known("a"), told("b", 2)], { meanOthers: 1 }, "a"],
    ["none at all: as before", [known("a", { inFlight: 1 }), known("b")], { meanOthers: 9 }, "b"],
    ["for its weight", [told("a", 3, { weight: 3 }), told("b", 1)], {}, "a"],
    [
      "times how slow it is",
      [told("a", 1, { latencyMs: 30 }), told("b", 4), told("c", 5)],
      {},
      "b",
    ],
    // At half of its worth 8 is 5, and 0 is 1.
    ["old", [told("a", 8), told("b", 0, { inFlight: 5 })], { nowMs: HALF_MS, meanOthers: 2 }, "a"],
    ["fresh", [told("a", 8), told("b", 0, { inFlight: 5 })], { meanOthers: 2 }, "b"],
  ];
  for (const [name, from, context, picked] of table) {
    // What is in flight began just now.
    const nowMs = context.nowMs ?? 0;
    const young = from.map((view) => ({ ...view, oldestAtMs: nowMs }));
    assertEquals(pick(young, context), picked, name);
  }
});

Deno.test("only where calls may queue: two endpoints, replies of a millisecond, other clients", () => {
  const [busy, free] = [told("a", 9), told("b", 0, { inFlight: 1 })];
  assertEquals(pick([busy, free]), "b");
  assertEquals([0.01, 0.009, 0].map((meanOthers) => pick([busy, free], { meanOthers })), [
    "b",
    "a",
    "a",
  ]);
  const quick = [busy, free].map((view) => ({ ...view, latencyMs: 0.99 }));
  assertEquals(pick(quick), "a");
  const unknown = [busy, free].map((view) => ({ ...view, latencyMs: 0 }));
  assertEquals(pick(unknown), "a");
  const selector = new ShortestExpectedDelaySelector(() => 0);
  const fadeMs = (from: readonly EndpointView[], nowMs: number) => {
    selector.pick(from, { nowMs, meanOthers: 1 });
    return selector.reportsFadeMs;
  };
  assertEquals([fadeMs([busy], 0), fadeMs([busy, free], 1), fadeMs(quick, 2)], [0, 640, 0]);
});

Deno.test("how many calls are expected: ours, and others' as far as the report is fresh", () => {
  const selector = new ShortestExpectedDelaySelector(() => 0);
  const a = told("a", 8, { inFlight: 2, reportedAtMs: 100 });
  const b = known("b", { inFlight: 1 });
  selector.pick([a, b], { nowMs: 100, meanOthers: 3 });
  const expected = (view: EndpointView, nowMs: number, meanOthers = 3) =>
    selector.expectedAt(view, { nowMs, meanOthers });
  assertEquals([99, 100, 100 + HALF_MS, 1e6].map((ms) => expected(a, ms)), [10, 10, 7, 5]);
  assertEquals([expected(b, 100), expected(b, 100, 2.9), expected(b, 100, 0)], [4, 3, 1]);
});

Deno.test("so many calls more as are done while a call is sent away", () => {
  const selector = new ShortestExpectedDelaySelector(() => 0);
  const a = told("a", 2, { inFlight: 1 });
  selector.pick([a, known("b")], { nowMs: 0, meanOthers: 3 });
  const table = [[0, 3], [4.9, 3], [5, 4], [7, 5], [8, 7], [10, Infinity], [50, Infinity]];
  for (const [roundTripMs, calls] of table) {
    const expected = selector.expectedAt({ ...a, roundTripMs }, { nowMs: 0, meanOthers: 3 });
    assertEquals(expected, calls, `${roundTripMs} ms of 10 ms`);
  }
});

Deno.test("one that is late with its answer to a ping is passed over while others are there", () => {
  const late = told("a", 0, { lateAtMs: 20 });
  const busy = told("b", 50, { lateAtMs: 30 });
  const at = (nowMs: number) => pick([late, busy], { nowMs });
  assertEquals([at(19), at(20), at(29)], ["a", "b", "b"]);
  assertEquals(at(30), "a"); // both are
});
