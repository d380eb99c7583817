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
import { validatorOf } from "./validate.ts";
import type { GobFields, GobService, GobStructInput, GobStructOutput } from "./schema_types.ts";

/** Options of `gob.struct`. */
export interface GobStructOptions {
  /** The name in the type definition. Go shows it in error messages only. @default {""} */
  name?: string;
}

/** Options of `gob.map`. */
export interface GobMapOptions<As extends "map" | "object" = "map" | "object"> {
  /** What the map decodes to: a `Map`, or a plain object, for string keys only. @default {"map"} */
  as?: As;
}

/** Options of `gob.interface`. */
export interface GobInterfaceOptions<
  As extends "value" | "named" = "value" | "named",
> {
  /** Whether decoding gives the bare value or a {@linkcode GobNamed}. @default {"value"} */
  as?: As;
}

/** How a type that encodes itself in Go is encoded and decoded here. */
export interface GobOpaqueOptions<T, Raw = Uint8Array> {
  /** The name in the type definition. @default {""} */
  name?: string;
  /** Encodes a value as Go's method does. If it throws, the value fails with `invalid_argument`. */
  encode: (value: T) => Raw;
  /** Decodes what Go's method makes. If it throws, the value fails with `invalid_argument`. */
  decode: (raw: Raw) => T;
  /** Makes the value of a field that is not on the wire because it is zero. */
  zero: () => T;
}

/** The schema builders, one for each Go type. See {@linkcode gob}. */
export interface GobBuilders {
  /** `bool`. */
  readonly bool: GobSchema<boolean>;
  /** `int`. Decodes to a number in the safe range, to a bigint beyond it. */
  readonly int: GobSchema<number | bigint>;
  /** `int8`. */
  readonly int8: GobSchema<number, number | bigint>;
  /** `int16`. */
  readonly int16: GobSchema<number, number | bigint>;
  /** `int32` and `rune`. */
  readonly int32: GobSchema<number, number | bigint>;
  /** `int64` and `time.Duration`: as `int`. */
  readonly int64: GobSchema<number | bigint>;
  /** `int` or `int64` as a number. Beyond ±(2^53-1) encoding and decoding fail. */
  readonly safeInt: GobSchema<number, number | bigint>;
  /** `uint`. Decodes to a number in the safe range, to a bigint beyond it. */
  readonly uint: GobSchema<number | bigint>;
  /** `uint8` and `byte`. */
  readonly uint8: GobSchema<number, number | bigint>;
  /** `uint16`. */
  readonly uint16: GobSchema<number, number | bigint>;
  /** `uint32`. */
  readonly uint32: GobSchema<number, number | bigint>;
  /** `uint64` and `uintptr`: as `uint`. */
  readonly uint64: GobSchema<number | bigint>;
  /** `uint` or `uint64` as a number. Beyond 2^53-1 encoding and decoding fail. */
  readonly safeUint: GobSchema<number, number | bigint>;
  /** `float64`. A field of -0 is left out as zero, as in Go, and arrives as 0. */
  readonly float: GobSchema<number>;
  /** `float32`. Numbers are rounded to its precision; one that is too large for it fails. */
  readonly float32: GobSchema<number>;
  /** `complex128`. */
  readonly complex: GobSchema<GobComplex>;
  /** `complex64`. Its parts are rounded to float32; one that is too large for it fails. */
  readonly complex64: GobSchema<GobComplex>;
  /** `string`. What is not UTF-8 becomes U+FFFD, in both directions; `bytes` keeps it. */
  readonly string: GobSchema<string>;
  /** `[]byte`. Decoding gives a copy. */
  readonly bytes: GobSchema<Uint8Array>;
  /** `time.Time` as a `Date`, rounded down to the millisecond. See `instant`. */
  readonly time: GobSchema<Date, Date | GobInstant>;
  /** `time.Time` to the nanosecond, with its offset from UTC. */
  readonly instant: GobSchema<GobInstant, Date | GobInstant>;
  /** `big.Int`. */
  readonly bigInt: GobSchema<bigint>;
  /** Any interface: `gob.interface()` without a registry. */
  readonly any: GobSchema<unknown>;

  /**
   * A slice. As in Go, an empty one is not sent in a field. It arrives as `[]`.
   *
   * @param element The type of its elements.
   * @returns The schema.
   * @throws {TypeError} If the element is `gob.uint8`: Go sends such slices as `gob.bytes`.
   */
  slice<O, I>(element: GobSchema<O, I>): GobSchema<O[], ArrayLike<I>>;

  /**
   * An array of a fixed length.
   *
   * @param length How many elements it has.
   * @param element The type of its elements.
   * @returns The schema.
   * @throws {RangeError} If the length is not an integer from 0 on.
   */
  array<O, I>(
    length: number,
    element: GobSchema<O, I>,
  ): GobSchema<O[], ArrayLike<I>>;

  /**
   * A map with keys of any type, which decodes to a `Map`. Keys that are structs or arrays are
   * objects, which a `Map` compares by identity.
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
   * A map with string keys, which decodes to a plain object. A value with the key `__proto__` fails
   * to decode.
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
   * A struct. Fields are matched by name, in any order. A field that the receiver does not have is
   * ignored, and one that was not sent is zero. An embedded struct is a field with the name of its
   * type.
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
   * A pointer: null where it is nil. On the wire it is the value that it points to, so a pointer to
   * a zero number, string or slice is not sent, by Go or by us, and arrives as null.
   *
   * @param target What it points to.
   * @returns The schema.
   */
  optional<O, I>(
    target: GobSchema<O, I>,
  ): GobSchema<O | null, I | null | undefined>;

