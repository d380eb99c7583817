/** Streams as they are on the wire, each end against one that is played by hand. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Client, dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import type { StreamOptions } from "../../mod.ts";
import {
  assertFails,
  inWorld,
  rawClient,
  type RawPeer,
  RawServer,
  request,
  settled,
  type World,
} from "../support/helpers.ts";
import { GO_HANDSHAKE, HANDSHAKE } from "../support/wire.ts";

const EXTENDED = '{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"i-1","Load":0}}\nnull\n';

/** A client whose server is played by the test, which has said that it knows streams. */
function played(
  body: (scene: { client: Client; peer: RawPeer; world: World }) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await dial("memory@raw", { ...world.options });
    const peer = await raw.accept();
    await peer.write(EXTENDED);
    await settled();
    await body({ client, peer, world });
    await client.close();
    await raw.close();
  });
}

/** A server whose client is played by the test, which knows streams. */
function served(
  services: Record<string, object>,
  body: (peer: RawPeer, world: World) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services);
    const peer = await rawClient(world.network, address);
    await peer.write(HANDSHAKE);
    await peer.untilLines(2);
    peer.chunks.length = 0;
    await body(peer, world);
    peer.close();
  });
}

const item = (seq: number, value: unknown) =>
  `{"ServiceMethod":"","Seq":${seq},"Item":true}\n${JSON.stringify(value)}\n`;
const head = (fields: object) => JSON.stringify({ ServiceMethod: "", ...fields });

Deno.test("a stream that is asked for, its items and its end", () =>
  played(async ({ client, peer }) => {
    const stream = client.stream("S.M", { from: 7 }, { timeoutMs: 5000, meta: { a: "b" } });
    await settled();
    assertEquals(peer.lines, []); // nothing is sent before an item is asked for
    const first = stream.next();
    assertEquals(await peer.untilLines(2), [
      '{"ServiceMethod":"S.M","Seq":1,"Timeout":5000,"Meta":{"a":"b"},"Stream":true}',
      '{"from":7}',
    ]);
    await peer.write(item(1, "a") + item(1, 5) + item(1, { x: [null] }));
    assertEquals(await first, { done: false, value: "a" });
    assertEquals((await stream.next()).value, 5);
    assertEquals((await stream.next()).value, { x: [null] });
    await peer.write('{"ServiceMethod":"S.M","Seq":1,"Error":"","End":true}\nnull\n');
    assertEquals(await stream.next(), { done: true, value: undefined });
    assertEquals(client.inFlight, 0);
  }));

Deno.test("items and the words about them, cut anywhere", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const text = EXTENDED + item(1, "é") + item(1, 12) + item(2, [1]) +
      '{"ServiceMethod":"","Seq":1,"Parts":[3],"Item":true}\n{"$":["bytes",0,"Uint8Array"]}\nabc' +
      '{"ServiceMethod":"","Seq":1,"Credit":5,"Bytes":9}\nnull\n' + item(1, "z") +
      '{"ServiceMethod":"S.M","Seq":1,"Error":"","End":true}\nnull\n';
    const bytes = new TextEncoder().encode(text);
    for (let cut = 1; cut < bytes.length; cut += 3) {
      const client = await dial("memory@raw", { ...world.options });
      const peer = await raw.accept();
      const items: unknown[] = [];
      const reading = (async () => {
        for await (const value of client.stream("S.M")) items.push(value);
      })();
      await peer.write(bytes.subarray(0, cut));
      await settled();
      await peer.write(bytes.subarray(cut));
      await reading;
      assertEquals(items.length, 4, `cut at ${cut}`);
      assertEquals([items[0], items[1], items[3]], ["é", 12, "z"], `cut at ${cut}`);
      await client.close();
    }
    await raw.close();
  }));

Deno.test("a window of the caller's own is said with the call, credit when items are read", () =>
  played(async ({ client, peer }) => {
    const stream = client.stream("S.M", null, { windowItems: 4, windowBytes: 100 });
    const first = stream.next();
    await peer.untilLines(2);
    assertEquals(
      peer.lines[0],
      '{"ServiceMethod":"S.M","Seq":1,"Stream":true,"Credit":4,"Bytes":100}',
    );
    await peer.write(item(1, 1) + item(1, 22) + item(1, 333));
    await first;
    await settled();
    assertEquals(peer.lines.length, 2); // the others are not read
    await stream.next();
    assertEquals((await peer.untilLines(4)).slice(2), [
      head({ Seq: 1, Credit: 2, Bytes: 3 }),
      "null",
    ]);
    await stream.return();
    assertEquals((await peer.untilLines(6)).slice(4), [head({ Seq: 1, Cancel: true }), "null"]);
    await peer.write(item(1, 4)); // too late, and dropped
  }));

