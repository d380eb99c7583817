/**
 * Plans to write values: each schema is compiled once to a closure that writes straight into the
 * caller's writer. This file is one class; values without parts and the choice of concrete types
 * are in files of their own.
 *
 * @module
 */

import { type EncodeContext, isList } from "./encode_context.ts";
import { concreteOf } from "./encode_interface.ts";
import { compileScalar, type Write, zeroTest } from "./encode_scalars.ts";
import {
  type AnyGobSchema,
  type GobRegistry,
  type Shape,
  type ShapeOf,
  shapeOf,
  targetOf,
} from "./schema.ts";
import type { TypeTable } from "./type_table.ts";
import type { PathStep } from "./wire.ts";

/** How the values of one type are written. */
export interface Plan {
  readonly schema: AnyGobSchema;
  /** Writes a value that is not left out. */
  readonly write: Write;
  /** The id of the type in this stream; 0 as long as the type is not defined. */
  readonly id: number;
  /** Whether a zero byte goes before a value that stands alone, which is so for all but structs. */
  readonly single: boolean;
}

/** A plan as its owner sees it. */
interface OwnPlan extends Plan {
  id: number;
}

/** A field of a struct. */
interface FieldPlan {
  readonly name: string;
  readonly schema: AnyGobSchema;
  readonly isZero: (value: unknown) => boolean;
  /** Undefined until a value is first written, so that types may contain themselves. */
  plan: Plan | undefined;
}

/** From so many fields on, a struct is written by the fields that its object has, not by all. */
const WIDE_STRUCT_FIELDS = 128;

/** Compiles and keeps the plans of one encoder. */
export class EncodePlans {
  readonly #types: TypeTable;
  readonly #context: EncodeContext;
  readonly #plans = new WeakMap<AnyGobSchema, OwnPlan>();
  /** The plans whose types were defined since the call began, in case it fails. */
  readonly #newPlans: OwnPlan[] = [];

  /**
   * @param types The types that the stream has defined.
   * @param context Where the encoder is in the value that it writes.
   */
  constructor(types: TypeTable, context: EncodeContext) {
    this.#types = types;
    this.#context = context;
  }

  /** Begins a call, which {@linkcode EncodePlans.undo} can take back. */
  begin(): void {
    if (this.#newPlans.length > 0) this.#newPlans.length = 0;
    this.#types.begin();
  }

  /** Forgets which types were defined since the call began. */
  undo(): void {
    for (const plan of this.#newPlans) plan.id = 0;
    this.#types.undo();
  }

  /** The plan of a schema. If the stream has not defined its type, its definition is added. */
  definedPlanOf(schema: AnyGobSchema): Plan {
    const plan = this.#planOf(schema);
    if (plan.id === 0) {
      plan.id = this.#types.idOf(plan.schema);
      this.#newPlans.push(plan);
    }
    return plan;
  }

  #planOf(schema: AnyGobSchema): OwnPlan {
    const known = this.#plans.get(schema);
    if (known !== undefined) return known;
    const target = targetOf(schema);
    let plan = this.#plans.get(target);
    if (plan === undefined) {
      const shape = shapeOf(target);
      const write = this.#compile(shape);
      plan = { schema: target, write, id: 0, single: shape.kind !== "struct" };
      this.#plans.set(target, plan);
    }
    this.#plans.set(schema, plan);
    return plan;
  }

  #compile(shape: Shape): Write {
    switch (shape.kind) {
      case "slice":
      case "array":
        return this.#compileList(shape);
      case "map":
        return this.#compileMap(shape);
      case "struct":
        return this.#compileStruct(shape);
      case "interface":
        return (value) => this.#writeInterface(value, shape.registry);
    }
    const write = compileScalar(shape, this.#context);
    if (write === undefined) throw new TypeError(`gob: ${shape.kind} has no plan of its own`);
    return write;
  }

  #compileList(shape: ShapeOf<"slice" | "array">): Write {
    const context = this.#context;
    let element: Plan | undefined;
    const length = shape.kind === "array" ? shape.length : -1;
    return (value) => {
      if (!isList(value)) throw context.wrong(value, "an array");
      if (length >= 0 && value.length !== length) {
        throw context.failure(
          `${value.length} elements where the type has ${length}`,
        );
      }
      element ??= this.#planOf(shape.element);
      context.enter();
      context.writer.uint(value.length);
      for (let index = 0; index < value.length; index++) {
        context.step(index);
        element.write(value[index]);
      }
      context.leave();
    };
  }

