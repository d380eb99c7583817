/**
 * Checks values that have not come by gob, such as arguments in JSON, and makes of them what
 * decoding would: an absent field is zero, one that the schema does not have is left out. So a
 * handler sees the same on every protocol.
 *
 * @module
 */

import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import { GobCursor } from "./cursor.ts";
import { describe, EncodeContext, isList } from "./encode_context.ts";
import { compileScalar } from "./encode_scalars.ts";
import { type AnyGobSchema, type Shape, type ShapeOf, shapeOf, targetOf } from "./schema.ts";
import { GobNamed } from "./values.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./wire.ts";
import { GobWriter } from "./writer.ts";
import { zeroOf } from "./zero.ts";

/** So many issues are found; then the rest of the value is not looked at. */
const MOST_ISSUES = 1000;

/** What a check has found, and where it is. */
interface Walk {
  readonly issues: StandardSchemaV1.Issue[];
  readonly path: PropertyKey[];
}

/** Checks a value; returns what is made of it, which counts only if there is no issue. */
type Check = (value: unknown, walk: Walk) => unknown;

/** Says what is wrong with a value without parts, and no more: the walk knows where it is. */
class ScalarContext extends EncodeContext {
  override failure(message: string): Error {
    return new TypeError(message);
  }
}

/**
 * Makes the check of a schema. It is compiled when it is first used.
 *
 * @param schema The schema.
 * @returns The `validate` of Standard Schema.
 */
export function validatorOf(
  schema: AnyGobSchema,
): (value: unknown) => StandardSchemaV1.Result<unknown> {
  let checks: ValueChecks | undefined;
  return (value) => (checks ??= new ValueChecks()).run(schema, value);
}

/** The checks of a schema and all that it is made of. */
class ValueChecks {
  readonly #checks = new Map<AnyGobSchema, Check>();
  readonly #writer = new GobWriter();
  readonly #context = new ScalarContext(this.#writer, Infinity);
  /** Counts the zeros that are filled in: there may be many for few bytes. */
  readonly #cursor = new GobCursor(Infinity, DEFAULT_MAX_MESSAGE_BYTES);

  /** Checks a value. */
  run(schema: AnyGobSchema, value: unknown): StandardSchemaV1.Result<unknown> {
    const walk: Walk = { issues: [], path: [] };
    this.#cursor.openValue(0, 0, DEFAULT_MAX_MESSAGE_BYTES);
    const made = this.#checkOf(schema)(value, walk);
    if (walk.issues.length === 0) checkNames(schema, value, walk);
    return walk.issues.length > 0 ? { issues: walk.issues } : { value: made };
  }

