/** Calls that wait because enough of them run. */

import { assert, assertEquals } from "@std/assert";
import { failure, inWorld, option, rawClient, request, settled } from "../support/helpers.ts";

Deno.test("maxInFlight: no more calls run on one connection, whatever comes in one read", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 3 });
    const client = await world.dial(address);
    const other = await world.dial(address);
    const calls = Array.from({ length: 10 }, (_, n) => client.call("Gate.Wait", n));
    await settled();
    assertEquals(gate.begun.map(({ args }) => args), [0, 1, 2]);
    assertEquals(await other.call("Gate.Echo", "not held up"), "not held up");
    for (let n = 0; n < 10; n++) {
      gate.begun[n].end.resolve(n);
      await settled();
      assertEquals(gate.begun.length, Math.min(10, n + 4));
    }
    assertEquals(await Promise.all(calls), calls.map((_, n) => n));
    await client.close();
    await other.close();
  }));

Deno.test("maxInFlight: a call that waits can be cancelled, and then never runs", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + [1, 2, 3].map((n) => request(n, "Gate.Wait", n)).join("") +
        '{"ServiceMethod":"","Seq":2,"Cancel":true}\nnull\n',
    );
    await gate.untilBegun(1);
    gate.begun[0].end.resolve("one");
    await gate.untilBegun(2);
    assertEquals(gate.begun.map(({ args }) => args), [1, 3]);
    gate.begun[1].end.resolve("three");
    const lines = await peer.untilLines(4);
    assertEquals([lines[1], lines[3]], ['"one"', '"three"']);
    peer.close();
  }));

Deno.test("maxInFlight: calls that wait when the connection ends never run", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const client = await world.dial(address);
    const calls = [1, 2].map((n) => failure(client.call("Gate.Wait", n)));
    await gate.untilBegun(1);
    await client.close();
    await Promise.all(calls);
    await gate.untilAborted(1);
    gate.begun[0].end.resolve("too late");
    await settled();
    assertEquals(gate.begun.length, 1);
  }));

Deno.test("maxInFlight: a client's cancels and its end are read behind calls that wait", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxInFlight: 2 });
    const client = await world.dial(address);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = Array.from(
      { length: 5 },
      (_, n) => failure(client.call("Gate.Wait", n, { signal })),
    );
    const lost = Array.from({ length: 5 }, (_, n) => failure(client.call("Gate.Wait", 5 + n)));
    await gate.untilBegun(2);
    controller.abort("enough");
    assertEquals(await Promise.all(aborted), Array(5).fill("enough"));
    await gate.untilAborted(2);
    for (const { end } of gate.begun.slice(0, 2)) end.resolve("given up");
    await gate.untilBegun(4);
    assertEquals(gate.begun.map(({ args }) => args), [0, 1, 5, 6]);
    assertEquals(gate.aborted.length, 2);
    await client.close();
    await Promise.all(lost);
    await settled();
    assertEquals([gate.begun.length, gate.aborted.length, server.connections], [4, 4, 0]);
  }));

Deno.test("maxInFlight: a handler counts until it ends, whatever became of its call", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 3 });
    const client = await world.dial(address);
    const controller = new AbortController();
    const { signal } = controller;
    const cancelled = failure(client.call("Gate.Wait", "cancelled", { signal }));
    const late = failure(client.call("Gate.Wait", "late", { timeoutMs: 10 }));
    const running = client.call("Gate.Wait", "running");
    const waiting = ["first", "second"].map((name) => client.call("Gate.Wait", name));
    await gate.untilBegun(3);
    controller.abort("enough");
    await world.clock.advance(10);
    await Promise.all([cancelled, late]);
    await gate.untilAborted(2);
    await settled();
    assertEquals(gate.begun.length, 3);
    gate.begun[0].end.resolve("for nobody");
    await gate.untilBegun(4);
    gate.begun[1].end.reject(new Error("for nobody"));
    await gate.untilBegun(5);
    assertEquals(gate.begun.slice(3).map(({ args }) => args), ["first", "second"]);
    for (const { args, end } of gate.begun.slice(2)) end.resolve(args);
    assertEquals(await Promise.all([running, ...waiting]), ["running", "first", "second"]);
    await client.close();
  }));

Deno.test("maxInFlight: what waits has a limit, past which no more is read", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1, maxMessageBytes: 1000 });
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1));
    for (let seq = 2; seq <= 20; seq++) {
      await peer.write(request(seq, "Gate.Wait", "x".repeat(300)));
    }
    await peer.write("nonsense\n"); // would end the connection if it were read
    await settled();
    assert(!peer.isOver);
    assertEquals(gate.begun.length, 1);
    for (let n = 0; !peer.isOver; n++) {
      await gate.untilBegun(n + 1);
      gate.begun[n].end.resolve(n);
      await settled();
    }
    assert(gate.begun.length > 12, `${gate.begun.length} calls were read before`);
  }));

Deno.test("maxInFlight: a call waits for half of its time at most, and keeps the deadline it came with", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + request(1, "Gate.Wait", 1) + request(2, "Gate.Wait", 2, { Timeout: 100 }) +
        request(3, "Gate.Wait", 3, { Timeout: 300, Meta: { user: "ann" } }),
    );
    await gate.untilBegun(1);
    await world.clock.advance(49);
    assertEquals(peer.text, "");
    await world.clock.advance(1);
    const { Seq, Code, Rejected } = JSON.parse((await peer.untilLines(2))[0]);
    assertEquals([Seq, Code, Rejected], [2, "resource_exhausted", true]);
    await world.clock.advance(50);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    const { args, ctx } = gate.begun[1];
    assertEquals([args, { ...ctx.meta }], [3, { user: "ann" }]);
    await world.clock.advance(199);
    assert(!ctx.signal.aborted);
    await world.clock.advance(1);
    assert(ctx.signal.aborted);
    peer.close();
  }));

Deno.test("maxInFlight: a Seq that waits already is refused", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await rawClient(world.network, address);
    await peer.write(option() + [1, 2, 2].map((n) => request(n, "Gate.Wait", n)).join(""));
    const { Seq, Code, Rejected } = JSON.parse((await peer.untilLines(2))[0]);
    assertEquals([Seq, Code, Rejected], [2, "invalid_argument", true]);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    assertEquals(gate.begun.map(({ args }) => args), [1, 2]);
    peer.close();
    await gate.untilAborted(1);
  }));
