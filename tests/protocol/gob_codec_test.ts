import { assert, assertEquals } from "@std/assert";
import type { Protocol } from "../../protocol/codec.ts";
import { type Client, dial } from "../../client.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import { GobServerCodec } from "../../protocol/gob_codec.ts";
import { limitsOf } from "../../protocol/codec.ts";
import { type AnyGobSchema, gob, GobEncoder, type GobSchema, GobWriter } from "../../gob.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import {
  assertFails,
  deferred,
  option,
  rawClient,
  type RawPeer,
  RawServer,
} from "../support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/gob", "netrpc/gob"];
const fields = { ServiceMethod: gob.string, Seq: gob.uint };
const request = gob.struct(fields, { name: "Request" });
const response = gob.struct({ ...fields, Error: gob.string }, { name: "Response" });
const args = gob.struct({ A: gob.safeInt, B: gob.safeInt });
const arith = gob.service({
  Divide: { args, reply: gob.float },
  Sum: { args, reply: gob.safeInt },
});

/** A peer's stream of headers and bodies. */
class Stream {
  readonly #encoder = new GobEncoder();

  bytes(header: Record<string, unknown>, body: unknown, schema?: AnyGobSchema): Uint8Array {
    const writer = new GobWriter();
    const head = { ServiceMethod: "S.M", Seq: 1, Error: "", ...header };
    const headSchema = "Error" in header || !("ServiceMethod" in header) ? response : request;
    this.#encoder.encodePairTo(writer, head, headSchema as GobSchema, body, schema as GobSchema);
    return writer.copy();
  }
}

async function withServer(
  protocol: Protocol,
  body: (network: MemoryNetwork, server: Server) => Promise<void>,
  chunkBytes = 100_000,
  maxMessageBytes?: number,
): Promise<void> {
  const network = new MemoryNetwork({ chunkBytes });
  const server = new Server({ maxMessageBytes });
  server.register("Arith", {
    Divide: ({ A, B }) => A / B,
    Sum: ({ A, B }) => A + B,
  }, { schema: arith });
  server.register("Plain", {
    Echo: (value: unknown) => value,
    Void() {},
    Spell: () => "x".repeat(3000),
    Fail: () => Promise.reject(new Error("no ☃")),
  });
  const wrong = { Echo: { args: { "~types": undefined } } };
  server.register("Wrong", { Echo: (value: unknown) => value }, { schema: wrong });
  await server.listen("memory@a", { network, protocol });
  await body(network, server);
  await server.close();
  assertEquals(network.connections("memory@a"), 0);
}

Deno.test("gob between our client and our server, in chunks of every size", async () => {
  for (const protocol of PROTOCOLS) {
    for (const chunkBytes of [1, 5, 100_000]) {
      await withServer(protocol, async (network) => {
        const client = await dial("memory@a", { network, protocol });
        const typed = client.service("Arith", arith);
        const calls = Array.from({ length: 50 }, (_, n) => typed.Sum({ A: n, B: -7 }));
        assertEquals(await Promise.all(calls), Array.from({ length: 50 }, (_, n) => n - 7));
        // A whole number and a fraction, of one type on the wire.
        assertEquals(await typed.Divide({ A: 8, B: 2 }), 4);
        assertEquals(await typed.Divide({ A: 1, B: 2 }), 0.5);
        const values = [1, "☃", [1, 2], { A: { B: "x" } }, new Map([["k", 1.5]]), true];
        for (const value of values) assertEquals(await client.call("Plain.Echo", value), value);
        assertEquals(await client.call("Plain.Void"), {});
        assertEquals(await client.call("Plain.Echo", null), {});
        await assertFails(client.call("Plain.Fail"), { code: "unknown", message: /^no ☃$/ });
        const unknown = { code: "unimplemented", execution: "rejected" } as const;
        await assertFails(client.call("Plain.None", 1), unknown);
        await assertFails(client.call("None.None", { A: 1 }), unknown);
        // Our server consumes what it refuses, and says so.
        assertEquals(await typed.Sum({ A: 1, B: 2 }), 3);
        await client.close();
      }, chunkBytes);
    }
  }
});

