/** One call through as many tries as it takes and is allowed. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RpcError, type TimeoutError } from "../../errors.ts";
import type { FleetCallOptions } from "../../fleet/call.ts";
import { FailMode } from "../../fleet/fail_mode.ts";
import { SelectMode, type Selector } from "../../selector.ts";
import type { CallContext } from "../../server.ts";
import { type Case, type Node, story, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, between, failure, settled } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

type Certainty = "not_sent" | "rejected" | "unknown" | "answered";

/** Makes a server fail the next call with a certainty. */
const failDecode: Record<Certainty, (test: Case, node: Node) => void> = {
  not_sent: ({ world }, { address }) => world.network.setFaults(address, { refuse: true }),
  rejected: (_, node) => node.behaviour = "reject",
  unknown: (_, node) => node.behaviour = "hold",
  answered: (_, node) => node.behaviour = "fail",
};

/** Ends what a server holds without a word. */
async function cutIfHeld({ world }: Case, node: Node): Promise<void> {
  await settled();
  if (node.held.length > 0) world.network.cut(node.address);
  await settled();
}

for (const certainty of ["not_sent", "rejected", "unknown", "answered"] as const) {
  for (const idempotent of [false, true]) {
    for (const failMode of Object.values(FailMode)) {
      const again = certainty === "not_sent" || certainty === "rejected" ||
        certainty === "unknown" && idempotent;
      const tried = !again || failMode === FailMode.Failfast
        ? "a"
        : failMode === FailMode.Failtry
        ? "a a"
        : "a b";
      const name = `${failMode}: ${certainty}, ${idempotent ? "" : "not "}idempotent → ${tried}`;
      Deno.test(name, () =>
        withNodes(3, async (test) => {
          const { xclient, nodes: [a, b, c], pass, world } = test;
          failDecode[certainty](test, a);
          const call = xclient.call("Work.Do", 1, { idempotent, failMode, timeoutMs: 60_000 });
          const outcome = watch(call);
          await cutIfHeld(test, a);
          world.network.setFaults(a.address);
          a.behaviour = "echo";
          await pass(0); // a backoff of no length, if there is one
          const ran = certainty === "unknown" || certainty === "answered" ? [1] : [];
          if (tried === "a") {
            assertEquals(outcome.state, "rejected");
            const code = certainty === "answered" ? "unknown" : "unavailable";
            assertFailure(outcome.error, {
              code,
              execution: certainty,
              address: a.address,
              serviceMethod: "Work.Do",
            });
            const phase = certainty === "not_sent" ? "dial" : "call";
            assertEquals(story(outcome.error), [`a ${phase} round_robin ${code} ${certainty}`]);
            assertEquals([a.ran, b.ran, c.ran], [ran, [], []]);
          } else {
            assertEquals(outcome.value, tried.at(-1));
            const again = failMode === FailMode.Failtry ? [...ran, 1] : ran;
            assertEquals([a.ran, b.ran, c.ran], [again, tried === "a b" ? [1] : [], []]);
          }
          await pass(1000);
        }));
    }
  }
}

Deno.test("always another server; after a round through all, once more after a backoff", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const outcome = watch(xclient.call("Work.Do", 1, { maxAttempts: 4 }));
    await settled();
    assertEquals(nodes.map(({ came }) => came), [1, 1]);
    assertEquals(outcome.state, "pending");
    await pass(50);
    assertEquals(nodes.map(({ came }) => came), [2, 2]);
    assertEquals(story(outcome.error), [
      "a call round_robin unavailable rejected",
      "b call failover unavailable rejected",
      "a call failover unavailable rejected",
      "b call failover unavailable rejected",
    ]);
  }));

Deno.test("a new round does not begin with the server that failed last", () =>
  withNodes(2, async ({ nodes, pass, client }) => {
    // Chance that always says the last: a policy that would pick b for ever.
    const xclient = client({
      mode: { pick: (candidates) => candidates.at(-1) },
      random: () => 0.5,
    });
    for (const node of nodes) node.behaviour = "reject";
    const error = failure(xclient.call("Work.Do", 1, { maxAttempts: 5 }));
    await pass(1000);
    assertEquals(story(await error).map((line) => line[0]).join(""), "babab");
  }));

