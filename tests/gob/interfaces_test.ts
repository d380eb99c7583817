/** Interfaces, and values that go on in further messages. */

import { assert, assertEquals } from "@std/assert";
import { decode, encode, gob, GobDecoder, GobNamed } from "../../gob.ts";
import { bytesOf, point, refuses } from "../support/gob.ts";

Deno.test("interfaces hold registered types", () => {
  const registry = { "main.Point": point, "time.Time": gob.time };
  const schema = gob.struct({ List: gob.slice(gob.interface(registry)) });
  const values = [1, 1.5, "x", true, null, { X: 1, Y: 2 }, new Date(5000), [
    1,
    2,
  ], ["a"]];
  const bytes = encode({ List: values }, schema);
  assertEquals(decode(bytes, schema).List, values);
  assertEquals((decode(bytes) as { List: unknown[] }).List, values);
  const named = gob.struct({
    List: gob.slice(gob.interface(registry, { as: "named" })),
  });
  assertEquals(
    decode(bytes, named).List[5],
    new GobNamed("main.Point", { X: 1, Y: 2 }),
  );
  const other = gob.struct({ List: gob.slice(gob.interface({})) });
  refuses(
    "invalid_argument",
    '$.List[5]: the registry of the interface has no "main.Point"',
    () => {
      decode(bytes, other);
    },
  );
  refuses(
    "invalid_argument",
    "no type of the interface's registry fits an object",
    () => {
      encode({ List: [{ Z: 1 }] }, schema);
    },
  );
  const twice = gob.interface({
    a: point,
    b: gob.struct({ X: gob.int, Z: gob.int }),
  });
  refuses(
    "invalid_argument",
    "more than one type (a, b)",
    () => encode({ X: 1 }, twice),
  );
  refuses("invalid_argument", '"c"', () => encode(new GobNamed("c", 1), twice));
  assertEquals(decode(encode(new GobNamed("b", { Z: 1 }), twice)), {
    X: 0,
    Z: 1,
  });
});

// What Go 1.26 sends for []any{1, W{Point{1, 2}}, "x", W{W{3}}, Point{5, 0}} and any(Point{7, 8}),
// with W{V any}: types are defined in the middle of the value, which is spread over messages.
const SPREAD_BYTES = bytesOf(`
  0b 7f 02 01 02 ff 80 00 01 10 00 00 23 ff 80 00 05 03 69 6e 74 04 02 00 02 01 57 ff 81 03
  01 01 01 57 01 ff 82 00 01 01 01 01 56 01 10 00 00 00 59 ff 82 22 01 01 50 ff 83 03 01 01
  05 50 6f 69 6e 74 01 ff 84 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00 09 ff 84 05
  01 02 01 04 00 00 06 73 74 72 69 6e 67 0c 03 00 01 78 01 57 ff 82 11 01 01 57 ff 82 0a 01
  03 69 6e 74 04 02 00 06 00 00 01 50 ff 84 03 01 0a 00 0c 10 00 01 50 ff 84 05 01 0e 01 10
  00`);
const SPREAD_VALUE = [
  1,
  { V: { X: 1, Y: 2 } },
  "x",
  { V: { V: 3 } },
  { X: 5, Y: 0 },
];

Deno.test("a value that goes on in later messages is read as a whole", () => {
  const whole = new GobDecoder();
  whole.push(SPREAD_BYTES);
  assertEquals(whole.next()?.value, SPREAD_VALUE);
  assertEquals(whole.next()?.value, { X: 7, Y: 8 });
  assertEquals(whole.buffered, 0);

  const decoder = new GobDecoder();
  const read: unknown[] = [];
  for (const byte of SPREAD_BYTES) {
    decoder.push(Uint8Array.of(byte));
    const next = decoder.next();
    if (next !== undefined) read.push(next.value);
  }
  assertEquals(read, [SPREAD_VALUE, { X: 7, Y: 8 }]);

  const skipping = new GobDecoder();
  skipping.push(SPREAD_BYTES);
  assert(skipping.skip());
  assertEquals(skipping.next()?.value, { X: 7, Y: 8 });

  // A misfit in it is no harm to what follows, and the types it defined are known.
  const misfit = new GobDecoder();
  misfit.push(SPREAD_BYTES);
  refuses("invalid_argument", "bool", () => misfit.next(gob.slice(gob.bool)));
  assertEquals(misfit.next()?.value, { X: 7, Y: 8 });

  for (let end = 0; end < SPREAD_BYTES.length; end++) {
    if (SPREAD_BYTES.length - end > 30) {
      refuses(
        "data_loss",
        "middle",
        () => decode(SPREAD_BYTES.subarray(0, end)),
      );
    }
  }
});
