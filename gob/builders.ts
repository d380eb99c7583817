/**
 * The schema builders. This file is one object: `gob`, with a builder for each Go type and the
 * documentation of each; the code of most is a line.
 *
 * @module
 */

import {
  bigIntToBytes,
  bytesToBigInt,
  bytesToDate,
  bytesToInstant,
  type GobComplex,
  type GobInstant,
  type GobNamed,
  timeToBytes,
  zeroDate,
  zeroInstant,
} from "./values.ts";
import {
  type AnyGobSchema,
  type GobRegistry,
  GobSchema,
  type OpaqueShape,
  shapeOf,
} from "./schema.ts";
import type { GobFields, GobService, GobStructInput, GobStructOutput } from "./schema_types.ts";

/** Options of `gob.struct`. */
export interface GobStructOptions {
  /** The name in the type definition. Go shows it in messages only. @default {""} */
  name?: string;
}

/** Options of `gob.map`. */
export interface GobMapOptions<As extends "map" | "object" = "map" | "object"> {
  /** What the map decodes to. An object needs string keys. @default {"map"} */
  as?: As;
}

/** Options of `gob.interface`. */
export interface GobInterfaceOptions<
  As extends "value" | "named" = "value" | "named",
> {
  /** Whether decoding gives the bare value or a {@linkcode GobNamed}. @default {"value"} */
  as?: As;
}

/** How a type that encodes itself in Go is encoded here. */
export interface GobOpaqueOptions<T, Raw = Uint8Array> {
  /** The name in the type definition. @default {""} */
  name?: string;
  /** Makes what Go's method makes. Whatever it throws fails the value, as `invalid_argument`. */
  encode: (value: T) => Raw;
  /** Reads what Go's method makes. Whatever it throws fails the value, as `invalid_argument`. */
  decode: (raw: Raw) => T;
  /** Makes the value of a field that was left out because it is zero. */
  zero: () => T;
}

/** The schema builders, one for each Go type. See {@linkcode gob}. */
export interface GobBuilders {
  /** `bool`. */
  readonly bool: GobSchema<boolean>;
  /** `int`: numbers in the safe range, bigints beyond it, both ways. */
  readonly int: GobSchema<number | bigint>;
  /** `int8`. */
  readonly int8: GobSchema<number, number | bigint>;
  /** `int16`. */
  readonly int16: GobSchema<number, number | bigint>;
  /** `int32` and `rune`. */
  readonly int32: GobSchema<number, number | bigint>;
  /** `int64` and `time.Duration`: the same as `int`. */
  readonly int64: GobSchema<number | bigint>;
  /** `int` or `int64` as a number; a value beyond ±(2^53-1) is refused, both ways. */
  readonly safeInt: GobSchema<number, number | bigint>;
  /** `uint`: numbers in the safe range, bigints beyond it, both ways. */
  readonly uint: GobSchema<number | bigint>;
  /** `uint8` and `byte`. */
  readonly uint8: GobSchema<number, number | bigint>;
  /** `uint16`. */
  readonly uint16: GobSchema<number, number | bigint>;
  /** `uint32`. */
  readonly uint32: GobSchema<number, number | bigint>;
  /** `uint64` and `uintptr`: the same as `uint`. */
  readonly uint64: GobSchema<number | bigint>;
  /** `uint` or `uint64` as a number; a value beyond 2^53-1 is refused, both ways. */
  readonly safeUint: GobSchema<number, number | bigint>;
  /** `float64`. A field of -0 is left out as a zero, as it is in Go, and arrives as 0. */
  readonly float: GobSchema<number>;
  /** `float32`: rounded to its precision; a number too large for it is refused. */
  readonly float32: GobSchema<number>;
  /** `complex128` and `complex64`. */
  readonly complex: GobSchema<GobComplex>;
  /** `string`. What is not UTF-8 becomes U+FFFD, both ways; `bytes` keeps it. */
  readonly string: GobSchema<string>;
  /** `[]byte`. Decoding gives a copy. */
  readonly bytes: GobSchema<Uint8Array>;
  /** `time.Time` as a Date, rounded down to the millisecond; `instant` loses nothing. */
  readonly time: GobSchema<Date, Date | GobInstant>;
  /** `time.Time` to the nanosecond, with its offset from UTC. */
  readonly instant: GobSchema<GobInstant, Date | GobInstant>;
  /** `big.Int`. */
  readonly bigInt: GobSchema<bigint>;
  /** Any interface: `gob.interface()` with no registry. */
  readonly any: GobSchema<unknown>;