Deno.test("at most maxAttempts, three unless said otherwise", () =>
  withNodes(5, async ({ xclient, nodes, client }) => {
    for (const node of nodes) node.behaviour = "reject";
    for (const [options, tries] of [[{}, 3], [{ maxAttempts: 1 }, 1], [{ maxAttempts: 4 }, 4]]) {
      const error = await failure(xclient.call("Work.Do", 1, options as FleetCallOptions));
      assertEquals(story(error).length, tries);
    }
    const two = client({ maxAttempts: 2 });
    assertEquals(story(await failure(two.call("Work.Do"))).length, 2);
    assertEquals(story(await failure(two.call("Work.Do", 1, { maxAttempts: 3 }))).length, 3);
  }));

Deno.test("a stalled copy that fails during a backoff brings on no try beside the one to come", () =>
  withNodes(2, async ({ client, world, nodes: [a, b], pass }) => {
    const xclient = client({
      mode: { pick: ([first]) => first },
      random: () => 0.99,
      liveness: { silenceMs: 100, pongMs: 100 },
    });
    a.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { idempotent: true }));
    await settled();
    world.network.setFaults(a.address, { silent: true });
    b.behaviour = "reject";
    await pass(300); // the copy has been turned away
    assertEquals([a.came, b.came], [1, 1]);
    a.behaviour = b.behaviour = "hold";
    world.network.setFaults(a.address);
    world.network.cut(a.address);
    await settled();
    assertEquals([a.came, b.came], [1, 1]);
    await pass(100);
    assertEquals(a.came + b.came, 3);
    for (const { held } of [a, b]) for (const end of held) end.resolve("done");
    await settled();
    assertEquals(outcome.value, "done");
  }));

Deno.test("a server that has left the list during a backoff is not the client's own close", () =>
  withNodes(2, async ({ client, nodes: [a, b], list, pass }) => {
    const mode: Selector = { pick: ([first]) => first };
    const xclient = client({ mode, random: () => 0.99, failMode: FailMode.Failtry });
    a.behaviour = "reject";
    const outcome = watch(xclient.call("Work.Do", 1));
    await settled();
    await list([b]);
    await pass(1000);
    const error = { code: "unavailable", execution: "rejected", address: a.address } as const;
    assertFailure(outcome.error, { ...error, message: "the server has left the list" });
    assertEquals(a.came, 1);
  }));

Deno.test("one server alone is tried again after a backoff", () =>
  withNodes(1, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "reject";
    const outcome = watch(xclient.call("Work.Do", 1));
    await settled();
    assertEquals([outcome.state, a.came], ["pending", 1]);
    a.behaviour = "echo";
    await pass(50);
    assertEquals(outcome.value, "a");
  }));

Deno.test("the deadline spans all tries, and each server is told what is left", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { idempotent: true, timeoutMs: 1000 }));
    await pass(600);
    world.network.cut(a.address);
    await pass(399);
    assertEquals(outcome.state, "pending");
    assertEquals([a.leftMs.length, b.leftMs.length], [1, 1]);
    assert(Math.abs(a.leftMs[0]! - 1000) < 100 && Math.abs(b.leftMs[0]! - 400) < 100);
    await pass(1);
    assertFailure(outcome.error, {
      code: "TimeoutError",
      execution: "unknown",
      address: b.address,
      serviceMethod: "Work.Do",
    });
    assertEquals(story(outcome.error), [
      "a call round_robin unavailable unknown",
      "b call failover TimeoutError",
    ]);
    assertEquals((outcome.error as TimeoutError).attempts.map(({ elapsedMs }) => elapsedMs), [
      600,
      400,
    ]);
    await pass(1000);
    assertEquals(b.aborted, 1);
  }));

Deno.test("a deadline in the middle of a backoff", () =>
  withNodes(1, async ({ nodes: [a], client, pass }) => {
    a.behaviour = "reject";
    const xclient = client({ random: () => 0.99 });
    const outcome = watch(xclient.call("Work.Do", 1, { timeoutMs: 20 }));
    await pass(19);
    assertEquals(outcome.state, "pending");
    await pass(1);
    assertFailure(outcome.error, { code: "TimeoutError", execution: "rejected" });
    await pass(1000);
    assertEquals(a.came, 1);
  }));

Deno.test("a timeout that has passed already, or is no number: nothing is sent", () =>
  withNodes(1, async ({ xclient, nodes: [a] }) => {
    for (const timeoutMs of [0, -1, -Infinity]) {
      const error = await failure(xclient.call("Work.Do", 1, { timeoutMs }));
      assertFailure(error, { code: "TimeoutError", execution: "not_sent" });
    }
    assert(await failure(xclient.call("Work.Do", 1, { timeoutMs: NaN })) instanceof RangeError);
    assertEquals(a.came, 0);
    for (const timeoutMs of [Infinity, 1e300, undefined]) {
      assertEquals(await xclient.call("Work.Do", 1, { timeoutMs }), "a");
    }
  }));

