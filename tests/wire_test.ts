/** The bytes on the wire, as the peer sees them. */

import { connect as connectSocket, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { dial } from "../client.ts";
import { RpcError } from "../errors.ts";
import { systemNetwork } from "../net/network.ts";
import { type CallContext, Server } from "../server.ts";
import {
  assertFails,
  assertFailure,
  failure,
  inWorld,
  option,
  rawClient,
  RawServer,
  request,
  settled,
} from "./support/helpers.ts";

const HANDSHAKE =
  '{"MagicNumber":3927900,"CodecType":"application/json","ConnectTimeout":0,"HandleTimeout":0}';

function chunkTexts(peer: { chunks: Uint8Array[] }): string[] {
  return peer.chunks.map((chunk) => new TextDecoder().decode(chunk));
}

/** A client and the raw end of its connection. */
function facing(
  body: (
    scene: {
      client: Awaited<ReturnType<typeof dial>>;
      peer: Awaited<ReturnType<RawServer["accept"]>>;
      world: Parameters<Parameters<typeof inWorld>[0]>[0];
    },
  ) => Promise<void>,
  options: { handleTimeoutMs?: number } = {},
) {
  return inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await world.dial("memory@raw", options);
    const peer = await raw.accept();
    await body({ client, peer, world });
    await client.close();
    await raw.close();
  });
}

Deno.test("the handshake ends at byte 512 and leaves in one write with the first call", () =>
  facing(async ({ client, peer }) => {
    await settled();
    assertEquals(peer.chunks.length, 0); // nothing before there is a call
    const call = client.call("Arith.Sum", { A: 1, B: 2 });
    await peer.untilLines(2);
    assertEquals(
      chunkTexts(peer),
      [`${HANDSHAKE.padStart(512)}{"ServiceMethod":"Arith.Sum","Seq":1}\n{"A":1,"B":2}\n`],
    );
    assertEquals(peer.chunks[0][511], "}".charCodeAt(0));
    await peer.reply(1, 3);
    assertEquals(await call, 3);
  }));

Deno.test("the handshake carries HandleTimeout in nanoseconds", () =>
  facing(async ({ client, peer }) => {
    const call = failure(client.call("S.M"));
    await peer.untilLines(2);
    const text = peer.text.slice(0, 512);
    assertEquals(JSON.parse(text), {
      MagicNumber: 0x3bef5c,
      CodecType: "application/json",
      ConnectTimeout: 0,
      HandleTimeout: 1_500_000_000,
    });
    await client.close();
    await call;
  }, { handleTimeoutMs: 1500 }));

Deno.test("all calls of one turn leave in one write, in order, numbered from 1", () =>
  facing(async ({ client, peer }) => {
    const calls = [1, 2, 3].map((n) => client.call("S.M", n));
    await Promise.resolve();
    calls.push(client.call("S.M", 4)); // the same turn, a microtask later
    await peer.untilLines(8);
    await settled();
    assertEquals(peer.chunks.length, 1);
    assertEquals(
      peer.lines,
      [1, 2, 3, 4].flatMap((n) => [`{"ServiceMethod":"S.M","Seq":${n}}`, `${n}`]),
    );
    calls.push(client.call("S.M", 5)); // another turn
    await peer.untilLines(10);
    assertEquals(peer.chunks.length, 2);
    for (let seq = 1; seq <= 5; seq++) await peer.reply(seq, seq);
    assertEquals(await Promise.all(calls), [1, 2, 3, 4, 5]);
  }));

Deno.test("the calls that one read sets off leave in one write", () =>
  facing(async ({ client, peer }) => {
    const again = [1, 2, 3, 4].map(async (n) => {
      await client.call("S.First", n);
      return await client.call("S.Second", n);
    });
    await peer.untilLines(8);
    assertEquals(peer.chunks.length, 1);
    const replies = [1, 2, 3, 4].map((seq) =>
      `{"ServiceMethod":"S.First","Seq":${seq},"Error":""}\nnull\n`
    );
    await peer.write(replies.join(""));
    await peer.untilLines(16);
    assertEquals(peer.chunks.length, 2);
    for (let seq = 5; seq <= 8; seq++) await peer.reply(seq, seq);
    assertEquals(await Promise.all(again), [5, 6, 7, 8]);
  }));

