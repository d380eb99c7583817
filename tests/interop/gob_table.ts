// The schemas of the types in gob/main.go, and how values are compared with its descriptions.

import {
  type AnyGobSchema,
  gob,
  type GobComplex,
  type GobInstant,
  GobNamed,
  type GobSchema,
} from "../../gob.ts";
import { shapeOf, targetOf } from "../../gob/schema.ts";
import { bytesToBigInt, bytesToInstant } from "../../gob/values.ts";

/** What Go says a value is: a letter for its kind, then what belongs to it. */
export type Description = [string, ...unknown[]];

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

const ZERO_TIME = "-62135596800000000000";

/** A repeatable source of randomness: numbers in [0, 1). */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function bitsOf(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16);
}

function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === 0 || value === "") {
    return true;
  }
  return typeof value === "object" &&
    ((value as unknown[]).length === 0 ||
      (value as Map<unknown, unknown>).size === 0);
}

/**
 * Compares a value with Go's description of it.
 *
 * @param loose Whether there was no schema: then nil pointers to numbers and the like can't be
 * told from zeros, and types that Go sends without a name are bytes.
 * @returns What is different, or an empty text.
 */
export function difference(
  said: Description,
  value: unknown,
  loose: boolean,
  path = "$",
): string {
  if (value instanceof GobNamed) {
    return difference(said, value.value, loose, path);
  }
  const differs = `${path}: Go says ${JSON.stringify(said)}, this is ${String(value)}`;
  const [kind, content] = said;
  let same = false;
  switch (kind) {
    case "n":
      return value === null || (loose && isNothing(value)) ||
          (loose && value instanceof Date && value.getUTCFullYear() === 1) ||
          (loose &&
            (value as GobInstant).epochNanoseconds === BigInt(ZERO_TIME))
        ? ""
        : differs;
    case "t":
      same = value === content;
      break;
    case "i":
      same = (typeof value === "number" || typeof value === "bigint") &&
        String(value) === content &&
        (typeof value === "number" || !Number.isSafeInteger(Number(value)));
      break;
    case "f":
      same = typeof value === "number" && bitsOf(value) === content;
      break;
    case "c":
      same = bitsOf((value as GobComplex).real) === content &&
        bitsOf((value as GobComplex).imaginary) === said[2];
      break;
    case "s":
      same = value === content;
      break;
    case "b":
      same = value instanceof Uint8Array && hexOf(value) === content;
      break;
    case "x":
      same = (value instanceof Uint8Array && hexOf(value) === content) ||
        (loose && value === null);
      break;
    case "B":
      same = loose && value instanceof Uint8Array
        ? String(bytesToBigInt(value)) === content
        : typeof value === "bigint" && String(value) === content;
      break;
    case "T": {
      // Without a name from Go it isn't known to be a time, whose zero could be filled in.
      if (loose && value === null) return content === ZERO_TIME ? "" : differs;
      const instant = value instanceof Uint8Array ? bytesToInstant(value) : value as GobInstant;
      same = String(instant.epochNanoseconds) === content &&
        (instant.offsetSeconds ?? null) === said[2];
      break;
    }
    case "l":
      return listDifference(content as Description[], value, loose, path);
    case "m":
      return mapDifference(
        content as [Description, Description][],
        value,
        loose,
        path,
      );
    case "o":
      return structDifference(
        content as { [name: string]: Description },
        value,
        loose,
        path,
      );
  }
  return same ? "" : differs;
}

function listDifference(
  said: Description[],
  value: unknown,
  loose: boolean,
  path: string,
): string {
  if (loose && value === null && said.length === 0) return "";
  if (!Array.isArray(value) || value.length !== said.length) {
    return `${path}: ${said.length} elements, this is ${String(value)}`;
  }
  for (let index = 0; index < said.length; index++) {
    const found = difference(
      said[index],
      value[index],
      loose,
      `${path}[${index}]`,
    );
    if (found !== "") return found;
  }
  return "";
}

function mapDifference(
  said: [Description, Description][],
  value: unknown,
  loose: boolean,
  path: string,
): string {
  const entries: [unknown, unknown][] = value instanceof Map
    ? [...value]
    : Object.entries(value as object);
  if (entries.length !== said.length) {
    return `${path}: ${said.length} entries, this has ${entries.length}`;
  }
  for (const [key, content] of said) {
    const at = entries.findIndex(([mine]) => difference(key, mine, loose) === "");
    if (at < 0) return `${path}: no key ${JSON.stringify(key)}`;
    const found = difference(
      content,
      entries[at][1],
      loose,
      `${path}[${JSON.stringify(key)}]`,
    );
    if (found !== "") return found;
  }
  return "";
}

function structDifference(
  said: { [name: string]: Description },
  value: unknown,
  loose: boolean,
  path: string,
): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `${path}: a struct, this is ${String(value)}`;
  }
  const fields = value as Record<string, unknown>;
  for (const [name, content] of Object.entries(said)) {
    const found = difference(content, fields[name], loose, `${path}.${name}`);
    if (found !== "") return found;
  }
  if (Object.keys(fields).length !== Object.keys(said).length) {
    return `${path}: fields ${Object.keys(fields)}, Go has ${Object.keys(said)}`;
  }
  return "";
}