Deno.test("a value that does not fit fails its own call", async () => {
  for (const protocol of PROTOCOLS) {
    await withServer(protocol, async (network) => {
      const client = await dial("memory@a", { network, protocol });
      const notSent = { code: "invalid_argument", execution: "not_sent" } as const;
      await assertFails(client.service("Arith", arith).Sum({ A: 1.5, B: 2 }), {
        ...notSent,
        serviceMethod: "Arith.Sum",
        address: "memory@a",
      });
      await assertFails(client.call("Plain.Echo", () => {}), notSent);
      await assertFails(client.call("Plain.Echo", [1, "x"]), notSent);
      const wrong = { "~types": undefined };
      await assertFails(client.call("Plain.Echo", 1, { schema: { args: wrong } }), notSent);
      await assertFails(client.call("Plain.Echo", 1, { schema: { reply: wrong } }), notSent);
      await assertFails(client.call("Wrong.Echo", 1), { message: "none of gob's" });
      await assertFails(client.call("Plain.Echo", "x", { schema: { reply: gob.float } }), {
        code: "data_loss",
        execution: "answered",
        message: "the reply can't be decoded",
      });
      // The server's own: an argument, and a reply.
      await assertFails(client.call("Arith.Sum", "x"), {
        message: "the arguments can't be decoded",
      });
      await assertFails(client.call("Arith.Sum", { A: 2 ** 52, B: 2 ** 53 - 1 }), {
        message: "the reply is refused",
        execution: "answered",
      });
      assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
      await client.close();
    });
  }
});

Deno.test("limits hold in both directions", async () => {
  for (const protocol of PROTOCOLS) {
    await withServer(protocol, async (network) => {
      const limited = await dial("memory@a", { network, protocol, maxMessageBytes: 2000 });
      const tooLarge = { code: "resource_exhausted", execution: "not_sent" } as const;
      await assertFails(limited.call("Plain.Echo", "x".repeat(3000)), tooLarge);
      assertEquals(await limited.call("Plain.Echo", "x"), "x");
      await limited.close();
      let deep: unknown = 1;
      for (let level = 0; level < 50; level++) deep = [deep];
      const shallow = await dial("memory@a", { network, protocol, maxDepth: 20 });
      await assertFails(shallow.call("Plain.Echo", deep), tooLarge);
      await shallow.close();
    });
  }
});

Deno.test("a message over the limit costs only its own call", async () => {
  const long = "x".repeat(3000);
  for (const protocol of PROTOCOLS) {
    const code = protocol === "geerpc/gob" ? "resource_exhausted" : "unknown";
    for (const chunkBytes of [50, 100_000]) {
      await withServer(
        protocol,
        async (network, server) => {
          const begun = deferred<void>();
          const end = deferred<string>();
          server.register("Slow", { Call: () => (begun.resolve(), end.promise) });
          const client = await dial("memory@a", { network, protocol });
          const other = client.call("Slow.Call");
          const refused = client.call("Plain.Echo", long);
          await begun.promise;
          await assertFails(refused, { code, message: "bytes, beyond maxMessageBytes, 2000" });
          end.resolve("still here");
          assertEquals(await other, "still here");
          await client.close();
        },
        chunkBytes,
        2000,
      );
      await withServer(protocol, async (network) => {
        const client = await dial("memory@a", { network, protocol, maxMessageBytes: 2000 });
        const spell = client.call("Plain.Spell");
        const other = client.call("Plain.Echo", "still here");
        await assertFails(spell, {
          code: "resource_exhausted",
          execution: "answered",
          message: "the reply can't be decoded: gob: a message of 3005 bytes",
        });
        assertEquals(await other, "still here");
        await client.close();
      }, chunkBytes);
    }
  }
});

Deno.test("type definitions over the limit cost only the call that needs them", async () => {
  const shape = (name: number) => ({ [`Field${name}`]: 1, [`Other${name}`]: 2 });
  for (const protocol of PROTOCOLS) {
    await withServer(
      protocol,
      async (network, server) => {
        let replies = 0;
        server.register("Shapes", { Next: () => shape(replies++) });
        const client = await dial("memory@a", { network, protocol, maxMessageBytes: 2000 });
        let error: unknown;
        for (let calls = 0; error === undefined && calls < 100; calls++) {
          await client.call("Shapes.Next").catch((reason) => error = reason);
        }
        await assertFails(Promise.reject(error), {
          code: protocol === "geerpc/gob" ? "resource_exhausted" : "unknown",
          message: "type definitions of more than maxMessageBytes, 2000",
        });
        error = undefined;
        for (let calls = 0; error === undefined && calls < 100; calls++) {
          await client.call("Plain.Void", shape(calls)).catch((reason) => error = reason);
        }
        await assertFails(Promise.reject(error), {
          code: "resource_exhausted",
          execution: "not_sent",
          message: "type definitions of more than maxMessageBytes, 2000",
        });
        assertEquals(await client.call("Plain.Void", shape(0)), {});
        await assertFails(client.call("Plain.Fail"), { code: "unknown", message: /^no ☃$/ });
        await client.close();
      },
      100_000,
      2000,
    );
  }
});