  /**
   * A slice. An empty one is not sent in a field, as in Go, and arrives as `[]`.
   *
   * @param element The type of its elements; for bytes use `gob.bytes`.
   * @returns The schema.
   * @throws {TypeError} If the element is `gob.uint8`, because Go sends those as bytes.
   */
  slice<O, I>(element: GobSchema<O, I>): GobSchema<O[], ArrayLike<I>>;

  /**
   * An array of a fixed length.
   *
   * @param length How many elements it has.
   * @param element The type of its elements.
   * @returns The schema.
   * @throws {RangeError} If the length is not a safe integer from 0 on.
   */
  array<O, I>(
    length: number,
    element: GobSchema<O, I>,
  ): GobSchema<O[], ArrayLike<I>>;

  /**
   * A map with keys of any type that decodes to a `Map`. Keys that are structs or arrays are
   * objects, which a `Map` tells apart by identity.
   *
   * @param key The type of the keys.
   * @param value The type of the values.
   * @param options What it decodes to.
   * @returns The schema.
   */
  map<KO, KI, VO, VI>(
    key: GobSchema<KO, KI>,
    value: GobSchema<VO, VI>,
    options?: GobMapOptions<"map">,
  ): GobSchema<Map<KO, VO>, ReadonlyMap<KI, VI>>;

  /**
   * A map with string keys that decodes to a plain object. The key `__proto__` is refused.
   *
   * @param key A type of strings.
   * @param value The type of the values.
   * @param options What it decodes to.
   * @returns The schema.
   * @throws {TypeError} If the keys are not strings.
   */
  map<VO, VI>(
    key: GobSchema<string>,
    value: GobSchema<VO, VI>,
    options: GobMapOptions<"object">,
  ): GobSchema<{ [key: string]: VO }, { readonly [key: string]: VI }>;

  /**
   * A struct. Fields match by name, in whatever order; those the other side doesn't have are
   * ignored there, and those it doesn't send are filled in with zeros. An embedded struct is a
   * field with the name of its type.
   *
   * @param fields The exported fields, in the order in which they are sent.
   * @param options The name.
   * @returns The schema.
   * @throws {TypeError} If a field has no name or is called `__proto__`.
   */
  struct<F extends GobFields>(
    fields: F,
    options?: GobStructOptions,
  ): GobSchema<GobStructOutput<F>, GobStructInput<F>>;

  /**
   * A pointer: null where it is nil. On the wire it is what it points to, so Go sends nothing for
   * a pointer to a zero number, string or slice, and neither do we: it arrives as null.
   *
   * @param target What it points to.
   * @returns The schema.
   */
  optional<O, I>(
    target: GobSchema<O, I>,
  ): GobSchema<O | null, I | null | undefined>;

  /**
   * A schema that is named before it exists, for types that contain themselves.
   *
   * @param target Returns the schema; called when it is first needed.
   * @returns The schema.
   */
  lazy<O, I>(target: () => GobSchema<O, I>): GobSchema<O, I>;

  /**
   * A service: what each method takes and gives. A client's `service` and a server's `register`
   * take it, and have their TypeScript types from it.
   *
   * @param methods The methods by name. What is left out is inferred from the values.
   * @returns The same.
   *
   * @example
   * ```ts
   * import { dial, Server } from "@geerpc/xclient";
   * import { gob } from "@geerpc/xclient/gob";
   *
   * const arith = gob.service({
   *   Divide: { args: gob.struct({ A: gob.int32, B: gob.int32 }), reply: gob.float },
   * });
   * const server = new Server();
   * server.register("Arith", { Divide: ({ A, B }) => A / B }, { schema: arith });
   * const { address } = await server.listen("tcp@127.0.0.1:0", { protocol: "netrpc/gob" });
   *
   * await using client = await dial(address, { protocol: "netrpc/gob" });
   * console.assert(await client.service("Arith", arith).Divide({ A: 8, B: 2 }) === 4);
   * await server.close();
   * ```
   */
  service<S extends GobService>(methods: S): S;

