/** How many calls wait at a server, whose they are, and what is told of it. */

import { assert, assertEquals } from "@std/assert";
import type { RpcError } from "../../errors.ts";
import type { ServerEvent } from "../../server.ts";
import { assertFailure, failure, inWorld, settled } from "../support/helpers.ts";

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
