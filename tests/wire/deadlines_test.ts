/** Metadata, deadlines and drains at the server, in bytes. */

import { assert, assertEquals } from "@std/assert";
import { inWorld, option, rawClient, request, settled } from "../support/helpers.ts";

Deno.test("Meta and Timeout reach the handler; what is no string is left out", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() +
        request(1, "Gate.Wait", 1, { Timeout: 60_000, Meta: { a: "b", c: 1 } }) +
        '{"ServiceMethod":"Gate.Wait","Seq":2,"Meta":{"__proto__":"x"}}\nnull\n' +
        request(3, "Gate.Wait", 1, { Meta: "no object", Timeout: "no number" }) +
        request(4, "Gate.Wait", 1, { Meta: null, Timeout: null }) +
        request(5, "Gate.Wait", 1),
    );
    await gate.untilBegun(5);
    const [one, two, ...others] = gate.begun.map(({ ctx }) => ctx);
    assertEquals(Object.entries(one.meta), [["a", "b"]]);
    assert(one.deadline instanceof Date);
    assertEquals(Object.entries(two.meta), [["__proto__", "x"]]);
    for (const { meta, deadline } of others) {
      assertEquals([Object.keys(meta), deadline], [[], undefined]);
    }
    assertEquals([one.serviceMethod, one.remote], ["Gate.Wait", "memory@client"]);
    peer.close();
    await gate.untilAborted(5);
  }));

Deno.test("Timeout passes: the signal aborts, and there is no answer", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1, { Timeout: 500 }));
    await gate.untilBegun(1);
    await world.clock.advance(499);
    assertEquals(gate.aborted.length, 0);
    await world.clock.advance(1);
    assertEquals(gate.aborted.length, 1);
    assertEquals((gate.aborted[0] as Error).name, "TimeoutError");
    gate.begun[0].end.resolve("too late");
    await settled();
    assertEquals(peer.lines, []);
    await peer.write(request(2, "Gate.Echo", "goes on"));
    assertEquals((await peer.untilLines(2))[1], '"goes on"');
    peer.close();
  }));

Deno.test("a call that is late already is not begun", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + request(1, "Gate.Wait", 1, { Timeout: 0 }) +
        request(2, "Gate.Wait", 1, { Timeout: -5 }),
    );
    for (const line of [0, 2]) {
      const { Code, Rejected } = JSON.parse((await peer.untilLines(4))[line]);
      assertEquals([Code, Rejected], ["deadline_exceeded", true]);
    }
    assertEquals(gate.begun.length, 0);
    peer.close();
  }));

Deno.test("HandleTimeout passes: GeeRPC's words, and the signal aborts", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      option({ HandleTimeout: 1e9 }) + request(1, "Gate.Wait", 1) +
        request(2, "Gate.Wait", 1, { Timeout: 400 }) +
        request(3, "Gate.Wait", 1, { Timeout: 5000 }) + request(4, "Gate.Echo", 4),
    );
    await gate.untilBegun(3);
    await world.clock.advance(400);
    assertEquals(gate.aborted.length, 1);
    await world.clock.advance(600);
    assertEquals(gate.aborted.length, 3);
    const errors = (await peer.untilLines(6)).filter((line) => line.includes("Code"))
      .map((line) => JSON.parse(line)).sort((a, b) => a.Seq - b.Seq);
    assertEquals(errors.map(({ Seq, Error: text, Code }) => [Seq, text, Code]), [
      [1, "rpc server: request handle timeout: expect within 1s", "deadline_exceeded"],
      [3, "rpc server: request handle timeout: expect within 1s", "deadline_exceeded"],
    ]);
    peer.close();
  }));

Deno.test("a server drains: it says so, refuses new calls, ends the running ones, then closes", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1));
    await gate.untilBegun(1);
    const closing = server.close();
    assertEquals(await peer.untilLines(2), ['{"ServiceMethod":"","Seq":0,"Drain":true}', "null"]);
    await peer.write(request(2, "Gate.Wait", 2));
    const { Seq, Code, Rejected } = JSON.parse((await peer.untilLines(4))[2]);
    assertEquals([Seq, Code, Rejected], [2, "unavailable", true]);
    gate.begun[0].end.resolve("last");
    assertEquals((await peer.untilLines(6)).slice(4), [
      '{"ServiceMethod":"Gate.Wait","Seq":1,"Error":""}',
      '"last"',
    ]);
    assert(!peer.isOver);
    await world.clock.advance(250); // a client that does not know of draining
    await peer.ended;
    peer.close();
    await closing;
    assertEquals(gate.begun.length, 1);
  }));
