/** Endpoints whose calls fail: ejected, and let back in by a trial. */

import { assert, assertEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { XClient } from "../../xclient.ts";
import { assertFailure, failure, inWorld, RawServer, settled } from "../support/helpers.ts";
import { answeredBy, came, healthOf, source, watch, withNodes } from "../support/fleet.ts";

Deno.test("a server whose calls fail is ejected after five in a row, then gets one trial call", () =>
  withNodes(4, async ({ xclient, nodes, pass, events }) => {
    const [a] = nodes;
    a.behaviour = "broken";
    assertEquals((await answeredBy(xclient, 20)).replaceAll(/[bcd]/g, "."), "-...-...-...-...-...");
    assertEquals(healthOf(xclient), ["ejected", "healthy", "healthy", "healthy"]);
    assertEquals(await answeredBy(xclient, 6), "bcdbcd");
    await pass(9_999);
    assertEquals(await answeredBy(xclient, 3), "bcd");
    await pass(101);
    assertEquals(healthOf(xclient)[0], "trial");
    assertEquals((await answeredBy(xclient, 4)).includes("-"), true); // the trial fails
    assertEquals([a.came, healthOf(xclient)[0]], [6, "ejected"]);
    await pass(10_100);
    await answeredBy(xclient, 8);
    assertEquals(a.came, 6); // now it is out for 20 s
    await pass(10_000);
    a.behaviour = "echo";
    assertEquals((await answeredBy(xclient, 8)).includes("a"), true);
    assertEquals(healthOf(xclient)[0], "healthy");
    assertEquals(events.filter((event) => /ejected|restored/.test(event)), [
      "ejected a",
      "ejected a",
      "restored a",
    ]);
  }));

Deno.test("on trial it gets one call and no more, however long that takes", () =>
  withNodes(3, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "broken";
    await answeredBy(xclient, 15);
    assertEquals([a.came, healthOf(xclient)[0]], [5, "ejected"]);
    await pass(10_100);
    a.behaviour = "hold";
    const calls = Array.from({ length: 30 }, (_, n) => xclient.call("Work.Do", n));
    await settled();
    await pass(200);
    calls.push(...Array.from({ length: 30 }, (_, n) => xclient.call("Work.Do", n)));
    await settled();
    assertEquals(a.came, 6);
    a.held[0].resolve("a");
    await Promise.all(calls);
    assertEquals(healthOf(xclient)[0], "healthy");
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("a trial that is given up is followed by another", () =>
  withNodes(3, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "broken";
    await answeredBy(xclient, 15);
    await pass(10_100);
    a.behaviour = "hold";
    const controller = new AbortController();
    const trial = failure(xclient.call("Work.Do", 1, { signal: controller.signal }));
    await settled();
    assertEquals(a.came, 6);
    controller.abort();
    await trial;
    a.behaviour = "echo";
    await pass(100);
    await answeredBy(xclient, 3);
    assertEquals([a.came > 6, healthOf(xclient)[0]], [true, "healthy"]);
  }));

Deno.test("a call that can't be made takes no trial away", () =>
  withNodes(3, async ({ client, nodes: [a], pass }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const xclient = client({
      idempotent: (name) => {
        if (name === "Work.Throws") throw new Error("the caller's own");
        if (name === "Work.Aborts") controller.abort("given up");
        return false;
      },
    });
    a.behaviour = "broken";
    await answeredBy(xclient, 15);
    assertEquals(healthOf(xclient)[0], "ejected");
    await pass(10_100);
    a.behaviour = "echo";
    await failure(xclient.call("Work.Do", 1, { maxAttempts: NaN }));
    await failure(xclient.call("Work.Throws"));
    await failure(xclient.call("Work.Aborts", 1, { signal }));
    assertEquals([await answeredBy(xclient, 1), healthOf(xclient)[0]], ["a", "healthy"]);
  }));

Deno.test("a trial is over when it has ended itself, not when another call there has", () =>
  withNodes(3, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "hold";
    const controller = new AbortController();
    const { signal } = controller;
    const old = failure(xclient.call("Work.Do", "old", { signal }));
    await settled();
    a.behaviour = "broken";
    await answeredBy(xclient, 17);
    assertEquals([a.came, healthOf(xclient)[0]], [6, "ejected"]);
    await pass(10_100);
    a.behaviour = "hold";
    const trial = xclient.call("Work.Do", "trial");
    await settled();
    controller.abort();
    await old;
    await pass(200);
    assertEquals([(await answeredBy(xclient, 4)).includes("a"), a.came], [false, 7]);
    a.held[1].resolve("a");
    await trial;
    assertEquals(healthOf(xclient)[0], "healthy");
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("at most a tenth of the servers is ejected, though one always may be", () =>
  withNodes(20, async ({ xclient, nodes }) => {
    for (const node of nodes.slice(0, 6)) node.behaviour = "reject";
    await answeredBy(xclient, 200);
    assertEquals(healthOf(xclient).filter((state) => state === "ejected").length, 2);
  }, { retryBudget: { ratio: 1 } }));

Deno.test("with few servers one may be ejected", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    for (const node of nodes.slice(0, 2)) node.behaviour = "reject";
    await answeredBy(xclient, 60);
    assertEquals(healthOf(xclient).filter((state) => state === "ejected").length, 1);
  }, { retryBudget: { ratio: 1, perSecond: 1000 } }));

Deno.test("of two servers, the one that fails is ejected", () =>
  withNodes(2, async ({ xclient, nodes: [a, b] }) => {
    a.behaviour = "broken";
    await answeredBy(xclient, 10);
    assertEquals(a.came, 5);
    assertEquals(await answeredBy(xclient, 5), "bbbbb");
    assertEquals(b.came, 10);
  }));

Deno.test("if half or more fail, health is ignored: all are used", () =>
  withNodes(4, async ({ xclient, nodes }) => {
    for (const node of nodes.slice(0, 2)) node.behaviour = "broken";
    await answeredBy(xclient, 40);
    assertEquals(healthOf(xclient).filter((state) => state === "ejected").length, 1);
    const before = came(nodes);
    await answeredBy(xclient, 8);
    assertEquals(came(nodes).map((count, place) => count - before[place]), [2, 2, 2, 2]);
    for (const node of nodes) node.behaviour = "echo";
    await answeredBy(xclient, 20);
    assertEquals((await answeredBy(xclient, 8)).split("").sort().join(""), "aabbccdd");
  }));

Deno.test("a single server that fails is used all the same", () =>
  withNodes(1, async ({ xclient, nodes: [a] }) => {
    a.behaviour = "broken";
    await answeredBy(xclient, 20);
    assertEquals(a.came, 20);
    a.behaviour = "echo";
    assertEquals(await answeredBy(xclient, 3), "aaa");
  }));

Deno.test("what handlers throw does not count against a server, unless isFailure says so", () =>
  withNodes(2, async ({ xclient, client, nodes: [a] }) => {
    a.behaviour = "fail";
    assertEquals(await answeredBy(xclient, 20), "-b".repeat(10));
    assertEquals(healthOf(xclient), ["healthy", "healthy"]);
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
    const strict = client({ isFailure: (error) => error instanceof RpcError });
    await answeredBy(strict, 20);
    assertEquals(healthOf(strict), ["ejected", "healthy"]);
  }));

Deno.test("a lost connection is one failure, however many calls it takes along", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b] }) => {
    a.behaviour = b.behaviour = "hold";
    const calls = Array.from({ length: 40 }, (_, n) => xclient.call("Work.Do", n).catch(() => "-"));
    await settled();
    world.network.cut(a.address);
    await settled();
    assertEquals(healthOf(xclient), ["healthy", "healthy"]);
    assertEquals(xclient.endpoints()[0].failures, 20);
    for (const end of b.held) end.resolve("b");
    await Promise.all(calls);
  }));

