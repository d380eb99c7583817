/** Calls that are too many for a connection or for the server: which wait, which are turned away. */

import { assert, assertEquals } from "@std/assert";
import { MultiServerDiscovery } from "../../discovery.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { SelectMode } from "../../selector.ts";
import type { ServerEvent } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import {
  assertFails,
  assertFailure,
  failure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "../support/helpers.ts";

Deno.test("4,000 calls of 4 KB are aborted while handlers hang: their cancels are heard, others run", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const { network, clock } = world;
    const xclient = new XClient([address], { network, clock });
    const controller = new AbortController();
    const { signal } = controller;
    const text = "x".repeat(4096);
    const calls = Array.from(
      { length: 4000 },
      () => failure(xclient.call("Gate.Wait", text, { signal })),
    );
    await gate.untilBegun(1024);
    controller.abort("enough");
    await Promise.all(calls);
    await clock.advance(1000); // the longest time for which nothing is read
    assertEquals(gate.aborted.length, gate.begun.length);
    for (const { end } of gate.begun) end.resolve(null);
    await settled();
    assertEquals([server.running, server.waiting], [0, 0]);
    assertEquals(await xclient.call("Gate.Echo", "fine"), "fine");
    await xclient.close();
  }, { chunkBytes: 64 * 1024 }));

Deno.test("five clients fill their connections and go: nothing of them is left", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const text = "x".repeat(4096);
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => rawClient(world.network, address)));
    for (const peer of clients) {
      const requests = Array.from({ length: 4000 }, (_, n) => request(n + 1, "Gate.Wait", text));
      await peer.write(option() + requests.join(""));
    }
    await gate.untilBegun(5 * 1024);
    await settled();
    assert(server.waiting > 4000 && server.waiting < 10_000, `${server.waiting} wait`);
    for (const peer of clients) peer.close();
    await world.clock.advance(1300); // until the end is read, and then until the clients are missed
    assertEquals([server.connections, server.waiting], [0, 0]);
    assertEquals(gate.aborted.length, 5 * 1024);
  }, { chunkBytes: 64 * 1024 }));

Deno.test("what waits has a limit; what comes behind it is turned away, and the end is heard", () =>
  inWorld(async (world) => {
    const events: ServerEvent[] = [];
    const options = { maxInFlight: 1, maxMessageBytes: 2000, maxWaitMs: Infinity };
    const onEvent = (event: ServerEvent) => events.push(event);
    const { address, server, gate } = await world.serve("a", { ...options, onEvent });
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1));
    for (let seq = 2; seq <= 20; seq++) {
      await peer.write(request(seq, "Gate.Wait", "x".repeat(300)));
    }
    await peer.write('{"ServiceMethod":"","Seq":1,"Cancel":true}\nnull\n');
    await settled();
    assertEquals([peer.text, gate.aborted.length, server.waiting], ["", 0, 4]); // it pauses
    await world.clock.advance(999);
    assertEquals([peer.text, gate.aborted.length], ["", 0]);
    await world.clock.advance(1);
    assertEquals([gate.aborted.length, server.waiting], [1, 4]);
    const refusals = (await peer.untilLines(30)).filter((_, n) => n % 2 === 0)
      .map((line) => JSON.parse(line));
    assertEquals(refusals.map(({ Seq }) => Seq), Array.from({ length: 15 }, (_, n) => n + 6));
    for (const { Code, Rejected, Error: text } of refusals) {
      assertEquals([Code, Rejected], ["resource_exhausted", true]);
      assert(text.includes("did not run: calls that wait take 2000 bytes already"), text);
    }
    assertEquals(events.map(({ type }) => type), ["overloaded"]);
    assertEquals(server.figures().refused.maxMessageBytes, 15);
    for (let n = 0; n < 5; n++) {
      await gate.untilBegun(n + 1);
      gate.begun[n].end.resolve(n);
      await settled();
    }
    assertEquals(events.map(({ type }) => type), ["overloaded", "recovered"]);
    assertEquals([gate.begun.length, server.running, server.waiting], [5, 0, 0]);
    peer.close();
  }));

