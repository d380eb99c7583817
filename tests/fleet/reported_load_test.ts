/** Calls go by what servers tell of their load, and elsewhere if there is more than was expected. */

import { assert, assertEquals } from "@std/assert";
import type { Client } from "../../client.ts";
import type { RpcError } from "../../errors.ts";
import { FailMode } from "../../fleet/fail_mode.ts";
import type { XClientOptions } from "../../fleet/options.ts";
import { type EndpointView, SelectMode } from "../../selector.ts";
import type { XClient } from "../../xclient.ts";
import { attemptsOf, type Case, type Node, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";

interface Scene extends Case {
  /** A client of the default policy, whose ties go to the first. It knows of one call of others everywhere. */
  readonly xclient: XClient;
  /** Another client makes calls that a server holds: it tells nobody else. */
  load(node: Node, calls: number): Promise<void>;
}

/** Servers that hold calls of another client, the same number each, and a client that knows of them. */
function loaded(
  count: number,
  others: number,
  body: (scene: Scene) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  return withNodes(count, async (test) => {
    const { nodes, world, client, pass } = test;
    const direct = new Map<Node, Client>();
    for (const node of nodes) {
      node.behaviour = "hold";
      direct.set(node, await world.dial(node.address));
    }
    const load = async (node: Node, calls: number) => {
      const before = node.behaviour;
      node.behaviour = "hold";
      for (let n = 0; n < calls; n++) direct.get(node)!.call("Work.Do", "other").catch(() => {});
      await settled();
      node.behaviour = before;
    };
    for (const node of nodes) await load(node, others);
    const xclient = client({
      mode: SelectMode.ShortestExpectedDelay,
      random: () => 0.999,
      // Of what a refusal must not need: no budget, and a server is ejected for one failure.
      retryBudget: { ratio: 0, perSecond: 0 },
      health: { failuresInARow: 1 },
      maxAttempts: 1,
      ...options,
    });
    const calls = nodes.map(() => xclient.call("Work.Do", "first"));
    await pass(10);
    for (const node of nodes) {
      node.held.at(-1)!.resolve("first");
      node.behaviour = "echo";
      node.ran.length = node.came = 0;
    }
    await Promise.all(calls);
    await pass(100); // until the reply time that they have is the reference
    await body({ ...test, xclient, load });
    for (const node of nodes) for (const held of node.held) held.resolve("late");
    for (const one of direct.values()) await one.close();
  });
}

function unexpected(nodes: readonly Node[]): number[] {
  return nodes.map(({ site }) => site.server.figures().refused.moreThanExpected);
}

function reported(xclient: XClient): unknown[] {
  return xclient.endpoints().map(({ reportedLoad, reportedAgeMs }) => [
    reportedLoad,
    reportedAgeMs,
  ]);
}

Deno.test("endpoints: the load that was told last, and how old that is", () =>
  loaded(2, 1, async ({ xclient, nodes: [a], pass, load }) => {
    assertEquals(reported(xclient), [[1, 100], [1, 100]]);
    await pass(50);
    await xclient.call("Work.Do"); // it is confirmed, not told
    assertEquals(reported(xclient), [[1, 0], [1, 150]]);
    await load(a, 2);
    assertEquals(reported(xclient), [[1, 0], [1, 150]]);
  }));

Deno.test("more calls than expected: the call goes elsewhere, for free, and is no failure", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load }) => {
    await load(a, 5);
    assertEquals(await xclient.call("Work.Do", "mine"), "b");
    assertEquals([a.came, b.came, unexpected([a, b])], [5, 1, [1, 0]]);
    assertEquals(reported(xclient), [[6, 0], [1, 0]]);
    const [at] = xclient.endpoints();
    assertEquals([at.health, at.failures, at.successes, at.latencyMs, at.inFlight], [
      "healthy",
      0,
      1,
      10,
      0,
    ]);
    // Now that it is known, no call is refused.
    assertEquals(await xclient.call("Work.Do"), "b");
    assertEquals(unexpected([a, b]), [1, 0]);
  }));

Deno.test("what was told fades: a server that was busy is tried again", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load, pass }) => {
    await load(a, 5);
    await xclient.call("Work.Do");
    a.held.splice(1).forEach((held) => held.resolve("done")); // but it does not tell
    await load(b, 1);
    let at = "b";
    let waited = 0;
    for (; at === "b" && waited < 100; waited++) {
      await pass(100);
      at = await xclient.call<string>("Work.Do");
    }
    assertEquals(at, "a");
    assert(waited > 2, `after ${waited} × 100 ms`); // 6 against 2, and a time constant of 640 ms
    assertEquals(xclient.endpoints()[0].reportedLoad, 1);
  }));