const CHARACTERS = [...'abcXYZ019 _."\\\n\u00e9\u20ac\u{1F600}\ufeff\0'];

function randomText(random: () => number): string {
  let length = Math.floor(random() * 12);
  if (random() < 0.05) length = Math.floor(random() * 400);
  let text = "";
  while (text.length < length) {
    text += CHARACTERS[Math.floor(random() * CHARACTERS.length)];
  }
  return text;
}

function randomInteger(
  random: () => number,
  bits: number,
  signed: boolean,
): number | bigint {
  if (random() < 0.2) return 0;
  const digits = Math.floor(random() * (signed ? bits : bits + 1));
  let value = 0n;
  for (let bit = 0; bit < digits; bit++) {
    value = value * 2n + (random() < 0.5 ? 1n : 0n);
  }
  if (random() < 0.1) value = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  if (signed && random() < 0.5) value = -value - (random() < 0.1 ? 1n : 0n);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function randomFloat(random: () => number): number {
  const pick = random();
  if (pick < 0.1) {
    return [
      0,
      NaN,
      Infinity,
      -Infinity,
      5e-324,
      Number.MAX_VALUE,
    ][Math.floor(random() * 6)];
  }
  return pick < 0.3 ? Math.floor(random() * 1000) : (random() - 0.5) * 10 ** (random() * 30 - 15);
}

/** A random value of a schema. Elements are never null, because Go allows no nil among them. */
export function randomValue(
  schema: AnyGobSchema,
  random: () => number,
  depth = 0,
): unknown {
  const shape = shapeOf(schema);
  const count = depth > 4 ? 0 : Math.floor(random() * 4);
  const many = (element: AnyGobSchema, length: number) =>
    Array.from(
      { length },
      () => randomValue(targetOf(element), random, depth + 1),
    );
  switch (shape.kind) {
    case "bool":
      return random() < 0.5;
    case "int":
    case "uint":
      return randomInteger(random, shape.bits, shape.kind === "int");
    case "float":
      return randomFloat(random);
    case "float32":
      return Math.fround(random() * 1000);
    case "complex":
      return { real: randomFloat(random), imaginary: randomFloat(random) };
    case "string":
      return randomText(random);
    case "bytes":
      return Uint8Array.from({ length: count * 50 }, () => random() * 256);
    case "slice":
      return many(shape.element, count);
    case "array":
      return many(shape.element, shape.length);
    case "map": {
      const keys = many(shape.key, count);
      const entries = keys.map((key) =>
        [
          typeof key === "number" && Number.isNaN(key) ? 1 : key,
          randomValue(targetOf(shape.value), random, depth + 1),
        ] as [unknown, unknown]
      );
      // Go would take keys of one content for one, where a Map tells objects apart.
      const distinct = new Map(
        entries.map((entry) => [JSON.stringify(entry[0], stringifyBig), entry]),
      );
      const map = new Map(distinct.values());
      return shape.as === "map" ? map : Object.fromEntries(map);
    }
    case "struct": {
      const result: Record<string, unknown> = {};
      for (const [name, field] of shape.fields) {
        result[name] = randomValue(field, random, depth + 1);
      }
      return result;
    }
    case "optional": {
      if (depth > 4 || random() < 0.3) return null;
      const value = randomValue(shape.target, random, depth + 1);
      // Go sends nothing for a pointer to a zero, so that it can't arrive.
      return isNothing(value) ? null : value;
    }
    case "lazy":
      return randomValue(shape.target(), random, depth);
    case "interface":
      return randomConcrete(shape.registry ?? {}, random, depth);
    case "opaque":
      return randomOpaque(shape.name, random);
  }
}

function stringifyBig(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

function randomConcrete(
  registry: { readonly [name: string]: AnyGobSchema },
  random: () => number,
  depth: number,
): unknown {
  const names = Object.keys(registry);
  // The types of Go's table that take any value also know the basic ones.
  const basic = names.includes("time.Time");
  const pick = Math.floor(random() * (names.length + (basic ? 4 : 1)));
  if (pick >= names.length || depth > 3) {
    if (!basic || pick === names.length) return null;
    const values = [
      12,
      "text",
      1.5,
      true,
      2n ** 63n,
      [1, 2],
      ["a"],
      new Uint8Array([1]),
    ];
    return values[Math.floor(random() * values.length)];
  }
  const name = names[pick];
  return new GobNamed(name, randomValue(registry[name], random, depth + 1));
}

function randomOpaque(name: string, random: () => number): unknown {
  switch (name) {
    case "Time": {
      const epochNanoseconds = BigInt(Math.floor(random() * 8e9) - 4e9) * 1_000_000_000n +
        BigInt(Math.floor(random() * 1e9));
      if (random() < 0.5) return { epochNanoseconds, offsetSeconds: null };
      return {
        epochNanoseconds,
        offsetSeconds: Math.floor(random() * 40000) + 61,
      };
    }
    case "Int":
      return (random() < 0.5 ? -1n : 1n) *
        BigInt(Math.floor(random() * 2 ** 50)) **
          BigInt(Math.floor(random() * 4));
    case "Money":
      return Uint8Array.from({ length: 8 }, () => random() * 256);
    default:
      return new TextEncoder().encode(randomText(random));
  }
}
