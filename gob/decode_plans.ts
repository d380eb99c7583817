/**
 * Plans to read values: each pair of a type of the stream and a schema is compiled once to a
 * closure, and so is a type for which there is no schema. This file is one class, which shares its
 * readers of structs, lists and maps between the two; values without parts are in another.
 *
 * @module
 */

import { BASIC_TYPES } from "./basic_types.ts";
import { type GobCursor, HEAVY_PARTS } from "./cursor.ts";
import { fittedScalar, plainScalar } from "./decode_scalars.ts";
import { type AnyGobSchema, type Shape, type ShapeOf, shapeOf, targetOf } from "./schema.ts";
import { GobNamed } from "./values.ts";
import { GobWalk, readArrayLength, readSingle, readTypeSequence } from "./walk.ts";
import { malformed, MAX_NAME, misfit } from "./wire.ts";
import type { WireKind, WireType, WireTypes } from "./wire_types.ts";
import { type PlainChoices, plainZero, type Read, readNull, zeroOf } from "./zero.ts";

/** A field of a struct, in the stream, in the schema, or in both. */
interface FieldPlan {
  readonly name: string;
  /** Its type in the stream; 0 if it is in the schema only. */
  readonly type: number;
  /** Whether it is part of the result: without a schema, or if the schema has it. */
  readonly wanted: boolean;
  readonly schema: AnyGobSchema | undefined;
  /** Undefined until a value is first read, so that types may contain themselves. */
  read: Read | undefined;
  /** Makes the value of a field that is not on the wire. */
  readonly zero: Read;
}

function wireKindOf(shape: Shape): WireKind {
  if (shape.kind === "float32") return "float";
  if (shape.kind === "complex64") return "complex";
  return shape.kind === "opaque" ? shape.wire : shape.kind as WireKind;
}

/**
 * A reader that only fails. Whether a type and a schema fit is found out once, when they are
 * compiled, and said whenever a value is to be read.
 *
 * @param problem What doesn't fit.
 * @param field The field that it is about, if not the whole value.
 */
function misfitting(problem: string, field?: string): Read {
  return (cursor) => {
    if (field !== undefined) {
      cursor.enter();
      cursor.step(field);
    }
    throw misfit(`${cursor.where()}: ${problem}`);
  };
}

/** The error for a map of which JavaScript can't keep every entry. */
function doubleKeys(cursor: GobCursor): Error {
  return misfit(
    `${cursor.where()}: a map with keys that are one in JavaScript, as all NaN are, and strings that ` +
      "differ only in what is not UTF-8",
  );
}

/** Why a type can't be read as a schema says, if so. Their parts are compared later. */
function mismatch(type: WireType, schema: AnyGobSchema): string | undefined {
  const shape = shapeOf(targetOf(schema));
  const expected = wireKindOf(shape);
  if (type.kind !== expected) return `${type.kind} received where the schema says ${expected}`;
  if (shape.kind === "array" && shape.length !== type.length) {
    return `an array of ${type.length} received where the schema says ${shape.length}`;
  }
}

/** Compiles and keeps the plans of one decoder. */
export class DecodePlans {
  readonly #types: WireTypes;
  readonly #choices: PlainChoices;
  readonly #skipWalk: GobWalk;
  readonly #plain = new Map<WireType, Read>();
  readonly #fitted = new WeakMap<AnyGobSchema, Map<WireType, Read>>();

  /**
   * @param types The types that the stream has defined.
   * @param choices What values without a schema become.
   */
  constructor(types: WireTypes, choices: PlainChoices) {
    this.#types = types;
    this.#choices = choices;
    this.#skipWalk = new GobWalk(types, false);
  }

  /** The reader of a type. If the schema doesn't fit it, the reader fails. */
  readerOf(type: WireType, schema: AnyGobSchema | undefined): Read {
    if (schema === undefined) {
      let read = this.#plain.get(type);
      if (read === undefined) {
        read = this.#compilePlain(type);
        this.#plain.set(type, read);
      }
      return read;
    }
    let byType = this.#fitted.get(schema);
    if (byType === undefined) {
      byType = new Map();
      this.#fitted.set(schema, byType);
    }
    let read = byType.get(type);
    if (read === undefined) {
      read = this.#compile(type, schema);
      byType.set(type, read);
    }
    return read;
  }

