/** Types that encode themselves: times, big integers, and those of the user. */

import { assertEquals, assertThrows } from "@std/assert";
import { decode, encode, gob, type GobInstant } from "../../gob.ts";
import { refuses } from "../support/gob.ts";

Deno.test("times keep their nanoseconds if asked", () => {
  const instant: GobInstant = {
    epochNanoseconds: -1_500_000_001n,
    offsetSeconds: 3600,
  };
  const bytes = encode(instant, gob.instant);
  assertEquals(decode(bytes, gob.instant), instant);
  assertEquals(decode(bytes, gob.time), new Date(-1501));
  assertEquals(decode(bytes), new Date(-1501));
  assertEquals(decode(bytes, undefined, { time: "instant" }), instant);
  assertEquals(decode(encode(instant, gob.time), gob.instant), instant);
  const odd: GobInstant = {
    epochNanoseconds: 10n ** 24n,
    offsetSeconds: -7223,
  };
  assertEquals(decode(encode(odd, gob.instant), gob.instant), odd);
  refuses(
    "invalid_argument",
    "a Date can represent",
    () => decode(encode(odd, gob.instant), gob.time),
  );
});

Deno.test("big integers and types that encode themselves", () => {
  for (const value of [0n, 1n, -255n, 256n, 2n ** 200n, -(2n ** 64n)]) {
    assertEquals(decode(encode(value, gob.bigInt), gob.bigInt), value);
  }
  const fraction = gob.textMarshaler<number>({
    encode: (value) => `${value * 2}/2`,
    decode: (text) => {
      const [above, below] = text.split("/").map(Number);
      if (!(below > 0)) throw new Error("not a fraction");
      return above / below;
    },
    zero: () => 0,
  });
  assertEquals(decode(encode(1.5, fraction), fraction), 1.5);
  assertEquals(decode(encode(1.5, fraction)), "3/2");
  refuses(
    "invalid_argument",
    "$.F: textMarshaler can't be decoded: Error: not a fraction",
    () => {
      const wrong = gob.textMarshaler<string>({
        encode: (text) => text,
        decode: (text) => text,
        zero: () => "",
      });
      decode(
        encode({ F: "x" }, gob.struct({ F: wrong })),
        gob.struct({ F: fraction }),
      );
    },
  );
  assertThrows(() => gob.slice(gob.uint8), TypeError);
});