  /**
   * An interface that decodes to the value in it, or null.
   *
   * Encoding picks the concrete type: for a {@linkcode GobNamed} the named one; for numbers,
   * bigints, strings, booleans, bytes and arrays of them Go's own (`int`, `float64`, `string`,
   * `[]int`, …); for the rest the one type of the registry that fits.
   *
   * @param registry The types that may be in it. Go's basic types are always known. With no
   * registry every type that arrives is decoded from its definition.
   * @param options What decoding gives.
   * @returns The schema.
   */
  interface(
    registry?: GobRegistry,
    options?: GobInterfaceOptions<"value">,
  ): GobSchema<unknown>;

  /**
   * An interface that decodes to the value in it and the name of its type, or null.
   *
   * @param registry The types that may be in it.
   * @param options What decoding gives.
   * @returns The schema.
   */
  interface(
    registry: GobRegistry | undefined,
    options: GobInterfaceOptions<"named">,
  ): GobSchema<GobNamed | null, unknown>;

  /**
   * A type with Go's methods `GobEncode` and `GobDecode`.
   *
   * @param options The functions that stand for them.
   * @returns The schema.
   */
  gobEncoder<T>(options: GobOpaqueOptions<T>): GobSchema<T>;

  /**
   * A type with Go's methods `MarshalBinary` and `UnmarshalBinary`.
   *
   * @param options The functions that stand for them.
   * @returns The schema.
   */
  binaryMarshaler<T>(options: GobOpaqueOptions<T>): GobSchema<T>;

  /**
   * A type that is sent as the text of `MarshalText`. No released Go sends such types, but the
   * format has them.
   *
   * @param options The functions that stand for the methods.
   * @returns The schema.
   */
  textMarshaler<T>(options: GobOpaqueOptions<T, string>): GobSchema<T>;
}

function basic<O, I = O>(
  kind: "bool" | "float" | "float32" | "complex" | "string" | "bytes",
) {
  return new GobSchema<O, I>({ kind });
}

function integer<O>(
  kind: "int" | "uint",
  bits: number,
  always: "number" | "either",
) {
  return new GobSchema<O, number | bigint>({ kind, bits, always });
}

function opaque<T, I = T>(
  wire: OpaqueShape["wire"],
  options: {
    name?: string;
    encode: (value: I) => Uint8Array;
    decode: (bytes: Uint8Array) => T;
    zero: () => T;
  },
): GobSchema<T, I> {
  return new GobSchema<T, I>({
    kind: "opaque",
    wire,
    ...options,
    name: options.name ?? "",
  });
}

const uint8 = integer<number>("uint", 8, "number");

/**
 * The schema builders.
 *
 * Make schemas once, outside of the functions that use them: what is compiled for a schema is
 * kept as long as the schema is.
 *
 * @example A struct with a list of itself
 * ```ts
 * import { decode, encode, gob, type GobSchema } from "@geerpc/xclient/gob";
 *
 * interface Tree {
 *   Name: string;
 *   Children: Tree[];
 * }
 * const tree: GobSchema<Tree> = gob.struct({
 *   Name: gob.string,
 *   Children: gob.slice(gob.lazy(() => tree)),
 * }, { name: "Tree" });
 *
 * const bytes = encode({ Name: "root", Children: [{ Name: "leaf", Children: [] }] }, tree);
 * console.log(decode(bytes, tree).Children[0].Name); // leaf
 * ```
 */
