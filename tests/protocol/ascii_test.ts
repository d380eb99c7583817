import { assertEquals } from "@std/assert";
import { DigitsReader, startsWithAt } from "../../protocol/ascii.ts";
import { MethodCache } from "../../protocol/method_cache.ts";

const encoder = new TextEncoder();

Deno.test("DigitsReader: whole numbers as JSON writes them, and nothing else", () => {
  const reader = new DigitsReader();
  for (const text of ["0", "7", "10", "123456789012345"]) {
    assertEquals(reader.read(encoder.encode(`:${text}}`), 1), 1 + text.length);
    assertEquals(reader.value, Number(text));
  }
  for (const text of ["", "x", "-1", "01", "00", "1234567890123456"]) {
    assertEquals(reader.read(encoder.encode(`:${text}}`), 1), 0, text);
  }
  assertEquals(reader.read(encoder.encode("12"), 0), 2, "at the end of the bytes");
});

Deno.test("startsWithAt compares every byte, and none beyond the end", () => {
  const bytes = encoder.encode("abcabd");
  assertEquals(startsWithAt(bytes, 3, encoder.encode("abd")), true);
  assertEquals(startsWithAt(bytes, 0, encoder.encode("abd")), false);
  assertEquals(startsWithAt(bytes, 4, encoder.encode("bdx")), false);
  assertEquals(startsWithAt(bytes, 6, new Uint8Array()), true);
});

Deno.test("MethodCache computes once for each name, and keeps a limited number of short names", () => {
  let computed = 0;
  const cache = new MethodCache((name) => (computed++, name.length));
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 1000; index++) cache.get(`S.M${index}`);
  }
  assertEquals(computed, 1000);
  for (let round = 0; round < 3; round++) assertEquals(cache.get("S.More"), 6);
  assertEquals(computed, 1003, "the cache is full");
  const other = new MethodCache((name) => (computed++, name));
  for (let round = 0; round < 3; round++) other.get("x".repeat(257));
  assertEquals(computed, 1006, "the name is too long");
});