Deno.test("a backoff ends at once when the signal aborts", () =>
  withNodes(1, async ({ nodes: [a], client, pass }) => {
    a.behaviour = "reject";
    const xclient = client({ random: () => 0.99 });
    const controller = new AbortController();
    const outcome = watch(xclient.call("Work.Do", 1, { signal: controller.signal }));
    await pass(10);
    assertEquals(outcome.state, "pending");
    const reason = new RpcError("aborted" as "canceled", "the caller's own");
    controller.abort(reason);
    await settled();
    assertStrictEquals(outcome.error, reason);
    assertEquals(reason.attempts, []); // the caller's objects are never changed
    assertEquals(reason.serviceMethod, undefined);
    await pass(1000);
    assertEquals(a.came, 1);
  }));

Deno.test("a signal that has aborted before: nothing is sent", () =>
  withNodes(1, async ({ xclient, nodes: [a] }) => {
    const signal = AbortSignal.abort("reason");
    assertEquals(await failure(xclient.call("Work.Do", 1, { signal })), "reason");
    assertEquals(a.came, 0);
  }));

Deno.test("an abort reaches the server, and tries no other", () =>
  withNodes(2, async ({ xclient, nodes: [a, b] }) => {
    a.behaviour = "hold";
    const controller = new AbortController();
    const { signal } = controller;
    const outcome = watch(xclient.call("Work.Do", 1, { signal, idempotent: true }));
    await settled();
    controller.abort();
    await settled();
    assertEquals((outcome.error as DOMException).name, "AbortError");
    assertEquals([a.aborted, b.came], [1, 0]);
  }));

Deno.test("a client that is closed ends calls that wait for another round", () =>
  withNodes(1, async ({ nodes: [a], client, pass }) => {
    a.behaviour = "reject";
    const xclient = client({ random: () => 0.99 });
    for (const graceMs of [0, 5000]) {
      const one = graceMs === 0 ? xclient : client({ random: () => 0.99 });
      const outcome = watch(one.call("Work.Do", 1));
      await pass(5);
      assertEquals(outcome.state, "pending");
      await one.close({ graceMs });
      assertFailure(outcome.error, { code: "canceled", serviceMethod: "Work.Do" });
      assertEquals(story(outcome.error), ["a call round_robin unavailable rejected"]);
    }
  }));

Deno.test("a call on a client that is closed leaves no timer behind", () =>
  withNodes(1, async ({ client, world }) => {
    const xclient = client({});
    await xclient.close();
    const error = await failure(xclient.call("Work.Do", 1, { timeoutMs: 60_000 }));
    assertFailure(error, { code: "canceled", execution: "not_sent", serviceMethod: "Work.Do" });
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("no more tries than the budget allows: a fifth of the calls and ten", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    for (const node of nodes) node.behaviour = "reject";
    const calls = 200;
    let tries = 0;
    for (let n = 0; n < calls; n++) {
      tries += story(await failure(xclient.call("Work.Do", n))).length;
    }
    assertEquals(tries, nodes.reduce((sum, { came }) => sum + came, 0));
    assert(tries <= calls * 1.2 + 10 && tries >= calls * 1.2 + 8, String(tries));
  }, { health: { failuresInARow: Infinity, minSuccessRate: 0 } }));

Deno.test("a budget of nothing means one try", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    for (const node of nodes) node.behaviour = "reject";
    assertEquals(story(await failure(xclient.call("Work.Do", 1))).length, 1);
  }, { retryBudget: { ratio: 0, perSecond: 0 } }));

Deno.test("idempotent: said for the call, for a method by name, or by a test", () =>
  withNodes(2, async ({ client, nodes: [a, b], world }) => {
    const asked: string[] = [];
    const ways: [Parameters<typeof client>[0], FleetCallOptions, boolean][] = [
      [{}, { idempotent: true }, true],
      [{ idempotent: ["Work.Do"] }, {}, true],
      [{ idempotent: ["Work.Other"] }, {}, false],
      [{ idempotent: (name) => asked.push(name) > 0 }, {}, true],
      [{ idempotent: ["Work.Do"] }, { idempotent: false }, false],
      [{}, {}, false],
    ];
    for (const [options, callOptions, isRepeated] of ways) {
      a.behaviour = "hold";
      const xclient = client(options);
      const outcome = watch(xclient.call("Work.Do", 1, callOptions));
      await settled();
      world.network.cut(a.address);
      await settled();
      assertEquals(outcome.state, isRepeated ? "resolved" : "rejected");
    }
    assertEquals(asked, ["Work.Do"]);
    assertEquals(b.ran.length, 3);
  }));