export const gob: GobBuilders = Object.freeze({
  bool: basic<boolean>("bool"),
  int: integer<number | bigint>("int", 64, "either"),
  int8: integer<number>("int", 8, "number"),
  int16: integer<number>("int", 16, "number"),
  int32: integer<number>("int", 32, "number"),
  int64: integer<number | bigint>("int", 64, "either"),
  safeInt: integer<number>("int", 54, "number"),
  uint: integer<number | bigint>("uint", 64, "either"),
  uint8,
  uint16: integer<number>("uint", 16, "number"),
  uint32: integer<number>("uint", 32, "number"),
  uint64: integer<number | bigint>("uint", 64, "either"),
  safeUint: integer<number>("uint", 53, "number"),
  float: basic<number>("float"),
  float32: basic<number>("float32"),
  complex: basic<GobComplex>("complex"),
  string: basic<string>("string"),
  bytes: basic<Uint8Array>("bytes"),
  time: opaque<Date, Date | GobInstant>("gobEncoder", {
    name: "Time",
    encode: timeToBytes,
    decode: bytesToDate,
    zero: zeroDate,
  }),
  instant: opaque<GobInstant, Date | GobInstant>("gobEncoder", {
    name: "Time",
    encode: timeToBytes,
    decode: bytesToInstant,
    zero: zeroInstant,
  }),
  bigInt: opaque<bigint>("gobEncoder", {
    name: "Int",
    encode: (value) => {
      if (typeof value !== "bigint") {
        throw new TypeError(`a ${typeof value} is not a bigint`);
      }
      return bigIntToBytes(value);
    },
    decode: bytesToBigInt,
    zero: () => 0n,
  }),
  any: new GobSchema<unknown>({
    kind: "interface",
    registry: undefined,
    as: "value",
  }),

  slice<O, I>(element: GobSchema<O, I>): GobSchema<O[], ArrayLike<I>> {
    if ((element as AnyGobSchema) === uint8) {
      throw new TypeError(
        "Go sends a slice of bytes as a string of bytes: use gob.bytes",
      );
    }
    return new GobSchema({ kind: "slice", element });
  },

  array<O, I>(
    length: number,
    element: GobSchema<O, I>,
  ): GobSchema<O[], ArrayLike<I>> {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(
        `The length of an array is ${length}: it must be an integer from 0 on`,
      );
    }
    return new GobSchema({ kind: "array", length, element });
  },

  map(
    key: AnyGobSchema,
    value: AnyGobSchema,
    options: GobMapOptions = {},
  ): GobSchema<never, unknown> {
    const as = options.as ?? "map";
    if (as === "object" && shapeOf(key).kind !== "string") {
      throw new TypeError(
        "A map decodes to an object only if its keys are gob.string",
      );
    }
    return new GobSchema<never, unknown>({ kind: "map", key, value, as });
  },

  struct<F extends GobFields>(
    fields: F,
    options: GobStructOptions = {},
  ): GobSchema<GobStructOutput<F>, GobStructInput<F>> {
    const list = Object.entries(fields);
    for (const [name] of list) {
      if (name === "" || name === "__proto__") {
        throw new TypeError(`A struct can't have a field called "${name}"`);
      }
    }
    return new GobSchema({
      kind: "struct",
      name: options.name ?? "",
      fields: list,
    });
  },

  optional<O, I>(
    target: GobSchema<O, I>,
  ): GobSchema<O | null, I | null | undefined> {
    return new GobSchema({ kind: "optional", target });
  },

  lazy<O, I>(target: () => GobSchema<O, I>): GobSchema<O, I> {
    return new GobSchema({ kind: "lazy", target });
  },

  service<S extends GobService>(methods: S): S {
    return methods;
  },

  interface(
    registry?: GobRegistry,
    options: GobInterfaceOptions = {},
  ): GobSchema<never, unknown> {
    return new GobSchema<never, unknown>({
      kind: "interface",
      registry,
      as: options.as ?? "value",
    });
  },

  gobEncoder<T>(options: GobOpaqueOptions<T>): GobSchema<T> {
    return opaque("gobEncoder", options);
  },

  binaryMarshaler<T>(options: GobOpaqueOptions<T>): GobSchema<T> {
    return opaque("binaryMarshaler", options);
  },

  textMarshaler<T>(options: GobOpaqueOptions<T, string>): GobSchema<T> {
    return opaque("textMarshaler", {
      ...options,
      encode: (value: T) => new TextEncoder().encode(options.encode(value)),
      decode: (bytes) => options.decode(new TextDecoder().decode(bytes)),
    });
  },
});
