/** Structs: what is sent of them, zero fields, and fields that the other side lacks. */

import { assertEquals } from "@std/assert";
import { decode, encode, gob, GobEncoder, type GobSchema, type Infer } from "../../gob.ts";
import { hex, point, POINT_BYTES, refuses } from "../support/gob.ts";

Deno.test("a struct is sent byte for byte as Go sends it", () => {
  const encoder = new GobEncoder();
  assertEquals(hex(encoder.encode({ X: 22, Y: 33 }, point)), hex(POINT_BYTES));
  assertEquals(
    hex(encoder.encode({ X: 22, Y: 33 }, point)),
    "07 ff 82 01 2c 01 42 00",
  );
  assertEquals(
    hex(encoder.encode({ X: 0, Y: 33 }, point)),
    "05 ff 82 02 42 00",
  );
});

Deno.test("zero fields are left out and filled in again", () => {
  const schema = gob.struct({
    Bool: gob.bool,
    Int: gob.int,
    Float: gob.float,
    Complex: gob.complex,
    Text: gob.string,
    Bytes: gob.bytes,
    List: gob.slice(gob.int),
    Array: gob.array(2, gob.int),
    Map: gob.map(gob.string, gob.int),
    Object: gob.map(gob.string, gob.int, { as: "object" }),
    Point: point,
    Pointer: gob.optional(point),
    Time: gob.time,
    Any: gob.any,
    Big: gob.bigInt,
  });
  const zero: Infer<typeof schema> = {
    Bool: false,
    Int: 0,
    Float: 0,
    Complex: { real: 0, imaginary: 0 },
    Text: "",
    Bytes: new Uint8Array(0),
    List: [],
    Array: [0, 0],
    Map: new Map(),
    Object: {},
    Point: { X: 0, Y: 0 },
    Pointer: null,
    Time: new Date("0001-01-01T00:00:00Z"),
    Any: null,
    Big: 0n,
  };
  // An empty struct on the wire, and one that says as much as it can.
  assertEquals(decode(encode({}, gob.struct({})), schema), zero);
  assertEquals(decode(encode(zero, schema), schema), zero);
  const nothing = encode({} as typeof zero, schema);
  assertEquals(decode(nothing, schema), zero);
  assertEquals(hex(nothing.subarray(-4)), "03 ff 82 00");
  const plain = decode(nothing) as Record<string, unknown>;
  assertEquals(plain.Point, null);
  assertEquals(plain.Map, new Map());
  assertEquals(plain.Text, "");
  assertEquals(plain.Time, zero.Time);
});

Deno.test("recursive types end", () => {
  interface Node {
    Value: number;
    Next: Node | null;
  }
  const node: GobSchema<Node> = gob.struct({
    Value: gob.safeInt,
    Next: gob.optional(gob.lazy(() => node)),
  });
  const list = { Value: 1, Next: { Value: 2, Next: null } };
  assertEquals(decode(encode(list, node), node), list);
  assertEquals(decode(encode(list, node)), list);
  // Go has no such type; the zero of it must still end.
  const endless: GobSchema<unknown> = gob.struct({
    Inner: gob.lazy(() => endless),
  }) as never;
  assertEquals(decode(encode({}, gob.struct({})), endless), { Inner: null });
});

Deno.test("fields that were added, removed and moved between versions", () => {
  const older = gob.struct({
    A: gob.safeInt,
    Gone: gob.slice(point),
    B: gob.string,
  });
  const newer = gob.struct({
    New: gob.optional(point),
    B: gob.string,
    A: gob.safeInt,
  });
  const sent = encode({ A: 1, Gone: [{ X: 1, Y: 2 }], B: "b" }, older);
  assertEquals(decode(sent, newer), { B: "b", A: 1, New: null });
  const back = encode({ New: { X: 1, Y: 0 }, B: "b", A: 1 }, newer);
  assertEquals(decode(back, older), { A: 1, Gone: [], B: "b" });
  refuses("invalid_argument", "no field", () => decode(sent, point));
});
