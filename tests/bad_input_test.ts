/** Every item of the list "Bad input": its error, and that nothing else is lost. */

import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { readFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:tls";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type Client, dial } from "../client.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import { SelectMode } from "../selector.ts";
import { Server } from "../server.ts";
import { XClient } from "../xclient.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  option,
  rawClient,
  type RawPeer,
  RawServer,
  request,
  settled,
  World,
} from "./support/helpers.ts";

const MIB = 1024 * 1024;

/** A client of a server that the test plays, and a good server beside it. */
interface Scene {
  world: World;
  raw: RawServer;
  peer: RawPeer;
  client: Client;
}

function scene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await world.dial("memory@raw");
    const peer = await raw.accept();
    await body({ world, raw, peer, client });
    await client.close();
    await raw.close();
    assertEquals(client.inFlight, 0);
    assertEquals(world.network.connections("memory@raw"), 0);
  });
}

/** Two calls are in flight; the first has Seq 1. */
async function twoCalls({ client, peer }: Scene) {
  const first = client.call("S.First", 1);
  const second = client.call("S.Second", 2);
  await peer.untilLines(4);
  return { first, second };
}

/** A call on the same connection still works. */
async function assertWorks({ client, peer }: Scene, seq: number) {
  const before = peer.lines.length;
  const call = client.call("S.More", null);
  await peer.untilLines(before + 2);
  await peer.reply(seq, "more");
  assertEquals(await call, "more");
}

/** Both calls are lost with the connection, each naming itself; an `XClient` goes on elsewhere. */
async function assertBothLost(
  calls: { first: Promise<unknown>; second: Promise<unknown> },
  client: Client,
  wanted: Parameters<typeof assertFails>[1],
) {
  const address = "memory@raw";
  await Promise.all([
    assertFails(calls.first, { ...wanted, address, serviceMethod: "S.First" }),
    assertFails(calls.second, { ...wanted, address, serviceMethod: "S.Second" }),
  ]);
  await client.closed;
  assert(!client.available);
  await assertFails(client.call("S.Third"), {
    code: "unavailable",
    execution: "not_sent",
    address,
    serviceMethod: "S.Third",
  });
}

const PROMPT = { code: "data_loss", execution: "unknown" } as const;

Deno.test("malformed JSON: a reply's body fails its own call only", () =>
  scene(async (all) => {
    const { first, second } = await twoCalls(all);
    await all.peer.write('{"ServiceMethod":"S.First","Seq":1,"Error":""}\n{"A":\n');
    await assertFails(first, {
      code: "data_loss",
      execution: "answered",
      address: "memory@raw",
      serviceMethod: "S.First",
      message: 'S.First at memory@raw: the reply can\'t be decoded: malformed JSON: "{\\"A\\":"',
    });
    await all.peer.reply(2, "fine");
    assertEquals(await second, "fine");
    await assertWorks(all, 3);
  }));

Deno.test("malformed JSON: a reply's header ends the connection", () =>
  scene(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.write('{"ServiceMethod":\n');
    await assertBothLost(calls, all.client, { ...PROMPT, message: "expected a header" });
    await all.peer.ended;
  }));

for (
  const header of [
    "[]]",
    "7",
    "null",
    '"text"',
    '{"ServiceMethod":7,"Seq":1,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":-1,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":1.5,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":9007199254740993,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":"1","Error":""}',
    '{"ServiceMethod":"S"M","Seq":1,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":1,"Error":{"text":1}}',
  ]
) {
  Deno.test(`malformed JSON: a header ${header} ends the connection, as data_loss`, () =>
    scene(async (all) => {
      const calls = await twoCalls(all);
      await all.peer.write(`${header}\nnull\n`);
      await assertBothLost(calls, all.client, PROMPT);
    }));
}

Deno.test("malformed JSON: a request's body fails its own call only, and does not run", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + '{"ServiceMethod":"Gate.Wait","Seq":1}\n{]\n' + request(2, "Gate.Echo", "fine"),
    );
    const [head, body, ...others] = await peer.untilLines(4);
    const { Error: text, ...rest } = JSON.parse(head);
    assertEquals(rest, {
      ServiceMethod: "Gate.Wait",
      Seq: 1,
      Code: "data_loss",
      Rejected: true,
    });
    assert(text.startsWith("rpc server: the arguments can't be decoded: malformed JSON"), text);
    assertEquals(body, "{}");
    assertEquals(others, ['{"ServiceMethod":"Gate.Echo","Seq":2,"Error":""}', '"fine"']);
    assertEquals(gate.begun.length, 0);
    peer.close();
  }));

