/** Maps with keys of every kind, and keys that no object may have. */

import { assertEquals, assertThrows } from "@std/assert";
import { decode, encode, gob, GobWriter } from "../../gob.ts";
import { refuses } from "../support/gob.ts";

Deno.test("maps with keys of any kind", () => {
  const schema = gob.map(
    gob.struct({ A: gob.safeInt }),
    gob.array(2, gob.float),
  );
  const map = new Map([[{ A: 1 }, [1, 2]], [{ A: 2 }, [0, 0]]]);
  assertEquals(decode(encode(map, schema), schema), map);
  assertEquals(decode(encode(map, schema)), map);
  const object = gob.map(gob.string, gob.safeInt, { as: "object" });
  assertEquals(decode(encode({ a: 1, b: 0 }, object), object), { a: 1, b: 0 });
  assertEquals(decode(encode({ a: 1 }, object)), new Map([["a", 1]]));
  assertEquals(
    decode(encode({ a: 1 }, object), undefined, { maps: "object" }),
    { a: 1 },
  );
  assertThrows(
    () => gob.map(gob.int as never, gob.int, { as: "object" }),
    TypeError,
  );
});

Deno.test("nothing decodes to a prototype", () => {
  const map = new Map([["__proto__", 1]]);
  assertEquals(decode(encode(map)), map);
  refuses("invalid_argument", "$.__proto__: an object", () => {
    decode(encode(map), gob.map(gob.string, gob.int, { as: "object" }));
  });
  refuses(
    "invalid_argument",
    "__proto__",
    () => decode(encode(map), undefined, { maps: "object" }),
  );
  assertThrows(() => gob.struct({ ["__proto__"]: gob.int }), TypeError);
  // A struct with such a field, which no encoder of ours makes.
  const sent = encode({ __pr0to__: 5, B: 6 });
  const at = sent.indexOf("0".charCodeAt(0), 10);
  sent[at] = "o".charCodeAt(0);
  const value = decode(sent) as object;
  assertEquals(Object.getPrototypeOf(value), Object.prototype);
  assertEquals(Object.keys(value), ["B"]);
});

Deno.test("a map with keys that are one in JavaScript is refused, not shortened", () => {
  const floats = gob.map(gob.float, gob.safeInt);
  const strings = gob.map(gob.bytes, gob.safeInt);
  // {NaN: 1, NaN: 2} in Go: each NaN is a key of its own.
  const writer = new GobWriter();
  writer.raw(encode(new Map(), floats).slice(0, -5)); // the definition
  const start = writer.begin();
  for (const number of [65, 0]) writer.int(number);
  writer.uint(2);
  for (const number of [1, 2]) {
    writer.float(NaN);
    writer.int(number);
  }
  writer.end(start);
  const decoded = writer.view();
  const text = "keys that are one in JavaScript, as all NaN are";
  refuses("invalid_argument", text, () => decode(decoded));
  refuses("invalid_argument", text, () => decode(decoded, floats));

  // Two strings that are not UTF-8 and not the same.
  const invalid = encode(
    new Map([[new Uint8Array([0xfe]), 1], [new Uint8Array([0xff]), 2]]),
    strings,
  );
  const asStrings = invalid.slice();
  asStrings[asStrings.indexOf(0x0a)] = 0x0c; // the type of the keys: string in place of bytes
  refuses("invalid_argument", text, () => decode(asStrings));
  refuses("invalid_argument", text, () => decode(asStrings, undefined, { maps: "object" }));
  const good = new Map([[NaN, 1], [0, 2]]);
  assertEquals(decode(encode(good, floats), floats), good);
});