/** A client whose server is played by hand, with one call on its way. */
async function withCall(
  protocol: Protocol,
  body: (call: Promise<unknown>, peer: RawPeer, client: Client) => Promise<void>,
  maxMessageBytes?: number,
): Promise<void> {
  const network = new MemoryNetwork();
  const server = await RawServer.listen(network, "memory@a");
  const client = await dial("memory@a", { network, protocol, maxMessageBytes });
  const call = client.call("S.M", { A: 1 });
  const peer = await server.accept();
  await peer.until(({ bytes }) => bytes.length > (protocol === "geerpc/gob" ? 512 : 0));
  await body(call, peer, client);
  await client.close();
  await server.close();
}

Deno.test("the handshake is 512 bytes and goes with the first request", async () => {
  await withCall("geerpc/gob", async (call, peer) => {
    assertEquals(peer.chunks.length, 1);
    const option = new TextDecoder().decode(peer.bytes.subarray(0, 512));
    assertEquals(JSON.parse(option).CodecType, "application/gob");
    assertEquals(option.at(-1), "}");
    await peer.write(new Stream().bytes({}, 7));
    assertEquals(await call, 7);
  });
});

Deno.test("a broken stream fails the connection", async () => {
  for (const protocol of PROTOCOLS) {
    for (
      const [bytes, message] of [
        ["HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server?"],
        [new Uint8Array([3, 1, 2, 3]), "expected the header of a reply in gob"],
        [new GobEncoder().encode("no header"), "expected the header of a reply in gob"],
      ] as const
    ) {
      await withCall(protocol, async (call, peer) => {
        await peer.write(bytes);
        await assertFails(call, { code: "data_loss", execution: "unknown", message });
        await peer.ended;
      });
    }
    await withCall(protocol, async (call, peer) => {
      const reply = new Stream().bytes({}, { A: "the end is cut off" });
      await peer.write(reply.subarray(0, -4));
      peer.close();
      await assertFails(call, {
        code: "data_loss",
        execution: "unknown",
        message: "in the middle",
      });
    });
    await withCall(protocol, async (call, peer, client) => {
      // Of a reply that is too long the call has been told already; the others wait for theirs.
      const other = client.call("S.M");
      await peer.write(new Stream().bytes({}, "x".repeat(5000)).subarray(0, 3000));
      await assertFails(call, { code: "resource_exhausted", execution: "answered" });
      peer.close();
      await assertFails(other, { code: "data_loss", message: "in the middle" });
    }, 1000);
    await withCall(protocol, async (call, peer) => {
      // A definition of 2 GiB.
      await peer.write(new Uint8Array([0xfc, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x81, ...Array(7)]));
      await assertFails(call, { execution: "unknown", message: "maxMessageBytes" });
    });
  }
});

Deno.test("a reply that nobody waits for is passed over", async () => {
  await withCall("netrpc/gob", async (call, peer) => {
    const stream = new Stream();
    await peer.write(stream.bytes({ Seq: 99 }, { A: 1 }));
    await peer.write(stream.bytes({ Seq: 98, Error: "nobody" }, {}));
    await peer.write(stream.bytes({}, { A: 2 }));
    assertEquals(await call, { A: 2 });
  });
});

Deno.test("over an unknown method a GeeRPC connection takes no more calls", async () => {
  const network = new MemoryNetwork();
  const server = await RawServer.listen(network, "memory@a");
  const client = await dial("memory@a", { network, protocol: "geerpc/gob" });
  const other = client.call("S.M", { A: 1 });
  const unknown = client.call("S.None", { A: 1 });
  const peer = await server.accept();
  await peer.until(({ bytes }) => bytes.length > 512);
  const Error = "rpc server: can't find method None";
  await peer.write(new Stream().bytes({ Seq: 2, Error }, {}, gob.struct({})));
  await assertFails(unknown, { code: "unimplemented", execution: "rejected" });
  assert(!client.available);
  await assertFails(client.call("S.M", { A: 1 }), { code: "unavailable", execution: "not_sent" });
  peer.close();
  await assertFails(other, { code: "unavailable", execution: "unknown" });
  await client.closed;
  await server.close();
});

