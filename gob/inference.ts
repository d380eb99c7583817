/**
 * Infers schemas from values that have none.
 *
 * @module
 */

import { GobNamed } from "./values.ts";
import { gob } from "./builders.ts";
import {
  type Field,
  type FloatPlace,
  InferredTypes,
  kindOf,
  partsOf,
  UNKNOWN,
} from "./inferred_types.ts";
import type { AnyGobSchema } from "./schema.ts";
import { INT64_MAX } from "./wire.ts";
import { ValuePath } from "./value_path.ts";

/** The types of the elements, each with the index of the first element that has it. */
type Found = Map<AnyGobSchema, number>;

const NO_ELEMENT = "nothing tells the element type of an empty array or Map: give a schema, as " +
  "gob.slice(gob.string)";
/** Infers schemas, the same object for the same shape, so that a type is compiled only once. */
export class GobInference {
  readonly #types = new InferredTypes();
  readonly #path: ValuePath;

  /** @param maxDepth The deepest nesting that is allowed. */
  constructor(maxDepth: number) {
    this.#path = new ValuePath(maxDepth);
  }

  /** Infers the schema of a value. */
  schemaOf(value: unknown): AnyGobSchema {
    this.#types.limit();
    this.#path.begin(value);
    const schema = this.#infer(value);
    if (this.#types.isIncomplete(schema)) {
      throw this.#path.failure(
        NO_ELEMENT,
      );
    }
    this.#path.end();
    return schema;
  }

  /**
   * An inferred type with floats in place of integers.
   *
   * @param schema The type.
   * @param place Where it is known to have floats.
   */
  withFloats(schema: AnyGobSchema, place: FloatPlace): AnyGobSchema {
    return this.#types.withFloats(schema, place);
  }

  #infer(value: unknown): AnyGobSchema {
    switch (typeof value) {
      case "number":
        return Number.isSafeInteger(value) ? gob.int : gob.float;
      case "string":
        return gob.string;
      case "boolean":
        return gob.bool;
      case "bigint":
        return value > INT64_MAX ? gob.uint : gob.int;
      case "object":
        if (value !== null) return this.#inferObject(value);
    }
    throw this.#path.failure(
      `${value === null ? "null" : `a value of type ${typeof value}`} can't be sent`,
    );
  }

  #inferObject(value: object): AnyGobSchema {
    if (value instanceof Uint8Array) return gob.bytes;
    if (value instanceof Date) return gob.time;
    if (value instanceof GobNamed) {
      throw this.#path.failure("a GobNamed needs a schema with gob.interface");
    }
    this.#path.enter();
    let schema: AnyGobSchema;
    if (Array.isArray(value)) schema = this.#types.sliceOf(this.#inferAll(value));
    else if (value instanceof Map) {
      schema = this.#types.mapOf(
        this.#inferAll(value.keys()),
        this.#inferAll(value.values()),
      );
    } else schema = this.#inferStruct(value as Record<string, unknown>);
    this.#path.leave();
    return schema;
  }

  #inferStruct(value: Record<string, unknown>): AnyGobSchema {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const tag = Object.prototype.toString.call(value);
      if (tag !== "[object Object]") {
        this.#path.leave();
        throw this.#path.failure(
          `${tag.slice(8, -1)} objects can't be sent without a schema`,
        );
      }
    }
    let node = this.#types.root;
    for (const name of Object.keys(value)) {
      const item = value[name];
      if (item === undefined || item === null) continue;
      this.#path.step(name);
      if (name === "" || name === "__proto__") {
        throw this.#path.failure("no field can have this name");
      }
      const schema = this.#infer(item);
      if (this.#types.isIncomplete(schema)) {
        // Nothing is lost: Go does not send an empty slice in a field either.
        if (this.#isEmpty(item)) continue;
        throw this.#path.failure(
          NO_ELEMENT,
        );
      }
      node = this.#types.follow(node, name, schema);
    }
    return this.#types.structAt(node);
  }

  #isEmpty(value: unknown): boolean {
    return Array.isArray(value) ? value.length === 0 : value instanceof Map && value.size === 0;
  }

  #inferAll(values: Iterable<unknown>): AnyGobSchema {
    let first: AnyGobSchema | undefined;
    let found: Found | undefined;
    let index = 0;
    for (const value of values) {
      this.#path.step(index);
      const schema = this.#infer(value);
      first ??= schema;
      if (schema !== first) {
        found ??= new Map([[first, 0]]);
        if (!found.has(schema)) found.set(schema, index);
      }
      index++;
    }
    return found === undefined ? first ?? UNKNOWN : this.#unify(found);
  }

  /** The one type that all can be sent as. In pairs, n wide structs would take n² time. */
  #unify(found: Found): AnyGobSchema {
    if (found.size === 1) return found.keys().next().value!;
    let result = UNKNOWN;
    const parts = new Map<string, Found>();
    for (const [schema, index] of found) {
      if (schema === UNKNOWN) continue;
      result = result === UNKNOWN ? schema : this.#common(result, schema, index);
      for (const [name, part] of partsOf(schema)) {
        let types = parts.get(name);
        if (types === undefined) parts.set(name, types = new Map());
        if (!types.has(part)) types.set(part, index);
      }
    }
    switch (kindOf(result)) {
      case "slice":
        return this.#types.sliceOf(this.#unify(parts.get("element")!));
      case "map":
        return this.#types.mapOf(this.#unify(parts.get("key")!), this.#unify(parts.get("value")!));
      case "struct":
        return this.#types.structOf(
          [...parts].map(([name, types]): Field => [name, this.#unify(types)]),
        );
      default:
        return result;
    }
  }

  /** The kind that two types have in common; their parts are unified later. */
  #common(left: AnyGobSchema, right: AnyGobSchema, index: number): AnyGobSchema {
    const kinds = [kindOf(left), kindOf(right)];
    if (kinds[0] === kinds[1]) return left;
    if (kinds.includes("int")) {
      if (kinds.includes("float")) return gob.float;
      if (kinds.includes("uint")) return gob.uint;
    }
    this.#path.step(index);
    throw this.#path.failure(
      `a ${kinds[1]} beside a ${kinds[0]}: elements of different types need a schema ` +
        "with gob.interface",
    );
  }
}