Deno.test("an argument that is a stream, its end, and the answer", () =>
  played(async ({ client, peer }) => {
    async function* numbers() {
      yield 1;
      yield { two: 2 };
    }
    const sum = client.call("S.M", numbers());
    assertEquals(await peer.untilLines(8), [
      '{"ServiceMethod":"S.M","Seq":1,"Args":true}',
      "null",
      head({ Seq: 1, Item: true }),
      "1",
      head({ Seq: 1, Item: true }),
      '{"two":2}',
      head({ Seq: 1, End: true }),
      "null",
    ]);
    await peer.reply(1, 3);
    assertEquals(await sum, 3);
  }));

Deno.test("an argument waits for credit, and ends when no more is wanted", () =>
  played(async ({ client, peer }) => {
    let [asked, returned] = [0, 0];
    const endless: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: asked++ }),
        return: () => {
          returned++;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    const call = client.call("S.M", endless);
    await peer.untilLines(2 + 2 * 1024);
    await settled();
    assertEquals([peer.lines.length, asked], [2 + 2 * 1024, 1025]);
    await peer.write(head({ Seq: 1, Credit: 2, Bytes: 0 }) + "\nnull\n");
    await peer.untilLines(2 + 2 * 1026);
    await settled();
    assertEquals(asked, 1027);
    await peer.write(head({ Seq: 1, Args: false }) + "\nnull\n");
    await settled();
    assertEquals(returned, 1);
    await peer.write(head({ Seq: 1, Credit: 9, Bytes: 9 }) + "\nnull\n");
    await settled();
    assertEquals(peer.lines.length, 2 + 2 * 1026);
    await peer.reply(1, "enough");
    assertEquals([await call, returned], ["enough", 1]);
  }));

Deno.test("an argument that throws cancels the call, which fails with just that", () =>
  played(async ({ client, peer }) => {
    const mine = new TypeError("the file is gone");
    async function* broken() {
      yield 1;
      throw mine;
    }
    const error = await client.call("S.M", broken()).catch((error) => error);
    assert(error === mine);
    assertEquals(
      (await peer.untilLines(6)).slice(4),
      [head({ Seq: 1, Error: "the file is gone", Cancel: true }), "null"],
    );
  }));

Deno.test("a server that sends more than it has credit for loses the connection", () =>
  played(async ({ client, peer }) => {
    const options: StreamOptions = { windowItems: 2 };
    const stream = client.stream("S.M", null, options);
    const first = stream.next();
    const other = client.call("S.Other");
    await peer.untilLines(4);
    await peer.write([1, 2, 3, 4, 5].map((number) => item(1, number)).join(""));
    assertEquals((await first).value, 1); // its credit is given back when it is read: 2 are left
    assertEquals((await stream.next()).value, 2);
    assertEquals((await stream.next()).value, 3);
    await assertFails(stream.next(), { code: "resource_exhausted", execution: "unknown" });
    await assertFails(other, { code: "resource_exhausted", message: "more items of S.M" });
  }));

Deno.test("an error in the middle, and one of a server that ends", () =>
  played(async ({ client, peer }) => {
    const streams = [1, 2].map(() => client.stream("S.M"));
    const firsts = streams.map((stream) => stream.next());
    await peer.untilLines(4);
    await peer.write(item(1, 1) + item(2, 2));
    await Promise.all(firsts);
    await peer.reply(1, {}, { Error: "no such file", Code: "not_found" });
    await assertFails(streams[0].next(), { code: "not_found", execution: "answered" });
    await peer.reply(2, {}, { Error: "it ends", Code: "unavailable", Drain: true });
    await assertFails(streams[1].next(), { code: "unavailable", execution: "unknown" });
    assertEquals(client.available, false);
  }));

