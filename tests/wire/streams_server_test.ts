/** Streams as a server has them on the wire, against a client that is played by hand. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { inWorld, rawClient, request, settled } from "../support/helpers.ts";
import { GO_HANDSHAKE } from "../support/wire.ts";
import { head, item, served } from "../support/streaming.ts";

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