for (const header of ['{"ServiceMethod":"Gate.\\q","Seq":1}', '{"ServiceMethod":"a\\","Seq":1}']) {
  Deno.test(`malformed JSON: a request's header ${header} is data_loss`, () =>
    inWorld(async (world) => {
      const { address } = await world.serve("a");
      const peer = await rawClient(world.network, address);
      await peer.write(`${option()}${header}\nnull\n`);
      await peer.ended;
      const { Seq, Code } = JSON.parse(peer.lines[0]);
      assertEquals([Seq, Code], [0, "data_loss"]);
    }));
}

Deno.test("malformed JSON: a request's header ends that connection, with a reason, and no other", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", null));
    await gate.untilBegun(1);
    await peer.write("nonsense\nnull\n" + request(2, "Gate.Wait", null));
    await peer.ended;
    const { Seq, Code, Error: text } = JSON.parse(peer.lines[0]);
    assertEquals([Seq, Code], [0, "data_loss"]);
    assert(text.includes('got "nonsense"'), text);
    await gate.untilAborted(1); // the call that ran there
    assertEquals(gate.begun.length, 1);
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
    await settled();
    assertEquals(server.connections, 0);
  }));

Deno.test("a body that never comes: the call has its deadline, the server's end runs nothing", () =>
  scene(async (all) => {
    const { world, peer, client } = all;
    const late = client.call("S.First", 1, { timeoutMs: 500 });
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"S.First","Seq":1,"Error":""}\n');
    const outcome = failure(late);
    await world.clock.advance(499);
    assertEquals(client.inFlight, 1);
    await world.clock.advance(1);
    assertFailure(await outcome, {
      code: "TimeoutError",
      execution: "unknown",
      address: "memory@raw",
      serviceMethod: "S.First",
    });
    await peer.write('"late"\n'); // nobody waits for it
    await assertWorks(all, 2);

    const { address, gate } = await world.serve("a");
    const half = await rawClient(world.network, address);
    await half.write(option() + '{"ServiceMethod":"Gate.Wait","Seq":1}\n');
    const good = await world.dial(address);
    assertEquals(await good.call("Gate.Echo", 1), 1);
    assertEquals(gate.begun.length, 0);
    half.close();
    await good.close();
  }));

Deno.test("a body that never comes: an abort and a close still end the call", () =>
  scene(async ({ peer, client }) => {
    const controller = new AbortController();
    const aborted = client.call("S.First", 1, { signal: controller.signal });
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"S.First","Seq":1,"Error":""}\n');
    await settled();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await failure(aborted), reason);
    await peer.write("1\n");

    const closed = client.call("S.Second", 2);
    await peer.untilLines(4);
    await peer.write('{"ServiceMethod":"S.Second","Seq":2,"Error":""}\n');
    await settled();
    const outcome = failure(closed);
    await client.close();
    assertFailure(await outcome, {
      code: "canceled",
      execution: "unknown",
      address: "memory@raw",
      serviceMethod: "S.Second",
    });
  }));

Deno.test("a header of 5 MiB: from a server it ends the connection, as resource_exhausted", () =>
  scene(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.write(`{"ServiceMethod":"${"x".repeat(5 * MIB)}","Seq":1,"Error":""}\n1\n`);
    await assertBothLost(calls, all.client, {
      code: "resource_exhausted",
      execution: "unknown",
      message: "over the limit of 4194304 bytes",
    });
  }));

Deno.test("a header of 5 MiB: from a client it ends its connection, with a reason, and no other", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "x".repeat(5 * MIB), null));
    await peer.ended;
    const { Seq, Code, Error: text } = JSON.parse(peer.lines[0]);
    assertEquals([Seq, Code], [0, "resource_exhausted"]);
    assert(text.includes("a header over the limit of 4194304 bytes (maxMessageBytes)"), text);
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a header of 5 MiB: a client does not send one", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const name = "x".repeat(5 * MIB);
    const error = await failure(client.call(name));
    assert(error instanceof RpcError && error.serviceMethod === name);
    assertEquals([error.code, error.execution], ["resource_exhausted", "not_sent"]);
    const wanted = { code: "resource_exhausted", execution: "not_sent", address } as const;
    await assertFails(client.call("Gate.Echo", 1, { meta: { token: name } }), {
      ...wanted,
      serviceMethod: "Gate.Echo",
    });
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a message over the limit: the client's argument is refused before it is sent", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { maxMessageBytes: 100 });
    const waiting = client.call("Gate.Wait");
    await assertFails(client.call("Gate.Echo", "x".repeat(100)), {
      code: "resource_exhausted",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
      message: "over the limit of 100 bytes",
    });
    await assertFails(client.call("Gate.Echo", "é".repeat(50)), { code: "resource_exhausted" });
    assertEquals(await client.call("Gate.Echo", "x".repeat(98)), "x".repeat(98));
    gate.begun[0].end.resolve("still here");
    assertEquals(await waiting, "still here");
    await client.close();
  }));