Deno.test("what is certain about the last try is not what is certain about the call", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], world }) => {
    a.behaviour = "hold";
    world.network.setFaults(b.address, { refuse: true });
    const outcome = watch(xclient.call("Work.Do", 1, { idempotent: true, maxAttempts: 2 }));
    await settled();
    world.network.cut(a.address); // it may have run there
    await settled();
    assertFailure(outcome.error, { code: "unavailable", execution: "unknown" });
    assertEquals(story(outcome.error), [
      "a call round_robin unavailable unknown",
      "b dial failover unavailable not_sent",
    ]);
  }));

Deno.test("calls that share a failed dial have an error of their own each", () =>
  withNodes(1, async ({ client, nodes: [a], world }) => {
    const xclient = client({ maxAttempts: 1 });
    world.network.setFaults(a.address, { refuse: true });
    const calls = ["Work.Do", "Work.Other"].map((method) => failure(xclient.call(method)));
    const [one, other] = await Promise.all(calls) as RpcError[];
    assertEquals([one.serviceMethod, other.serviceMethod], ["Work.Do", "Work.Other"]);
    assertFailure(one, { code: "unavailable", address: a.address, serviceMethod: "Work.Do" });
    assertEquals([one.attempts.length, other.attempts.length], [1, 1]);
  }));

Deno.test("an error can be written as JSON: its story does not contain itself", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const error = await failure(xclient.call("Work.Do", 1, { maxAttempts: 2 }));
    assertEquals(JSON.parse(JSON.stringify(error)).attempts.length, 2);
    for (const node of nodes) node.behaviour = "hold";
    const late = failure(xclient.call("Work.Do", 1, { timeoutMs: 10 }));
    await pass(10);
    JSON.stringify(await late);
  }));

Deno.test("an argument that can't be sent is nobody's fault, and tried once", () =>
  withNodes(2, async ({ client, nodes }) => {
    const xclient = client({ maxMessageBytes: 1000 });
    await xclient.call("Work.Do");
    await xclient.call("Work.Do");
    for (let n = 0; n < 20; n++) {
      const long = await failure(xclient.call("Work.Do", "x".repeat(2000)));
      assertFailure(long, { code: "resource_exhausted", execution: "not_sent" });
      assertEquals(story(long).length, 1);
      assertFailure(await failure(xclient.call("Work.Do", 5n)), { code: "invalid_argument" });
    }
    assertEquals(nodes.map(({ came }) => came), [1, 1]);
    assertEquals(xclient.endpoints().map(({ health, failures }) => [health, failures]), [
      ["healthy", 0],
      ["healthy", 0],
    ]);
  }));

Deno.test("a caller's test of what is idempotent that throws fails the call, and only it", () =>
  withNodes(1, async ({ client }) => {
    const xclient = client({
      idempotent: (name) => {
        if (name === "Work.Do") throw new Error("the caller's own");
        return false;
      },
    });
    const error = await failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 }));
    assertEquals((error as Error).message, "the caller's own");
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
  }));

// Hedging.

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

Deno.test("a call that may have one try only takes no hedge away from others", () =>
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
    assertEquals(story(outcome.error).length, 2);
  }));

// Dials.

Deno.test("a dial that takes long: the call goes to whoever is connected", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    world.network.setFaults(a.address, { unroutable: true });
    const outcome = watch(xclient.call("Work.Do", 1));
    assertEquals(await xclient.call("Work.Do", 2), "b");
    await pass(499);
    assertEquals(outcome.state, "pending");
    await pass(1);
    assertEquals([outcome.value, b.ran], ["b", [2, 1]]);
  }));

Deno.test("a dial that takes long and nobody is connected: others are dialled meanwhile", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], pass }) => {
    for (const { address } of [a, b]) world.network.setFaults(address, { unroutable: true });
    world.network.setFaults(c.address, { delayMs: 50 });
    const outcome = watch(xclient.call("Work.Do", 1, { timeoutMs: 3000 }));
    await pass(1500);
    assertEquals([outcome.value, c.ran], ["c", [1]]);
    world.network.setFaults(c.address);
  }));