Deno.test("calls that a draining connection loses do not count against the process that follows", () =>
  inWorld(async ({ network, clock }) => {
    const raw = await RawServer.listen(network, "memory@raw");
    const current = [raw.address];
    const xclient = new XClient(source({ current }), { network, clock });
    const lost = Array.from({ length: 10 }, () => failure(xclient.call("S.Old")));
    const before = await raw.accept();
    await before.untilLines(20);
    await before.write('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
    await settled();
    const next = xclient.call("S.New");
    await clock.advance(300); // the only endpoint there is, which drains, has some time
    const after = await raw.accept();
    await after.untilLines(2);
    before.close();
    await Promise.all(lost);
    assertEquals(healthOf(xclient)[0], "healthy");
    await after.reply(1, "new");
    assertEquals(await next, "new");
    await xclient.close();
    await raw.close();
  }));

Deno.test("a server that crashes at every call is dialled after a backoff, then ejected", () =>
  withNodes(3, async ({ client, world, nodes: [a], pass }) => {
    const events: string[] = [];
    const xclient = client({
      random: () => 0.5,
      onEvent: ({ type, address }) => events.push(`${type} ${address.at(-1)}`),
    });
    a.behaviour = "hold";
    for (let n = 0; n < 120; n++) {
      const call = xclient.call("Work.Do", n).catch(() => "-");
      await settled();
      if (a.held.length > 0) {
        a.held.length = 0;
        world.network.cut(a.address);
      }
      await call;
      await pass(100);
    }
    assertEquals([a.came, healthOf(xclient)[0]], [5, "ejected"]); // 1, 1.6, 2.6 and 4.1 s apart
    assert(events.includes("ejected a"));
  }));

Deno.test("dials that fail do not count against a server's health", () =>
  withNodes(2, async ({ xclient, world, nodes: [a], pass }) => {
    world.network.setFaults(a.address, { refuse: true });
    const calls = Array.from({ length: 40 }, (_, n) => xclient.call("Work.Do", n));
    await Promise.all(calls);
    assertEquals(healthOf(xclient), ["healthy", "healthy"]);
    assertEquals(xclient.endpoints()[0].latencyMs, 0);
    assert(xclient.endpoints()[0].failures > 0);
    world.network.setFaults(a.address);
    await pass(1300);
    await answeredBy(xclient, 2);
    await settled();
    assertEquals((await answeredBy(xclient, 4)).split("").sort().join(""), "aabb");
  }));

Deno.test("a timeout counts against the server that had the time, not one that was tried late", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    const call = watch(xclient.call("Work.Do", 1, { idempotent: true, timeoutMs: 1000 }));
    await pass(900);
    world.network.cut(a.address);
    await pass(100);
    assertEquals(call.state, "rejected");
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [1, 0]);
    const late = watch(xclient.call("Work.Do", 1, { timeoutMs: 100 }));
    await pass(100);
    assertEquals(late.state, "rejected");
    assertEquals(xclient.endpoints().map(({ failures }) => failures).sort(), [1, 1]);
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("a timeout counts against no server if this process stood still", () =>
  withNodes(1, async ({ xclient, world: { clock }, nodes: [a], pass }) => {
    a.behaviour = "hold";
    const now = clock.now.bind(clock);
    const failures: number[] = [];
    for (const lateMs of [10, 49, 50, 60_000]) {
      const error = failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 }));
      await pass(999);
      clock.now = () => now() + lateMs; // the timer is late, replies lie unread
      await pass(1);
      clock.now = now;
      assertFailure(await error, { code: "TimeoutError" });
      failures.push(xclient.endpoints()[0].failures);
    }
    assertEquals(failures, [1, 2, 2, 2]);
  }, { liveness: { silenceMs: Infinity } }));

