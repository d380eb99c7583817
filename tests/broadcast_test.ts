/** Broadcasts: all servers at once. */

import process from "node:process";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { assertFailure, failure, settled } from "./support/helpers.ts";
import { withFleet } from "./support/fleet.ts";

Deno.test("broadcast: every server is asked, the reply is that of the first to answer", () =>
  withFleet(3, async ({ xclient, sites }) => {
    const reply = xclient.broadcast("Gate.Wait", { all: true }, { meta: { a: "b" } });
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    for (const { gate } of sites) {
      assertEquals([gate.begun[0].args, gate.begun[0].ctx.meta.a], [{ all: true }, "b"]);
    }
    let isOver = false;
    reply.then(() => isOver = true);
    sites[2].gate.begun[0].end.resolve("first");
    await settled();
    sites[0].gate.begun[0].end.resolve("second");
    await settled();
    assert(!isOver); // all must succeed
    sites[1].gate.begun[0].end.resolve("third");
    assertEquals(await reply, "first");
    assertEquals(sites.map(({ gate }) => gate.aborted.length), [0, 0, 0]);
  }));

Deno.test("broadcast: the first reply may be undefined or null", () =>
  withFleet(2, async ({ xclient }) => {
    // A handler gets an argument that is null as undefined, and that comes back.
    assertEquals(await xclient.broadcast("Gate.Echo", null), undefined);
  }));

Deno.test("broadcast: the first failure cancels the others, whose handlers see it", () =>
  withFleet(3, async ({ xclient, sites, addresses }) => {
    const outcome = failure(xclient.broadcast("Gate.Wait", 1));
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    sites[0].gate.begun[0].end.resolve("fine");
    await settled();
    sites[1].gate.begun[0].end.reject(new Error("disk full"));
    const error = await outcome;
    assertFailure(error, {
      code: "unknown",
      execution: "answered",
      address: addresses[1],
      serviceMethod: "Gate.Wait",
    });
    assertEquals(error.message, "disk full");
    await sites[2].gate.untilAborted(1);
    assertEquals(sites.map(({ gate }) => gate.aborted.length), [0, 0, 1]);
    assertEquals(await xclient.broadcast("Gate.Echo", "goes on"), "goes on");
  }));

Deno.test("broadcast: a server that can't be reached is named, the others are cancelled", () =>
  withFleet(3, async ({ xclient, sites, addresses, world }) => {
    await xclient.broadcast("Gate.Echo", 1);
    await sites[1].server.close({ graceMs: 0 });
    await settled();
    const outcome = failure(xclient.broadcast("Gate.Wait", 1));
    await world.clock.advance(300); // one that drained has some time before it is dialled
    assertFailure(await outcome, {
      code: "unavailable",
      execution: "not_sent",
      address: addresses[1],
      serviceMethod: "Gate.Wait",
    });
    await settled();
    for (const { gate } of [sites[0], sites[2]]) {
      assertEquals(gate.begun.length, gate.aborted.length);
    }
    await world.clock.advance(2000); // the servers are asked for a sign of life, and give one
    assertEquals(world.clock.timers, 0);
  }, { liveness: { idleMs: Infinity } }));

Deno.test("broadcast: a timeout names the servers that are missing, and cancels them", () =>
  withFleet(3, async ({ xclient, sites, addresses, world }) => {
    const outcome = failure(xclient.broadcast("Gate.Wait", 1, { timeoutMs: 60_000 }));
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    sites[1].gate.begun[0].end.resolve("in time");
    await world.clock.advance(60_000);
    const error = await outcome;
    assertFailure(error, {
      code: "TimeoutError",
      execution: "unknown",
      serviceMethod: "Gate.Wait",
      message: `Gate.Wait: no reply within 60000 ms from ${addresses[0]}, ${addresses[2]}`,
    });
    await settled();
    assertEquals(sites.map(({ gate }) => gate.aborted.length), [1, 0, 1]);
  }));

Deno.test("broadcast: very long timeouts do not pass at once", () =>
  withFleet(2, async ({ xclient }) => {
    for (const timeoutMs of [2 ** 31, 2 ** 33, 1e300, Infinity]) {
      assertEquals(await xclient.broadcast("Gate.Echo", 1, { timeoutMs }), 1);
    }
  }));

Deno.test("broadcast: an abort rejects with the signal's reason, and cancels all", () =>
  withFleet(2, async ({ xclient, sites }) => {
    const timeout = new DOMException("the caller's own", "TimeoutError");
    for (const reason of [new Error("enough"), timeout, "text", { any: "value" }]) {
      const before = sites.map(({ gate }) => gate.aborted.length);
      const controller = new AbortController();
      const { signal } = controller;
      const outcome = failure(xclient.broadcast("Gate.Wait", 1, { signal }));
      await Promise.all(sites.map(({ gate }, n) => gate.untilBegun(before[n] + 1)));
      controller.abort(reason);
      assertStrictEquals(await outcome, reason);
      await settled();
      assertEquals(sites.map(({ gate }) => gate.aborted.length), before.map((n) => n + 1));
      const late = xclient.broadcast("Gate.Wait", 1, { signal });
      assertStrictEquals(await failure(late), reason);
    }
  }));

Deno.test("broadcast: each server's reply is its own value", () =>
  withFleet(2, async ({ xclient }) => {
    const args = { list: [1] };
    const one = await xclient.broadcast<typeof args>("Gate.Echo", args);
    const two = await xclient.broadcast<typeof args>("Gate.Echo", args);
    one.list.push(2);
    assertEquals([two, args], [{ list: [1] }, { list: [1] }]);
  }));

Deno.test("a broadcast to 30 servers, and 30 at once under one signal, warn of nothing", async () => {
  const warnings: string[] = [];
  const warn = (warning: Error) => void warnings.push(String(warning));
  process.on("warning", warn);
  await withFleet(30, async ({ xclient }) => {
    const { signal } = new AbortController();
    await xclient.broadcast("Gate.Echo", 1, { signal, timeoutMs: 60_000 });
    const many = Array.from({ length: 30 }, () => xclient.broadcast("Gate.Echo", 1, { signal }));
    await Promise.all(many);
  });
  await settled();
  process.off("warning", warn);
  assertEquals(warnings, []);
});