Deno.test("a ping is a call of a method that no server has, on netrpc only", async () => {
  const codec = await import("../../protocol/gob_codec.ts");
  assertEquals(new codec.GobClientCodec("geerpc", limitsOf(), 0).ping, undefined);
  const pinging = new codec.GobClientCodec("netrpc", limitsOf(), 0);
  pinging.ping!(5);
  const server = new GobServerCodec("netrpc", limitsOf());
  const found = deferred<unknown[]>();
  server.receive(pinging.take(), {
    call: (seq, serviceMethod) => found.resolve([seq, serviceMethod]),
    refuse: () => {},
    cancel: () => {},
    answered: () => {},
  });
  assertEquals(await found.promise, [5, "XClient.Ping"]);
});

Deno.test("pipelined handshakes, and requests behind them, are not lost", async () => {
  const handshakes: [string, Protocol | undefined, string][] = [
    [option({ CodecType: "application/gob" }), undefined, ""],
    // As Go writes it: not padded, with a newline.
    [option({ CodecType: "application/gob" }).trim() + "\n", undefined, ""],
    [
      "CONNECT /_geeprc_ HTTP/1.0\n\n" + option({ CodecType: "application/gob" }),
      undefined,
      "HTTP/1.0 200 Connected to Gee RPC\n\n",
    ],
    ["CONNECT /_goRPC_ HTTP/1.0\n\n", undefined, "HTTP/1.0 200 Connected to Go RPC\n\n"],
    ["CONNECT /_goRPC_ HTTP/1.0\n\n", "netrpc/gob", "HTTP/1.0 200 Connected to Go RPC\n\n"],
    ["", "netrpc/gob", ""],
  ];
  for (const [handshake, protocol, answer] of handshakes) {
    for (const chunkBytes of [1, 7, 513, 100_000]) {
      await withServer(protocol ?? "geerpc/json", async (network) => {
        const peer = await rawClient(network, "memory@a");
        const stream = new Stream();
        const start = new TextEncoder().encode(handshake);
        const requests = ["first", "second"].map((text, at) =>
          stream.bytes({ ServiceMethod: "Plain.Echo", Seq: at + 1 }, text)
        );
        await peer.write(new Uint8Array([...start, ...requests.flatMap((each) => [...each])]));
        await peer.until(({ text }) => text.includes("second"));
        assert(peer.text.startsWith(answer));
        assert(peer.text.includes("first"));
        peer.close();
      }, chunkBytes);
    }
  }
});

Deno.test("a path that is not served, and a server that goes while gob is loaded", async () => {
  await withServer("netrpc/gob", async (network) => {
    const peer = await rawClient(network, "memory@a");
    await peer.write("CONNECT /elsewhere HTTP/1.0\n\n");
    await peer.ended;
    const gone = await rawClient(network, "memory@a");
    await gone.write(new Stream().bytes({ ServiceMethod: "Plain.Echo" }, 1));
    gone.close();
    await gone.ended;
  });
});

Deno.test("a schema for a method that the service has not is refused", () => {
  const server = new Server();
  let message = "";
  try {
    server.register("Arith", { Sum: () => 1 } as never, { schema: { Product: {} } });
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals(message, "service Arith has no method Product, which its schema names; it has Sum");
});

Deno.test("schemas go along through XClient, dials, deadlines and broadcasts", async () => {
  await withServer("netrpc/gob", async (network) => {
    const xclient = new XClient(new MultiServerDiscovery(["memory@a?protocol=netrpc/gob"]), {
      network,
    });
    const service = xclient.service("Arith", arith);
    const { signal } = new AbortController();
    const half: number = await service.Divide({ A: 1, B: 2 }, { timeoutMs: 60_000, signal });
    assertEquals(half, 0.5);
    assertEquals(await service.Divide({ A: 8, B: 2 }, { timeoutMs: 60_000, signal }), 4);
    const schema = arith.Divide;
    assertEquals(await xclient.broadcast("Arith.Divide", { A: 8, B: 2 }, { schema }), 4);
    await assertFails(xclient.broadcast("Arith.Divide", { A: 0.5, B: 2 }, { schema }), {
      code: "invalid_argument",
      execution: "not_sent",
    });
    // @ts-expect-error the types follow from the schema
    await assertFails(service.Sum({ A: "x", B: 2 }), { code: "invalid_argument" });
    await xclient.close();
  });
});
