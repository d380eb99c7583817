/**
 * Infers schemas from values that have none.
 *
 * @module
 */

import { GobNamed } from "./values.ts";
import { gob } from "./builders.ts";
import { type AnyGobSchema, GobSchema, shapeOf } from "./schema.ts";
import { INT64_MAX, MAX_FIELDS, tooWide } from "./wire.ts";
import { ValuePath } from "./value_path.ts";

type Field = readonly [string, AnyGobSchema];
/** The types of the elements, each with the index of the first element that has it. */
type Found = Map<AnyGobSchema, number>;

/** A node in the tree of all structs: a field, and the struct that ends with it, if any. */
interface StructNode {
  readonly before: StructNode | undefined;
  /** Undefined at the root. */
  readonly field: Field | undefined;
  /** How many fields there are up to here. */
  readonly count: number;
  readonly next: Map<string, Map<AnyGobSchema, StructNode>>;
  schema: AnyGobSchema | undefined;
}

function nodeOf(before?: StructNode, field?: Field): StructNode {
  const count = before === undefined ? 0 : before.count + 1;
  return { before, field, count, next: new Map(), schema: undefined };
}

/** All fields up to a node. If each node kept its own list, n fields would take n² memory. */
function fieldsOf(last: StructNode): readonly Field[] {
  const fields: Field[] = [];
  for (let node: StructNode | undefined = last; node?.field !== undefined; node = node.before) {
    fields.push(node.field);
  }
  return fields.reverse();
}

// Each object that is used as a dictionary has a new shape. After so many fields, slices and maps
// all schemas are forgotten: a shape that comes again gets a new one, which the encoder recognises.
const MAX_KEPT = 50_000;
const NO_ELEMENT = "nothing tells the element type of an empty array or Map: give a schema, as " +
  "gob.slice(gob.string)";
// The element of an empty array: it can be unified with any type, and can't be sent.
const UNKNOWN: AnyGobSchema = new GobSchema<unknown, never>({ kind: "bool" });

function kindOf(schema: AnyGobSchema): string {
  return shapeOf(schema).kind;
}

/** The parts of a slice, a map or a struct. */
function partsOf(schema: AnyGobSchema): readonly Field[] {
  const shape = shapeOf(schema);
  if (shape.kind === "slice") return [["element", shape.element]];
  if (shape.kind === "map") return [["key", shape.key], ["value", shape.value]];
  return shape.kind === "struct" ? shape.fields : [];
}

/** Infers schemas, the same object for the same shape, so that a type is compiled only once. */
export class GobInference {
  #root = nodeOf();
  readonly #slices = new Map<AnyGobSchema, AnyGobSchema>();
  readonly #maps = new Map<AnyGobSchema, Map<AnyGobSchema, AnyGobSchema>>();
  /** Schemas with an unknown element somewhere in them. */
  readonly #incomplete = new Set<AnyGobSchema>([UNKNOWN]);
  /** How many fields, slices and maps are kept. */
  #kept = 0;
  readonly #path: ValuePath;

  /** @param maxDepth The deepest nesting that is allowed. */
  constructor(maxDepth: number) {
    this.#path = new ValuePath(maxDepth);
  }

  /** Infers the schema of a value. */
  schemaOf(value: unknown): AnyGobSchema {
    if (this.#kept > MAX_KEPT) this.#forget();
    this.#path.begin(value);
    const schema = this.#infer(value);
    if (this.#incomplete.has(schema)) {
      throw this.#path.failure(
        NO_ELEMENT,
      );
    }
    this.#path.end();
    return schema;
  }

  #forget(): void {
    this.#root = nodeOf();
    this.#slices.clear();
    this.#maps.clear();
    this.#incomplete.clear();
    this.#incomplete.add(UNKNOWN);
    this.#kept = 0;
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
    if (Array.isArray(value)) schema = this.#sliceOf(this.#inferAll(value));
    else if (value instanceof Map) {
      schema = this.#mapOf(
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
    let node = this.#root;
    for (const name of Object.keys(value)) {
      const item = value[name];
      if (item === undefined || item === null) continue;
      this.#path.step(name);
      if (name === "" || name === "__proto__") {
        throw this.#path.failure("no field can have this name");
      }
      const schema = this.#infer(item);
      if (this.#incomplete.has(schema)) {
        // Nothing is lost: Go does not send an empty slice in a field either.
        if (this.#isEmpty(item)) continue;
        throw this.#path.failure(
          NO_ELEMENT,
        );
      }
      node = this.#follow(node, name, schema);
    }
    return this.#structAt(node);
  }

  #isEmpty(value: unknown): boolean {
    return Array.isArray(value) ? value.length === 0 : value instanceof Map && value.size === 0;
  }

  #follow(node: StructNode, name: string, schema: AnyGobSchema): StructNode {
    let byType = node.next.get(name);
    if (byType === undefined) {
      byType = new Map();
      node.next.set(name, byType);
    }
    let following = byType.get(schema);
    if (following === undefined) {
      if (node.count === MAX_FIELDS) throw tooWide();
      following = nodeOf(node, [name, schema]);
      byType.set(schema, following);
      this.#kept++;
    }
    return following;
  }

  #structAt(node: StructNode): AnyGobSchema {
    if (node.schema === undefined) {
      const fields = fieldsOf(node);
      this.#kept += node.count;
      node.schema = new GobSchema<unknown, never>({ kind: "struct", name: "", fields });
    }
    return node.schema;
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
        return this.#sliceOf(this.#unify(parts.get("element")!));
      case "map":
        return this.#mapOf(this.#unify(parts.get("key")!), this.#unify(parts.get("value")!));
      case "struct": {
        let node = this.#root;
        for (const [name, types] of parts) node = this.#follow(node, name, this.#unify(types));
        return this.#structAt(node);
      }
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

  #sliceOf(element: AnyGobSchema): AnyGobSchema {
    let schema = this.#slices.get(element);
    if (schema === undefined) {
      schema = new GobSchema<unknown, never>({ kind: "slice", element });
      this.#slices.set(element, schema);
      this.#kept++;
      if (this.#incomplete.has(element)) this.#incomplete.add(schema);
    }
    return schema;
  }

  #mapOf(key: AnyGobSchema, value: AnyGobSchema): AnyGobSchema {
    let byValue = this.#maps.get(key);
    if (byValue === undefined) {
      byValue = new Map();
      this.#maps.set(key, byValue);
    }
    let schema = byValue.get(value);
    if (schema === undefined) {
      schema = new GobSchema<unknown, never>({ kind: "map", key, value, as: "map" });
      byValue.set(value, schema);
      this.#kept++;
      if (this.#incomplete.has(key) || this.#incomplete.has(value)) this.#incomplete.add(schema);
    }
    return schema;
  }
}