/** As `AbortSignal.timeout` does it, on a clock that a test advances. */
function timeoutSignal(clock: { setTimer(ms: number, then: () => void): void }, ms: number) {
  const controller = new AbortController();
  clock.setTimer(ms, () => controller.abort(new DOMException("timed out", "TimeoutError")));
  return controller.signal;
}

Deno.test("a signal's timeout counts as a deadline: a server that hangs is ejected", () =>
  withNodes(2, async ({ xclient, world, nodes: [a], pass }) => {
    a.behaviour = "hold";
    const ends: unknown[] = [];
    for (let n = 0; n < 10; n++) {
      const call = watch(
        xclient.call("Work.Do", n, { signal: timeoutSignal(world.clock, 100) }),
      );
      await pass(100);
      ends.push(call.value ?? (call.error as Error).name);
    }
    assertEquals(ends.filter((end) => end === "TimeoutError").length, 5);
    assertEquals(healthOf(xclient), ["ejected", "healthy"]);
    assertEquals(xclient.endpoints()[0].failures, 5);
  }));

Deno.test("a signal's timeout that many calls share blames no server for those that just began", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass }) => {
    for (let n = 0; n < 30; n++) {
      a.behaviour = "hold";
      const call = xclient.call("Work.Do", n);
      await pass(20);
      a.held.pop()!.resolve("a");
      await call;
    }
    const signal = timeoutSignal(world.clock, 1000);
    await pass(990);
    const calls = Array.from({ length: 20 }, () => watch(xclient.call("Work.Do", 1, { signal })));
    await pass(10);
    assertEquals(calls.map(({ state }) => state), calls.map(() => "rejected"));
    assertEquals([healthOf(xclient), xclient.endpoints()[0].failures], [["healthy"], 0]);
  }));