Deno.test("Timeout is in whole milliseconds, rounded up; Meta is an object of strings", () =>
  facing(async ({ client, peer }) => {
    const meta = { trace: "00-ab\n", 'q"': "é" };
    const calls = [
      client.call("S.M", undefined, { timeoutMs: 500 }),
      client.call("S.M", null, { timeoutMs: 0.2 }),
      client.call("S.M", [], { meta }),
      client.call("S.M", {}, { timeoutMs: 7, meta: {} }),
      client.call("S.M", 1, { timeoutMs: Infinity }),
      client.call('S."M\\\n', 1),
    ].map(failure);
    await peer.untilLines(12);
    assertEquals(peer.lines, [
      '{"ServiceMethod":"S.M","Seq":1,"Timeout":500}',
      "null",
      '{"ServiceMethod":"S.M","Seq":2,"Timeout":1}',
      "null",
      `{"ServiceMethod":"S.M","Seq":3,"Meta":${JSON.stringify(meta)}}`,
      "[]",
      '{"ServiceMethod":"S.M","Seq":4,"Timeout":7,"Meta":{}}',
      "{}",
      '{"ServiceMethod":"S.M","Seq":5}',
      "1",
      '{"ServiceMethod":"S.\\"M\\\\\\n","Seq":6}',
      "1",
    ]);
    await client.close();
    await Promise.all(calls);
  }));

Deno.test("an abort sends a cancel; a reply that was on its way does not", () =>
  facing(async ({ client, peer }) => {
    const controller = new AbortController();
    const calls = [1, 2].map((n) => client.call("S.M", n, { signal: controller.signal }));
    await peer.untilLines(4);
    await peer.reply(1, "one");
    assertEquals(await calls[0], "one");
    controller.abort(new Error("enough"));
    await failure(calls[1]);
    await peer.untilLines(6);
    await settled();
    assertEquals(peer.lines.slice(4), ['{"ServiceMethod":"","Seq":2,"Cancel":true}', "null"]);
  }));

Deno.test("a deadline that passes sends a cancel", () =>
  facing(async ({ client, peer, world }) => {
    const call = failure(client.call("S.M", 1, { timeoutMs: 10 }));
    await peer.untilLines(2);
    await world.clock.advance(10);
    await call;
    assertEquals(peer.lines.slice(2), ['{"ServiceMethod":"","Seq":1,"Cancel":true}', "null"]);
  }));

Deno.test("an abort before sending, in the same turn: whatever leaves, a cancel is behind it", () =>
  facing(async ({ client, peer }) => {
    const controller = new AbortController();
    const aborted = failure(client.call("S.M", 1, { signal: controller.signal }));
    const other = client.call("S.M", 2);
    controller.abort("reason");
    assertEquals(await aborted, "reason");
    await peer.until(({ lines }) => lines.includes("2"));
    const calls = peer.lines.filter((line) => line.includes('"Seq":1'));
    assertEquals(calls.filter((line) => line.includes("Cancel")).length, calls.length / 2);
    assertEquals(peer.chunks.length, 1);
    await peer.reply(2, "fine");
    assertEquals(await other, "fine");
  }));

Deno.test("a call with a signal that has aborted sends nothing", () =>
  facing(async ({ client, peer }) => {
    const reason = new Error("before");
    const aborted = client.call("S.M", 1, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await failure(aborted), reason);
    await assertFails(client.call("S.M", 1, { timeoutMs: 0 }), {
      code: "TimeoutError",
      execution: "not_sent",
      address: "memory@raw",
      serviceMethod: "S.M",
    });
    await settled();
    assertEquals(peer.bytes.length, 0);
  }));

Deno.test("a drain: no new calls, the running ones end, then the client closes", () =>
  facing(async ({ client, peer }) => {
    const call = client.call("S.M", 1);
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
    await settled();
    assert(!client.available);
    await assertFails(client.call("S.N"), {
      code: "unavailable",
      execution: "not_sent",
      address: "memory@raw",
      serviceMethod: "S.N",
      message: "draining",
    });
    assert(!peer.isOver);
    await peer.reply(1, "last");
    assertEquals(await call, "last");
    await peer.ended;
    await client.closed;
    assertEquals(peer.lines.length, 2);
  }));

