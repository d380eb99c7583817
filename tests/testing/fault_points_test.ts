/** Waits and failures at points in the library's own code, which the explorer sets. */

import { assert, assertEquals } from "@std/assert";
import { atFaultPoint } from "../../internal/fault_points.ts";
import { AT_POINTS } from "../../testing/explorer/fault_points.ts";
import {
  type CallStep,
  type ClientPlan,
  explore,
  ExploreError,
  type FaultPoint,
  type Plan,
  type PointStep,
  runPlan,
} from "../../testing.ts";
import { XClient } from "../../xclient.ts";

const CALL = { atMs: 0, do: "call", client: "c1", kind: "call", method: 0, workMs: 10 } as const;

/** One call of one client at two servers, another one later, and what happens at a point. */
function planWith(
  step: Omit<PointStep, "atMs" | "do">,
  { client = {}, call = {} }: { client?: Partial<ClientPlan>; call?: Partial<CallStep> } = {},
): Plan {
  const mode = { mode: "round_robin", failMode: "failover", discovery: "watch" } as const;
  return {
    seed: 1,
    delayMs: 0,
    maxMessageBytes: 4096,
    servers: ["s1", "s2"].map((name) => ({ name, protocol: "geerpc/json", maxInFlight: 1 })),
    clients: [{ name: "c1", ...mode, ...client }],
    steps: [
      { atMs: 0, do: "point", ...step },
      ...[1, 2, 3].map((id) => ({ ...CALL, id, ...call })),
      { ...CALL, atMs: 400, id: 4 },
    ],
  };
}

const POINTS = Object.keys(AT_POINTS) as FaultPoint[];
const ASKED = { client: { discovery: "ask" } } as const;

Deno.test("each point can be made to wait, and everything holds", async () => {
  for (const point of POINTS.filter((point) => AT_POINTS[point] !== "throws")) {
    const plan = planWith({ point, times: 3, waitMs: 20 }, point === "list_answered" ? ASKED : {});
    const { violations, calls, text } = await runPlan(plan);
    assertEquals(violations, []);
    assertEquals(calls.filter(({ outcome }) => outcome?.ok).length, 5, `${point}\n${text}`);
    assert(text.includes(`${point} waits for 20 ms`), text);
    assertEquals((await runPlan(plan)).text, text);
  }
});

Deno.test("each point that may fail fails, and everything holds", async () => {
  for (const point of POINTS.filter((point) => AT_POINTS[point] !== "waits")) {
    const { violations, calls, text } = await runPlan(planWith({ point, times: 1 }));
    assertEquals(violations, []);
    assert(text.includes(`${point} fails`), text);
    const failed = calls.filter(({ outcome }) => outcome?.ok === false);
    // A connection that can't be used is like none: the calls go elsewhere. Others lose it.
    assertEquals(failed.length > 0, !point.startsWith("dial_"), `${point}\n${text}`);
  }
});

Deno.test("a wait ends when what waits there is not wanted any more", async () => {
  for (const point of ["dial_connected", "dial_opened", "dial_shared", "list_watched"] as const) {
    const { steps, ...plan } = planWith({ point, times: 9, waitMs: 5000 });
    const close = { atMs: 5, do: "close", client: "c1", graceMs: 0 } as const;
    const { violations, text } = await runPlan({ ...plan, steps: [...steps.slice(0, 4), close] });
    assertEquals(violations, []);
    assert(text.includes(`0 : ${point} waits for 5000 ms`), text);
    assert(text.includes("\n5 c1: has closed"), text);
  }
});

Deno.test("behind a run nothing happens at any point", async () => {
  await runPlan(planWith({ point: "reply_read", times: 1000, waitMs: 0 }));
  for (const point of POINTS) assertEquals(atFaultPoint(point), undefined);
});

Deno.test("what fails only by a point is found, and its plan keeps that point alone", async () => {
  const client = (...args: ConstructorParameters<typeof XClient>) => {
    const xclient = new XClient(...args);
    const call = xclient.call.bind(xclient);
    // A lost batch is taken for a success.
    xclient.call = ((...args: Parameters<typeof call>) =>
      call(...args).catch((error) => {
        if (`${error}`.includes("fault point batch_written")) return { Id: -1 };
        throw error;
      })) as typeof xclient.call;
    return xclient;
  };
  let found: ExploreError | undefined;
  // A certain call gets over a lost batch: it would take another point, too.
  const options = { seeds: 1000, client, shrinkRuns: 300, without: ["certain"] as const };
  await explore(options).catch((error) => found = error);
  assert(found instanceof ExploreError);
  assertEquals(found.violations[0].property, "a success is its call's answer");
  const points = found.plan.steps.filter((step) => step.do === "point");
  assertEquals(points.map(({ point, waitMs }) => [point, waitMs]), [["batch_written", undefined]]);
  assertEquals(points[0].times, 1);
});
