/** How many connections a server has, and how long they may say nothing. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect as connectTcp } from "node:net";
import { parseAddress } from "../../address.ts";
import { dial } from "../../client.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { XClient } from "../../xclient.ts";
import { Server, type ServerEvent } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import {
  assertFails,
  deferred,
  failure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "../support/helpers.ts";
import { tls } from "../support/transports.ts";

for (
  const [what, bytes] of [
    ["nothing", ""],
    ["half a handshake", option().slice(0, -1)],
    ["half of HTTP CONNECT", "CONNECT /_geeprc_ HTTP/1.0\n"],
    ["HTTP CONNECT alone", "CONNECT /_geeprc_ HTTP/1.0\n\n"],
  ]
) {
  Deno.test(`a client that says ${what} has 10 s, then is told and cut off`, () =>
    inWorld(async (world) => {
      const events: ServerEvent[] = [];
      const onEvent = (event: ServerEvent) => events.push(event);
      const { address, server } = await world.serve("a", { onEvent });
      const peer = await rawClient(world.network, address);
      if (bytes !== "") await peer.write(bytes);
      await world.clock.advance(9999);
      assertEquals([peer.isOver, server.connections, events], [false, 1, []]);
      await world.clock.advance(1);
      await peer.ended;
      const reason = "no handshake within 10000 ms (handshakeTimeoutMs)";
      assert(peer.text.includes(`"rpc server: ${reason}"`), peer.text);
      assertEquals(events, [{ type: "cut", remote: "memory@client", reason }]);
      await world.clock.advance(1000); // it does not close its own side
      assertEquals([server.connections, world.clock.timers], [0, 0]);
    }));
}

Deno.test("a handshake in many pieces does not win more time by each", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", { handshakeTimeoutMs: 500 });
    const peer = await rawClient(world.network, address);
    for (let n = 0; n < 5; n++) {
      await peer.write(" ");
      await world.clock.advance(100);
    }
    await peer.ended;
    peer.close();
  }));

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: a client of ours may be idle before its first call and behind its last`, () =>
    inWorld(async (world) => {
      const { server, gate } = await world.serve("a");
      const { network } = world;
      const { address } = await server.listen("memory@idle", { network, protocol });
      const client = await world.dial(address, { protocol });
      const caller = await world.dial(address, { protocol });
      assertEquals(await caller.call("Gate.Echo", "first"), "first");
      await world.clock.advance(3_600_000);
      assertEquals(await caller.call("Gate.Echo", "last"), "last");
      assertEquals(await client.call("Gate.Echo", "late"), "late");
      assertEquals([server.connections, gate.begun.length], [2, 0]);
      await client.close();
      await caller.close();
    }));
}

Deno.test("TLS: a client that never ends its handshake is cut off, and nothing is left", async () => {
  const server = new Server({ handshakeTimeoutMs: 50 });
  const { address } = await server.listen("tls@localhost:0", { tls, protocol: "netrpc/gob" });
  const silent = connectTcp(parseAddress(address).port, "localhost");
  const gone = deferred();
  silent.on("error", () => {}); // a reset is as good
  silent.on("end", () => gone.resolve());
  silent.on("close", () => gone.resolve());
  await gone.promise;
  silent.destroy();
  await server.close();
});

Deno.test("maxConnections: one more is told so and closed, and its call goes elsewhere", () =>
  inWorld(async (world) => {
    const events: ServerEvent[] = [];
    const onEvent = (event: ServerEvent) => events.push(event);
    const { address, server, gate } = await world.serve("a", { maxConnections: 2, onEvent });
    const clients = await Promise.all([1, 2].map(() => world.dial(address)));
    const calls = clients.map((client) => client.call("Gate.Wait"));
    await gate.untilBegun(2);
    const third = await world.dial(address);
    await assertFails(third.call("Gate.Echo"), { code: "unavailable", execution: "rejected" });
    await third.closed;
    await settled();
    assertEquals(server.connections, 2);
    const reason = "2 connections are open already (maxConnections)";
    assertEquals(events, [{ type: "turned_away", remote: "memory@client", reason }]);
    for (const { end } of gate.begun) end.resolve("fine");
    assertEquals(await Promise.all(calls), ["fine", "fine"]);
    await clients[0].close();
    const again = await world.dial(address);
    assertEquals(await again.call("Gate.Echo", "room"), "room");
    await Promise.all([again.close(), clients[1].close()]);
  }));

Deno.test("maxConnections: of a flood only some are told; the others are closed at once", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a", { maxConnections: 10 });
    const flood = await Promise.all(
      Array.from({ length: 500 }, () => rawClient(world.network, address)),
    );
    await settled();
    assertEquals(server.connections, 110);
    assertEquals(flood.filter(({ isOver }) => isOver).length, 390);
    await world.clock.advance(250 + 1000);
    assertEquals(server.connections, 10);
    for (const peer of flood) peer.close();
    await world.clock.advance(300);
    assertEquals(server.connections, 0);
  }));

Deno.test("the limits of a server are checked", () => {
  const options = ["maxInFlight", "maxRunning", "maxConnections", "maxMessageBytes", "maxDepth"];
  for (const name of options) {
    for (const value of [0, -1, NaN]) {
      assertThrows(() => new Server({ [name]: value }), RangeError, name);
    }
  }
  const times = ["maxWaitMs", "handshakeTimeoutMs", "writeTimeoutMs", "idleTimeoutMs"];
  for (const name of times) {
    for (const value of [0, -1, NaN]) {
      assertThrows(() => new Server({ [name]: value }), RangeError, name);
    }
  }
});

Deno.test("idleTimeoutMs: a connection that nobody uses is ended, others are not", () =>
  inWorld(async (world) => {
    const events: ServerEvent[] = [];
    const onEvent = (event: ServerEvent) => events.push(event);
    const { address, server, gate } = await world.serve("a", { idleTimeoutMs: 60_000, onEvent });
    const liveness = { idleMs: Infinity }; // they ask for no sign of life
    const [idle, waiting, used] = await Promise.all(
      [1, 2, 3].map(() => world.dial(address, { liveness })),
    );
    assertEquals(await idle.call("Gate.Echo", 1), 1);
    const call = waiting.call("Gate.Wait", 2);
    for (let n = 0; n < 8; n++) {
      assertEquals(await used.call("Gate.Echo", n), n);
      await world.clock.advance(10_000);
    }
    await idle.closed;
    await settled();
    const reason = "no call has come for 60000 ms (idleTimeoutMs)";
    assertEquals(events, [{ type: "cut", remote: "memory@client", reason }]);
    assertEquals([server.connections, waiting.available, used.available], [2, true, true]);
    gate.begun[0].end.resolve("kept");
    assertEquals(await call, "kept");
    await world.clock.advance(150_000);
    assertEquals(server.connections, 0);
    await Promise.all([waiting.close(), used.close()]);
  }));

Deno.test("Infinity as a limit of time sets no timer", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {
      handshakeTimeoutMs: Infinity,
      writeTimeoutMs: Infinity,
      maxWaitMs: Infinity,
      maxInFlight: 1,
    });
    const peer = await rawClient(world.network, address);
    await settled();
    assertEquals(world.clock.timers, 0);
    await peer.write(option() + [1, 2].map((n) => request(n, "Gate.Wait", n)).join(""));
    await settled();
    assertEquals(world.clock.timers, 0);
    peer.close();
    await world.clock.advance(100);
  }));

Deno.test("an error that is no RpcError is told at the server, with its call; what throws there is dropped", () =>
  inWorld(async (world) => {
    const told: unknown[][] = [];
    const broken = new TypeError("x is undefined");
    const Broken = {
      Sync: () => {
        throw broken;
      },
      Async: () => Promise.reject(broken),
      NotFound: () => Promise.reject(Object.assign(new Error("no RpcError"), { code: 404 })),
      Reply: () => [() => {}],
    };
    const { address } = await world.serve("a", {
      onError: (error, call) => {
        told.push([error, call]);
        throw new Error("the user's own");
      },
      onEvent: () => {
        throw new Error("the user's own");
      },
      maxInFlight: 1,
    }, { Broken });
    const client = await world.dial(address);
    const answered = { execution: "answered", message: "x is undefined" } as const;
    await assertFails(client.call("Broken.Sync"), { ...answered, code: "unknown" });
    await assertFails(client.call("Broken.Async"), { ...answered, code: "unknown" });
    await assertFails(client.call("Broken.Reply"), { code: "internal" });
    const remote = "memory@client";
    assertEquals(told.slice(0, 2), [
      [broken, { serviceMethod: "Broken.Sync", remote }],
      [broken, { serviceMethod: "Broken.Async", remote }],
    ]);
    assertEquals(told[2][1], { serviceMethod: "Broken.Reply", remote });
    assertEquals(told.length, 3);
    await client.close();
  }));

Deno.test("onError and onEvent may close the server", async () => {
  for (const limit of ["onError", "onEvent"]) {
    const clock = new FakeClock();
    const network = new MemoryNetwork({ clock });
    const closed = deferred();
    const close = () => void server.close({ graceMs: 0 }).then(() => closed.resolve());
    const maxRunning = limit === "onError" ? 10 : 1;
    const server: Server = new Server({ clock, maxRunning, [limit]: close });
    server.register("Gate", {
      Fail: () => Promise.reject(new TypeError("x is undefined")),
      Wait: () => new Promise(() => {}),
    });
    await server.listen("memory@a", { network });
    const client = await dial("memory@a", { network, clock });
    const calls = ["Wait", limit === "onError" ? "Fail" : "Wait"]
      .map((method) => failure(client.call(`Gate.${method}`)));
    await closed.promise;
    await Promise.all(calls);
    assertEquals([server.connections, clock.timers], [0, 0]);
  }
});

Deno.test("idleTimeoutMs: the next call dials at once, since the server does not drain", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", { idleTimeoutMs: 1000 });
    const { network, clock } = world;
    const xclient = new XClient([address], { network, clock, liveness: { idleMs: Infinity } });
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await clock.advance(2000);
    await settled();
    assertEquals(xclient.endpoints()[0].connected, false);
    assertEquals(await xclient.call("Gate.Echo", 2), 2); // no time passes
    assertEquals(xclient.endpoints()[0].failures, 0);
    await xclient.close();
  }));