Deno.test("two servers in a row have more: the third runs it, whatever it has; it runs once", () =>
  loaded(3, 1, async ({ xclient, nodes, load }) => {
    for (const node of nodes) await load(node, 5);
    const came = nodes.map((node) => node.came);
    assertEquals(await xclient.call("Work.Do", "mine"), "c");
    assertEquals(unexpected(nodes), [1, 1, 0]);
    assertEquals(nodes.map((node, place) => node.came - came[place]), [0, 0, 1]);
    assertEquals(nodes.flatMap(({ ran }) => ran.filter((args) => args === "mine")), ["mine"]);
  }));

Deno.test("two servers: both have more, and the one that has less runs it", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load }) => {
    await load(a, 3);
    await load(b, 7);
    assertEquals(await xclient.call("Work.Do", "mine"), "a");
    assertEquals(unexpected([a, b]), [1, 1]);
  }));

Deno.test("a call that may not go elsewhere expects nothing", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load, pass }) => {
    await load(a, 5);
    await load(b, 9);
    for (const failMode of [FailMode.Failfast, FailMode.Failtry]) {
      const came = a.came;
      while (a.came === came) await xclient.call("Work.Do", 1, { failMode });
      await pass(10_000); // what it has told then is forgotten
    }
    assertEquals((await xclient.fork("Work.Do", 1)) !== undefined, true);
    await xclient.broadcast("Work.Do", 1);
    for await (const { ok } of xclient.inform("Work.Do", 1)) assert(ok);
    assertEquals(unexpected([a, b]), [0, 0]);
  }));

Deno.test("refused, then failed: the error lists both, and says what is certain of the call", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load }) => {
    await load(a, 5);
    b.behaviour = "broken";
    assertEquals(attemptsOf(await failure(xclient.call("Work.Do"))), [
      "a call shortest_expected_delay resource_exhausted rejected",
      "b call shortest_expected_delay unavailable answered",
    ]);
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 1]);
  }));

Deno.test("refused, then rejected: the server that refused has not been tried", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load }) => {
    await load(a, 5);
    b.behaviour = "reject";
    assertEquals(await xclient.call("Work.Do"), "a");
    // With as many servers that refused as there may be, it is sent without a condition.
    assertEquals([unexpected([a, b]), b.came], [[1, 0], 1]);
  }, { maxAttempts: 2, retryBudget: {}, health: {} }));

Deno.test("when all reject, a refusal before says nothing of when there is room", () =>
  loaded(2, 1, async ({ xclient, nodes: [a, b], load, pass }) => {
    await load(a, 5);
    a.behaviour = b.behaviour = "reject";
    a.retryAfterMs = b.retryAfterMs = 5000;
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 20_000 }));
    await pass(4999);
    assertEquals([unexpected([a, b]), call.state, b.came], [[1, 0], "pending", 1]);
    a.behaviour = b.behaviour = "echo";
    await pass(100);
    assertEquals(call.state, "resolved");
  }, { maxAttempts: undefined, retryBudget: {}, health: {} }));

Deno.test("the deadline and the signal hold while a refusal is on its way", () =>
  loaded(2, 1, async ({ xclient, world, nodes: [a, b], load, pass }) => {
    await load(a, 5);
    world.network.setFaults(a.address, { held: true });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = watch(xclient.call("Work.Do", "aborted", { signal, idempotent: true }));
    await pass(0);
    controller.abort("enough");
    const late = watch(xclient.call("Work.Do", "late", { timeoutMs: 50 }));
    await pass(50);
    assertFailure(late.error, { code: "deadline_exceeded", execution: "unknown" });
    assertEquals(aborted.error, "enough");
    world.network.setFaults(a.address);
    await pass(1000);
    assertEquals([a.ran, b.ran].flat().filter((args) => args !== "other"), []);
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 0]);
  }, { health: {} }));

Deno.test("the client is closed while a refusal is on its way", () =>
  loaded(2, 1, async ({ xclient, world, nodes: [a], load }) => {
    await load(a, 5);
    world.network.setFaults(a.address, { held: true });
    const call = failure(xclient.call("Work.Do"));
    await settled();
    const closing = xclient.close({ graceMs: 100 });
    world.network.setFaults(a.address);
    assertFailure(await call, { code: "canceled" });
    await closing;
  }));

