/** Types that encode themselves: times, big integers, and those of the user. */

import { assertEquals, assertThrows } from "@std/assert";
import { decode, encode, gob, GobDecoder, GobEncoder, type GobInstant } from "../../gob.ts";
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

Deno.test("a program's own type called Int or Time is not read as Go's by its name alone", () => {
  const own = (name: string) =>
    gob.gobEncoder<Uint8Array>({
      name,
      encode: (bytes) => bytes,
      decode: (bytes) => bytes,
      zero: () => new Uint8Array(0),
    });
  const eight = (first: number) => Uint8Array.from([first, 0, 0, 0, 0, 0, 0, 7]);
  const time = (change: (bytes: Uint8Array) => void) => {
    const bytes = encode(new Date(0), gob.time).slice(-15);
    change(bytes);
    return bytes;
  };
  for (
    const [name, bytes] of [
      ["Int", new Uint8Array(0)],
      ["Int", eight(0)],
      ["Int", eight(2)], // a leading zero
      ["Int", new Uint8Array([3])], // −0
      ["Int", new TextEncoder().encode("25")],
      ["Time", new Uint8Array(0)],
      ["Time", new TextEncoder().encode("12:30")],
      ["Time", time((bytes) => bytes[0] = 2)],
      ["Time", time((bytes) => bytes[0] = 3)],
      ["Time", time((bytes) => bytes.fill(255, 9, 13))], // nanoseconds below 0
      ["Time", time((bytes) => bytes.fill(120, 9, 13))], // and beyond a second
      ["Time", time((bytes) => bytes.fill(120, 13, 15))], // far from UTC
    ] as const
  ) {
    assertEquals(decode(encode(bytes, own(name))), bytes, `${name} ${bytes}`);
    const field = gob.struct({ Own: own(name), N: gob.int });
    if (bytes.length > 0) {
      assertEquals(decode(encode({ Own: bytes, N: 1 }, field)), { Own: bytes, N: 1 });
    }
  }

  // Once it is known to be another type it stays so, whatever its bytes look like.
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  const int = own("Int");
  for (const [bytes, seen] of [[[2, 5], 5n], [[0, 1], null], [[2, 5], null]] as const) {
    decoder.push(encoder.encode(Uint8Array.from(bytes), int));
    assertEquals(ready(decoder).take(), seen ?? Uint8Array.from(bytes));
  }
  // A time that no Date can hold is a time all the same.
  const times = new GobDecoder();
  const timeEncoder = new GobEncoder();
  for (const [instant, seen] of [[10n ** 26n, false], [0n, true]] as const) {
    times.push(timeEncoder.encode({ epochNanoseconds: instant }, gob.instant));
    assertEquals(ready(times).take() instanceof Date, seen);
  }
});

function ready(decoder: GobDecoder): GobDecoder {
  assertEquals(decoder.ready(), true);
  return decoder;
}