Deno.test("a drain while nothing is in flight: the client closes at once", () =>
  facing(async ({ client, peer }) => {
    await peer.write('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
    await peer.ended;
    await client.closed;
    assert(!client.available);
  }));

/** What a raw client hears of a server. */
function heard(
  sent: string,
  lines: number,
  expected: string[],
  services: Record<string, object> = {},
) {
  return inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services);
    const peer = await rawClient(world.network, address);
    await peer.write(sent);
    await peer.untilLines(lines);
    await settled();
    assertEquals(peer.lines, expected);
    peer.close();
  });
}

Deno.test("a reply", () =>
  heard(
    option() + request(7, "Gate.Echo", { A: "é" }),
    2,
    ['{"ServiceMethod":"Gate.Echo","Seq":7,"Error":""}', '{"A":"é"}'],
  ));

Deno.test("a reply of nothing is null", () =>
  heard(option() + request(1, "Void.Do", 1), 2, [
    '{"ServiceMethod":"Void.Do","Seq":1,"Error":""}',
    "null",
  ], { Void: { Do: () => {} } }));

Deno.test("a handler's error: its text, an empty struct, and a code only if it has one", () =>
  heard(
    option() + request(1, "Bad.Plain", null) + request(2, "Bad.Coded", null),
    4,
    [
      '{"ServiceMethod":"Bad.Plain","Seq":1,"Error":"plain \\"words\\""}',
      "{}",
      '{"ServiceMethod":"Bad.Coded","Seq":2,"Error":"no such user","Code":"not_found"}',
      "{}",
    ],
    {
      Bad: {
        Plain: () => {
          throw new Error('plain "words"');
        },
        Coded: () => {
          throw new RpcError("not_found", "no such user");
        },
      },
    },
  ));

for (
  const [method, text] of [
    ["Nobody.Do", "can't find service Nobody"],
    ["Gate.Nothing", "can't find method Nothing"],
    ["Gate.toString", "can't find method toString"],
    ["Gate.__proto__", "can't find method __proto__"],
    ["Gate.constructor", "can't find method constructor"],
    ["Gate", "service/method request ill-formed: Gate"],
    ["", "service/method request ill-formed: "],
  ]
) {
  Deno.test(`an unknown method ${JSON.stringify(method)} is rejected, and its body consumed`, () =>
    heard(option() + request(1, method, { a: 1 }) + request(2, "Gate.Echo", 2), 4, [
      `{"ServiceMethod":"${method}","Seq":1,"Error":"rpc server: ${text}",` +
      '"Code":"unimplemented","Rejected":true}',
      "{}",
      '{"ServiceMethod":"Gate.Echo","Seq":2,"Error":""}',
      "2",
    ]));
}

Deno.test("a client believes a server that rejects, by its words alone too", () =>
  facing(async ({ client, peer }) => {
    const wanted = { execution: "rejected", address: "memory@raw", serviceMethod: "S.M" } as const;
    const calls = [1, 2, 3, 4].map(() => failure(client.call("S.M")));
    await peer.untilLines(8);
    await peer.reply(1, {}, { Error: "rpc server: can't find service S" });
    await peer.reply(2, {}, { Error: "busy", Code: "resource_exhausted", Rejected: true });
    await peer.reply(3, {}, { Error: "can't find service S", Code: "not_found" });
    await peer.reply(4, {}, { Error: "odd", Code: "no code of ours" });
    const [one, two, three, four] = await Promise.all(calls);
    assertFailure(one, { ...wanted, code: "unimplemented" });
    assertFailure(two, { ...wanted, code: "resource_exhausted" });
    assertFailure(three, { ...wanted, code: "not_found", execution: "answered" });
    assertEquals((three as Error).message, "can't find service S");
    assertFailure(four, { ...wanted, code: "unknown", execution: "answered" });
  }));

