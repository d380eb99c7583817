/** Servers that refuse calls because they have too much to do: where the calls go, and who is to blame. */

import { assert, assertEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { SelectMode } from "../../selector.ts";
import type { CallContext } from "../../server.ts";
import { FakeClock, FakeFleet } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { answeredBy, came, healthOf, type Node, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, inWorld } from "../support/helpers.ts";

/** Backoffs of half their bound: 25, 50, 100, 200, 400, 800, 1,000, … ms. */
const half = { random: () => 0.5 };

function overload(nodes: readonly Node[], retryAfterMs?: number): void {
  for (const node of nodes) node.behaviour = "overloaded", node.retryAfterMs = retryAfterMs;
}

Deno.test("when all refuse, the caller hears of it at once, and when to come back", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    overload(nodes, 20);
    for (const options of [{}, { timeoutMs: 2000 }, { timeoutMs: 2000, waitForRoom: false }]) {
      const call = watch(xclient.call("Work.Do", 1, options));
      await pass(0);
      assertFailure(call.error, { code: "resource_exhausted", execution: "rejected" });
      const { attempts, retryAfterMs, message } = call.error as RpcError;
      assertEquals([attempts.length, retryAfterMs], [2, 20]);
      assert(message.includes("takes no calls (2 attempts at memory@"), message);
    }
    assertEquals(came(nodes), [3, 3]);
  }));

Deno.test("of many servers three are asked; one with room is found among them", () =>
  withNodes(5, async ({ xclient, nodes, pass }) => {
    overload(nodes);
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 2000 }));
    await pass(0);
    assertFailure(call.error, { code: "resource_exhausted" });
    assertEquals(came(nodes).reduce((sum, count) => sum + count), 3);
    for (const node of nodes.slice(0, 3)) node.behaviour = "echo";
    assertEquals((await answeredBy(xclient, 10)).includes("-"), false);
  }));

Deno.test("waitForRoom: a call with a deadline is tried again until there is room", () =>
  withNodes(2, async ({ xclient, client, nodes, pass }) => {
    overload(nodes, 300);
    const patient = client({ ...half, waitForRoom: true });
    const calls = [
      watch(xclient.call("Work.Do", 1, { timeoutMs: 2000, waitForRoom: true })),
      watch(patient.call("Work.Do", 2, { timeoutMs: 2000 })),
    ];
    const hurried = watch(patient.call("Work.Do", 3, { timeoutMs: 2000, waitForRoom: false }));
    await pass(0);
    assertFailure(hurried.error, { code: "resource_exhausted" });
    await pass(1000);
    assertEquals(calls.map(({ state }) => state), ["pending", "pending"]);
    for (const node of nodes) node.behaviour = "echo";
    await pass(600);
    assertEquals(calls.map(({ state }) => state), ["resolved", "resolved"]);
    // Not if the deadline is before that.
    overload(nodes, 3000);
    const late = watch(patient.call("Work.Do", 4, { timeoutMs: 2000 }));
    await pass(0);
    assertEquals((late.error as RpcError).retryAfterMs, 3000);
  }, half));

Deno.test("waitForRoom false: what handlers turn away for another reason fails at once, too", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 2000, waitForRoom: false }));
    await pass(0);
    assertFailure(call.error, { code: "unavailable", execution: "rejected" });
    assertEquals(came(nodes), [1, 1]);
  }, half));

Deno.test("a round in which one server failed otherwise is followed by another", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    overload([a, b]);
    a.behaviour = "reject";
    const call = watch(xclient.call("Work.Do", 1));
    await pass(0);
    assertEquals(call.state, "pending");
    a.behaviour = b.behaviour = "echo";
    await pass(50);
    assertEquals(call.state, "resolved");
  }, half));

Deno.test("the budget limits how many refused calls go elsewhere", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    overload([a]);
    const calls = Array.from({ length: 100 }, (_, n) => watch(xclient.call("Work.Do", n)));
    await pass(0);
    const failed = calls.filter(({ state }) => state === "rejected").length;
    assertEquals([failed, a.came, b.came], [38, 50, 62]); // 50 were refused, 12 of them go on
  }, { retryBudget: { ratio: 0.125, perSecond: 0 } }));

