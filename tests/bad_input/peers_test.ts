/** Peers that fail in the handshake, stop in the middle, or never answer. */

import { createServer as createTcpServer, type Socket } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import { closed, listening } from "../support/foreign_server.ts";
import {
  assertFailure,
  deferred,
  failure,
  inWorld,
  option,
  rawClient,
  RawServer,
  request,
  settled,
  World,
} from "../support/helpers.ts";
import { assertBothLost, BROKEN_STREAM, facing, twoCalls } from "../support/raw_scene.ts";

for (
  const [name, bytes, code, message] of [
    ["a wrong magic number", option({ MagicNumber: 1 }), "data_loss", "invalid magic number 1"],
    [
      "an unknown codec",
      option({ CodecType: "application/x" }),
      "unimplemented",
      'invalid codec type \\"application/x\\"',
    ],
    ["a handshake that is no JSON", "{MagicNumber}", "data_loss", "expected a GeeRPC handshake"],
    ["a handshake that never ends", `{${" ".repeat(5000)}`, "data_loss", "GeeRPC handshake"],
    ["spaces for a handshake", " ".repeat(5000), "data_loss", "GeeRPC handshake"],
    ["words of another protocol", "*1\r\n$4\r\nPING\r\n", "data_loss", "PING"],
    ["a TLS client", "\x16\x03\x01\x02\0\x01\0\x01", "data_loss", "a TLS server?"],
  ] as const
) {
  Deno.test(`${name}: the server says so and closes; other clients go on`, () =>
    inWorld(async (world) => {
      const { address, gate } = await world.serve("a");
      const client = await world.dial(address);
      const peer = await rawClient(world.network, address);
      await peer.write(bytes + request(1, "Gate.Wait", null));
      await peer.ended;
      const { Seq, Code } = JSON.parse(peer.lines[0]);
      assertEquals([Seq, Code], [0, code]);
      if (name !== "a TLS client") assert(peer.text.includes(message), peer.text);
      assertEquals(gate.begun.length, 0);
      assertEquals(await client.call("Gate.Echo", "fine"), "fine");
      await client.close();
    }));
}

for (
  const [request, answer] of [
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.0 405 Method Not Allowed\n"],
    ["GET / HTTP/1.0\n\n", "HTTP/1.0 405 Method Not Allowed\n"],
  ]
) {
  Deno.test(`an HTTP request ${JSON.stringify(request)} is answered as such, and closed`, () =>
    inWorld(async (world) => {
      const { address, server } = await world.serve("a");
      const peer = await rawClient(world.network, address);
      await peer.write(request);
      await peer.ended;
      assert(peer.text.startsWith(answer), peer.text);
      peer.close();
      await settled();
      assertEquals(server.connections, 0);
    }));
}

Deno.test("a server that refuses the handshake: the calls fail with its code and words", () =>
  facing(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.reply(0, {}, {
      Error: "rpc server: invalid magic number 1",
      Code: "unimplemented",
    });
    await assertBothLost(calls, all.client, {
      code: "unimplemented",
      execution: "unknown",
      message: "the server refused the connection: rpc server: invalid magic number 1",
    });
  }));

for (
  const [where, bytes] of [
    ["a header", '{"ServiceMethod":"S.First","Se'],
    ["a header's line end", '{"ServiceMethod":"S.First","Seq":1,"Error":""}'],
    ["a body", '{"ServiceMethod":"S.First","Seq":1,"Error":""}\n{"A":1,'],
    ["a message, behind its header", '{"ServiceMethod":"S.First","Seq":1,"Error":""}\n'],
  ]
) {
  Deno.test(`a peer that closes in the middle of ${where}: data_loss`, () =>
    facing(async (all) => {
      const calls = await twoCalls(all);
      await all.peer.write(bytes);
      all.peer.close();
      await assertBothLost(calls, all.client, {
        ...BROKEN_STREAM,
        message: "the stream ended in the middle of a reply",
      });
    }));
}

Deno.test("a peer that closes between two replies: unavailable, and it may have run", () =>
  facing(async (all) => {
    const calls = await twoCalls(all);
    all.peer.close();
    await assertBothLost(calls, all.client, {
      code: "unavailable",
      execution: "unknown",
      message: "the server closed the connection",
    });
  }));

Deno.test("a client that closes in the middle of a frame: its calls are aborted, nothing stays", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + request(1, "Gate.Wait", null) + '{"ServiceMethod":"Gate.Wait","Seq":2}\n[1,',
    );
    await gate.untilBegun(1);
    peer.close();
    await gate.untilAborted(1);
    assertFailure(gate.aborted[0], { code: "canceled" });
    await settled();
    assertEquals([gate.begun.length, server.connections], [1, 0]);
    gate.begun[0].end.resolve("too late"); // goes nowhere
  }));

Deno.test("a peer that accepts and never answers: the deadline ends the call, the fleet goes on", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@mute");
    const good = await world.serve("good");
    const discovery = new MultiServerDiscovery(["memory@mute", good.address]);
    const { network, clock } = world;
    const xclient = new XClient(discovery, {
      network,
      clock,
      random: () => 0,
      mode: SelectMode.RoundRobin,
      maxAttempts: 1,
    });
    const outcome = failure(xclient.call("Gate.Echo", 1, { timeoutMs: 500 }));
    await raw.accept();
    assertEquals(await xclient.call("Gate.Echo", 2), 2);
    await clock.advance(500);
    assertFailure(await outcome, {
      code: "TimeoutError",
      execution: "unknown",
      address: "memory@mute",
      serviceMethod: "Gate.Echo",
      message: "Gate.Echo at memory@mute: no reply within 500 ms",
    });
    await xclient.close();
    await raw.close();
  }));

for (const scheme of ["tls", "http"] as const) {
  Deno.test(`a peer that accepts and never answers: ${scheme}@ is given up after connectTimeoutMs`, async () => {
    const sockets: Socket[] = [];
    const accepted = deferred();
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.once("data", () => accepted.resolve());
    });
    const port = await listening(server);
    const world = new World();
    const address = `${scheme}@127.0.0.1:${port}`;
    const outcome = failure(dial(address, { clock: world.clock, connectTimeoutMs: 3000 }));
    await accepted.promise;
    await world.clock.advance(3000);
    assertFailure(await outcome, {
      code: "unavailable",
      execution: "not_sent",
      address,
      message: "no connection within 3000 ms (connectTimeoutMs)",
    });
    assertEquals(world.clock.timers, 0);
    await closed(server, sockets);
  });
}