Deno.test("fields in any order, and fields that nobody knows", async () => {
  await heard(
    option() + '{"Seq":1,"ServiceMethod":"Gate.Echo"}\n1\n' +
      '{"ServiceMethod":"Gate.Echo","Error":"","Seq":2}\n2\n' +
      '{"ServiceMethod":"Gate.Echo","Later":"x","Seq":3}\n3\n' +
      '{ "ServiceMethod" : "Gate.Echo" , "Seq" : 4 }\n4\n' +
      '{"ServiceMethod":"Gate.\\u0045cho","Seq":5}\r\n 5 \r\n',
    10,
    [1, 2, 3, 4, 5].flatMap((n) => [
      `{"ServiceMethod":"Gate.Echo","Seq":${n},"Error":""}`,
      `${n}`,
    ]),
  );
  await facing(async ({ client, peer }) => {
    const calls = [1, 2, 3].map((n) => client.call("S.M", n));
    const failed = failure(calls[1]);
    await peer.untilLines(6);
    await peer.write('{"Error":"","Seq":1,"ServiceMethod":"S.M","Later":[{}]}\n"one"\n');
    await peer.write('{"ServiceMethod":"S.M","Error":"boom","Seq":2}\n{}\n');
    await peer.write('\n \r\n{"ServiceMethod":"S.M","Seq":3}\n"three"\n');
    assertEquals(await calls[0], "one");
    assertFailure(await failed, { execution: "answered", message: "boom" });
    assertEquals(await calls[2], "three");
  });
});

Deno.test("a cancel: the handler's signal aborts, no reply is sent, others go on", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1) + request(2, "Gate.Wait", 2));
    await gate.untilBegun(2);
    await peer.write('{"ServiceMethod":"","Seq":1,"Cancel":true}\nnull\n');
    await peer.write('{"ServiceMethod":"","Seq":99,"Cancel":true}\nnull\n');
    await gate.untilAborted(1);
    assert(gate.begun[0].ctx.signal.aborted && !gate.begun[1].ctx.signal.aborted);
    assertFailure(gate.aborted[0], { code: "canceled" });
    gate.begun[0].end.resolve("nobody waits");
    gate.begun[1].end.resolve("two");
    assertEquals(await peer.untilLines(2), [
      '{"ServiceMethod":"Gate.Wait","Seq":2,"Error":""}',
      '"two"',
    ]);
    await settled();
    assertEquals(peer.lines.length, 2);
    peer.close();
  }));

Deno.test("a cancel of a call that has been answered changes nothing", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Echo", 1));
    await peer.untilLines(2);
    await peer.write(
      '{"ServiceMethod":"","Seq":1,"Cancel":true}\nnull\n' + request(1, "Gate.Echo", "again"),
    );
    assertEquals((await peer.untilLines(4))[3], '"again"');
    peer.close();
  }));

Deno.test("a ping is answered by itself", () =>
  heard(option() + '{"ServiceMethod":"","Seq":5,"Ping":true}\nnull\n', 2, [
    '{"ServiceMethod":"","Seq":5,"Ping":true}',
    "null",
  ]));

Deno.test("a ping is answered among calls", () =>
  heard(
    option() + request(1, "Gate.Echo", 1) + '{"ServiceMethod":"","Seq":2,"Ping":true}\nnull\n' +
      request(3, "Gate.Echo", 3),
    6,
    [
      '{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}',
      "1",
      '{"ServiceMethod":"","Seq":2,"Ping":true}',
      "null",
      '{"ServiceMethod":"Gate.Echo","Seq":3,"Error":""}',
      "3",
    ],
  ));

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

Deno.test("Timeout passes: the signal aborts; nobody waits for an answer any more", () =>
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
    await closing;
    assertEquals(gate.begun.length, 1);
  }));

Deno.test("what is pipelined behind the handshake is kept, wherever it is cut", async () => {
  const sent = option() + request(1, "Gate.Echo", "é1") + request(2, "Gate.Echo", 2);
  const bytes = new TextEncoder().encode(sent);
  const cuts = [1, 2, 300, 500, 510, 511, 512, 513, 514, 540, 560, 561, 562, bytes.length - 1];
  for (const cut of cuts) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a");
      const peer = await rawClient(world.network, address);
      await peer.write(bytes.slice(0, cut));
      await settled();
      await peer.write(bytes.slice(cut));
      const lines = await peer.untilLines(4);
      assertEquals([lines[1], lines[3]], ['"é1"', "2"], `cut at ${cut}`);
      peer.close();
    });
  }
});