Deno.test("an item that can't be read ends its stream alone", () =>
  played(async ({ client, peer }) => {
    const stream = client.stream("S.M");
    const first = stream.next();
    const other = client.call("S.Other");
    await peer.untilLines(4);
    await peer.write(item(1, 1) + `${head({ Seq: 1, Item: true })}\n{"a":\n`);
    assertEquals((await first).value, 1);
    await assertFails(stream.next(), { code: "data_loss", execution: "answered" });
    assertEquals((await peer.untilLines(6))[4], head({ Seq: 1, Cancel: true }));
    await peer.reply(2, "fine");
    assertEquals(await other, "fine");
  }));

Deno.test("words about streams with wrong fields end the connection", async () => {
  for (
    const word of [{ Credit: -1 }, { Credit: "5" }, { Credit: 1, Bytes: 0.5 }, { Credit: 1e300 }]
  ) {
    await played(async ({ client, peer }) => {
      const stream = client.stream("S.M");
      const first = stream.next();
      await peer.untilLines(2);
      await peer.write(`${head({ Seq: 1, ...word })}\nnull\n`);
      await assertFails(first, { code: "data_loss", message: "Credit" });
    });
  }
});

Deno.test("words about calls that are none are dropped", () =>
  played(async ({ client, peer }) => {
    const call = client.call("S.M");
    await peer.untilLines(2);
    for (const word of [{ Item: true }, { Credit: 5, Bytes: 5 }, { Args: false }, { End: true }]) {
      await peer.write(`${head({ Seq: 9, ...word })}\n1\n`);
    }
    await peer.write(item(1, "no item was asked for"));
    await peer.reply(1, "fine");
    assertEquals(await call, "fine");
  }));

const counting = {
  async *To(most: number) {
    for (let number = 1; number <= most; number++) yield number;
  },
  One: (args: unknown) => args,
  async Sum(numbers: AsyncIterable<number>) {
    let sum = 0;
    for await (const number of numbers) sum += number;
    return sum;
  },
  async First(numbers: AsyncIterable<number>) {
    for await (const number of numbers) return number;
  },
};

Deno.test("a server's items and end", () =>
  served({ Count: counting }, async (peer) => {
    await peer.write(request(1, "Count.To", 2, { Stream: true }));
    assertEquals(await peer.untilLines(6), [
      head({ Seq: 1, Item: true }),
      "1",
      head({ Seq: 1, Item: true }),
      "2",
      '{"ServiceMethod":"Count.To","Seq":1,"Error":"","End":true}',
      "null",
    ]);
    await peer.write(request(2, "Count.One", 5, { Stream: true }));
    assertEquals((await peer.untilLines(8)).slice(6), [
      '{"ServiceMethod":"Count.One","Seq":2,"Error":""}',
      "5",
    ]);
  }));

Deno.test("a server's items wait for credit, in items and in bytes", () =>
  served({ Count: counting }, async (peer) => {
    await peer.write(request(1, "Count.To", 1e6, { Stream: true, Credit: 3, Bytes: 1000 }));
    await peer.write(request(2, "Count.To", 1e6, { Stream: true, Credit: 1000, Bytes: 3 }));
    await peer.untilLines(12);
    await settled();
    const seqs = peer.lines.filter((_, index) => index % 2 === 0).map((line) =>
      JSON.parse(line).Seq
    );
    assertEquals(seqs.sort(), [1, 1, 1, 2, 2, 2]);
    await peer.write(head({ Seq: 2, Credit: 0, Bytes: 1 }) + "\nnull\n");
    await peer.untilLines(14);
    await settled();
    assertEquals(peer.lines.slice(12), [head({ Seq: 2, Item: true }), "4"]);
    await peer.write(head({ Seq: 1, Cancel: true }) + "\nnull\n");
    await peer.write(head({ Seq: 2, Cancel: true }) + "\nnull\n");
    await settled();
    assertEquals(peer.lines.length, 14);
  }));

Deno.test("a server gives credit for an argument, and says when it wants no more", () =>
  served({ Count: counting }, async (peer) => {
    await peer.write(request(1, "Count.Sum", null, { Args: true }));
    const items = Array.from({ length: 512 }, () => item(1, 2)).join("");
    await peer.write(items);
    assertEquals(await peer.untilLines(2), [head({ Seq: 1, Credit: 512, Bytes: 512 }), "null"]);
    await peer.write(head({ Seq: 1, End: true }) + "\nnull\n");
    assertEquals((await peer.untilLines(4))[3], "1024");
    await peer.write(request(2, "Count.First", null, { Args: true }) + item(2, 7) + item(2, 8));
    const lines = (await peer.untilLines(8)).slice(4);
    assert(lines.includes(head({ Seq: 2, Args: false })), lines.join());
    assert(lines.includes('{"ServiceMethod":"Count.First","Seq":2,"Error":""}'), lines.join());
  }));