Deno.test("any other reason of a signal says nothing of the server", () =>
  withNodes(2, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "hold";
    for (let n = 0; n < 20; n++) {
      const controller = new AbortController();
      const call = watch(xclient.call("Work.Do", n, { signal: controller.signal }));
      await pass(100);
      controller.abort();
      await settled();
      assertEquals(call.state !== "pending", true);
    }
    assertEquals([healthOf(xclient), xclient.endpoints()[0].failures], [["healthy", "healthy"], 0]);
  }));

Deno.test("a server that leaves the list and comes back is as ejected as it was", () =>
  withNodes(3, async ({ xclient, nodes, nodes: [a, b, c], list, pass, events }) => {
    a.behaviour = "broken";
    for (let n = 0; n < 15; n++) await xclient.call("Work.Do", n).catch(() => {});
    assertEquals(healthOf(xclient), ["ejected", "healthy", "healthy"]);
    a.behaviour = "echo";
    await list([b, c]);
    await xclient.call("Work.Do");
    await pass(9000);
    await list(nodes);
    assertEquals(await answeredBy(xclient, 4), "cbcb");
    assertEquals(healthOf(xclient), ["ejected", "healthy", "healthy"]);
    await list([b, c]);
    await xclient.call("Work.Do");
    await pass(1000);
    await list(nodes); // the ejection is over, and one call shows what became of it
    assertEquals(await answeredBy(xclient, 1), "a");
    assertEquals(healthOf(xclient), ["healthy", "healthy", "healthy"]);
    assertEquals(events.filter((event) => event.endsWith("ed a") && !event.startsWith("conn")), [
      "joined a",
      "ejected a",
      "joined a",
      "joined a",
      "restored a",
    ]);
  }));

Deno.test("of a server that has been away for long nothing is remembered", () =>
  withNodes(3, async ({ xclient, nodes, nodes: [a, b, c], list, pass }) => {
    a.behaviour = "broken";
    for (let n = 0; n < 15; n++) await xclient.call("Work.Do", n).catch(() => {});
    a.behaviour = "echo";
    await list([b, c]);
    await xclient.call("Work.Do");
    await pass(40_000); // its ejection, and the time in which one is forgotten
    await list(nodes);
    await xclient.call("Work.Do");
    assertEquals(healthOf(xclient), ["healthy", "healthy", "healthy"]);
  }));
