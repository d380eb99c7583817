/** Hedges: a second copy of a slow call, and the first reply wins. */

import { assert, assertEquals } from "@std/assert";
import { FailMode } from "../../fleet/fail_mode.ts";
import type { CallContext } from "../../server.ts";
import { attemptsOf, type Case, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, settled } from "../support/helpers.ts";

/** Lets a client learn that replies take 20 ms or so. */
async function learn({ pass, nodes }: Case, xclient: Case["xclient"], tookMs = 20): Promise<void> {
  for (const node of nodes) node.behaviour = "hold";
  for (let n = 0; n < 40; n++) {
    const call = xclient.call("Work.Do", n);
    await pass(tookMs);
    for (const { held } of nodes) for (const end of held.splice(0)) end.resolve("learnt");
    await call;
  }
  for (const node of nodes) {
    node.ran.length = 0;
    node.came = 0;
  }
}

const backup = { failMode: FailMode.Failbackup, idempotent: true } as const;

Deno.test("a hedge goes elsewhere at the measured p95; the loser is cancelled", () =>
  withNodes(2, async (test) => {
    const { xclient, nodes: [a, b], pass } = test;
    await learn(test, xclient);
    const outcome = watch(xclient.call("Work.Do", "x", backup));
    await pass(19);
    assertEquals([a.came, b.came], [1, 0]);
    await pass(3); // the p95 is at most 9 % off
    assertEquals([a.came, b.came], [1, 1]);
    b.held[0].resolve("b");
    await settled();
    assertEquals(outcome.value, "b");
    assertEquals([a.aborted, b.aborted], [1, 0]);
    const [first, second] = xclient.endpoints();
    assertEquals([first.inFlight, second.inFlight], [0, 0]);
    assertEquals([first.failures, second.failures], [0, 0]);
  }));

Deno.test("a hedge that loses is cancelled too", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { ...backup, hedgeAfterMs: 10 }));
    await pass(10);
    a.held[0].resolve("a");
    await settled();
    assertEquals([outcome.value, a.aborted, b.aborted], ["a", 0, 1]);
    b.held[0].reject(new Error("too late to matter"));
    await settled();
  }));

Deno.test("no hedge for a call that must not run twice, nor for one that is fast", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    a.behaviour = "hold";
    const options = { failMode: FailMode.Failbackup, hedgeAfterMs: 10 };
    const slow = watch(xclient.call("Work.Do", 1, options));
    await pass(1000);
    assertEquals([a.came, b.came, slow.state], [1, 0, "pending"]);
    assertEquals(await xclient.call("Work.Do", 1, { ...options, idempotent: true }), "b");
    await pass(1000);
    assertEquals([a.came, b.came], [1, 1]);
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("hedges are within 5 % of the calls, and one a second", () =>
  withNodes(2, async (test) => {
    const { xclient, nodes, pass } = test;
    for (const node of nodes) node.behaviour = "hold";
    const calls = 400;
    for (let n = 0; n < calls; n++) {
      const call = xclient.call("Work.Do", n, { ...backup, hedgeAfterMs: 1 });
      await pass(2); // each would like to be hedged
      for (const { held } of nodes) for (const end of held.splice(0)) end.resolve(n);
      await call;
    }
    const came = nodes.reduce((sum, node) => sum + node.came, 0);
    assert(came - calls <= 0.05 * calls + 0.002 * calls + 1, String(came));
    assert(came - calls >= 0.05 * calls - 1, String(came));
  }));

Deno.test("a call with maxAttempts 1 takes no hedge from the budget", () =>
  withNodes(2, async ({ client, nodes: [a, b], pass }) => {
    const xclient = client({ hedgeBudget: { ratio: 0, perSecond: 0.001 } }); // for one
    a.behaviour = b.behaviour = "hold";
    const options = { ...backup, hedgeAfterMs: 10 };
    const once = watch(xclient.call("Work.Do", 1, { ...options, maxAttempts: 1 }));
    await pass(10);
    assertEquals(a.came + b.came, 1);
    const hedged = watch(xclient.call("Work.Do", 2, options));
    await pass(10);
    assertEquals(a.came + b.came, 3);
    for (const { held } of [a, b]) for (const end of held) end.resolve("done");
    await settled();
    assertEquals([once.value, hedged.value], ["done", "done"]);
  }));

Deno.test("a hedged call whose first copy fails waits for the second", () =>
  withNodes(3, async ({ xclient, nodes: [a, b, c], pass, world }) => {
    a.behaviour = b.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { ...backup, hedgeAfterMs: 10 }));
    await pass(10);
    world.network.cut(a.address);
    await settled();
    assertEquals([outcome.state, c.came], ["pending", 0]);
    b.held[0].resolve("b");
    await settled();
    assertEquals(outcome.value, "b");
  }));

Deno.test("an answer is an answer, also if it is an error and a copy is on its way", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { ...backup, hedgeAfterMs: 10 }));
    await pass(10);
    b.held[0].reject(new Error("no such user"));
    await settled();
    assertFailure(outcome.error, { code: "unknown", execution: "answered", address: b.address });
    assertEquals(a.aborted, 1);
  }));

Deno.test("what is certain about one copy is not what is certain about the call", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    a.site.server.register("Shard", { Get: () => new Promise(() => {}) });
    b.site.server.register("Shard", {
      Get: (_: unknown, context: CallContext) => {
        throw context.reject("it is not here", "invalid_argument");
      },
    });
    const outcome = watch(xclient.call("Shard.Get", 1, { ...backup, hedgeAfterMs: 10 }));
    await pass(10);
    assertFailure(outcome.error, { code: "invalid_argument", execution: "unknown" });
    assertEquals(attemptsOf(outcome.error).length, 2);
  }));