Deno.test("a message over the limit: the server refuses the argument, and it did not run", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxMessageBytes: 200 });
    const client = await world.dial(address);
    const waiting = client.call("Gate.Wait");
    await assertFails(client.call("Gate.Wait", "x".repeat(199)), {
      code: "resource_exhausted",
      execution: "rejected",
      address,
      serviceMethod: "Gate.Wait",
      message: "rpc server: the arguments are over the limit of 200 bytes (maxMessageBytes)",
    });
    assertEquals(gate.begun.length, 1);
    gate.begun[0].end.resolve("still here");
    assertEquals(await waiting, "still here");
    assertEquals(await client.call("Gate.Echo", "x".repeat(198)), "x".repeat(198));
    await client.close();
  }));

Deno.test("a message over the limit: the server's reply is refused there, its call has run", () =>
  inWorld(async (world) => {
    const Big = { Sync: () => "x".repeat(200), Async: () => Promise.resolve("x".repeat(200)) };
    const { address } = await world.serve("a", { maxMessageBytes: 200 }, { Big });
    const client = await world.dial(address);
    for (const serviceMethod of ["Big.Sync", "Big.Async"]) {
      await assertFails(client.call(serviceMethod), {
        code: "resource_exhausted",
        execution: "answered",
        address,
        serviceMethod,
        message: "over the limit of 200 bytes",
      });
    }
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

for (const chunkBytes of [Infinity, 64]) {
  Deno.test(`a message over the limit: the client skips a reply, in chunks of ${chunkBytes}`, () =>
    inWorld(async (world) => {
      const { address, gate } = await world.serve("a");
      const client = await world.dial(address, { maxMessageBytes: 100 });
      const waiting = client.call("Gate.Wait");
      const big = client.call("Gate.Wait");
      await gate.untilBegun(2);
      gate.begun[1].end.resolve("x".repeat(5000));
      await assertFails(big, {
        code: "resource_exhausted",
        execution: "answered",
        address,
        serviceMethod: "Gate.Wait",
        message: "the reply is over the limit of 100 bytes (maxMessageBytes)",
      });
      gate.begun[0].end.resolve("still here");
      assertEquals(await waiting, "still here");
      await client.close();
    }, { chunkBytes }));
}

Deno.test("an unknown Seq: its reply is dropped", () =>
  scene(async (all) => {
    const { first, second } = await twoCalls(all);
    await all.peer.reply(99, "whose?");
    await all.peer.reply(98, {}, { Error: "whose?" });
    await all.peer.reply(0, "nobody's");
    await all.peer.reply(2, "second");
    await all.peer.reply(1, "first");
    assertEquals([await first, await second], ["first", "second"]);
    await assertWorks(all, 3);
  }));

Deno.test("a duplicate reply: the first counts", () =>
  scene(async (all) => {
    const { first, second } = await twoCalls(all);
    await all.peer.reply(1, "one");
    await all.peer.reply(1, "two");
    await all.peer.reply(1, {}, { Error: "three" });
    await all.peer.reply(2, "second");
    assertEquals([await first, await second], ["one", "second"]);
    await assertWorks(all, 3);
  }));

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
      assertEquals(server.connections, 0);
    }));
}

