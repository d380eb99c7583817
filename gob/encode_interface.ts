/**
 * Which concrete type a value in an interface is sent as.
 *
 * @module
 */

import { BASIC_TYPES } from "./basic_types.ts";
import { describe, type EncodeContext, isList } from "./encode_context.ts";
import { GobInference } from "./inference.ts";
import { type AnyGobSchema, type GobRegistry, shapeOf, targetOf } from "./schema.ts";
import { GobNamed } from "./values.ts";
import { INT64_MAX, MAX_NAME } from "./wire.ts";

/** A value with its concrete type. */
export interface Concrete {
  /** The name that the type is registered under. */
  readonly name: string;
  readonly schema: AnyGobSchema;
  readonly value: unknown;
}

/**
 * Finds the concrete type of a value in an interface.
 *
 * @param value The value, or a {@linkcode GobNamed} that names its type.
 * @param registry The types that the interface may hold; any if it is undefined.
 * @param context Where the value is.
 * @throws {RpcError} `invalid_argument` if there is no such type, or more than one.
 */
export function concreteOf(
  value: unknown,
  registry: GobRegistry | undefined,
  context: EncodeContext,
): Concrete {
  const isNamed = value instanceof GobNamed;
  const name = isNamed ? value.name : nameOf(value, registry, context);
  const content = isNamed ? value.value : value;
  if (name.length > MAX_NAME) {
    throw context.failure(`the name of a type of ${name.length} characters, beyond ${MAX_NAME}`);
  }
  let schema = registry !== undefined && Object.hasOwn(registry, name)
    ? registry[name]
    : BASIC_TYPES.get(name);
  if (schema === undefined && registry === undefined && name !== "") {
    schema = new GobInference(context.depthLeft).schemaOf(content);
  }
  if (schema === undefined) {
    throw context.failure(`the registry of the interface has no "${name}"`);
  }
  return { name, schema, value: content };
}

/** The name of the type that a value without a name is sent as. */
function nameOf(
  value: unknown,
  registry: GobRegistry | undefined,
  context: EncodeContext,
): string {
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int" : "float64";
  if (typeof value === "bigint") return value > INT64_MAX ? "uint64" : "int64";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (value instanceof Uint8Array) return "[]uint8";
  const fitting = Object.entries(registry ?? {}).filter(([, schema]) => fits(value, schema));
  if (fitting.length === 1) return fitting[0][0];
  if (fitting.length === 0 && Array.isArray(value) && value.length > 0) {
    if (value.every((item) => Number.isSafeInteger(item))) return "[]int";
    if (value.every((item) => typeof item === "number")) return "[]float64";
    if (value.every((item) => typeof item === "string")) return "[]string";
    if (value.every((item) => typeof item === "boolean")) return "[]bool";
  }
  const names = fitting.map(([name]) => name).join(", ");
  throw context.failure(
    `${fitting.length === 0 ? "no type" : `more than one type (${names})`} of the interface's ` +
      `registry fits ${describe(value)}: send a GobNamed`,
  );
}

/** Whether a value may be of a type, as far as its outermost level shows. */
function fits(value: unknown, schema: AnyGobSchema): boolean {
  const shape = shapeOf(targetOf(schema));
  if (value instanceof Date) {
    return shape.kind === "opaque" && shape.wire === "gobEncoder" && shape.name === "Time";
  }
  if (isList(value)) {
    return shape.kind === "slice" || (shape.kind === "array" && shape.length === value.length);
  }
  if (value instanceof Map) return shape.kind === "map";
  if (shape.kind !== "struct" || typeof value !== "object" || value === null) return false;
  return Object.keys(value).every((key) => shape.fields.some(([name]) => name === key));
}
