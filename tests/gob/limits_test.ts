/** Limits of encoder and decoder, and streams made to get past them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import {
  decode,
  encode,
  gob,
  GobDecoder,
  GobEncoder,
  GobNamed,
  type GobSchema,
  GobWriter,
} from "../../gob.ts";
import { bytesOf, dictionary, hex, POINT_BYTES, refuses, wide } from "../support/gob.ts";

Deno.test("deep values are refused, in and out", () => {
  let deep: unknown = 1;
  for (let level = 0; level < 100; level++) deep = [deep];
  assertEquals(JSON.stringify(decode(encode(deep))), JSON.stringify(deep));
  refuses("resource_exhausted", "maxDepth", () => encode([deep]));
  refuses("resource_exhausted", "maxDepth", () => {
    decode(encode([deep], undefined, { maxDepth: 101 }));
  });
});

Deno.test("hostile streams are refused before they cost anything", () => {
  const cases: [string, string, string][] = [
    [
      "data_loss",
      "8388607 elements",
      "0c ff 81 02 01 02 ff 82 00 01 04 00 00 08 ff 82 00 fd 7f ff ff 00",
    ],
    ["data_loss", "bytes where", "08 0c 00 fd 7f ff ff 41 41"],
    // a definition of 2 GiB, and a value of so many bytes with interfaces in it
    ["resource_exhausted", "maxMessageBytes", "fc 7f ff ff ff ff 81 00 00 00 00 00 00 00"],
    ["resource_exhausted", "maxMessageBytes", "fc 7f ff ff ff 10 00 00 00 00 00 00 00 00"],
    // values of 8 GiB less one byte, and of one more
    ["resource_exhausted", "8589934591 bytes", "fb 01 ff ff ff ff 0c 00 41 41 41 41 41 41 41 41"],
    ["data_loss", "8589934592 bytes", "fb 02 00 00 00 00 0c 00 41 41 41 41 41 41 41 41"],
    ["data_loss", "a message of", "f8 ff ff ff ff ff ff ff ff 0c 00 41 41 41 41 41 41 41 41"],
    ["data_loss", "type 72 is not defined", "fc 7f ff ff ff ff 90 00 00 00 00 00 00 00"],
    [
      "data_loss",
      "a message length of 9 bytes",
      "f7 01 01 01 01 01 01 01 01 01",
    ],
    ["data_loss", "type 16 is not defined", "03 20 00 00"],
    [
      "data_loss",
      "type 65 is defined again",
      hex(POINT_BYTES.slice(0, 32)) + " " + hex(POINT_BYTES),
    ],
    [
      "data_loss",
      "type 2 is defined again",
      "0a 03 02 01 02 04 00 01 04 00 00",
    ],
    ["data_loss", "no known kind", "03 ff 81 00"],
    ["data_loss", "without its element", "0a ff 81 02 01 02 ff 82 00 00 00"],
    ["data_loss", "a type id of 0", "01 00"],
    ["data_loss", "past the end", "00"],
    // type 65 is a slice of itself, and the value is 200 of them, one in another
    [
      "resource_exhausted",
      "maxDepth",
      "0d ff 81 02 01 02 ff 82 00 01 ff 82 00 00 ff cb ff 82 00 " +
      "01 ".repeat(199) + "00",
    ],
    // type 65 is an array of 2^40 elements
    [
      "data_loss",
      "elements",
      "14 ff 81 01 01 02 ff 82 00 01 04 01 fa 02 00 00 00 00 00 00 00 05 ff 82 00 7f 00",
    ],
  ];
  for (const [code, text, bytes] of cases) {
    refuses(code, text, () => decode(bytesOf(bytes)));
  }
});

/** The definition of such a struct, also of one that no encoder of ours sends. */
function definitionOf(size: number): Uint8Array {
  const writer = new GobWriter();
  const start = writer.begin();
  writer.int(-65);
  for (const byte of [3, 1, 2]) writer.byte(byte);
  writer.int(65);
  for (const byte of [0, 1]) writer.byte(byte);
  writer.uint(size);
  for (let index = 0; index < size; index++) {
    writer.byte(1);
    writer.string(`F${index}`);
    for (const byte of [1, 4, 0]) writer.byte(byte);
  }
  for (const byte of [0, 0]) writer.byte(byte);
  writer.end(start);
  return writer.view();
}

Deno.test("a struct of more fields than any program has is refused, in and out", () => {
  const most = wide(4096);
  const encoder = new GobEncoder();
  const bytes = encoder.encode({}, most);
  assertEquals(hex(bytes.subarray(0, -4)), hex(definitionOf(4096)));
  // All its fields may be zero.
  assertEquals(Object.keys(decode(bytes) as object).length, 4096);
  assertEquals(decode(bytes, most).F4095, 0);

  const text = "a struct of more than 4096 fields";
  refuses("resource_exhausted", text, () => encoder.encode({}, wide(4097)));
  refuses("resource_exhausted", text, () => encoder.encode(dictionary("K", 4097)));
  const halves = [dictionary("A", 3000), dictionary("B", 3000)];
  refuses("resource_exhausted", text, () => encoder.encode(halves));
  assertEquals(hex(encoder.encode({}, most)), "03 ff 82 00");
  refuses("resource_exhausted", text, () => {
    decode(Uint8Array.from([...definitionOf(4097), 3, 0xff, 0x82, 0]));
  });
});