Deno.test("a server that refuses the handshake: the calls fail with its code and words", () =>
  scene(async (all) => {
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
    scene(async (all) => {
      const calls = await twoCalls(all);
      await all.peer.write(bytes);
      all.peer.close();
      await assertBothLost(calls, all.client, {
        ...PROMPT,
        message: "the stream ended in the middle of a reply",
      });
    }));
}

Deno.test("a peer that closes between two replies: unavailable, and it may have run", () =>
  scene(async (all) => {
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

/** A server whose listening socket is closed: its port refuses. */
async function refusingPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listening(server);
  await closed(server, []);
  return port;
}

Deno.test("a refused address: unavailable, not sent; the other servers of the fleet go on", async () => {
  const address = `tcp@127.0.0.1:${await refusingPort()}`;
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

/** What all kinds of servers have that are none of ours. */
interface Foreign {
  listen(port: number, host: string, listening: () => void): unknown;
  address(): unknown;
  close(closed: () => void): unknown;
}

function listening(server: Foreign): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function closed(server: Foreign, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

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
  const folder = new URL("./fixtures/", import.meta.url);
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
  scene(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.write(new Uint8Array([0x15, 3, 3, 0, 2, 2, 0x46]));
    all.peer.close();
    await assertBothLost(calls, all.client, { ...PROMPT, message: "(a TLS server?" });
  }));

Deno.test("UTF-8 split across reads: every cut gives the same text, both ways", async () => {
  const text = "aé€😀\u2028ß𝄞z";
  for (let chunkBytes = 1; chunkBytes <= 12; chunkBytes++) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a");
      const client = await world.dial(address);
      const replies = [1, 2, 3].map((n) => client.call("Gate.Echo", text.repeat(n)));
      assertEquals(await Promise.all(replies), [1, 2, 3].map((n) => text.repeat(n)));
      await assertFails(client.call("Gate.Fail", text), {
        code: "unknown",
        execution: "answered",
        message: `failed: ${text}`,
      });
      await client.close();
    }, { chunkBytes });
  }
});

Deno.test("__proto__ in a body: refused in both directions, and no object is changed", () =>
  inWorld(async (world) => {
    const Evil = { Reply: () => JSON.parse('{"deep":[{"__proto__":{"polluted":1}}]}') };
    const { address, gate } = await world.serve("a", {}, { Evil });
    const client = await world.dial(address);
    for (const key of ['"__proto__"', '"\\u005f_proto__"', '"__pr\\u006Fto__"']) {
      const peer = await rawClient(world.network, address);
      await peer.write(
        option() + `{"ServiceMethod":"Gate.Wait","Seq":1}\n{"a":[{${key}:{"polluted":1}}]}\n` +
          request(2, "Gate.Echo", "fine"),
      );
      const [head, , , fine] = await peer.untilLines(4);
      const { Code, Rejected, Error: text } = JSON.parse(head);
      assertEquals([Code, Rejected], ["invalid_argument", true]);
      assert(text.includes('"__proto__" is not accepted'), text);
      assertEquals(fine, '"fine"');
      peer.close();
    }
    assertEquals(gate.begun.length, 0);
    await assertFails(client.call("Evil.Reply"), {
      execution: "answered",
      address,
      serviceMethod: "Evil.Reply",
      message: '"__proto__" is not accepted',
    });
    assertEquals(({} as Record<string, unknown>).polluted, undefined);
    assertEquals(await client.call("Gate.Echo", "fine, __proto__"), "fine, __proto__");
    await client.close();
  }));

Deno.test("nesting over the limit: refused in both directions", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { maxDepth: 10 });
    const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    await assertFails(client.call("Gate.Wait", nested(101)), {
      code: "invalid_argument",
      execution: "rejected",
      message: "nested too deeply",
    });
    assertEquals(gate.begun.length, 0);
    await assertFails(client.call("Gate.Echo", nested(11)), {
      execution: "answered",
      address,
      serviceMethod: "Gate.Echo",
      message: "nested too deeply",
    });
    assertEquals(await client.call("Gate.Echo", nested(10)), nested(10));
    await client.close();
  }));