  /**
   * A schema that is defined later, for types that contain themselves.
   *
   * @param target Returns the schema. It is called when the schema is first needed.
   * @returns The schema.
   */
  lazy<O, I>(target: () => GobSchema<O, I>): GobSchema<O, I>;

  /**
   * A service: the types of argument and reply of each method, for a client's `service` and a
   * server's `register`, whose TypeScript types follow from it.
   *
   * @param methods The methods by name. A type that is left out is inferred from the values.
   * @returns The same object.
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
   * An interface, which decodes to the value in it, or null.
   *
   * A value is sent as a concrete type: a {@linkcode GobNamed} as the one that it names; numbers,
   * bigints, strings, booleans, bytes and arrays of them as Go's own (`int`, `float64`, `string`,
   * `[]int`, …); any other as the one type of the registry that fits. If none fits, or more than
   * one, encoding fails with `invalid_argument`.
   *
   * @param registry The types that it may hold, beside Go's basic types. Default: any type, decoded
   * as its definition says.
   * @param options What it decodes to.
   * @returns The schema.
   */
  interface(
    registry?: GobRegistry,
    options?: GobInterfaceOptions<"value">,
  ): GobSchema<unknown>;

  /**
   * An interface, which decodes to the value in it with the name of its type, or null.
   *
   * @param registry The types that it may hold, beside Go's basic types.
   * @param options What it decodes to.
   * @returns The schema.
   */
  interface(
    registry: GobRegistry | undefined,
    options: GobInterfaceOptions<"named">,
  ): GobSchema<GobNamed | null, unknown>;

  /**
   * A type with Go's methods `GobEncode` and `GobDecode`.
   *
   * @param options The functions in their place.
   * @returns The schema.
   */
  gobEncoder<T>(options: GobOpaqueOptions<T>): GobSchema<T>;

  /**
   * A type with Go's methods `MarshalBinary` and `UnmarshalBinary`.
   *
   * @param options The functions in their place.
   * @returns The schema.
   */
  binaryMarshaler<T>(options: GobOpaqueOptions<T>): GobSchema<T>;

  /**
   * A type with Go's methods `MarshalText` and `UnmarshalText`. No released Go sends such types,
   * though the format has them.
   *
   * @param options The functions in their place.
   * @returns The schema.
   */
  textMarshaler<T>(options: GobOpaqueOptions<T, string>): GobSchema<T>;
}

function made<O, I = O>(shape: unknown): GobSchema<O, I> {
  return new GobSchema<O, I>(shape, validatorOf);
}

function basic<O, I = O>(
  kind: "bool" | "float" | "float32" | "complex" | "complex64" | "string" | "bytes",
) {
  return made<O, I>({ kind });
}

function integer<O>(
  kind: "int" | "uint",
  bits: number,
  always: "number" | "either",
) {
  return made<O, number | bigint>({ kind, bits, always });
}

function opaque<T, I = T>(
  wire: OpaqueShape["wire"],
  options: {
    name?: string;
    encode: (value: I) => Uint8Array;
    decode: (bytes: Uint8Array) => T;
    zero: () => T;
    fromJson?: (value: string | number) => unknown;
  },
): GobSchema<T, I> {
  return made<T, I>({
    kind: "opaque",
    wire,
    ...options,
    name: options.name ?? "",
  });
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A time in JSON, as Go and `Date.toJSON` write it. */
function dateOf(value: string | number): unknown {
  return typeof value === "string" && TIME.test(value) ? new Date(value) : value;
}

const uint8 = integer<number>("uint", 8, "number");

/**
 * The schema builders.
 *
 * Make each schema once, outside of the functions that use it: what an encoder or decoder compiles
 * is kept for the schema object.
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
  complex64: basic<GobComplex>("complex64"),
  string: basic<string>("string"),
  bytes: basic<Uint8Array>("bytes"),
  time: opaque<Date, Date | GobInstant>("gobEncoder", {
    name: "Time",
    encode: timeToBytes,
    decode: bytesToDate,
    zero: zeroDate,
    fromJson: dateOf,
  }),
  instant: opaque<GobInstant, Date | GobInstant>("gobEncoder", {
    name: "Time",
    encode: timeToBytes,
    decode: bytesToInstant,
    zero: zeroInstant,
    fromJson: dateOf,
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
    fromJson: (value) => BigInt(value),
  }),
  any: made<unknown>({
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
    return made({ kind: "slice", element });
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
    return made({ kind: "array", length, element });
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
    return made<never, unknown>({ kind: "map", key, value, as });
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
    return made({
      kind: "struct",
      name: options.name ?? "",
      fields: list,
    });
  },

  optional<O, I>(
    target: GobSchema<O, I>,
  ): GobSchema<O | null, I | null | undefined> {
    return made({ kind: "optional", target });
  },

  lazy<O, I>(target: () => GobSchema<O, I>): GobSchema<O, I> {
    return made({ kind: "lazy", target });
  },

  service<S extends GobService>(methods: S): S {
    return methods;
  },

  interface(
    registry?: GobRegistry,
    options: GobInterfaceOptions = {},
  ): GobSchema<never, unknown> {
    return made<never, unknown>({
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
