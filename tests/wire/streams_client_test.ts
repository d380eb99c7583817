/** Streams as a client has them on the wire, against a server that is played by hand. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import type { StreamOptions } from "../../mod.ts";
import { assertFails, inWorld, RawServer, settled } from "../support/helpers.ts";
import { EXTENDED, head, item, played } from "../support/streaming.ts";

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

Deno.test("a stream that has given items has run, whatever the server says of it", () =>
  played(async ({ client, peer }) => {
    const streams = [1, 2, 3].map(() => client.stream("S.M"));
    const firsts = streams.map((stream) => stream.next());
    await peer.untilLines(6);
    await peer.write(item(1, 1) + item(2, 2));
    await Promise.all(firsts.slice(0, 2));
    await peer.reply(1, {}, { Error: "busy", Code: "unavailable", Rejected: true });
    await assertFails(streams[0].next(), { code: "unavailable", execution: "answered" });
    await peer.write(`${head({ Seq: 0, Drain: true, Ended: true })}\nnull\n`);
    await assertFails(streams[1].next(), { code: "unavailable", execution: "unknown" });
    await assertFails(firsts[2], { code: "unavailable", execution: "rejected" });
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

Deno.test("a call whose argument alone is a stream may be answered by an end", () =>
  played(async ({ client, peer }) => {
    const call = client.call("S.M", (async function* () {})());
    await peer.untilLines(4);
    await peer.write('{"ServiceMethod":"S.M","Seq":1,"Error":"","End":true}\nnull\n');
    assertEquals(await call, undefined);
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
