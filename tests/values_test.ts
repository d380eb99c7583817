/** Values of every kind between our own ends: arguments, replies, details of errors. */

import { assert, assertEquals } from "@std/assert";
import { type Client, dial } from "../client.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import { type CallContext, Server } from "../server.ts";
import { XClient } from "../xclient.ts";
import { assertFails, failure, inWorld } from "./support/helpers.ts";
import { tls, trust, unixPath } from "./support/transports.ts";
import { anyValue, shape } from "./support/values.ts";

const text = (value: unknown) => JSON.stringify(shape(value));

/** Answers with what it got, and with what it has looked like here. */
class Values {
  Echo(value: unknown) {
    return { value, shape: text(value) };
  }
  Same(value: unknown) {
    return value;
  }
  Fail(details: unknown) {
    throw new RpcError("failed_precondition", "not now", { details });
  }
  Reject(details: unknown, ctx: CallContext) {
    throw ctx.reject("not here", { code: "resource_exhausted", details });
  }
}

async function assertEchoes(
  client: Client,
  seed: number,
): Promise<void> {
  const any = anyValue(seed);
  // An argument that is null is none for a handler.
  const value = seed % 2 === 0 || any === null || any === undefined ? [any] : any;
  const reply = await client.call<{ value: unknown; shape: string }>("Values.Echo", value);
  assertEquals(reply.shape, text(value), `seed ${seed}, at the server`);
  assertEquals(text(reply.value), text(value), `seed ${seed}, at the client`);
}

Deno.test("values of every kind arrive as they were, however the stream is cut", async () => {
  for (const chunkBytes of [1, 2, 3, 5, 7, 11, 64, 1000, 4099, 65_536]) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a", {}, { Values: new Values() });
      const client = await world.dial(address);
      const most = chunkBytes < 64 ? 10_000 : Infinity; // small chunks take long
      const seeds = Array.from({ length: 30 }, (_, n) => chunkBytes * 100 + n)
        .filter((seed) => text(anyValue(seed)).length < most);
      assert(seeds.length > 10);
      await Promise.all(seeds.map((seed) => assertEchoes(client, seed)));
      await client.close();
    }, { chunkBytes });
  }
});

for (const scheme of ["tcp", "http", "tls", "unix"]) {
  Deno.test(`${scheme}@: values of every kind on real sockets, large ones too`, async () => {
    const server = new Server();
    server.register("Values", new Values());
    const where = scheme === "unix"
      ? `unix@${unixPath()}`
      : scheme === "tls"
      ? "tls@localhost:0"
      : `${scheme}@127.0.0.1:0`;
    const { address } = await server.listen(where, { tls });
    const client = await dial(address, { tls: trust });
    const seeds = Array.from({ length: 150 }, (_, n) => 10_000 + n);
    await Promise.all(seeds.map((seed) => assertEchoes(client, seed)));
    const bytes = new Uint8Array(1_500_000).map((_, at) => at * 31 >> 3);
    const large = {
      bytes,
      words: new Uint32Array(bytes.buffer, 4, 200_000),
      text: "é€".repeat(200_000),
    };
    const replies = await Promise.all(
      [1, 2, 3].map(() => client.call<typeof large>("Values.Same", large)),
    );
    for (const value of replies) {
      assert(value.bytes.every((byte, at) => byte === bytes[at]));
      assertEquals([value.bytes.length, value.words.length], [bytes.length, 200_000]);
      assert(value.words.every((word, at) => word === large.words[at]));
      assert(value.text === large.text);
    }
    await client.close();
    await server.close();
  });
}

Deno.test("a key $ and -0 arrive as they were, on every path", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const values = [{ $: 5 }, { $: 5, a: 1 }, { a: 1, $: 2 }, { $: ["date", 0] }, { $: { $: 1 } }];
    for (
      const value of [...values, { $ref: 1 }, { "": 1 }, { a: 1 }, { $$: 1n }, -0, {
        a: -0,
      }, 0]
    ) {
      for (const options of [{}, { timeoutMs: 1000 }]) {
        const reply = await client.call("Gate.Echo", value, options);
        assertEquals(text(reply), text(value));
      }
    }
    await client.close();
  }));

Deno.test("bytes that arrive are the handler's own, and the caller's may change at once", () =>
  inWorld(async (world) => {
    const kept: Uint8Array[] = [];
    const Bytes = { Keep: (bytes: Uint8Array) => kept.push(bytes) };
    const { address } = await world.serve("a", {}, { Bytes });
    const client = await world.dial(address);
    await client.call("Gate.Echo"); // the server is known from here on
    const bytes = new Uint8Array(70_000);
    for (let n = 1; n <= 20; n++) {
      bytes.fill(n);
      const call = client.call("Bytes.Keep", bytes.subarray(0, n * 3000));
      bytes.fill(0);
      await call;
    }
    kept.forEach((own, n) => assert(own.length > 0 && own.every((byte) => byte === n + 1)));
    await client.close();
  }));