  /** The reader for what stands as no bytes at all: the nil pointer that Go sends at the top. */
  absentReaderOf(type: WireType, schema: AnyGobSchema | undefined): Read {
    if (schema === undefined) {
      return type.kind === "struct" ? this.#zeroStruct(type) : plainZero(type, this.#choices);
    }
    const problem = mismatch(type, schema);
    return problem === undefined ? zeroOf(schema, []) : misfitting(problem);
  }

  #compilePlain(type: WireType): Read {
    switch (type.kind) {
      case "slice":
      case "array":
        return this.#list(type, undefined);
      case "map":
        return this.#map(type, undefined, undefined, this.#choices.maps);
      case "struct":
        return this.#plainStruct(type);
      case "interface":
        return this.#interface(undefined, "value");
    }
    return plainScalar(type, this.#choices)!;
  }

  #compile(type: WireType, schema: AnyGobSchema): Read {
    const problem = mismatch(type, schema);
    if (problem !== undefined) return misfitting(problem);
    const target = targetOf(schema);
    const shape = shapeOf(target);
    switch (shape.kind) {
      case "slice":
      case "array":
        return this.#list(type, shape.element);
      case "map":
        return this.#map(type, shape.key, shape.value, shape.as);
      case "struct":
        return this.#fittedStruct(type, target, shape);
      case "interface":
        return this.#interface(shape, shape.as);
    }
    return fittedScalar(shape) ?? this.readerOf(type, undefined);
  }

  #plainStruct(type: WireType): Read {
    return this.#struct(type, this.#plainFields(type), []);
  }

  #zeroStruct(type: WireType): Read {
    const fields = this.#plainFields(type);
    return (cursor) => {
      const result: Record<string, unknown> = {};
      this.#fill(result, fields, 0, fields.length, cursor);
      return result;
    };
  }

  #plainFields(type: WireType): FieldPlan[] {
    return type.fields.map((field): FieldPlan => ({
      name: field.name,
      type: field.type,
      // No field in Go has this name, and it would set the prototype of the result.
      wanted: field.name !== "__proto__",
      schema: undefined,
      read: undefined,
      zero: plainZero(this.#types.get(field.type), this.#choices),
    }));
  }

  #fittedStruct(
    type: WireType,
    target: AnyGobSchema,
    shape: ShapeOf<"struct">,
  ): Read {
    const schemas = new Map(shape.fields);
    const fields: FieldPlan[] = [];
    for (const { name, type: id } of type.fields) {
      const schema = schemas.get(name);
      const problem = schema && mismatch(this.#types.get(id), schema);
      if (problem !== undefined) return misfitting(problem, name);
      schemas.delete(name);
      fields.push({
        name,
        type: id,
        wanted: schema !== undefined,
        schema,
        read: undefined,
        zero: schema === undefined ? readNull : zeroOf(schema, [target]),
      });
    }
    const absent = [...schemas].map(([name, schema]): FieldPlan => ({
      name,
      type: 0,
      wanted: true,
      schema,
      read: undefined,
      zero: zeroOf(schema, [target]),
    }));
    const read = this.#struct(type, fields, absent);
    if (absent.length === 0 || fields.length === 0 || fields.some(({ wanted }) => wanted)) {
      return read;
    }
    // Both have fields and none in common: for a value at the top, that is the wrong schema.
    const refuse = misfitting(`no field of ${type.name || "the struct"} received is in the schema`);
    return (cursor) => cursor.depth === 0 ? refuse(cursor) : read(cursor);
  }

  #struct(
    type: WireType,
    fields: readonly FieldPlan[],
    absent: readonly FieldPlan[],
  ): Read {
    return (cursor) => {
      cursor.enter();
      // Properties are always added in one order, so that all results have one shape.
      const result: Record<string, unknown> = {};
      let next = 0;
      for (;;) {
        const delta = cursor.delta();
        if (delta === 0) break;
        const index = next + delta - 1;
        if (index >= fields.length) {
          throw malformed(`a field that ${type.name || "a struct"} has not`);
        }
        if (next < index) this.#fill(result, fields, next, index, cursor);
        next = index + 1;
        const field = fields[index];
        cursor.step(field.name);
        const read = field.read ?? this.#resolve(field);
        if (field.wanted) result[field.name] = read(cursor);
        else read(cursor);
      }
      if (next < fields.length) {
        this.#fill(result, fields, next, fields.length, cursor);
      }
      if (absent.length > 0) {
        this.#fill(result, absent, 0, absent.length, cursor);
      }
      cursor.leave();
      return result;
    };
  }

  #resolve(field: FieldPlan): Read {
    const type = this.#types.get(field.type);
    field.read = field.wanted ? this.readerOf(type, field.schema) : this.#skip(type);
    return field.read;
  }

  #skip(type: WireType): Read {
    return (cursor) => {
      this.#skipWalk.start(type, cursor);
      if (!this.#skipWalk.resume(cursor, () => cursor.nextMessage())) {
        throw malformed("a value ends in the middle");
      }
    };
  }

  #fill(
    result: Record<string, unknown>,
    fields: readonly FieldPlan[],
    from: number,
    to: number,
    cursor: GobCursor,
  ): void {
    cursor.fill(to - from);
    for (let index = from; index < to; index++) {
      const field = fields[index];
      if (field.wanted) result[field.name] = field.zero(cursor);
    }
  }

  #list(type: WireType, schema: AnyGobSchema | undefined): Read {
    const elementType = this.#types.get(type.element);
    let read: Read | undefined;
    return (cursor) => {
      const count = type.kind === "array" ? readArrayLength(type, cursor) : cursor.elements(1);
      cursor.enter();
      const result: unknown[] = [];
      if (count > 0) {
        read ??= this.readerOf(elementType, schema);
        for (let index = 0; index < count; index++) {
          cursor.step(index);
          result.push(read(cursor));
        }
      }
      cursor.leave();
      return result;
    };
  }

  #map(
    type: WireType,
    keySchema: AnyGobSchema | undefined,
    valueSchema: AnyGobSchema | undefined,
    as: "map" | "object",
  ): Read {
    const keyType = this.#types.get(type.key);
    const valueType = this.#types.get(type.element);
    const asObject = as === "object" && keyType.kind === "string";
    let readKey: Read | undefined;
    let readValue: Read | undefined;
    return (cursor) => {
      const count = cursor.elements(2);
      cursor.fill(HEAVY_PARTS);
      cursor.enter();
      const map = new Map<unknown, unknown>();
      const object: Record<string, unknown> = {};
      let hasDouble = false;
      for (let index = 0; index < count; index++) {
        cursor.step(index);
        readKey ??= this.readerOf(keyType, keySchema);
        const key = readKey(cursor);
        if (typeof key === "string") cursor.step(key);
        readValue ??= this.readerOf(valueType, valueSchema);
        const value = readValue(cursor);
        if (asObject && Object.hasOwn(object, key as string)) hasDouble = true;
        if (!asObject) map.set(key, value);
        else if (key !== "__proto__") object[key as string] = value;
        else throw misfit(`${cursor.where()}: an object can't have this key; a Map can`);
      }
      cursor.leave();
      if (hasDouble || !asObject && map.size < count) throw doubleKeys(cursor);
      return asObject ? object : map;
    };
  }

  #interface(
    shape: ShapeOf<"interface"> | undefined,
    as: "value" | "named",
  ): Read {
    const registry = shape?.registry;
    return (cursor) => {
      const name = cursor.string();
      if (name === "") return null;
      if (name.length > MAX_NAME) {
        throw malformed(`the name of a type of ${name.length} characters`);
      }
      cursor.enter();
      cursor.step("");
      const id = readTypeSequence(
        cursor,
        this.#types,
        false,
        () => cursor.nextMessage(),
      );
      if (id === 0) throw malformed("a value ends in the middle");
      const isNil = cursor.uint() === 0; // else the length of the value, which reading it finds out
      const type = this.#types.get(id);
      const known = registry !== undefined && Object.hasOwn(registry, name);
      if (registry !== undefined && !known && !BASIC_TYPES.has(name)) {
        throw misfit(
          `${cursor.where()}: the registry of the interface has no "${name}"`,
        );
      }
      const schema = known ? registry[name] : undefined;
      if (!isNil && type.kind !== "struct") readSingle(cursor);
      const read = isNil ? this.absentReaderOf(type, schema) : this.readerOf(type, schema);
      const value = read(cursor);
      cursor.leave();
      return as === "named" ? new GobNamed(name, value) : value;
    };
  }
}