Deno.test("a handshake as Go writes it: no padding, a newline behind it", () =>
  heard(HANDSHAKE + "\n" + request(1, "Gate.Echo", 1), 2, [
    '{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}',
    "1",
  ]));

Deno.test("HTTP CONNECT: the request, the answer, and then the protocol", async () => {
  const raw = await RawServer.listen(systemNetwork, "http@127.0.0.1:0");
  const dialling = dial(raw.address);
  const peer = await raw.accept();
  await peer.until(({ text }) => text.endsWith("\n\n"));
  assertEquals(peer.text, "CONNECT /_geeprc_ HTTP/1.0\n\n");
  await peer.write("HTTP/1.0 200 Connected to Gee RPC\n\n");
  const client = await dialling;
  const call = client.call("S.M", 1);
  await peer.until(({ text }) => text.endsWith("\n1\n"));
  assertEquals(
    peer.text.slice(27 + 1),
    HANDSHAKE.padStart(512) + '{"ServiceMethod":"S.M","Seq":1}\n1\n',
  );
  await peer.reply(1, "fine");
  assertEquals(await call, "fine");
  await client.close();
  await peer.ended;
  await raw.close();
});

Deno.test("HTTP CONNECT: our server's answer, and what is pipelined behind the request", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      "CONNECT /_geeprc_ HTTP/1.0\r\nHost: a\r\n\r\n" + option() + request(1, "Gate.Echo", 1),
    );
    await peer.untilLines(4);
    assertEquals(
      peer.text,
      'HTTP/1.0 200 Connected to Gee RPC\n\n{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}\n1\n',
    );
    peer.close();
  }));

/** Reads a socket of node:net until what has come ends so. */
function readUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("utf-8");
      if (text.endsWith(end)) resolve(text);
    });
    socket.on("error", reject);
  });
}

Deno.test("on a socket: what our client writes to a peer that is none of ours", async () => {
  let onSocket = (_socket: Socket) => {};
  const accepted = new Promise<Socket>((resolve) => onSocket = resolve);
  const listener = createServer((socket) => onSocket(socket));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const client = await dial(`tcp@127.0.0.1:${(listener.address() as AddressInfo).port}`);
  const calls = [1, 2].map((n) => client.call("Arith.Sum", { n }));
  const socket = await accepted;
  const text = await readUntil(socket, '{"n":2}\n');
  assertEquals(
    text,
    HANDSHAKE.padStart(512) + '{"ServiceMethod":"Arith.Sum","Seq":1}\n{"n":1}\n' +
      '{"ServiceMethod":"Arith.Sum","Seq":2}\n{"n":2}\n',
  );
  socket.write('{"ServiceMethod":"Arith.Sum","Seq":2,"Error":""}\n"b"\n');
  socket.write('{"ServiceMethod":"Arith.Sum","Seq":1,"Error":""}\n"a"\n');
  assertEquals(await Promise.all(calls), ["a", "b"]);
  const over = new Promise((resolve) => socket.on("close", resolve));
  await client.close();
  await over;
  await new Promise((resolve) => listener.close(resolve));
});

Deno.test("on a socket: what our server answers to a peer that is none of ours", async () => {
  const server = new Server();
  server.register("Who", { Am: (_: unknown, ctx: CallContext) => ctx.remote });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const port = Number(address.split(":")[1]);
  const socket = connectSocket({ host: "127.0.0.1", port });
  socket.write(option() + request(1, "Who.Am", null));
  const text = await readUntil(socket, '"\n');
  assertEquals(
    text,
    `{"ServiceMethod":"Who.Am","Seq":1,"Error":""}\n"tcp@127.0.0.1:${socket.localPort}"\n`,
  );
  const over = new Promise((resolve) => socket.on("close", resolve));
  socket.end();
  await over;
  await server.close();
});