Deno.test("details of an error reach the caller as they were, through an XClient too", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, { Values: new Values() });
    const client = await world.dial(address);
    const xclient = new XClient(new MultiServerDiscovery([address]), {
      ...world.options,
      maxAttempts: 1,
    });
    for (const call of [client.call.bind(client), xclient.call.bind(xclient)]) {
      for (
        const details of [{ a: new Map([[1n, new Date(5)]]) }, new Uint8Array([1]), 0, ""]
      ) {
        const failed = await assertFails(call("Values.Fail", details), {
          code: "failed_precondition",
          execution: "answered",
          message: "not now",
        });
        assertEquals(failed.details, details);
        const rejected = await assertFails(call("Values.Reject", [details]), {
          code: "resource_exhausted",
          execution: "rejected",
          message: "not here",
        });
        assertEquals(rejected.details, [details]);
      }
      const plain = await failure(call("Gate.Fail", 1));
      assertEquals((plain as RpcError).details, undefined);
    }
    await xclient.close();
    await client.close();
  }));

Deno.test("details that can't be sent are told at the server; the error arrives without them", async () => {
  const told: unknown[] = [];
  await inWorld(async (world) => {
    const Odd = {
      Function: () => {
        throw new RpcError("not_found", "none", { details: [() => {}] });
      },
      Large: () => {
        throw new RpcError("not_found", "none", { details: new Uint8Array(200_000) });
      },
    };
    const onError = (error: unknown) => void told.push(error);
    const { address } = await world.serve("a", { onError, maxMessageBytes: 100_000 }, { Odd });
    const client = await world.dial(address);
    for (const method of ["Odd.Function", "Odd.Large"]) {
      const error = await assertFails(client.call(method), { code: "not_found", message: "none" });
      assertEquals(error.details, undefined);
    }
    await client.close();
  });
  assertEquals(told.map((error) => (error as RpcError).code), [
    "invalid_argument",
    "resource_exhausted",
  ]);
  assert((told[0] as RpcError).message.startsWith("details[0]: a function can't be sent"));
});

Deno.test("a message over the limit fails alone, whatever it is made of", () =>
  inWorld(async (world) => {
    const Large = {
      Reply: (kind: string) => large(kind),
      See: () => "seen",
    };
    const options = { maxMessageBytes: 100_000 };
    const { address } = await world.serve("a", options, { Large });
    const clients = [await world.dial(address, options), await world.dial(address)];
    for (const client of clients) {
      await client.call("Gate.Echo");
      const waiting = client.call("Gate.Wait");
      for (const kind of ["text", "wide text", "bytes", "many", "line"]) {
        const failed = await assertFails(client.call("Large.See", large(kind)), {
          code: "resource_exhausted",
          message: "over the limit of 100000 bytes",
        });
        assertEquals(failed.execution, client === clients[0] ? "not_sent" : "rejected", kind);
        await assertFails(client.call("Large.Reply", kind), {
          code: "resource_exhausted",
          execution: "answered",
          message: "over the limit of 100000 bytes",
        });
      }
      world.sites[0].gate.begun.shift()!.end.resolve("still here");
      assertEquals(await waiting, "still here");
    }
    assertEquals(await clients[0].call("Large.See", new Uint8Array(99_900)), "seen");
    for (const client of clients) await client.close();
  }));

function large(kind: string): unknown {
  switch (kind) {
    case "text":
      return "x".repeat(100_001);
    case "wide text":
      return "é".repeat(50_000);
    case "bytes":
      return new Uint8Array(100_000);
    case "many":
      return Array.from({ length: 30 }, (_, n) => n % 2 ? "y".repeat(4096) : new Uint8Array(4096));
  }
  return Array.from({ length: 50_001 }, () => 1);
}

Deno.test("a client that reads less than its server writes: the reply fails alone", () =>
  inWorld(async (world) => {
    const Large = { Reply: (kind: string) => large(kind) };
    const { address } = await world.serve("a", {}, { Large });
    const client = await world.dial(address, { maxMessageBytes: 100_000 });
    for (const kind of ["text", "wide text", "bytes", "many", "line"]) {
      await assertFails(client.call("Large.Reply", kind), {
        code: "resource_exhausted",
        execution: "answered",
        message: "over the limit of 100000 bytes (maxMessageBytes)",
      });
    }
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));
