/** Numbers, booleans, strings and bytes. */

import { assert, assertEquals } from "@std/assert";
import { decode, encode, gob, type GobComplex, type GobSchema } from "../../gob.ts";
import { bytesOf, hex, refuses } from "../support/gob.ts";

Deno.test("single values are sent as Go sends them", () => {
  const cases: [unknown, string][] = [
    [3, "03 04 00 06"],
    [-129, "05 04 00 fe 01 01"],
    [17.5, "06 08 00 fd 80 31 40"],
    [-2.5, "05 08 00 fe 04 c0"],
    [true, "03 02 00 01"],
    ["hi", "05 0c 00 02 68 69"],
    [new Uint8Array([1, 255]), "05 0a 00 02 01 ff"],
    [2n ** 64n - 1n, "0b 06 00 f8 ff ff ff ff ff ff ff ff"],
    [-(2n ** 63n), "0b 04 00 f8 ff ff ff ff ff ff ff ff"],
  ];
  for (const [value, expected] of cases) {
    assertEquals(hex(encode(value)), expected);
    assertEquals(decode(bytesOf(expected)), value);
  }
  assertEquals(hex(encode(0, gob.int)), "03 04 00 00");
  assertEquals(hex(encode("", gob.string)), "03 0c 00 00");
});

Deno.test("integers of every size come back as they went", () => {
  for (let bit = 0n; bit < 64n; bit++) {
    for (const near of [-1n, 0n, 1n]) {
      const big = 2n ** bit + near;
      const safe = big <= BigInt(Number.MAX_SAFE_INTEGER);
      const expected = safe ? Number(big) : big;
      assertEquals(decode(encode(big, gob.uint64), gob.uint64), expected);
      if (safe) {
        assertEquals(decode(encode(Number(big), gob.uint), gob.uint), expected);
      }
      if (big < 2n ** 63n) {
        assertEquals(decode(encode(big, gob.int64), gob.int64), expected);
        const negative = big === 0n ? 0 : safe ? -Number(big) : -big;
        assertEquals(decode(encode(-big, gob.int64), gob.int64), negative);
        if (safe) {
          assertEquals(decode(encode(negative, gob.int), gob.int), negative);
        }
      }
    }
  }
});

Deno.test("integers out of range are refused, both ways", () => {
  const cases: [GobSchema<unknown, number | bigint>, number | bigint][] = [
    [gob.int8, 128],
    [gob.int8, -129],
    [gob.uint8, 256],
    [gob.uint8, -1],
    [gob.int16, 32768],
    [gob.uint16, 65536],
    [gob.int32, 2 ** 31],
    [gob.uint32, 2 ** 32],
    [gob.int, 2n ** 63n],
    [gob.uint, 2n ** 64n],
    [gob.uint, -1n],
    [gob.int, 1.5],
    [gob.int, NaN],
    [gob.int, 2 ** 53],
  ];
  for (const [schema, value] of cases) {
    refuses("invalid_argument", String(value), () => encode(value, schema));
  }
  refuses(
    "invalid_argument",
    "300",
    () => decode(encode(300, gob.uint), gob.uint8),
  );
  refuses("invalid_argument", "9007199254740993", () => {
    decode(encode(2n ** 53n + 1n), gob.safeInt);
  });
});

Deno.test("floats keep every bit that Go keeps", () => {
  for (
    const value of [
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      5e-324,
      Number.MAX_VALUE,
      0.1,
      -17,
    ]
  ) {
    assert(Object.is(decode(encode(value, gob.float), gob.float), value));
    assert(
      Object.is(
        decode(encode([value], gob.slice(gob.float)), gob.slice(gob.float))[0],
        value,
      ),
    );
  }
  assertEquals(decode(encode(0.1, gob.float32), gob.float32), Math.fround(0.1));
  refuses("invalid_argument", "1e+39", () => encode(1e39, gob.float32));
  refuses(
    "invalid_argument",
    "1e+39",
    () => decode(encode(1e39, gob.float), gob.float32),
  );
  const complex: GobComplex = { real: 1.5, imaginary: -2 };
  assertEquals(decode(encode(complex, gob.complex)), complex);
});

Deno.test("strings are UTF-8, a byte order mark and all", () => {
  const texts = [
    "",
    "a",
    "é€😀",
    "\ufeffmark",
    "x".repeat(47),
    "x".repeat(48),
    "é".repeat(70_000),
  ];
  for (const text of texts) assertEquals(decode(encode(text)), text);
  assertEquals(decode(encode("\ud800")), "\ufffd");
  assertEquals(decode(bytesOf("05 0c 00 02 ff 41")), "\ufffdA");
  assertEquals(
    decode(bytesOf("05 0a 00 02 ff 41")),
    new Uint8Array([0xff, 0x41]),
  );
});

Deno.test("a complex64 is rounded to float32, and what it can't hold is refused", () => {
  const { complex64 } = gob;
  const value = { real: 0.1, imaginary: -1e-50 };
  const rounded = { real: Math.fround(0.1), imaginary: -0 };
  assertEquals(decode(encode(value, complex64), complex64), rounded);
  assertEquals(decode(encode({ real: Infinity, imaginary: NaN }, complex64), complex64), {
    real: Infinity,
    imaginary: NaN,
  });
  for (const wrong of [{ real: 1e300, imaginary: 0 }, { real: 0, imaginary: -1e39 }]) {
    refuses("invalid_argument", "in the range of a float32", () => encode(wrong, complex64));
    refuses("invalid_argument", "the schema says float32", () => {
      decode(encode(wrong, gob.complex), complex64);
    });
    assertEquals(decode(encode(wrong, gob.complex), gob.complex), wrong);
  }
  const field = gob.struct({ C: complex64 });
  const none = { C: { real: 0, imaginary: 0 } };
  assertEquals(decode(encode(none, field), field), { C: { real: 0, imaginary: 0 } });
  assertEquals(encode({ C: { real: 1e-60, imaginary: 0 } }, field), encode(none, field));
});
