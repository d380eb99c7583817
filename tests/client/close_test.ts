/** How a client ends. */

import { assert, assertEquals } from "@std/assert";
import { assertFails, assertFailure, failure, inWorld, settled } from "../support/helpers.ts";

Deno.test("available, close and closed", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const client = await world.dial(address);
    assert(client.available);
    assertEquals([client.address, client.inFlight], [address, 0]);
    const closing = client.close();
    assert(!client.available);
    await Promise.all([closing, client.close(), client.closed]);
    await assertFails(client.call("Gate.Echo"), {
      code: "canceled",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
      message: "the client is closed",
    });
    await settled();
    assertEquals(server.connections, 0);
  }));

Deno.test("the peer's end is another state than our close, with another error", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    world.network.cut(address);
    await client.closed;
    assert(!client.available);
    await assertFails(client.call("Gate.Echo"), {
      code: "unavailable",
      execution: "not_sent",
      address,
      message: "the connection is over",
    });
    await client.close();
  }));

Deno.test("close: a second close with less grace hurries the first, one with more does not delay it", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = failure(client.call("Gate.Wait"));
    await gate.untilBegun(1);
    const closes = [1500, 5000, 100].map((graceMs) => client.close({ graceMs }));
    await world.clock.advance(100);
    assertFailure(await call, { code: "canceled", execution: "unknown" });
    await Promise.all(closes);
  }));

Deno.test("close with a grace lets calls end; new ones are refused meanwhile", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    await gate.untilBegun(2);
    let isClosed = false;
    const closing = client.close({ graceMs: 1000 }).then(() => isClosed = true);
    assert(!client.available);
    await assertFails(client.call("Gate.Echo"), { code: "canceled", execution: "not_sent" });
    gate.begun[0].end.resolve("one");
    assertEquals(await calls[0], "one");
    await world.clock.advance(999);
    assert(!isClosed);
    gate.begun[1].end.resolve("two");
    assertEquals(await calls[1], "two");
    await closing;
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("close with a grace that passes, or that a second close cuts short", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    for (const cutShort of [false, true]) {
      const client = await world.dial(address);
      const begun = gate.begun.length;
      const call = failure(client.call("Gate.Wait"));
      await gate.untilBegun(begun + 1);
      const closing = client.close({ graceMs: 1000 });
      if (cutShort) await client.close();
      else await world.clock.advance(1000);
      await closing;
      assertFailure(await call, {
        code: "canceled",
        execution: "unknown",
        address,
        serviceMethod: "Gate.Wait",
      });
      assertEquals(world.clock.timers, 0);
    }
  }));

Deno.test("async dispose drains, then closes", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = client.call("Gate.Wait");
    await gate.untilBegun(1);
    const disposing = client[Symbol.asyncDispose]();
    gate.begun[0].end.resolve("drained");
    await disposing;
    assertEquals(await call, "drained");
    assert(!client.available);
  }));
