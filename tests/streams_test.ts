/** Streams over real sockets, from outside: values, sizes, ends, and other calls meanwhile. */

import { assert, assertEquals } from "@std/assert";
import { type CallContext, type Client, dial, RpcError, Server } from "../mod.ts";
import { failure } from "./support/helpers.ts";

const BLOCK = 64 * 1024;

function services(told: (what: string) => void) {
  return {
    async *Count(most: number) {
      for (let number = 0; number < most; number++) yield { number, name: `item ${number}` };
    },
    async *Blocks(count: number) {
      for (let block = 0; block < count; block++) yield new Uint8Array(BLOCK).fill(block);
    },
    async Bytes(blocks: AsyncIterable<Uint8Array>) {
      let bytes = 0;
      for await (const block of blocks) bytes += block.length;
      return bytes;
    },
    async *Echo(items: AsyncIterable<unknown>) {
      yield* items;
    },
    async *Endless(_args: unknown, ctx: CallContext) {
      try {
        for (let number = 0;; number++) yield number;
      } finally {
        told(ctx.signal.aborted ? "aborted" : "left");
      }
    },
    Add: (n: number) => n + 1,
  };
}

async function onSockets(
  body: (client: Client, told: Promise<string>, server: Server) => Promise<void>,
): Promise<void> {
  let tell!: (what: string) => void;
  const told = new Promise<string>((resolve) => tell = resolve);
  const server = new Server();
  server.register("S", services(tell));
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const client = await dial(address);
  await body(client, told, server);
  await client.close();
  await server.close();
}

Deno.test("sockets: many small items, and calls in their midst", () =>
  onSockets(async (client) => {
    let expected = 0;
    for await (
      const { number, name } of client.stream<{ number: number; name: string }>("S.Count", 20_000)
    ) {
      assertEquals([number, name], [expected, `item ${expected}`]);
      if (number % 1000 === 0) assertEquals(await client.call("S.Add", number), number + 1);
      expected++;
    }
    assertEquals(expected, 20_000);
  }));

Deno.test("sockets: large items from the server and to it, several streams at once", () =>
  onSockets(async (client) => {
    async function download() {
      let blocks = 0;
      for await (const block of client.stream<Uint8Array>("S.Blocks", 200)) {
        assert(block.length === BLOCK && block[0] === blocks && block[BLOCK - 1] === blocks);
        blocks++;
      }
      return blocks;
    }
    async function* upload() {
      for (let block = 0; block < 200; block++) yield new Uint8Array(BLOCK);
    }
    const [one, other, sent] = await Promise.all([
      download(),
      download(),
      client.call<number>("S.Bytes", upload()),
    ]);
    assertEquals([one, other, sent], [200, 200, 200 * BLOCK]);
  }));

Deno.test("sockets: both directions of one call at once", () =>
  onSockets(async (client) => {
    async function* items() {
      for (let number = 0; number < 5000; number++) yield [number, "x".repeat(number % 100)];
    }
    let expected = 0;
    for await (const [number, text] of client.stream<[number, string]>("S.Echo", items())) {
      assertEquals([number, text.length], [expected, expected % 100]);
      expected++;
    }
    assertEquals(expected, 5000);
  }));

Deno.test("sockets: a reader that leaves is heard of", () =>
  onSockets(async (client, told) => {
    for await (const number of client.stream<number>("S.Endless")) if (number === 3000) break;
    assertEquals(await told, "aborted");
    assertEquals(await client.call("S.Add", 1), 2);
  }));

Deno.test("sockets: a server that closes ends streams as unavailable", () =>
  onSockets(async (client, told, server) => {
    const stream = client.stream<number>("S.Endless");
    await stream.next();
    const closed = server.close({ graceMs: 1 });
    const error = await failure((async () => {
      for await (const _ of stream);
    })());
    assert(error instanceof RpcError);
    assertEquals([error.code, error.execution], ["unavailable", "unknown"]);
    assertEquals(await told, "aborted");
    await closed;
  }));