Deno.test("handlers that are only slow: a client that is faster is slowed down, and none turned away", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1, maxMessageBytes: 2000 });
    const peer = await rawClient(world.network, address);
    await peer.write(option());
    for (let seq = 1; seq <= 50; seq++) {
      await peer.write(request(seq, "Gate.Wait", "x".repeat(300)));
    }
    for (let n = 0; n < 50; n++) {
      await gate.untilBegun(n + 1);
      await world.clock.advance(900);
      gate.begun[n].end.resolve(n);
    }
    const lines = await peer.untilLines(100);
    assertEquals(lines.filter((line) => line.includes("Rejected")), []);
    peer.close();
  }));

for (const protocol of ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"] as Protocol[]) {
  Deno.test(`${protocol}: hung handlers: what waits too long goes elsewhere, told once`, () =>
    inWorld(async (world) => {
      const events: ServerEvent[] = [];
      const onEvent = (event: ServerEvent) => events.push(event);
      const { network, clock } = world;
      const { server, gate } = await world.serve("a", { maxInFlight: 4, onEvent });
      const other = await world.serve("b");
      const { address } = await server.listen("memory@hung", { network, protocol });
      const elsewhere = await other.server.listen("memory@well", { network, protocol });
      const client = await world.dial(address, { protocol });
      const hung = [1, 2, 3, 4].map((n) => failure(client.call("Gate.Wait", n)));
      await gate.untilBegun(4);
      const waiting = failure(client.call("Gate.Echo", 5));
      await clock.advance(9999);
      assertEquals([server.running, server.waiting, events], [4, 1, []]);
      await clock.advance(1);
      assertFailure(await waiting, { code: "resource_exhausted", execution: "rejected", address });
      assertEquals([server.running, server.waiting], [4, 0]);
      assertEquals(events, [{
        type: "overloaded",
        remote: "memory@client",
        reason: "Gate.Echo did not run: it waited 10000 ms for one of 4 others on its connection " +
          "to end (maxInFlight)",
      }]);

      // A fleet's calls go to the other server.
      const mode = SelectMode.RoundRobin;
      const addresses = [address, elsewhere.address];
      const options = { network, clock, mode, protocol };
      const xclient = new XClient(new MultiServerDiscovery(addresses), options);
      const stuck = Array.from({ length: 8 }, () => failure(xclient.call("Gate.Wait", 0)));
      await gate.untilBegun(8);
      const calls = Array.from({ length: 4 }, (_, n) => xclient.call("Gate.Echo", n));
      await clock.advance(10_000);
      assertEquals(await Promise.all(calls), [0, 1, 2, 3]);
      await xclient.close();
      await client.close();
      for (const { end } of [...gate.begun, ...other.gate.begun]) end.resolve(0);
      await Promise.all([...hung, ...stuck]);
      await clock.advance(200); // a client that speaks no cancel is found to be gone
    }));
}

Deno.test("a call that its caller gives less time waits for half of it, and goes elsewhere in time", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const other = await world.serve("b");
    const mode = SelectMode.RoundRobin;
    const xclient = new XClient([address, other.address], { network, clock, mode });
    const hung = [1, 2].map((n) => failure(xclient.call("Gate.Wait", n))); // one each
    await gate.untilBegun(1);
    const calls = [3, 4].map((n) => xclient.call("Gate.Echo", n, { timeoutMs: 2000 }));
    await clock.advance(1000);
    assertEquals(await Promise.all(calls), [3, 4]);
    await xclient.close();
    await Promise.all(hung);
  }));

Deno.test("maxRunning: the calls of all connections count, and one more is turned away", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxRunning: 3 });
    const clients = await Promise.all([1, 2, 3, 4].map(() => world.dial(address)));
    const calls = clients.slice(1).map((client, n) => client.call("Gate.Wait", n));
    await gate.untilBegun(3);
    assertEquals(server.running, 3);
    await assertFails(clients[0].call("Gate.Wait", 3), {
      code: "resource_exhausted",
      execution: "rejected",
      message: "3 calls run on this server already (maxRunning)",
    });
    gate.begun[0].end.resolve("room");
    assertEquals(await calls[0], "room");
    assertEquals(await clients[0].call("Gate.Echo", "fine"), "fine");
    for (const { end } of gate.begun) end.resolve("fine");
    await Promise.all(calls);
    assertEquals(server.running, 0);
    await Promise.all(clients.map((client) => client.close()));
  }));