Deno.test("the fewer bytes a value has, the fewer zero fields it may leave out", () => {
  const empty = (length: number) => Array.from({ length }, () => ({}));
  for (const [length, size] of [[1500, 1000], [100, 100], [2, 4096]]) {
    const list = gob.slice(wide(size));
    const bytes = encode(empty(length), list);
    refuses("resource_exhausted", "parts", () => decode(bytes));
    refuses("resource_exhausted", "parts", () => decode(bytes, list));
  }
  for (const [length, size] of [[1500, 0], [20_000, 32], [1, 4096]]) {
    const list = gob.slice(wide(size));
    assertEquals(decode(encode(empty(length), list), list).length, length);
  }
});

Deno.test("few bytes do not become many objects", () => {
  const limits = { maxMessageBytes: 128 * 1024 };
  const quarter = 32 * 1024;
  const list = (length: number, item: unknown) => Array.from({ length }, () => item);
  const blobs = gob.struct({ A: gob.bytes, B: gob.bytes });
  for (
    const [schema, item, most] of [
      [gob.struct({}), {}, quarter - 1],
      [gob.slice(gob.int), [], quarter - 1],
      [gob.map(gob.string, gob.int), new Map(), quarter / 5 - 1],
      [gob.bytes, new Uint8Array(1), quarter / 4 - 1],
      [blobs, { A: new Uint8Array(1) }, quarter / 6 - 1],
      [gob.struct({ When: gob.time }), {}, quarter / 5 - 1],
      [gob.struct({ C: gob.complex }), {}, quarter / 5 - 1],
      [gob.struct({ Big: gob.bigInt }), {}, quarter / 5 - 1],
      [gob.struct({ In: gob.struct({ A: gob.int, B: gob.int }) }), {}, quarter / 4 - 1],
    ] as [GobSchema, unknown, number][]
  ) {
    const all = gob.slice(schema);
    const good = list(Math.floor(most * 0.9), item);
    assertEquals(decode(encode(good, all), all, limits).length, good.length);
    const bytes = encode(list(Math.ceil(most * 1.1), item), all);
    refuses("resource_exhausted", "parts", () => decode(bytes, all, limits));
  }
  // An empty run of bytes takes none: all are the same one.
  const empty = decode(encode([new Uint8Array(0), new Uint8Array(0)])) as Uint8Array[];
  assert(empty[0] === empty[1]);
});

Deno.test("type definitions may take a quarter of a message's limit, and 64 KiB in any case", () => {
  for (
    const [maxMessageBytes, most] of [
      [4 * 1024 * 1024, 1024 * 1024],
      [128 * 1024, 64 * 1024],
      [10_000, 10_000],
    ]
  ) {
    const encoder = new GobEncoder({ maxMessageBytes });
    const decoder = new GobDecoder({ maxMessageBytes });
    let bytes = 0;
    const broken = assertThrows(() => {
      for (let name = 0;; name++) {
        const message = encoder.encode(dictionary(name, 100));
        bytes += message.length;
        decoder.push(message);
        assert(decoder.next() !== undefined);
      }
    }, RpcError);
    assertEquals(broken.code, "resource_exhausted");
    assert(bytes > most * 0.7 && bytes < most * 1.4, `${bytes} of ${most}`);
  }
});

Deno.test("limits of the encoder", () => {
  refuses(
    "resource_exhausted",
    "maxMessageBytes",
    () => encode("x".repeat(5_000_000)),
  );
  refuses(
    "resource_exhausted",
    "maxMessageBytes",
    () => encode("xxx", gob.string, { maxMessageBytes: 3 }),
  );
  const encoder = new GobEncoder();
  refuses("resource_exhausted", "10000 types", () => {
    for (let index = 0; index < 10_001; index++) {
      encoder.encode({ [`K${index}`]: 1 });
    }
  });
  assertEquals(encoder.encode({ K1: 1 }).length, 6);
});

Deno.test("a decoder takes the longest values that an encoder sends, with interfaces too", () => {
  const limits = { maxMessageBytes: 1000 };
  const any = gob.struct({ V: gob.any });
  for (const schema of [gob.struct({ V: gob.string }), any]) {
    const encoder = new GobEncoder(limits);
    const decoder = new GobDecoder(limits);
    const sent: Uint8Array[] = [];
    refuses("resource_exhausted", "maxMessageBytes", () => {
      for (;;) sent.push(encoder.encode({ V: "x".repeat(sent.length) }, schema as typeof any));
    });
    assert(sent.length > 950);
    for (const [length, bytes] of sent.entries()) {
      decoder.push(bytes);
      assertEquals(decoder.next()?.value, { V: "x".repeat(length) });
    }
  }
  const name = "n".repeat(1024);
  assertEquals(decode(encode({ V: new GobNamed(name, 1) }, any)), { V: 1 });
  refuses("invalid_argument", "$.V: the name of a type of 1025 characters", () => {
    encode({ V: new GobNamed(`${name}n`, 1) }, any);
  });
});

Deno.test("a decoder takes whatever an encoder with the same limits sends", () => {
  const short = Array.from({ length: 30 }, (_, more) => ({ maxMessageBytes: 900 + more }));
  for (
    const [limits, size] of [
      [{}, 1],
      [{}, 60],
      ...short.map((each) => [each, 5] as const),
    ] as const
  ) {
    const encoder = new GobEncoder(limits);
    const decoder = new GobDecoder(limits);
    const pass = (value: object, schema?: GobSchema<unknown, object>) => {
      decoder.push(encoder.encode(value, schema));
      assertEquals(decoder.next()?.value, value);
    };
    let name = 0;
    refuses("resource_exhausted", "in one stream", () => {
      for (;; name++) pass(dictionary(name, size));
    });
    if (size === 1) assertEquals(name, 9_999);
    // What was refused left nothing behind, and an error can still be told: its body is struct{}.
    assertThrows(() => encoder.encode(dictionary("more", 100)), RpcError);
    pass(dictionary(0, size));
    pass({}, gob.struct({}));
  }
});