Deno.test("a call that was sent when its slow dial ended does not go elsewhere as well", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    world.network.setFaults(a.address, { delayMs: 550 });
    world.network.setFaults(b.address, { delayMs: 300 });
    const outcome = watch(xclient.call("Work.Do", 1));
    await pass(540); // after 500 ms b is dialled too
    for (const { address } of [a, b]) world.network.setFaults(address);
    await pass(1000);
    assertEquals([a.ran, b.ran, xclient.endpoints()[1].connected], [[1], [], true]);
    a.held[0].resolve("a");
    await settled();
    assertEquals(outcome.value, "a");
  }));

Deno.test("a slow dial is waited for if there is no other server", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass }) => {
    world.network.setFaults(a.address, { delayMs: 900 });
    const outcome = watch(xclient.call("Work.Do", 1));
    await pass(899);
    world.network.setFaults(a.address);
    await pass(1);
    assertEquals(outcome.value, "a");
  }));

Deno.test("neither failfast nor failtry leave a slow dial", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    world.network.setFaults(a.address, { unroutable: true });
    const fast = watch(xclient.call("Work.Do", 1, { failMode: FailMode.Failfast }));
    assertEquals(await xclient.call("Work.Do", 2), "b");
    await pass(9_999);
    assertEquals(fast.state, "pending");
    await pass(1);
    assertFailure(fast.error, { code: "unavailable", address: a.address });
    assertEquals(b.came, 1);
  }));

Deno.test("the time of a dial is no reply time", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass }) => {
    a.behaviour = "hold";
    world.network.setFaults(a.address, { delayMs: 400 });
    const call = xclient.call("Work.Do", 1);
    await pass(399);
    world.network.setFaults(a.address);
    await pass(6);
    a.held[0].resolve(1);
    await call;
    assertEquals(xclient.endpoints()[0].latencyMs, 5);
  }));

// What must never happen.

Deno.test("a call that is not idempotent never runs twice, whatever fails", () =>
  withNodes(4, async ({ nodes, world, pass, client }) => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed);
      const mode = Object.values(SelectMode)[seed % 6];
      const xclient = client({ random, mode, hedgeBudget: { ratio: 1, perSecond: 100 } });
      const outcomes: Promise<unknown>[] = [];
      for (const node of nodes) node.ran.length = 0;
      for (let step = 0; step < 120; step++) {
        const node = nodes[between(random, 0, nodes.length - 1)];
        const dice = random();
        if (dice < 0.1) world.network.cut(node.address);
        else if (dice < 0.2) {
          world.network.setFaults(node.address, {
            refuse: random() < 0.3,
            unroutable: random() < 0.2,
            silent: random() < 0.15,
            delayMs: random() < 0.5 ? between(random, 0, 300) : undefined,
          });
        } else if (dice < 0.4) {
          const behaviours = ["echo", "hold", "fail", "reject", "broken"] as const;
          node.behaviour = behaviours[between(random, 0, 4)];
        } else if (dice < 0.5) {
          for (const end of node.held.splice(0)) end.resolve("held");
        } else if (dice < 0.7) await pass(between(random, 1, 700));
        else {
          const idempotent = random() < 0.3;
          const call = xclient.call("Work.Do", `${idempotent ? "may" : "once"} ${step}`, {
            idempotent,
            timeoutMs: random() < 0.7 ? between(random, 1, 3000) : undefined,
            failMode: Object.values(FailMode)[between(random, 0, 3)],
            hedgeAfterMs: between(random, 1, 100),
            maxAttempts: between(random, 1, 6),
            key: String(step),
          });
          outcomes.push(call.catch((error) => error));
        }
      }
      for (const node of nodes) {
        world.network.setFaults(node.address);
        node.behaviour = "echo";
        for (const end of node.held.splice(0)) end.resolve("held");
      }
      await pass(40_000);
      await xclient.close();
      for (const outcome of await Promise.all(outcomes)) {
        if (!(outcome instanceof RpcError)) continue;
        assertEquals(outcome.serviceMethod, "Work.Do");
        if (outcome.code !== "canceled") assert(outcome.attempts.length > 0);
      }
      const once = nodes.flatMap(({ ran }) => ran).filter((args) =>
        String(args).startsWith("once")
      );
      assertEquals(new Set(once).size, once.length, `seed ${seed}`);
    }
  }));