const THROWN: [string, unknown, string][] = [
  ["a string", "just text", "just text"],
  ["a number", 7, "7"],
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
  ["an empty string", "", "an empty error"],
  ["an object", { a: 1 }, "[object Object]"],
  ["a symbol", Symbol("s"), "Symbol(s)"],
  ["an object without a prototype", Object.create(null), "an error with no text"],
  ["an error without text", new Error(""), "Error"],
  ["an error whose text is none", Object.assign(new Error(), { message: undefined }), ""],
  ["an error whose text is an object", Object.assign(new Error(), { message: { a: 1 } }), ""],
  [
    "an error whose text throws",
    Object.defineProperty(new Error(), "message", {
      get: () => {
        throw 1;
      },
    }),
    "",
  ], // deno-fmt-ignore
  ["an error with a code that is none", new RpcError(404 as never, "no page"), "no page"],
  ["a revoked proxy", revoked(), "an error with no text"],
  ["a proxy that throws whatever it is asked", trapping(), "an error with no text"],
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function trapping(): unknown {
  const refuse = () => {
    throw new Error("trapped");
  };
  return new Proxy({}, { get: refuse, getPrototypeOf: refuse });
}

for (const [name, thrown, text] of THROWN) {
  Deno.test(`a handler that throws a non-error: ${name}`, () =>
    inWorld(async (world) => {
      const Thrower = {
        Sync: () => {
          throw thrown;
        },
        Async: () => Promise.reject(thrown),
      };
      const { address } = await world.serve("a", {}, { Thrower });
      const client = await world.dial(address);
      for (const serviceMethod of ["Thrower.Sync", "Thrower.Async"]) {
        const error = await assertFails(client.call(serviceMethod), {
          code: "unknown",
          execution: "answered",
          address,
          serviceMethod,
        });
        if (text) assertEquals(error.message, text);
        assert(error.message !== "");
      }
      assertEquals(await client.call("Gate.Echo", "fine"), "fine");
      await client.close();
    }));
}

Deno.test("a handler that returns what is no promise but looks like one", () =>
  inWorld(async (world) => {
    const Odd = {
      Throws: () => ({
        then() {
          throw new Error("odd");
        },
      }),
      Twice: () => ({
        then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
          resolve("first");
          resolve("second");
          reject("third");
        },
      }),
      Getter: () => ({
        get then() {
          throw new Error("odd");
        },
      }),
    };
    const { address } = await world.serve("a", {}, { Odd });
    const client = await world.dial(address);
    for (const serviceMethod of ["Odd.Throws", "Odd.Getter"]) {
      await assertFails(client.call(serviceMethod), {
        code: "unknown",
        execution: "answered",
        serviceMethod,
        message: "odd",
      });
    }
    assertEquals(await client.call("Odd.Twice"), "first");
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a handler that returns a proxy that can't be asked what it is: its own call fails", () =>
  inWorld(async (world) => {
    const Odd = { Revoked: revoked, Trapping: trapping };
    const { address } = await world.serve("a", {}, { Odd });
    const client = await world.dial(address);
    for (const serviceMethod of ["Odd.Revoked", "Odd.Trapping"]) {
      await assertFails(client.call(serviceMethod), { code: "unknown", execution: "answered" });
    }
    const guarded = new Proxy({ A: 1 }, {
      getPrototypeOf: () => {
        throw new Error("trapped");
      },
    });
    world.sites[0].server.register("Guarded", { Get: () => guarded });
    await client.call("Guarded.Get").catch((error) => assertFailure(error, { code: "internal" }));
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a promise with a then of its own settles once, and counts as one handler", () =>
  inWorld(async (world) => {
    const twice = (onDone: (value: string) => void) => {
      onDone("first");
      onDone("second");
    };
    const Odd = {
      Twice: () => Object.assign(Promise.resolve(), { then: twice }),
      Throws: () =>
        Object.assign(Promise.resolve(), {
          then: () => {
            throw new Error("odd");
          },
        }),
    };
    const { address, gate } = await world.serve("a", { maxInFlight: 1 }, { Odd });
    const client = await world.dial(address);
    for (let n = 0; n < 3; n++) assertEquals(await client.call("Odd.Twice"), "first");
    await assertFails(client.call("Odd.Throws"), { code: "unknown", message: "odd" });
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    await gate.untilBegun(1);
    await settled();
    assertEquals(gate.begun.length, 1);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    gate.begun[1].end.resolve(2);
    assertEquals(await Promise.all(calls), [1, 2]);
    await client.close();
  }));

const cycle: Record<string, unknown> = {};
cycle.self = cycle;
const UNENCODABLE: [string, unknown][] = [
  ["a BigInt", 1n],
  ["a BigInt within", { a: [1n] }],
  ["a cycle", cycle],
  ["a function", () => {}],
  ["a symbol", Symbol("s")],
  ["what throws in toJSON", {
    toJSON: () => {
      throw new Error("no");
    },
  }], // deno-fmt-ignore
];

for (const [name, value] of UNENCODABLE) {
  Deno.test(`an argument that can't be encoded: ${name}`, () =>
    inWorld(async (world) => {
      const Bad = { Reply: () => value };
      const { address, gate } = await world.serve("a", {}, { Bad });
      const xclient = new XClient(new MultiServerDiscovery([address]), world);
      const waiting = xclient.call("Gate.Wait");
      const wanted = {
        code: "invalid_argument",
        execution: "not_sent",
        address,
        serviceMethod: "Gate.Echo",
        message: "can't be encoded as JSON",
      } as const;
      await assertFails(xclient.call("Gate.Echo", value), wanted);
      await assertFails(xclient.broadcast("Gate.Echo", value), wanted);
      await assertFails(xclient.call("Bad.Reply"), {
        code: "internal",
        execution: "answered",
        address,
        serviceMethod: "Bad.Reply",
        message: "can't be encoded as JSON",
      });
      gate.begun[0].end.resolve("still here");
      assertEquals(await waiting, "still here");
      await xclient.close();
    }));
}

Deno.test("10,000 calls at once: each gets its own reply, one more is refused", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const calls = Array.from({ length: 10_000 }, (_, n) => client.call("Gate.Echo", n));
    assertEquals(client.inFlight, 10_000);
    await assertFails(client.call("Gate.Echo"), {
      code: "resource_exhausted",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
      message: "10000 calls are in flight already (maxInFlight)",
    });
    const replies = await Promise.all(calls);
    assert(replies.every((reply, n) => reply === n));
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("10,000 calls at once: on a socket, to handlers that wait, over a fleet", async () => {
  const server = new Server();
  server.register("Echo", { Say: (n: number) => Promise.resolve(n) });
  const sites = [];
  for (let n = 0; n < 3; n++) sites.push((await server.listen("tcp@127.0.0.1:0")).address);
  const xclient = new XClient(new MultiServerDiscovery(sites), { mode: SelectMode.RoundRobin });
  const signal = new AbortController().signal; // one that all share
  const calls = Array.from(
    { length: 10_000 },
    (_, n) => xclient.call("Echo.Say", n, { timeoutMs: 60_000, signal }),
  );
  const replies = await Promise.all(calls);
  assert(replies.every((reply, n) => reply === n));
  assertEquals(server.connections, 3);
  await xclient.close();
  await server.close();
});

Deno.test("close during a dial: who waits is told, nothing stays open", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const { address, gate } = await world.serve("a");
    network.setFaults(address, { delayMs: 100 });
    const xclient = new XClient(new MultiServerDiscovery([address]), { network, clock });
    const waiters = [1, 2].map((n) => failure(xclient.call("Gate.Wait", n)));
    await clock.advance(50);
    await xclient.close();
    for (const error of await Promise.all(waiters)) {
      assertFailure(error, {
        code: "canceled",
        execution: "not_sent",
        address,
        serviceMethod: "Gate.Wait",
      });
    }
    await clock.advance(1000);
    assertEquals(network.connections(address), 0);
    assertEquals(gate.begun.length, 0);
  }));

Deno.test("close with calls in flight: each is told, the server's handlers are aborted", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const sent = [1, 2].map((n) => failure(client.call("Gate.Wait", n, { timeoutMs: 1000 })));
    await gate.untilBegun(2);
    const unsent = failure(client.call("Gate.Wait", 3));
    await client.close();
    const wanted = { code: "canceled", address, serviceMethod: "Gate.Wait" } as const;
    for (const error of await Promise.all(sent)) {
      assertFailure(error, { ...wanted, execution: "unknown" });
    }
    assertFailure(await unsent, { ...wanted, execution: "not_sent" });
    await gate.untilAborted(2);
    assertEquals(gate.begun.length, 2);
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("abort during a dial: the other waiter's dial goes on", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const { address, server } = await world.serve("a");
    network.setFaults(address, { delayMs: 100 });
    const xclient = new XClient(new MultiServerDiscovery([address]), { network, clock });
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = failure(xclient.call("Gate.Echo", 1, { signal: controller.signal }));
    const other = xclient.call("Gate.Echo", 2);
    await clock.advance(50);
    controller.abort(reason);
    assertStrictEquals(await aborted, reason);
    await clock.advance(1000);
    assertEquals(await other, 2);
    assertEquals(server.connections, 1);
    network.setFaults(address);
    await xclient.close();
  }));

Deno.test("abort during a dial: dial() itself rejects with the reason and leaves nothing", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    world.network.setFaults(address, { delayMs: 100 });
    const controller = new AbortController();
    const outcome = failure(world.dial(address, { signal: controller.signal }));
    await world.clock.advance(50);
    const reason = { any: "reason" };
    controller.abort(reason);
    assertStrictEquals(await outcome, reason);
    await world.clock.advance(1000);
    assertEquals(server.connections, 0);
    assertStrictEquals(
      await failure(world.dial(address, { signal: AbortSignal.abort(reason) })),
      reason,
    );
  }));
