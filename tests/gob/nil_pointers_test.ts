/** The end of a message stands for "nothing more", as Go's encoder and decoder have it. */

import { assertEquals } from "@std/assert";
import { decode, gob, GobDecoder, type GobSchema } from "../../gob.ts";
import { GobServerCodec } from "../../protocol/gob/server.ts";
import { GobClientCodec } from "../../protocol/gob/client.ts";
import { limitsOf } from "../../protocol/codec.ts";
import { bytesOf, point, refuses } from "../support/gob.ts";

const POINT =
  "1e 7f 03 01 01 05 50 6f 69 6e 74 01 ff 80 00 01 02 01 01 58 01 04 00 01 01 59 01 04 " +
  "00 00 00";

/** What Go 1.26 sends for `**T` whose `*T` is nil: the type id, and nothing else. */
const NIL: Readonly<Record<string, string>> = {
  struct: `${POINT} 02 ff 80`,
  int: "01 04",
  string: "01 0c",
  slice: "0c ff 81 02 01 02 ff 82 00 01 04 00 00 02 ff 82",
  map: "0e ff 83 04 01 02 ff 84 00 01 0c 01 04 00 00 02 ff 84",
  array: "0e ff 85 01 01 02 ff 86 00 01 04 01 04 00 00 02 ff 86",
  time: "0a ff 87 05 01 02 ff 8a 00 00 00 02 ff 88",
};

Deno.test("a nil pointer at the top of a message is a zero value, and the stream goes on", () => {
  for (
    const [kind, schema, plain, fitted] of [
      ["struct", point, { X: 0, Y: 0 }, { X: 0, Y: 0 }],
      ["struct", gob.optional(point), { X: 0, Y: 0 }, null],
      ["int", gob.int, 0, 0],
      ["string", gob.string, "", ""],
      ["slice", gob.slice(gob.int), [], []],
      ["map", gob.map(gob.string, gob.int), new Map(), new Map()],
      ["array", gob.array(2, gob.int), null, [0, 0]],
      ["time", gob.optional(gob.bigInt), new Uint8Array(0), null],
    ] as [string, GobSchema, unknown, unknown][]
  ) {
    const bytes = bytesOf(NIL[kind]);
    if (kind !== "time") assertEquals(decode(bytes), plain, kind);
    assertEquals(decode(bytes, schema), fitted, kind);

    const decoder = new GobDecoder();
    decoder.push(bytes);
    decoder.push(bytesOf("03 04 00 0e")); // the int 7
    assertEquals(decoder.skip(), true, kind);
    assertEquals(decoder.next(), { value: 7 }, kind);
  }
  refuses("invalid_argument", "struct received where the schema says int", () => {
    decode(bytesOf(NIL.struct), gob.int);
  });
});

Deno.test("a nil pointer in an interface, which Go's encoder lets through, is a zero value", () => {
  // Holder{Any: (**Point)(&nil), N: 5}, with Any registered as **main.Point.
  const bytes = bytesOf(
    "22 ff 8f 03 01 01 06 48 6f 6c 64 65 72 01 ff 90 00 01 02 01 03 41 6e 79 01 10 00 01 01 4e 01 " +
      "04 00 00 00 2e ff 90 01 0c 2a 2a 6d 61 69 6e 2e 50 6f 69 6e 74 7f 03 01 01 05 50 6f 69 6e " +
      "74 01 ff 80 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00 06 ff 80 00 01 0a 00",
  );
  assertEquals(decode(bytes), { Any: { X: 0, Y: 0 }, N: 5 });
  assertEquals(decode(bytes, gob.struct({ N: gob.int })), { N: 5 });
});

Deno.test("the end of a message ends all its structs, as in Go", () => {
  // Deep{A: struct{B: struct{C: 7}}}
  const types = "19 ff 91 03 01 01 04 44 65 65 70 01 ff 92 00 01 01 01 01 41 01 ff 94 00 00 00 " +
    "32 ff 93 03 01 01 1d 73 74 72 75 63 74 20 7b 20 42 20 73 74 72 75 63 74 20 7b 20 43 20 69 " +
    "6e 74 20 7d 20 7d 01 ff 94 00 01 01 01 01 42 01 ff 96 00 00 00 " +
    "24 ff 95 03 01 01 10 73 74 72 75 63 74 20 7b 20 43 20 69 6e 74 20 7d 01 ff 96 00 01 01 01 " +
    "01 43 01 04 00 00 00 ";
  for (
    const message of [
      "09 ff 92 01 01 01 0e 00 00 00",
      "07 ff 92 01 01 01 0e 00",
      "06 ff 92 01 01 01 0e",
    ]
  ) {
    assertEquals(decode(bytesOf(types + message)), { A: { B: { C: 7 } } }, message);
  }
  assertEquals(decode(bytesOf(types + "04 ff 92 01 01")), { A: { B: { C: 0 } } });
  refuses("data_loss", "past the end", () => decode(bytesOf(types + "05 ff 92 01 01 01")));
});

Deno.test("an argument and a reply that are nil pointers in Go end no connection", () => {
  const header =
    "2f ff 81 03 01 01 07 52 65 71 75 65 73 74 01 ff 82 00 01 02 01 0d 53 65 72 76 69 " +
    "63 65 4d 65 74 68 6f 64 01 0c 00 01 03 53 65 71 01 06 00 00 00 ";
  const seen: unknown[] = [];
  const server = new GobServerCodec("netrpc", limitsOf());
  server.receive(
    bytesOf(
      `${header} 0a ff 82 01 03 53 2e 4d 01 01 00 ${NIL.struct} ` +
        `0a ff 82 01 03 53 2e 4d 01 02 00 03 04 00 0e`,
    ),
    {
      call: (seq, name, args) => seen.push([seq, name, args]),
      refuse: (...refusal) => seen.push(refusal),
      cancel() {},
      answered() {},
    },
  );
  assertEquals(seen, [[1, "S.M", { X: 0, Y: 0 }], [2, "S.M", 7]]);

  const replies: unknown[] = [];
  const client = new GobClientCodec("netrpc", limitsOf(), 0);
  client.receive(bytesOf(`${header} 0a ff 82 01 03 53 2e 4d 01 01 00 ${NIL.struct}`), {
    drain() {},
    take: (seq) => ({
      serviceMethod: "S.M",
      resolve: (value) => replies.push([seq, value]),
      fail: (...failure) => replies.push(failure),
      failDecode: (...failure) => replies.push(failure),
    }),
  });
  assertEquals(replies, [[1, { X: 0, Y: 0 }]]);
});
