import { assert, assertEquals } from "@std/assert";
import { ChunkBuffer, grow, isWorthKeeping } from "../../internal/buffer.ts";

const KIB = 1024;

Deno.test("grow copies the used bytes, and doubles the size at least", () => {
  const full = Uint8Array.of(1, 2, 3, 4);
  assertEquals([...grow(full, 3, 5)], [1, 2, 3, 0, 0, 0, 0, 0]);
  assertEquals(grow(full, 4, 100).length, 100);
  assertEquals(grow(new Uint8Array(0), 0, 10).length, 10);
});

Deno.test("a buffer is kept if it is small, or well used", () => {
  assert(isWorthKeeping(new Uint8Array(64 * KIB), 0));
  assert(isWorthKeeping(new Uint8Array(512 * KIB), 64 * KIB));
  assert(!isWorthKeeping(new Uint8Array(512 * KIB), 64 * KIB - 1), "one message was larger");
  assert(!isWorthKeeping(new Uint8Array(1024 * KIB + 1), 1024 * KIB), "too large to hold");
});

Deno.test("chunks of every size are put together, whole, in order, and again when they were taken", () => {
  const buffer = new ChunkBuffer();
  for (const length of [1, 100, 255, 256, 257, 5000, 0]) {
    const bytes = Uint8Array.from({ length }, (_, at) => at * 7);
    for (let at = 0, size = 0; at < length; at += size++) {
      buffer.add(bytes.subarray(at, at + size));
    }
    assertEquals(buffer.length, length);
    assertEquals(buffer.view(), bytes);
    assertEquals(buffer.view(3), bytes.subarray(0, 3));
    assertEquals(buffer.take(), bytes);
    assertEquals([buffer.length, buffer.view().length], [0, 0]);
  }
});

Deno.test("single bytes are copied a few times each, however many there are", () => {
  const { set } = Uint8Array.prototype;
  const buffer = new ChunkBuffer();
  let copied = 0;
  try {
    Uint8Array.prototype.set = function (bytes, at) {
      copied += bytes.length;
      return set.call(this, bytes, at);
    };
    for (let n = 0; n < 10_000; n++) buffer.add(Uint8Array.of(n));
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert(copied < 30_000, `${copied} bytes were copied`);
});

Deno.test("a buffer that held one large message is not kept for small ones", () => {
  const buffer = new ChunkBuffer();
  buffer.add(new Uint8Array(2048 * KIB));
  const large = buffer.take();
  buffer.add(Uint8Array.of(1));
  assert(buffer.view().buffer !== large.buffer);
  const small = buffer.take();
  buffer.add(Uint8Array.of(2));
  assert(buffer.view().buffer === small.buffer);
});
