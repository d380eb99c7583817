/**
 * A schema: the Go type that a value has on the other side. It holds no state, and carries the
 * TypeScript types of the values that it describes.
 *
 * @module
 */

import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import { GOB_VENDOR } from "../internal/schema.ts";

/** The content of a schema, for the encoder and the decoder. */
export type Shape =
  | { kind: "bool" | "float" | "float32" | "complex" | "complex64" | "string" | "bytes" }
  | { kind: "int" | "uint"; bits: number; always: "number" | "either" }
  | { kind: "slice"; element: AnyGobSchema }
  | { kind: "array"; length: number; element: AnyGobSchema }
  | {
    kind: "map";
    key: AnyGobSchema;
    value: AnyGobSchema;
    as: "map" | "object";
  }
  | {
    kind: "struct";
    name: string;
    fields: readonly (readonly [string, AnyGobSchema])[];
  }
  | { kind: "optional"; target: AnyGobSchema }
  | { kind: "lazy"; target: () => AnyGobSchema }
  | {
    kind: "interface";
    registry: GobRegistry | undefined;
    as: "value" | "named";
  }
  | OpaqueShape;

/** One kind of shape. */
export type ShapeOf<K extends Shape["kind"]> = Extract<Shape, { kind: K }>;

/** A type that encodes itself. */
export interface OpaqueShape {
  kind: "opaque";
  /** The interface of Go by which it does. */
  wire: "gobEncoder" | "binaryMarshaler" | "textMarshaler";
  name: string;
  encode: (value: unknown) => Uint8Array;
  decode: (bytes: Uint8Array) => unknown;
  zero: () => unknown;
  /** What a text or a number in JSON stands for, where the type is one of these there. */
  fromJson?: (value: string | number) => unknown;
}

/** What Standard Schema asks for. `InferInput` knows what is accepted; this says only what is made. */
export interface GobStandard<Output> extends StandardSchemaV1.Props<unknown, Output> {
  /** By this a server knows that the schema says the types on the wire, too. */
  readonly vendor: "@geerpc/xclient/gob";
}

type Validate = (value: unknown) => StandardSchemaV1.Result<unknown>;

let readShape: (schema: AnyGobSchema) => Shape;

/**
 * A Go type, made by one of the builders in `gob`.
 *
 * @typeParam Output What decoding gives.
 * @typeParam Input What encoding takes.
 */
export class GobSchema<Output = unknown, Input = Output> {
  /** Never set: it carries the types for `Infer` and `InferInput`. */
  declare readonly "~types"?: { output: Output; input: (value: Input) => void };
  readonly #shape: Shape;
  readonly #validatorOf: ((schema: AnyGobSchema) => Validate) | undefined;
  #standard: GobStandard<Output> | undefined;
  #text: string | undefined;

  /**
   * For the builders in `gob`; not meant to be called from elsewhere.
   *
   * @param shape The content of the schema.
   * @param validatorOf Makes its check. Without one, values are not checked.
   */
  constructor(shape: unknown, validatorOf?: (schema: AnyGobSchema) => Validate) {
    this.#shape = shape as Shape;
    this.#validatorOf = validatorOf;
  }

  /**
   * The schema as one of Standard Schema, which checks a value that has not come by gob and makes
   * of it what decoding would. See `method` of `@geerpc/xclient`.
   */
  get "~standard"(): GobStandard<Output> {
    return this.#standard ??= Object.freeze({
      version: 1,
      vendor: GOB_VENDOR,
      validate: (this.#validatorOf?.(this) ?? ((value) => ({ value }))) as (
        value: unknown,
      ) => StandardSchemaV1.Result<Output>,
    });
  }

  /**
   * The type as Go writes it, as `struct { A int; Tags []string }`: the same for types that are
   * the same on the wire. Fields are sorted, names of types are left out, and a type within
   * itself is `^1`, or `^2` for the one around that.
   */
  get "~text"(): string {
    return this.#text ??= textOf(this, []);
  }

  static {
    readShape = (schema) => schema.#shape;
  }
}

/** Any schema, whatever its types. */
export type AnyGobSchema = GobSchema<unknown, never>;

/** The content of a schema. */
export function shapeOf(schema: AnyGobSchema): Shape {
  return readShape(schema);
}

/** The schema that optional and lazy ones stand for; any other is its own target. */
export function targetOf(schema: AnyGobSchema): AnyGobSchema {
  let current = schema;
  for (let steps = 0; steps < 100; steps++) {
    const shape = shapeOf(current);
    if (shape.kind === "optional") current = shape.target;
    else if (shape.kind === "lazy") current = shape.target();
    else return current;
  }
  throw new TypeError("gob: a lazy schema that leads only to itself");
}

/** A type as Go writes it; `around` are the types that it is in, the outermost first. */
function textOf(schema: AnyGobSchema, around: readonly AnyGobSchema[]): string {
  const target = targetOf(schema);
  if (around.includes(target)) return `^${around.length - around.indexOf(target)}`;
  const shape = shapeOf(target);
  const inner = (part: AnyGobSchema) => textOf(part, [...around, target]);
  switch (shape.kind) {
    case "int":
    case "uint":
      return shape.bits > 32 ? shape.kind : `${shape.kind}${shape.bits}`;
    case "slice":
      return `[]${inner(shape.element)}`;
    case "array":
      return `[${shape.length}]${inner(shape.element)}`;
    case "map":
      return `map[${inner(shape.key)}]${inner(shape.value)}`;
    case "struct": {
      const fields = shape.fields.map(([name, field]) => `${name} ${inner(field)}`).sort();
      return fields.length === 0 ? "struct {}" : `struct { ${fields.join("; ")} }`;
    }
    case "interface":
      return "any";
    case "opaque":
      return shape.name || shape.wire;
    default:
      return GO_NAMES[shape.kind as keyof typeof GO_NAMES] ?? shape.kind;
  }
}

const GO_NAMES = {
  float: "float64",
  complex: "complex128",
  bytes: "[]byte",
} as const;

/** Whether a schema lets a value be null. */
export function isOptional(schema: AnyGobSchema): boolean {
  return shapeOf(schema).kind === "optional";
}

/** The concrete types that an interface may hold, by the names they are registered under in Go. */
export type GobRegistry = { readonly [name: string]: AnyGobSchema };
