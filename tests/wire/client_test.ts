/** The bytes that a client sends, as the server sees them. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { assertFails, assertFailure, failure, settled } from "../support/helpers.ts";
import { facing } from "../support/raw_scene.ts";
import { HANDSHAKE } from "../support/wire.ts";

function chunkTexts(peer: { chunks: Uint8Array[] }): string[] {
  return peer.chunks.map((chunk) => new TextDecoder().decode(chunk));
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
      Ext: 1,
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
