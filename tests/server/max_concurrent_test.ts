/** `maxConcurrent`: how many calls run at once over all connections, and what becomes of the others. */

import { assertEquals, assertThrows } from "@std/assert";
import type { RpcError } from "../../errors.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import type { ServerOptions } from "../../server.ts";
import { watch } from "../support/fleet.ts";
import {
  assertFailure,
  deferred,
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
    const waiting = client.call("Gate.Wait", 3, { timeoutMs: 201 });
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

Deno.test("unlimited: methods that run long and do little neither count nor wait; their names are checked", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxConcurrent: 1 });
    const changed = deferred<string>();
    const methods = { Watch: () => changed.promise, Get: () => changed.promise };
    server.register("News", methods, { unlimited: ["Watch"] });
    const client = await world.dial(address);
    const watching = [1, 2, 3].map(() => client.call("News.Watch"));
    const running = client.call("Gate.Wait");
    await gate.untilBegun(1);
    assertEquals([server.running, server.waiting], [4, 0]);
    const waiting = client.call("News.Get");
    watching.push(client.call("News.Watch"));
    await settled();
    assertEquals([server.running, server.waiting], [5, 1]);
    gate.begun[0].end.resolve(1);
    await running;
    await settled();
    assertEquals([server.running, server.waiting], [5, 0]);
    changed.resolve("news");
    assertEquals(await Promise.all([...watching, waiting]), Array(5).fill("news"));
    assertEquals(server.figures().refused.maxConcurrent, 0);
    await client.close();
    const wrong = () => server.register("Other", methods, { unlimited: ["Wach"] });
    assertThrows(wrong, TypeError, "Other offers no Wach, as unlimited has it; it has Watch, Get");
  }));
