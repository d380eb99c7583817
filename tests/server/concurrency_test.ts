/** `maxConcurrent`: how many calls run at once over all connections, and what becomes of the others. */

import { assert, assertEquals } from "@std/assert";
import type { RpcError } from "../../errors.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import type { ServerEvent, ServerOptions } from "../../server.ts";
import { watch } from "../support/fleet.ts";
import {
  assertFailure,
  failure,
  inWorld,
  settled,
  type Site,
  type World,
} from "../support/helpers.ts";

/** A server whose calls take 100 ms, as far as it has seen, and no call runs. */
async function measured(world: World, options: ServerOptions): Promise<Site> {
  const site = await world.serve("a", options);
  const client = await world.dial(site.address);
  const first = client.call("Gate.Wait");
  await site.gate.untilBegun(1);
  await world.clock.advance(100);
  site.gate.begun.pop()!.end.resolve(null);
  await first;
  await client.close();
  await settled();
  return site;
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: calls of all connections count; those that wait take turns`, () =>
    inWorld(async (world) => {
      const { server, gate } = await world.serve("own", { maxConcurrent: 2 });
      const { network } = world;
      const { address } = await server.listen("memory@b", { network, protocol });
      const [one, two] = [
        await world.dial(address, { protocol }),
        await world.dial(address, { protocol }),
      ];
      const hog = ["a1", "a2", "a3", "a4", "a5"].map((name) => one.call("Gate.Wait", name));
      await gate.untilBegun(2);
      const others = ["b1", "b2"].map((name) => two.call("Gate.Wait", name));
      await settled();
      assertEquals([server.running, server.waiting, gate.begun.length], [2, 5, 2]);
      assertEquals(server.figures().maxConcurrent, 2);
      for (let call = 0; call < 7; call++) {
        await gate.untilBegun(Math.min(call + 2, 7));
        assertEquals(server.running, Math.min(2, 7 - call));
        gate.begun[call].end.resolve(call);
        await settled();
      }
      assertEquals(gate.begun.map(({ args }) => args), ["a1", "a2", "a3", "b1", "a4", "b2", "a5"]);
      await Promise.all([...hog, ...others]);
      assertEquals([server.running, server.waiting], [0, 0]);
      await one.close();
      await two.close();
      await world.clock.advance(200); // a client that speaks no cancel is found to be gone
    }));

  Deno.test(`${protocol}: a call that would wait too long is refused at once, and told when to come back`, () =>
    inWorld(async (world) => {
      const { server, gate } = await measured(world, { maxConcurrent: 1, maxWaitMs: 250 });
      const { network, clock } = world;
      const { address } = await server.listen("memory@b", { network, protocol });
      const client = await world.dial(address, { protocol });
      const calls = [1, 2, 3].map((n) => client.call("Gate.Wait", n));
      await gate.untilBegun(1);
      const error = await failure(client.call("Gate.Wait", 4)); // 300 ms
      assertFailure(error, {
        code: "resource_exhausted",
        execution: "rejected",
        message:
          "rpc server: the call did not run: it would wait for 300 ms until it is one of 1 " +
          "that run (maxConcurrent), and no call is to wait for more than 250 ms now " +
          "(maxWaitMs); retry after 300 ms",
      });
      assertEquals((error as RpcError).retryAfterMs, 300);
      assertEquals(clock.now(), 100);
      assertEquals(server.figures().refused.maxConcurrent, 1);
      for (let call = 0; call < 3; call++) {
        await gate.untilBegun(call + 1);
        gate.begun[call].end.resolve(call);
      }
      await Promise.all(calls);
      await client.close();
      await clock.advance(200);
    }));
}

Deno.test("a caller's deadline that can't be met: refused at once; one that has time waits", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await measured(world, { maxConcurrent: 1 });
    const client = await world.dial(address);
    const running = client.call("Gate.Wait", 1);
    await gate.untilBegun(1);
    const late = failure(client.call("Gate.Wait", 2, { timeoutMs: 199 })); // 100 ms, and 100 ms to run
    const waiting = client.call("Gate.Wait", 3, { timeoutMs: 200 });
    assertFailure(await late, {
      code: "resource_exhausted",
      message: "(maxConcurrent), and its caller gives it 199 ms; retry after 100 ms",
    });
    assertEquals(server.waiting, 1);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    gate.begun[1].end.resolve(3);
    assertEquals([await running, await waiting], [1, 3]);
    await client.close();
  }));

Deno.test("a call that has waited for half of its time is refused, and never runs", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxConcurrent: 1 });
    const [one, two] = [await world.dial(address), await world.dial(address)];
    const running = one.call("Gate.Wait", 1);
    await gate.untilBegun(1);
    const waiting = watch(two.call("Gate.Wait", 2, { timeoutMs: 300 }));
    await world.clock.advance(149);
    assertEquals([waiting.state, server.waiting], ["pending", 1]);
    await world.clock.advance(1);
    assertFailure(waiting.error, {
      code: "resource_exhausted",
      execution: "rejected",
      message: "it waited 150 ms for one of 1 others on this server to end (maxConcurrent); " +
        "retry after 150 ms",
    });
    gate.begun[0].end.resolve(1);
    await running;
    assertEquals([gate.begun.length, server.running, server.waiting], [1, 0, 0]);
    assertEquals(server.figures().refused.maxConcurrent, 1);
    await Promise.all([one.close(), two.close()]);
  }));

Deno.test("cancels, the end of a connection, a drain and a close reach the calls that wait", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxConcurrent: 1 });
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => world.dial(address)));
    const running = one.call("Gate.Wait", "runs");
    await gate.untilBegun(1);
    const controller = new AbortController();
    const { signal } = controller;
    const cancelled = failure(two.call("Gate.Wait", "cancelled", { signal }));
    const lost = failure(three.call("Gate.Wait", "lost"));
    await settled();
    assertEquals(server.waiting, 2);
    controller.abort("enough");
    assertEquals(await cancelled, "enough");
    await settled();
    assertEquals(server.waiting, 1);
    await three.close();
    await lost;
    await settled();
    assertEquals([server.waiting, server.running], [0, 1]);

    const rejected = failure(two.call("Gate.Wait", "rejected"));
    await settled();
    assertEquals(server.waiting, 1);
    const closing = server.close();
    assertFailure(await rejected, { code: "unavailable", execution: "rejected" });
    assertEquals(server.waiting, 0);
    gate.begun[0].end.resolve("done");
    assertEquals(await running, "done");
    await world.clock.advance(1300);
    await closing;
    assertEquals(gate.begun.map(({ args }) => args), ["runs"]);
  }));

Deno.test("a handler that goes on after its call, or after its connection, has its place until it ends", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxConcurrent: 2 });
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => world.dial(address)));
    const controller = new AbortController();
    const cancelled = failure(one.call("Gate.Wait", 1, { signal: controller.signal }));
    const lost = failure(two.call("Gate.Wait", 2));
    await gate.untilBegun(2);
    controller.abort();
    await cancelled;
    await two.close();
    await lost;
    const waiting = [three.call("Gate.Wait", 3), three.call("Gate.Wait", 4)];
    await settled();
    assertEquals([server.running, server.waiting], [2, 2]);
    gate.begun[0].end.reject(new Error("late"));
    await gate.untilBegun(3);
    gate.begun[1].end.resolve("of no use"); // its connection has gone
    await gate.untilBegun(4);
    for (const { end } of gate.begun) end.resolve("fine");
    assertEquals(await Promise.all(waiting), ["fine", "fine"]);
    await Promise.all([one.close(), three.close()]);
  }));

Deno.test("handlers that return no promise need no place, but wait behind those that do", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxConcurrent: 1 });
    const client = await world.dial(address);
    const echoes = await Promise.all([1, 2, 3, 4, 5].map((n) => client.call("Gate.Echo", n)));
    assertEquals(echoes, [1, 2, 3, 4, 5]);
    const running = client.call("Gate.Wait");
    await gate.untilBegun(1);
    const waiting = [1, 2, 3].map((n) => watch(client.call("Gate.Echo", n)));
    await settled();
    assertEquals(waiting.map(({ state }) => state), ["pending", "pending", "pending"]);
    assertEquals((await failure(client.call("Gate.None")) as RpcError).code, "unimplemented");
    gate.begun[0].end.resolve("done");
    await running;
    await settled();
    assertEquals(waiting.map(({ value }) => value), [1, 2, 3]);
    assertEquals([server.running, server.waiting], [0, 0]);
    await client.close();
  }));

Deno.test("maxWaiting: a connection gets as many places as it leaves free, so that others have some", () =>
  inWorld(async (world) => {
    const options = { maxConcurrent: 1, maxWaiting: 12 };
    const { address, server, gate } = await world.serve("a", options);
    const clients = await Promise.all([1, 2, 3, 4].map(() => world.dial(address)));
    const running = clients[0].call("Gate.Wait");
    await gate.untilBegun(1);
    const errors: unknown[] = [];
    const waiting: number[] = [];
    for (const client of clients) {
      const before = server.waiting;
      for (let call = 0; call < 10; call++) {
        client.call("Gate.Wait").catch((error) => errors.push(error));
      }
      await settled();
      waiting.push(server.waiting - before);
    }
    assertEquals([waiting, server.waiting], [[6, 3, 2, 1], 12]);
    assertEquals([errors.length, server.figures().refused.maxWaiting], [28, 28]);
    assertFailure(errors[0], {
      code: "resource_exhausted",
      execution: "rejected",
      message: "6 calls wait on this server, 6 of them on its connection (maxWaiting is 12); " +
        "retry after 1 ms",
    });
    await Promise.all(clients.slice(1).map((client) => client.close()));
    await settled();
    assertEquals(server.waiting, 6);
    for (let call = 0; call < 7; call++) {
      await gate.untilBegun(call + 1);
      gate.begun[call].end.resolve(null);
    }
    await running;
    await clients[0].close();
  }));

Deno.test("maxWaiting without maxConcurrent limits what waits for maxInFlight; 0: nothing waits", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxInFlight: 1, maxWaiting: 0 });
    const client = await world.dial(address);
    const running = client.call("Gate.Wait");
    await gate.untilBegun(1);
    const error = await failure(client.call("Gate.Echo"));
    assertFailure(error, { code: "resource_exhausted", message: "(maxWaiting is 0)" });
    assertEquals((error as RpcError).retryAfterMs, undefined);
    assertEquals([server.waiting, server.figures().maxConcurrent], [0, 0]);
    gate.begun[0].end.resolve(1);
    await running;
    await client.close();
  }));

Deno.test("a client that is behind, or has its own limit reached, takes no turn; others do", () =>
  inWorld(async (world) => {
    const options = { maxConcurrent: 2, maxInFlight: 1 };
    const { address, server, gate } = await world.serve("a", options);
    const [one, two] = [await world.dial(address), await world.dial(address)];
    const first = [1, 2, 3].map((n) => one.call("Gate.Wait", `a${n}`));
    await gate.untilBegun(1);
    const second = [1, 2].map((n) => two.call("Gate.Wait", `b${n}`));
    await gate.untilBegun(2);
    await settled();
    assertEquals([server.running, server.waiting], [2, 3]);
    gate.begun[1].end.resolve("b1");
    await gate.untilBegun(3);
    assertEquals(gate.begun.map(({ args }) => args), ["a1", "b1", "b2"]);
    gate.begun[2].end.resolve("b2");
    await Promise.all(second);
    await settled();
    assertEquals([server.running, server.waiting], [1, 2]); // a's own limit
    for (let call = 0; call < 3; call++) {
      const at = gate.begun.findIndex(({ args }) => args === `a${call + 1}`);
      gate.begun[at].end.resolve(call);
      await settled();
    }
    assertEquals(await Promise.all(first), [0, 1, 2]);
    await Promise.all([one.close(), two.close()]);
  }));

Deno.test("overloaded is told once for a connection, and recovered when its calls run again", () =>
  inWorld(async (world) => {
    const events: ServerEvent[] = [];
    const onEvent = (event: ServerEvent) => void events.push(event);
    const { address, gate } = await world.serve("a", { maxConcurrent: 1, maxWaiting: 2, onEvent });
    const client = await world.dial(address);
    const running = client.call("Gate.Wait");
    await gate.untilBegun(1);
    const waiting = client.call("Gate.Echo", "waited");
    for (let call = 0; call < 3; call++) await failure(client.call("Gate.Echo"));
    assertEquals(events.map(({ type }) => type), ["overloaded"]);
    assert(events[0].reason.startsWith("Gate.Echo did not run: 1 calls wait on this server"));
    gate.begun[0].end.resolve(1);
    assertEquals([await running, await waiting], [1, "waited"]);
    await settled();
    assertEquals(events.map(({ type }) => type), ["overloaded", "recovered"]);
    await client.close();
  }));

Deno.test("adaptive: it begins with 20, and the figures show what it is", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxConcurrent: "adaptive" });
    const client = await world.dial(address);
    const calls = Array.from({ length: 30 }, (_, n) => client.call("Gate.Wait", n));
    await gate.untilBegun(20);
    await settled();
    assertEquals([server.running, server.waiting], [20, 10]);
    assertEquals(server.figures().maxConcurrent, 20);
    for (let call = 0; call < 30; call++) {
      await gate.untilBegun(call + 1);
      gate.begun[call].end.resolve(null);
    }
    await Promise.all(calls);
    await client.close();
  }));
