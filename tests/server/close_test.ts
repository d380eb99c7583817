/** How a server ends. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  assertFails,
  assertFailure,
  failure,
  inWorld,
  rawClient,
  settled,
} from "../support/helpers.ts";

Deno.test("close: running calls have their grace, then are aborted", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    const lost = failure(calls[1]);
    await gate.untilBegun(2);
    let isClosed = false;
    const closing = server.close({ graceMs: 1000 }).then(() => isClosed = true);
    await settled();
    assert(!client.available);
    await assertFails(client.call("Gate.Echo"), { code: "unavailable", execution: "not_sent" });
    gate.begun[0].end.resolve("in time");
    assertEquals(await calls[0], "in time");
    await world.clock.advance(999);
    assert(!isClosed && gate.aborted.length === 0);
    await world.clock.advance(1);
    await closing;
    assertFailure(await lost, { code: "unavailable", execution: "unknown", address });
    assertEquals(gate.aborted.length, 1);
  }));

Deno.test("close: a grace that is no duration is refused, and nothing ends", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = client.call("Gate.Wait", 1);
    await gate.untilBegun(1);
    for (const graceMs of [NaN, -1]) {
      await assertRejects(() => server.close({ graceMs }), RangeError, "graceMs");
    }
    gate.begun[0].end.resolve("fine");
    assertEquals(await call, "fine");
    assertEquals(await client.call("Gate.Echo", "open"), "open");
    await client.close();
  }));

Deno.test("close: a second close with less grace hurries the first", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const lost = failure(client.call("Gate.Wait"));
    await gate.untilBegun(1);
    const first = server.close();
    await settled();
    await server.close({ graceMs: 0 });
    await first;
    assertFailure(await lost, { code: "unavailable", execution: "unknown" });
    await server[Symbol.asyncDispose]();
  }));

Deno.test("close: idle clients learn of it and close; no connection is accepted any more", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const client = await world.dial(address);
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await server.close();
    await client.closed;
    await assertFails(world.dial(address), { code: "unavailable", address });
    await assertRejects(() => server.listen("memory@b", world.options), TypeError, "closed");
  }));

Deno.test("close: a connection without a handshake has some time for it, then is just closed", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(" ".repeat(100));
    await settled();
    const closing = server.close();
    await world.clock.advance(249);
    assert(!peer.isOver);
    await world.clock.advance(1);
    await peer.ended;
    await world.clock.advance(1000); // it does not end its own side
    await closing;
    assertEquals(peer.text, "");
  }));