  #checkOf(schema: AnyGobSchema): Check {
    let check = this.#checks.get(schema);
    if (check === undefined) this.#checks.set(schema, check = this.#compile(schema));
    return check;
  }

  #compile(schema: AnyGobSchema): Check {
    const shape = shapeOf(schema);
    switch (shape.kind) {
      case "optional":
        return (value, walk) => value == null ? null : this.#checkOf(shape.target)(value, walk);
      case "lazy":
        return (value, walk) => this.#checkOf(shape.target())(value, walk);
      case "slice":
      case "array":
        return this.#list(shape);
      case "map":
        return this.#map(shape);
      case "struct":
        return this.#struct(schema, shape);
      case "interface":
        return (value, walk) => {
          if (value == null || shape.as === "value" || value instanceof GobNamed) {
            return value ?? null;
          }
          refuse(walk, `${describe(value)} is not a GobNamed`);
        };
    }
    return this.#scalar(shape);
  }

  #scalar(shape: Shape): Check {
    const make = makerOf(shape);
    const write = compileScalar(shape, this.#context);
    return (value, walk) => {
      try {
        const given = fromJson(shape, value);
        this.#writer.clear();
        write?.(given);
        return make(given);
      } catch (error) {
        refuse(walk, (error as Error).message);
      }
    };
  }

  #list(shape: ShapeOf<"slice" | "array">): Check {
    return (value, walk) => {
      if (!isList(value)) return refuse(walk, `${describe(value)} is not an array`);
      if (shape.kind === "array" && value.length !== shape.length) {
        return refuse(walk, `${value.length} elements where the type has ${shape.length}`);
      }
      const check = this.#checkOf(shape.element);
      const made: unknown[] = [];
      for (let index = 0; index < value.length && !isEnough(walk); index++) {
        walk.path.push(index);
        made.push(check(value[index], walk));
        walk.path.pop();
      }
      return made;
    };
  }

  #map(shape: ShapeOf<"map">): Check {
    const hasTexts = shapeOf(targetOf(shape.key)).kind === "string";
    return (value, walk) => {
      const isObject = hasTexts && typeof value === "object" && value !== null && !isList(value);
      if (!(value instanceof Map || isObject)) {
        return refuse(
          walk,
          `${describe(value)} is not ${hasTexts ? "a Map or an object" : "a Map"}`,
        );
      }
      const made = new Map<unknown, unknown>();
      for (const [key, item] of value instanceof Map ? value : Object.entries(value as object)) {
        if (isEnough(walk)) break;
        walk.path.push(typeof key === "number" ? key : String(key));
        if (shape.as === "object" && key === "__proto__") {
          refuse(walk, "an object can't have this key");
        }
        made.set(this.#checkOf(shape.key)(key, walk), this.#checkOf(shape.value)(item, walk));
        walk.path.pop();
      }
      return shape.as === "object" ? Object.fromEntries(made as Map<string, unknown>) : made;
    };
  }

  #struct(schema: AnyGobSchema, shape: ShapeOf<"struct">): Check {
    const fields = shape.fields.map(([name, field]) => ({
      name,
      field,
      zero: zeroOf(field, [schema]),
    }));
    return (value, walk) => {
      if (typeof value !== "object" || value === null || isList(value)) {
        return refuse(walk, `${describe(value)} is not an object`);
      }
      const made: Record<string, unknown> = {};
      for (const { name, field, zero } of fields) {
        const item = (value as Record<string, unknown>)[name];
        if (item === undefined || item === null) {
          this.#cursor.fill(1);
          made[name] = zero(this.#cursor);
          continue;
        }
        walk.path.push(name);
        made[name] = this.#checkOf(field)(item, walk);
        walk.path.pop();
      }
      return made;
    };
  }
}

/** An object that has fields, but none of the schema's, has likely misspelt them. */
function checkNames(schema: AnyGobSchema, value: unknown, walk: Walk): void {
  const shape = shapeOf(targetOf(schema));
  if (shape.kind !== "struct" || shape.fields.length === 0 || value == null) return;
  const given = Object.keys(value);
  if (given.length === 0 || shape.fields.some(([name]) => given.includes(name))) return;
  const names = shape.fields.slice(0, 8).map(([name]) => name).join(", ");
  const others = given.slice(0, 8).join(", ");
  refuse(walk, `none of the object's fields (${others}) is in the schema (${names})`);
}

function refuse(walk: Walk, message: string): void {
  if (!isEnough(walk)) walk.issues.push({ message, path: [...walk.path] });
}

function isEnough({ issues }: Walk): boolean {
  return issues.length >= MOST_ISSUES;
}

/** What decoding makes of a value without parts. */
function makerOf(shape: Shape): (value: unknown) => unknown {
  switch (shape.kind) {
    case "int":
    case "uint":
      return (value) => typeof value === "bigint" && isSafe(value) ? Number(value) : value;
    case "float32":
      return (value) => Math.fround(value as number);
    case "complex":
    case "complex64": {
      const round = shape.kind === "complex64" ? Math.fround : (value: number) => value;
      return (value) => {
        const { real, imaginary } = value as { real: number; imaginary: number };
        return { real: round(real), imaginary: round(imaginary) };
      };
    }
    case "opaque":
      return (value) => shape.decode(shape.encode(value));
    default:
      return (value) => value;
  }
}

function isSafe(value: bigint): boolean {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
}

/** What stands for a value in JSON, as Go's `encoding/json` and a Date's `toJSON` write it. */
function fromJson(shape: Shape, value: unknown): unknown {
  const isText = typeof value === "string";
  if (shape.kind === "opaque" && shape.fromJson !== undefined) {
    return isText || typeof value === "number" ? shape.fromJson(value) : value;
  }
  if (shape.kind !== "bytes" || !isText) return value;
  try {
    return Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
  } catch {
    throw new TypeError("a string that is not in base64 is no Uint8Array");
  }
}
