/**
 * The types that are inferred, the same object for the same shape, so that a type is compiled only
 * once.
 *
 * @module
 */

import { gob } from "./builders.ts";
import { type AnyGobSchema, GobSchema, shapeOf } from "./schema.ts";
import { MAX_FIELDS, tooWide } from "./wire.ts";

/** A field or another part of a type, with its name. */
export type Field = readonly [string, AnyGobSchema];

/** A node in the tree of all structs: a field, and the struct that ends with it, if any. */
export interface StructNode {
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
/** The element of an empty array: it can be unified with any type, and can't be sent. */
export const UNKNOWN: AnyGobSchema = new GobSchema<unknown, never>({ kind: "bool" });

/** The kind of a type. */
export function kindOf(schema: AnyGobSchema): string {
  return shapeOf(schema).kind;
}

/** Where a type has floats: here, or in the parts of that name. */
export interface FloatPlace {
  readonly isFloat: boolean;
  readonly parts: ReadonlyMap<string, FloatPlace> | undefined;
}

/**
 * The parts of a slice, a map or a struct.
 *
 * @param schema An inferred type.
 * @returns Each with its name; none for any other type.
 */
export function partsOf(schema: AnyGobSchema): readonly Field[] {
  const shape = shapeOf(schema);
  if (shape.kind === "slice") return [["element", shape.element]];
  if (shape.kind === "map") return [["key", shape.key], ["value", shape.value]];
  return shape.kind === "struct" ? shape.fields : [];
}

/** The types that one encoder has inferred. */
export class InferredTypes {
  #root = nodeOf();
  readonly #slices = new Map<AnyGobSchema, AnyGobSchema>();
  readonly #maps = new Map<AnyGobSchema, Map<AnyGobSchema, AnyGobSchema>>();
  /** Schemas with an unknown element somewhere in them. */
  readonly #incomplete = new Set<AnyGobSchema>([UNKNOWN]);
  /** How many fields, slices and maps are kept. */
  #kept = 0;

  /** The struct without fields, from which all others are followed. */
  get root(): StructNode {
    return this.#root;
  }

  /** Whether a type has an element somewhere that nothing tells. */
  isIncomplete(schema: AnyGobSchema): boolean {
    return this.#incomplete.has(schema);
  }

  /** Forgets all types if there are too many. */
  limit(): void {
    if (this.#kept > MAX_KEPT) this.#forget();
  }

  /**
   * An inferred type, with floats in place of integers where there are known to be floats.
   *
   * @param schema The type.
   * @param place Where it has floats.
   */
  withFloats(schema: AnyGobSchema, place: FloatPlace): AnyGobSchema {
    const shape = shapeOf(schema);
    if (shape.kind === "int") return place.isFloat ? gob.float : schema;
    if (place.parts === undefined) return schema;
    const parts = partsOf(schema).map(([name, part]): Field => {
      const known = place.parts!.get(name);
      return [name, known === undefined ? part : this.withFloats(part, known)];
    });
    switch (shape.kind) {
      case "slice":
        return this.sliceOf(parts[0][1]);
      case "map":
        return this.mapOf(parts[0][1], parts[1][1]);
      case "struct":
        return this.structOf(parts);
      default:
        return schema;
    }
  }

  #forget(): void {
    this.#root = nodeOf();
    this.#slices.clear();
    this.#maps.clear();
    this.#incomplete.clear();
    this.#incomplete.add(UNKNOWN);
    this.#kept = 0;
  }

  /** The node behind a further field. */
  follow(node: StructNode, name: string, schema: AnyGobSchema): StructNode {
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

  /** The struct of some fields. */
  structOf(fields: Iterable<Field>): AnyGobSchema {
    let node = this.#root;
    for (const [name, part] of fields) node = this.follow(node, name, part);
    return this.structAt(node);
  }

  /** The struct that ends at a node. */
  structAt(node: StructNode): AnyGobSchema {
    if (node.schema === undefined) {
      const fields = fieldsOf(node);
      this.#kept += node.count;
      node.schema = new GobSchema<unknown, never>({ kind: "struct", name: "", fields });
    }
    return node.schema;
  }

  /** The slice of an element. */
  sliceOf(element: AnyGobSchema): AnyGobSchema {
    let schema = this.#slices.get(element);
    if (schema === undefined) {
      schema = new GobSchema<unknown, never>({ kind: "slice", element });
      this.#slices.set(element, schema);
      this.#kept++;
      if (this.#incomplete.has(element)) this.#incomplete.add(schema);
    }
    return schema;
  }

  /** The map of a key and a value. */
  mapOf(key: AnyGobSchema, value: AnyGobSchema): AnyGobSchema {
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