Deno.test("a hedge is sent without a condition, and a refusal behind it makes no third copy", () =>
  loaded(3, 1, async ({ xclient, world, nodes: [a, b, c], load, pass }) => {
    for (const node of [a, b, c]) await load(node, 5);
    world.network.setFaults(a.address, { held: true });
    const options = { idempotent: true, failMode: FailMode.Failbackup, hedgeAfterMs: 30 } as const;
    const call = watch(xclient.call("Work.Do", "mine", options));
    b.behaviour = c.behaviour = "hold";
    await pass(30);
    world.network.setFaults(a.address);
    await pass(0);
    assertEquals([unexpected([a, b, c]), call.state], [[1, 0, 0], "pending"]);
    const hedges = [b, c].filter(({ ran }) => ran.includes("mine"));
    assertEquals(hedges.length, 1);
    hedges[0].held.at(-1)!.resolve("hedge");
    await settled();
    assertEquals(call.value, "hedge");
  }, { maxAttempts: 3, retryBudget: {}, hedgeBudget: { perSecond: 10 }, health: {} }));

Deno.test("a server that is late with the answer to a ping is passed over, and comes back", () =>
  loaded(2, 20, async ({ xclient, world, nodes: [a, b], pass }) => {
    b.behaviour = "hold";
    world.network.setFaults(a.address, { held: true });
    const calls: ReturnType<typeof watch>[] = [];
    const call = (count: number) => {
      for (let n = 0; n < count; n++) calls.push(watch(xclient.call("Work.Do", n)));
    };
    call(8); // every second one asks a server for its load
    await pass(20);
    const [stuck] = xclient.endpoints();
    call(50);
    await pass(0);
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [
      stuck.inFlight,
      58 - stuck.inFlight,
    ]);
    world.network.setFaults(a.address);
    await pass(0);
    const came = a.came;
    call(100); // those that `b` holds are in the way now, not what `a` owes
    await pass(0);
    assert(a.came > came);
    for (const held of b.held) held.resolve("b");
    await pass(0);
    assertEquals(new Set(calls.map(({ state }) => state)), new Set(["resolved"]));
  }, { maxAttempts: 3, health: {} }));

Deno.test("what a server told is forgotten with its connection", () =>
  loaded(2, 3, async ({ xclient, world, nodes: [a] }) => {
    assertEquals(xclient.endpoints()[0].reportedLoad, 3);
    world.network.cut(a.address);
    await settled();
    const [at] = xclient.endpoints();
    assertEquals([at.reportedLoad, at.reportedAgeMs], [undefined, undefined]);
  }, { health: {} }));

Deno.test("a caller's own policy sees what was told, and the mean", () => {
  const seen: [views: EndpointView[], mean: number | undefined][] = [];
  return loaded(2, 4, async ({ client, xclient, load, nodes: [a], pass }) => {
    await load(a, 1);
    const own = client({
      mode: {
        pick(candidates, { meanOthers }) {
          seen.push([candidates.map((view) => ({ ...view })), meanOthers]);
          return candidates[0];
        },
      },
    });
    await own.call("Work.Do");
    await pass(7);
    await own.call("Work.Do");
    const [[a1], mean] = seen[1];
    assertEquals([a1.reportedLoad, a1.othersInFlight, a1.lateAtMs], [5, 5, Infinity]);
    assertEquals(mean! > 0, true);
    assertEquals(xclient.endpoints()[0].reportedLoad, 4); // each client knows what it was told
  });
});

Deno.test("interceptors see an attempt that was refused as one that failed; the call goes on", () => {
  const seen: string[] = [];
  return loaded(2, 1, async ({ xclient, nodes: [a, b], load }) => {
    seen.length = 0;
    await load(a, 5);
    assertEquals(await xclient.call("Work.Do"), "b");
    assertEquals(seen, [
      "memory@a resource_exhausted rejected",
      "memory@b answered",
    ]);
    assertEquals(unexpected([a, b]), [1, 0]);
  }, {
    interceptors: [{
      attempt: async (attempt, next) => {
        try {
          const reply = await next(attempt);
          seen.push(`${attempt.address} answered`);
          return reply;
        } catch (error) {
          const { code, execution } = error as RpcError;
          seen.push(`${attempt.address} ${code} ${execution}`);
          throw error;
        }
      },
    }],
  });
});