Deno.test("one that refuses two calls in a row is passed over for a while, unless half of them do", () =>
  withNodes(4, async ({ xclient, nodes, pass }) => {
    const [a, b, c, d] = nodes;
    overload([a], 300);
    await answeredBy(xclient, 40);
    assertEquals(a.came, 2);
    await pass(299);
    await answeredBy(xclient, 40);
    assertEquals(a.came, 2);
    await pass(101); // it is looked after every 100 ms
    await answeredBy(xclient, 40);
    assertEquals(a.came, 3); // now it is out for twice as long
    await pass(599);
    await answeredBy(xclient, 40);
    assertEquals(a.came, 3);
    a.behaviour = "echo";
    await pass(101);
    assertEquals((await answeredBy(xclient, 8)).split("a").length, 3);

    const before = came(nodes);
    overload([b, c, d], 300);
    await answeredBy(xclient, 120);
    const since = came(nodes).map((count, place) => count - before[place]);
    assert(since[1] > 20 && since[2] > 20, `${since}`);
  }, { retryBudget: { ratio: Infinity } }));

Deno.test("refusals eject nobody: neither in a row, nor as a share; a server that is hung is ejected", () =>
  withNodes(3, async ({ xclient, nodes, pass, events }) => {
    const [a] = nodes;
    for (let round = 0; round < 10; round++) {
      overload([a], 5);
      await answeredBy(xclient, 60);
      await pass(400);
      if (round === 5) {
        a.behaviour = "echo";
        await answeredBy(xclient, 3);
      }
    }
    assertEquals(healthOf(xclient), ["healthy", "healthy", "healthy"]);
    const [{ refused, failures, successes }] = xclient.endpoints();
    assertEquals([refused, failures, successes], [12, 0, 1]);
    for (let round = 0; round < 11; round++) {
      await answeredBy(xclient, 60);
      await pass(500);
    }
    assertEquals(healthOf(xclient), ["ejected", "healthy", "healthy"]);
    overload(nodes, 5);
    for (let round = 0; round < 30; round++) {
      await answeredBy(xclient, 10);
      await pass(500);
    }
    assert(events.filter((event) => event === "ejected a").length >= 1);
    const ejected = events.filter((event) => event.startsWith("ejected"));
    assertEquals(ejected.filter((event) => event !== "ejected a"), []); // one of three at most
    for (const node of nodes) node.behaviour = "echo";
    await pass(1000);
    assertEquals((await answeredBy(xclient, 10)).includes("-"), false);
  }, { retryBudget: { ratio: Infinity } }));

Deno.test("isFailure decides as ever: refusals are failures to those who want it", () =>
  withNodes(3, async ({ xclient, nodes: [a] }) => {
    overload([a]);
    await answeredBy(xclient, 30);
    assertEquals([healthOf(xclient)[0], a.came], ["ejected", 5]);
  }, { isFailure: (error) => error instanceof RpcError }));

Deno.test("a server that refuses in no time does not look fast: it gets less, and its share again later", async () => {
  const clock = new FakeClock();
  let overloaded = "";
  const fleet = await FakeFleet.start(4, {
    clock,
    services: ({ address }) => ({
      Work: {
        Do: (_args: unknown, context: CallContext) => {
          if (address === overloaded) {
            throw context.reject("too much", { code: "resource_exhausted", retryAfterMs: 60 });
          }
          return new Promise<void>((resolve) => void clock.setTimer(20, resolve));
        },
      },
    }),
  });
  const xclient = new XClient(fleet.discovery, fleet.clientOptions);
  /** How many calls each gets within a second: one every 4 ms. */
  const second = async () => {
    const before = fleet.servers.map(({ calls }) => calls);
    for (let call = 0; call < 250; call++) {
      xclient.call("Work.Do").catch(() => {});
      await clock.advance(4);
    }
    return fleet.servers.map((server, place) => server.calls - before[place]);
  };
  await second();
  overloaded = fleet.addresses[0];
  const [first] = await second();
  const [later] = await second();
  assert(first < 50 && later <= 5, `${first}, then ${later} of 250`);
  overloaded = "";
  for (let passed = 0; passed < 15; passed++) await second();
  const [again] = await second();
  assert(again > 40, `${again} of 250`);
  await xclient.close();
  await clock.advance(20);
  await fleet.close();
});

Deno.test("one overloaded server among others: its calls are answered elsewhere", () =>
  inWorld(async (world) => {
    const busy = await world.serve("a", { maxConcurrent: 1, maxWaiting: 0 });
    const free = await world.serve("b");
    const options = { ...world.options, mode: SelectMode.RoundRobin, random: () => 0 };
    const xclient = new XClient([busy.address, free.address], options);
    const running = xclient.call("Gate.Wait");
    await busy.gate.untilBegun(1);
    const answers = [1, 2, 3, 4].map((n) => xclient.call("Gate.Echo", n));
    assertEquals(await Promise.all(answers), [1, 2, 3, 4]);
    assertEquals(busy.server.figures().refused.maxWaiting, 2);
    assertEquals(xclient.endpoints().map(({ refused }) => refused), [2, 0]);
    busy.gate.begun[0].end.resolve("done");
    await running;
    await xclient.close();
  }));
