/** Streams: cut into chunks, broken, and between two values. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { decode, encode, GobDecoder, GobEncoder } from "../../gob.ts";
import { bytesOf, POINT_BYTES, refuses } from "../support/gob.ts";

Deno.test("values are read however the bytes are cut", () => {
  const encoder = new GobEncoder();
  const values = [{ A: 1 }, "x".repeat(300), [1, 2, 3], {
    A: 1,
    B: { C: [1.5] },
  }];
  const chunks = values.map((value) => encoder.encode(value));
  const stream = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const decoder = new GobDecoder();
    const read: unknown[] = [];
    for (let at = 0; at < stream.length; at += size) {
      const chunk = stream.slice(at, at + size);
      decoder.push(chunk);
      chunk.fill(0xaa); // the decoder has a copy
      for (
        let next = decoder.next();
        next !== undefined;
        next = decoder.next()
      ) {
        read.push(next.value);
      }
    }
    assertEquals(read, values);
    assertEquals(decoder.buffered, 0);
  }
  const decoder = new GobDecoder();
  assertThrows(() => decoder.take(), TypeError);
  decoder.push(stream);
  assert(decoder.ready() && decoder.ready());
  assert(decoder.skip() && decoder.skip());
  assertEquals(decoder.next()?.value, [1, 2, 3]);
});

Deno.test("a broken stream is final", () => {
  const decoder = new GobDecoder();
  decoder.push(bytesOf("03 ff 90 00 03 04 00 06"));
  refuses("data_loss", "type 72 is not defined", () => decoder.next());
  refuses("data_loss", "type 72 is not defined", () => decoder.ready());
  refuses(
    "data_loss",
    "behind the value",
    () => decode(bytesOf("03 04 00 06 00")),
  );
  refuses("data_loss", "middle", () => decode(POINT_BYTES.subarray(0, -1)));
});

Deno.test("a value over the limit is dropped as it comes, and only it is lost", () => {
  const limits = { maxMessageBytes: 1000 };
  for (const long of ["x".repeat(1001), { Name: "x".repeat(100_000) }]) {
    const encoder = new GobEncoder();
    const values = [{ Name: "first" }, long, [1, 2, 3]];
    const bytes = Uint8Array.from(values.flatMap((value) => [...encoder.encode(value)]));
    for (const chunkBytes of [1, 7, 999, bytes.length]) {
      for (const skips of [false, true]) {
        const decoder = new GobDecoder(limits);
        const read: unknown[] = [];
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          decoder.push(bytes.subarray(at, at + chunkBytes));
          while (decoder.ready()) {
            if (read.length === 1 && skips) read.push(decoder.skip());
            else if (read.length === 1) {
              refuses("resource_exhausted", "bytes, beyond maxMessageBytes", () => decoder.take());
              read.push(true);
            } else read.push(decoder.take());
          }
          assert(decoder.buffered <= Math.max(chunkBytes, 1000));
        }
        assertEquals(read, [{ Name: "first" }, true, [1, 2, 3]]);
        assertEquals(decoder.buffered, 0);
      }
    }
  }
});

Deno.test("a stream is between two values once the last has come as a whole", () => {
  for (const [maxMessageBytes, taken] of [[1000, "x".repeat(500)], [100, undefined]] as const) {
    const decoder = new GobDecoder({ maxMessageBytes });
    const bytes = encode("x".repeat(500));
    assert(decoder.isBetween);
    for (const byte of bytes.subarray(0, -1)) {
      decoder.push(Uint8Array.of(byte));
      if (decoder.ready()) assertThrows(() => decoder.take(), RpcError, "maxMessageBytes");
      assert(!decoder.isBetween);
    }
    decoder.push(bytes.subarray(-1));
    assertEquals(decoder.next()?.value, taken);
    assert(decoder.isBetween);
  }
});
