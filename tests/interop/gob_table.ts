/** The schemas of the types in `go/gob/main.go`. */

import { type AnyGobSchema, gob, type GobSchema } from "../../gob.ts";

const point = gob.struct({ X: gob.int, Y: gob.int }, { name: "Point" });
const inner = gob.struct({ Name: gob.string, N: gob.int }, { name: "Inner" });
interface Node {
  Value: number | bigint;
  Next: Node | null;
}
interface Tree {
  Name: string;
  Children: ArrayLike<Tree>;
}
interface Ping {
  P: number | bigint;
  Pong: Pong | null;
}
interface Pong {
  Q: string;
  Pings: ArrayLike<Ping>;
}
type Slices = ArrayLike<Slices>;
type Maps = ReadonlyMap<string, Maps>;

const node: GobSchema<Node> = gob.struct({
  Value: gob.int,
  Next: gob.optional(gob.lazy(() => node)),
}, { name: "Node" });
const tree: GobSchema<Tree> = gob.struct({
  Name: gob.string,
  Children: gob.slice(gob.lazy(() => tree)),
}, { name: "Tree" });
const ping: GobSchema<Ping> = gob.struct({
  P: gob.int,
  Pong: gob.optional(gob.lazy(() => pong)),
});
const pong: GobSchema<Pong> = gob.struct({
  Q: gob.string,
  Pings: gob.slice(ping),
});
const slices: GobSchema<Slices> = gob.slice(gob.lazy(() => slices));
const maps: GobSchema<Maps> = gob.map(gob.string, gob.lazy(() => maps));
const registry: { [name: string]: AnyGobSchema } = {
  "main.Point": point,
  "main.Tree": tree,
  "time.Time": gob.instant,
};
registry["[]interface {}"] = gob.slice(gob.interface(registry));
registry["map[string]interface {}"] = gob.map(
  gob.string,
  gob.interface(registry),
);
const anything = gob.interface(registry);
const shape = gob.interface({
  "main.Point": point,
  "*main.Circle": gob.struct({ Center: point, Radius: gob.float }),
}, { as: "named" });
const money = gob.gobEncoder<Uint8Array>({
  name: "Money",
  encode: (bytes) => bytes,
  decode: (bytes) => {
    if (bytes.length !== 8) throw new Error(`money of ${bytes.length} bytes`);
    return bytes;
  },
  zero: () => new Uint8Array(8),
});
const coded = gob.binaryMarshaler<Uint8Array>({
  name: "Coded",
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
  zero: () => new Uint8Array(0),
});
const version1 = gob.struct({
  Kept: gob.int32,
  Removed: gob.map(gob.string, gob.slice(inner)),
  Later: gob.string,
  Gone: anything,
  Last: gob.slice(gob.float),
});
const version2 = gob.struct({
  Last: gob.slice(gob.float),
  Added: inner,
  Kept: gob.int32,
  Later: gob.string,
  New: gob.optional(inner),
  Flag: gob.bool,
});

const sameBothWays: { [name: string]: AnyGobSchema } = {
  bool: gob.bool,
  int: gob.int,
  int8: gob.int8,
  int16: gob.int16,
  int32: gob.int32,
  int64: gob.int64,
  uint: gob.uint,
  uint8: gob.uint8,
  uint16: gob.uint16,
  uint32: gob.uint32,
  uint64: gob.uint64,
  float64: gob.float,
  float32: gob.float32,
  complex128: gob.complex,
  string: gob.string,
  bytes: gob.bytes,
  ints: gob.slice(gob.int),
  strings2: gob.slice(gob.slice(gob.string)),
  floats: gob.slice(gob.float),
  array3: gob.array(3, gob.int),
  bytes4: gob.array(4, gob.uint8),
  array0: gob.array(0, gob.int),
  mapStringInt: gob.map(gob.string, gob.int, { as: "object" }),
  mapIntStrings: gob.map(gob.int, gob.slice(gob.string)),
  mapFloatBool: gob.map(gob.float, gob.bool),
  mapStruct: gob.map(gob.struct({ A: gob.int, B: gob.string }), gob.string),
  mapArray: gob.map(gob.array(2, gob.int), gob.string),
  mapMap: gob.map(gob.string, gob.map(gob.string, gob.float)),
  Args: gob.struct({ A: gob.int, B: gob.int }),
  All: gob.struct({
    Bool: gob.bool,
    I: gob.int,
    I8: gob.int8,
    I16: gob.int16,
    I32: gob.int32,
    I64: gob.int64,
    U: gob.uint,
    U8: gob.uint8,
    U16: gob.uint16,
    U32: gob.uint32,
    U64: gob.uint64,
    F64: gob.float,
    F32: gob.float32,
    C: gob.complex,
    S: gob.string,
    B: gob.bytes,
  }),
  Nested: gob.struct({
    In: inner,
    Ptr: gob.optional(inner),
    Slice: gob.slice(inner),
    Ptrs: gob.slice(gob.optional(inner)),
    Map: gob.map(gob.string, inner),
  }),
  Node: node,
  Tree: tree,
  Ping: ping,
  Embedded: gob.struct({ Inner: inner, Extra: gob.string }),
  Pointers: gob.struct({
    I: gob.optional(gob.int),
    S: gob.optional(gob.string),
    F: gob.optional(gob.float),
    N: gob.optional(gob.optional(gob.int)),
    L: gob.optional(gob.slice(gob.int)),
    T: gob.optional(gob.instant),
    A: gob.optional(gob.array(2, gob.int)),
  }),
  Time: gob.instant,
  Event: gob.struct({
    At: gob.instant,
    Name: gob.string,
    Times: gob.slice(gob.instant),
    ByKey: gob.map(gob.string, gob.instant),
  }),
  Big: gob.struct({
    N: gob.optional(gob.bigInt),
    L: gob.slice(gob.optional(gob.bigInt)),
  }),
  Iface: gob.struct({
    V: anything,
    L: gob.slice(anything),
    M: gob.map(gob.string, anything),
    Z: gob.int,
  }),
  Shapes: gob.struct({ One: shape, Many: gob.slice(shape) }),
  Opaque: gob.struct({ G: money, B: coded, L: gob.slice(money) }),
  Empty: gob.struct({}),
  empties: gob.slice(gob.struct({})),
  Arrays: gob.struct({
    A: gob.array(3, inner),
    B: gob.array(2, gob.array(2, gob.int)),
    C: gob.array(0, gob.int),
    D: gob.array(4, gob.uint8),
  }),
  Request: gob.struct({ ServiceMethod: gob.string, Seq: gob.uint64 }),
  Response: gob.struct({
    ServiceMethod: gob.string,
    Seq: gob.uint64,
    Error: gob.string,
  }),
  Slices: slices,
  Maps: maps,
};

/** For each type of the table: what is sent, and what the other side reads it into. */
export const table: ReadonlyMap<
  string,
  { send: GobSchema<unknown, unknown>; read: GobSchema<unknown, unknown> }
> = new Map(
  [
    ...Object.entries(sameBothWays).map(([name, schema]) => [name, schema, schema] as const),
    ["Version", version1, version2] as const,
    ["VersionBack", version2, version1] as const,
  ].map(([name, send, read]) => [
    name,
    {
      send: send as GobSchema<unknown, unknown>,
      read: read as GobSchema<unknown, unknown>,
    },
  ]),
);
