import { assert, assertEquals } from "@std/assert";
import { grow, isWorthKeeping } from "../../internal/buffer.ts";

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