  #compileMap(shape: ShapeOf<"map">): Write {
    const context = this.#context;
    let keyPlan: Plan | undefined;
    let valuePlan: Plan | undefined;
    const acceptsObjects = shapeOf(targetOf(shape.key)).kind === "string";
    return (value) => {
      let entries: Iterable<[unknown, unknown]>;
      let size: number;
      if (value instanceof Map) {
        entries = value;
        size = value.size;
      } else if (
        acceptsObjects && typeof value === "object" && value !== null &&
        !isList(value)
      ) {
        const list = Object.entries(value);
        entries = list;
        size = list.length;
      } else throw context.wrong(value, acceptsObjects ? "a Map or an object" : "a Map");
      keyPlan ??= this.#planOf(shape.key);
      valuePlan ??= this.#planOf(shape.value);
      context.enter();
      context.writer.uint(size);
      for (const [key, item] of entries) {
        context.step(stepOf(key));
        keyPlan.write(key);
        valuePlan.write(item);
      }
      context.leave();
    };
  }

  #compileStruct(shape: ShapeOf<"struct">): Write {
    const context = this.#context;
    const fields: FieldPlan[] = shape.fields.map(([name, schema]) => ({
      name,
      schema,
      isZero: zeroTest(shapeOf(targetOf(schema))),
      plan: undefined,
    }));
    const places = fields.length < WIDE_STRUCT_FIELDS
      ? undefined
      : new Map(fields.map(({ name }, index) => [name, index]));
    return (value) => {
      if (typeof value !== "object" || value === null || isList(value)) {
        throw context.wrong(value, "an object");
      }
      context.enter();
      const { writer } = context;
      const order = places && placesOf(value, places);
      const count = order === undefined ? fields.length : order.length;
      let last = -1;
      let found = false;
      for (let at = 0; at < count; at++) {
        const index = order === undefined ? at : order[at];
        const field = fields[index];
        const item = (value as Record<string, unknown>)[field.name];
        if (item === undefined || item === null) continue;
        found = true;
        if (field.isZero(item)) continue;
        context.step(field.name);
        writer.uint(index - last);
        last = index;
        const plan = field.plan ?? (field.plan = this.#planOf(field.schema));
        plan.write(item);
      }
      context.leave();
      if (!found) this.#checkNames(value, fields);
      writer.byte(0);
    };
  }

  /** Refuses an object that has fields, but none of the schema's: they are likely misspelt. */
  #checkNames(value: object, fields: readonly FieldPlan[]): void {
    const names = Object.keys(value);
    if (fields.length === 0 || names.length === 0) return;
    if (names.some((name) => fields.some((field) => field.name === name))) {
      return;
    }
    throw this.#context.failure(
      `none of the object's fields (${names.slice(0, 8).join(", ")}) is in the schema (${
        fields.slice(0, 8).map((field) => field.name).join(", ")
      })`,
    );
  }

  #writeInterface(value: unknown, registry: GobRegistry | undefined): void {
    const context = this.#context;
    const { writer } = context;
    if (value === null || value === undefined) {
      writer.byte(0);
      return;
    }
    context.enter();
    context.step(""); // an interface is a level, but not a part of the path
    const concrete = concreteOf(value, registry, context);
    const plan = this.definedPlanOf(concrete.schema);
    writer.string(concrete.name);
    writer.uint(plan.id * 2);
    const start = writer.begin();
    if (plan.single) writer.byte(0);
    plan.write(concrete.value);
    writer.end(start);
    context.leave();
  }
}

/**
 * The places of the fields that an object has, in order. Undefined if it is not a plain object: it
 * may have fields that can't be listed.
 */
function placesOf(value: object, places: ReadonlyMap<string, number>): number[] | undefined {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const found: number[] = [];
  for (const name of Object.keys(value)) {
    const place = places.get(name);
    if (place !== undefined) found.push(place);
  }
  return found.sort((a, b) => a - b);
}

/** The step in the path to the value of a map's key. */
function stepOf(key: unknown): PathStep {
  if (typeof key === "number" || typeof key === "string") return key;
  return typeof key === "object" ? "{}" : String(key);
}
