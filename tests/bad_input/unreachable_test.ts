/** Addresses where no server is, or one that speaks something else. */

import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import type { RpcError } from "../../errors.ts";
import { SelectMode } from "../../selector.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { closed, listening } from "../support/foreign_server.ts";
import { assertFails, assertFailure, failure, inWorld } from "../support/helpers.ts";
import { assertBothLost, BROKEN_STREAM, facing, twoCalls } from "../support/raw_scene.ts";

Deno.test("a refused address: unavailable, not sent; the other servers of the fleet go on", async () => {
  const address = "tcp@127.0.0.1:1"; // never given out as a free port, so it stays refused
  await assertFails(dial(address), {
    code: "unavailable",
    execution: "not_sent",
    address,
    message: "can't connect",
  });
  const server = new Server();
  server.register("Echo", { Say: (text: string) => text });
  const good = await server.listen("tcp@127.0.0.1:0");
  const xclient = new XClient(new MultiServerDiscovery([address, good.address]), {
    random: () => 0,
    mode: SelectMode.RoundRobin,
    maxAttempts: 1,
  });
  const [bad, fine] = [xclient.call("Echo.Say", 1), xclient.call("Echo.Say", 2)];
  const wanted = {
    code: "unavailable",
    execution: "not_sent",
    address,
    serviceMethod: "Echo.Say",
  } as const;
  await assertFails(bad, wanted);
  assertEquals(await fine, 2);
  await assertFails(xclient.broadcast("Echo.Say", 3), wanted);
  await xclient.close();
  await server.close();
});

Deno.test("an unroutable address: unavailable, not sent, when connectTimeoutMs has passed", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const address = "memory@nowhere";
    network.setFaults(address, { unroutable: true });
    const good = await world.serve("good");
    const xclient = new XClient(new MultiServerDiscovery([address, good.address]), {
      network,
      clock,
      random: () => 0,
      mode: SelectMode.RoundRobin,
      maxAttempts: 1,
      liveness: { idleMs: Infinity },
    });
    const dialled = failure(world.dial(address));
    const called = failure(xclient.call("Gate.Echo", 1));
    const hurried = [xclient.call("Gate.Echo", 2), xclient.call("Gate.Echo", 3, { timeoutMs: 50 })];
    assertEquals(await hurried[0], 2);
    const late = failure(hurried[1]);
    await clock.advance(50);
    assertFailure(await late, {
      code: "TimeoutError",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
    });
    let isOver = false;
    dialled.then(() => isOver = true);
    await clock.advance(9949);
    assert(!isOver);
    await clock.advance(1);
    const wanted = {
      code: "unavailable",
      execution: "not_sent",
      address,
      message: "no connection within 10000 ms (connectTimeoutMs)",
    } as const;
    assertFailure(await dialled, wanted);
    assertFailure(await called, { ...wanted, serviceMethod: "Gate.Echo" });
    assertEquals(clock.timers, 0);
    await xclient.close();
  }));

Deno.test("a non-RPC peer: an HTTP server on tcp@ is recognised", async () => {
  const server = createHttpServer((_request, response) => response.end("hello"));
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  const address = `tcp@127.0.0.1:${await listening(server)}`;
  const client = await dial(address);
  await assertFails(client.call("Echo.Say", 1), {
    code: "data_loss",
    execution: "unknown",
    address,
    serviceMethod: "Echo.Say",
    message: "(an HTTP server? its addresses are http@…)",
  });
  await client.closed;
  await closed(server, sockets);
});

Deno.test("a non-RPC peer: an HTTP server without CONNECT on http@ is named as such", async () => {
  const sockets = new Set<Socket>();
  const server = createHttpServer((_request, response) => response.end("hello"));
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("connect", (_request, socket) => socket.end("HTTP/1.1 404 Not Found\r\n\r\n"));
  const address = `http@127.0.0.1:${await listening(server)}`;
  await assertFails(dial(address), {
    code: "unavailable",
    execution: "not_sent",
    address,
    message: /the answer was "HTTP\/1\.1 4\d\d /,
  });
  await closed(server, sockets);
});

Deno.test("a non-RPC peer: a TLS server on tcp@ is recognised", async () => {
  const folder = new URL("../fixtures/", import.meta.url);
  const server = createTlsServer({
    cert: readFileSync(new URL("localhost.pem", folder)),
    key: readFileSync(new URL("localhost.key", folder)),
  });
  server.on("tlsClientError", () => {});
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  const address = `tcp@127.0.0.1:${await listening(server)}`;
  const client = await dial(address);
  const error = await failure(client.call("Echo.Say", 1));
  // A runtime's TLS server answers with an alert, or just cuts the connection.
  assertFailure(error, { execution: "unknown", address, serviceMethod: "Echo.Say" });
  assert(["data_loss", "unavailable"].includes((error as RpcError).code), String(error));
  await client.closed;
  await closed(server, sockets);
});

Deno.test("a non-RPC peer: TLS's alert on tcp@ is recognised", () =>
  facing(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.write(new Uint8Array([0x15, 3, 3, 0, 2, 2, 0x46]));
    all.peer.close();
    await assertBothLost(calls, all.client, { ...BROKEN_STREAM, message: "(a TLS server?" });
  }));