Deno.test("a client that sends more than it has credit for loses its connection, with a reason", () =>
  served({ Gate2: { Wait: () => new Promise(() => {}) } }, async (peer) => {
    await peer.write(request(1, "Gate2.Wait", null, { Args: true }));
    await peer.write(Array.from({ length: 1025 }, () => item(1, 2)).join(""));
    const [header] = await peer.untilLines(2);
    assertMatch(header, /"Error":"rpc server: call 1 has sent more items.*"resource_exhausted"/);
    await peer.ended;
  }));

Deno.test("a request with wrong credit ends the connection, with a reason", () =>
  served({ Count: counting }, async (peer) => {
    await peer.write(request(1, "Count.To", 1, { Stream: true, Credit: "many" }));
    const [header] = await peer.untilLines(2);
    assertMatch(
      header,
      /"Error":"rpc server: a header of geerpc\/json with a wrong Credit or Bytes"/,
    );
    await peer.ended;
  }));

Deno.test("a call whose argument alone is a stream may be answered by an end", () =>
  played(async ({ client, peer }) => {
    const call = client.call("S.M", (async function* () {})());
    await peer.untilLines(4);
    await peer.write('{"ServiceMethod":"S.M","Seq":1,"Error":"","End":true}\nnull\n');
    assertEquals(await call, undefined);
  }));

Deno.test("a client with streams that is silent is written to, so that it is found out if it is gone", () =>
  served({ Count: counting }, async (peer, { clock }) => {
    await peer.write(request(1, "Count.To", 10, { Stream: true, Credit: 1 }));
    await peer.untilLines(2);
    await clock.advance(29_000);
    await peer.write(head({ Seq: 9, Ping: true }) + "\nnull\n");
    await peer.untilLines(4);
    await clock.advance(29_000);
    assertEquals(peer.lines.length, 4);
    await clock.advance(10_000);
    assertEquals(peer.lines.slice(4), [""]);
    await clock.advance(60_000);
    const before = peer.lines.length;
    assert(before > 5 && before < 8 && peer.lines.slice(4).every((line) => line === ""));
    await peer.write(head({ Seq: 1, Cancel: true }) + "\nnull\n");
    await clock.advance(120_000);
    assertEquals(peer.lines.length, before);
    assertEquals(clock.timers, 0);
  }));

Deno.test("a client that does not know streams is told that a method answers with one", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, { Count: counting });
    const peer = await rawClient(world.network, address);
    await peer.write(GO_HANDSHAKE + request(1, "Count.To", 2, { Stream: true }));
    const [header] = await peer.untilLines(2);
    assertMatch(header, /"Seq":1,"Error":"rpc server: Count.To answers with a stream: /);
    peer.close();
  }));

Deno.test("a call's number that a stream has is refused", () =>
  served({ Count: counting }, async (peer) => {
    await peer.write(request(1, "Count.To", 10, { Stream: true, Credit: 1 }));
    await peer.write(request(1, "Count.To", 10, { Stream: true }));
    const lines = await peer.untilLines(4);
    assertMatch(lines.join(), /"Error":"rpc server: a call with Seq 1 is running already"/);
    assert(lines.includes(head({ Seq: 1, Item: true })), lines.join());
  }));

Deno.test("a server without streams: stream() says so, and nothing is sent", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await dial("memory@raw", { ...world.options });
    const peer = await raw.accept();
    const first = client.stream("S.M").next();
    const call = client.call("S.M", (async function* () {})());
    await peer.untilLines(2); // a ping, by which it is found out
    await peer.write(`{"ServiceMethod":"","Seq":2,"Error":"no such method"}\n{}\n`);
    await assertFails(first, { code: "unimplemented", execution: "not_sent" });
    await assertFails(call, { code: "unimplemented", execution: "not_sent" });
    assertEquals(peer.lines.length, 2);
    await assertRejects(
      () => client.stream("S.M").next(),
      RpcError,
      "need a server of this library",
    );
    await client.close();
    await raw.close();
  }));
