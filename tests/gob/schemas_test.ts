/** A type of the stream and a schema: whether they fit, and what they share. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { gob, GobDecoder, GobEncoder } from "../../gob.ts";
import { point, refuses } from "../support/gob.ts";

Deno.test("a value that doesn't fit fails alone", () => {
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  decoder.push(encoder.encode({ A: 1, B: [1] }));
  decoder.push(encoder.encode({ A: 2, B: [2] }));
  decoder.push(encoder.encode("next"));
  const wrong = gob.struct({ A: gob.int, B: gob.slice(gob.string) });
  refuses(
    "invalid_argument",
    "$.B[0]: int received where the schema says string",
    () => {
      decoder.next(wrong);
    },
  );
  refuses(
    "invalid_argument",
    "$.A: int received where the schema says uint",
    () => {
      decoder.next(gob.struct({ A: gob.uint }));
    },
  );
  assertEquals(decoder.next(gob.string), { value: "next" });
  assertEquals(decoder.buffered, 0);
});

Deno.test("schemas that say the same share a definition", () => {
  const encoder = new GobEncoder();
  const make = () => gob.struct({ A: gob.slice(gob.int), P: gob.optional(point) });
  encoder.encode({ A: [1], P: null }, make());
  assertEquals(encoder.encode({ A: [1], P: null }, make()).length, 7);
});

Deno.test("that a type and a schema don't fit is found out once", () => {
  const schema = gob.struct({ B: gob.int, A: gob.string });
  for (const value of [{ C: 1 }, { A: 1 }, 7]) {
    let looks = 0;
    const watched = gob.lazy(() => (looks++, schema));
    const encoder = new GobEncoder();
    const decoder = new GobDecoder();
    const next = (text: string) => {
      decoder.push(encoder.encode(value));
      const error = assertThrows(() => decoder.next(watched), RpcError, text);
      return error.message;
    };
    const message = next("received");
    const first = looks;
    assert(first > 0);
    for (let index = 0; index < 3; index++) assertEquals(next("received"), message);
    assertEquals(looks, first);
  }

  // Each error has the place of its own value.
  const right = gob.slice(gob.struct({ A: gob.int }));
  const wrong = gob.slice(gob.struct({ A: gob.string }));
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  for (
    const [L, M, place] of [[[{ A: 1 }], [], "$.L[0].A"], [[], [{ A: 1 }], "$.M[0].A"]] as const
  ) {
    decoder.push(encoder.encode({ L, M }, gob.struct({ L: right, M: right })));
    refuses("invalid_argument", `${place}: int received`, () => {
      decoder.next(gob.struct({ L: wrong, M: wrong }));
    });
  }
});
