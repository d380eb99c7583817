/**
 * How a type of the stream is read into a schema, or into what the type itself suggests: each pair
 * is compiled once to a closure.
 *
 * The file is long because it compiles every kind of type twice, with a schema and without, and
 * the two share their structs, lists and maps.
 *
 * @module
 */

import { bytesToBigInt, bytesToDate, bytesToInstant, GobNamed } from "./values.ts";
import { malformed, MAX_NAME, misfit } from "./wire.ts";
import type { GobCursor } from "./cursor.ts";
import {
  type AnyGobSchema,
  BASIC_TYPES,
  type OpaqueShape,
  type Shape,
  shapeOf,
  targetOf,
} from "./types.ts";
import { isTime, nothing, type PlainChoices, plainZero, type Read, zeroOf } from "./zero.ts";
import {
  GobWalk,
  readArrayLength,
  readSingle,
  readTypeSequence,
  type WireKind,
  type WireType,
  type WireTypes,
} from "./definitions.ts";

type ShapeOf<K extends Shape["kind"]> = Extract<Shape, { kind: K }>;

/** A field of a struct of the stream, or one of the schema that the stream's struct has not. */
interface Entry {
  readonly name: string;
  /** Its type in the stream; 0 if the stream has no such field. */
  readonly type: number;
  /** Whether it goes into the result. */
  readonly wanted: boolean;
  readonly schema: AnyGobSchema | undefined;
  /** Undefined until a value is first read, so that types may contain themselves. */
  read: Read | undefined;
  /** Makes the value of a field that is not on the wire. */
  readonly zero: Read;
}

function wireKindOf(shape: Shape): WireKind {
  if (shape.kind === "float32") return "float";
  return shape.kind === "opaque" ? shape.wire : shape.kind as WireKind;
}

/** A reader that only fails, as that of a field if need be: a misfit is found out only once. */
function misfitting(problem: string, field?: string): Read {
  return (cursor) => {
    if (field !== undefined) {
      cursor.enter();
      cursor.path[cursor.depth - 1] = field;
    }
    throw misfit(`${cursor.where()}: ${problem}`);
  };
}

/** What keeps a type from being read into a schema. What they are made of is seen later. */
function mismatch(type: WireType, schema: AnyGobSchema): string | undefined {
  const shape = shapeOf(targetOf(schema));
  const expected = wireKindOf(shape);
  if (type.kind !== expected) return `${type.kind} received where the schema says ${expected}`;
  if (shape.kind === "array" && shape.length !== type.length) {
    return `an array of ${type.length} received where the schema says ${shape.length}`;
  }
}

/** Compiles and keeps the readers of one stream. */
export class GobPlans {
  readonly #types: WireTypes;
  readonly #choices: PlainChoices;
  readonly #skipping: GobWalk;
  readonly #plain = new Map<WireType, Read>();
  readonly #fitted = new WeakMap<AnyGobSchema, Map<WireType, Read>>();

  constructor(types: WireTypes, choices: PlainChoices) {
    this.#types = types;
    this.#choices = choices;
    this.#skipping = new GobWalk(types, false);
  }

  /** The reader of a type into a schema. If the two don't fit, it says so when it is to read. */
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

  // --- Without a schema ---

  #compilePlain(type: WireType): Read {
    switch (type.kind) {
      case "bool":
        return (cursor) => cursor.bool();
      case "int":
        return (cursor) => cursor.int();
      case "uint":
        return (cursor) => cursor.uint();
      case "float":
        return (cursor) => cursor.float();
      case "string":
        return (cursor) => cursor.string();
      case "bytes":
        return (cursor) => cursor.blob();
      case "complex":
        return (cursor) => ({
          real: cursor.float(),
          imaginary: cursor.float(),
        });
      case "slice":
      case "array":
        return this.#list(type, undefined);
      case "map":
        return this.#map(type, undefined, undefined, this.#choices.maps);
      case "struct":
        return this.#plainStruct(type);
      case "interface":
        return this.#interface(undefined, "value");
      default:
        return this.#plainOpaque(type);
    }
  }

  #plainStruct(type: WireType): Read {
    const entries = type.fields.map((field): Entry => ({
      name: field.name,
      type: field.type,
      // No field of Go's has this name, and a result with it would be a trap.
      wanted: field.name !== "__proto__",
      schema: undefined,
      read: undefined,
      zero: plainZero(this.#types.get(field.type), this.#choices),
    }));
    return this.#struct(type, entries, []);
  }

  #plainOpaque(type: WireType): Read {
    let convert: (bytes: Uint8Array) => unknown = (bytes) => bytes;
    if (isTime(type)) {
      convert = this.#choices.time === "date" ? bytesToDate : bytesToInstant;
    } else if (type.kind === "gobEncoder" && type.name === "Int") {
      convert = bytesToBigInt;
    } else if (type.kind === "textMarshaler") {
      return (cursor) => cursor.string();
    }
    return (cursor) => {
      const bytes = cursor.blob();
      try {
        return convert(bytes);
      } catch {
        return bytes; // the name was right and the type another
      }
    };
  }

  // --- With a schema ---

  #compile(type: WireType, schema: AnyGobSchema): Read {
    const problem = mismatch(type, schema);
    if (problem !== undefined) return misfitting(problem);
    const target = targetOf(schema);
    const shape = shapeOf(target);
    switch (shape.kind) {
      case "int":
      case "uint":
        return this.#integer(shape);
      case "float32":
        return (cursor) => {
          const value = cursor.float();
          const rounded = Math.fround(value);
          if (Number.isFinite(value) && !Number.isFinite(rounded)) {
            throw misfit(
              `${cursor.where()}: ${value} received where the schema says float32`,
            );
          }
          return rounded;
        };
      case "slice":
        return this.#list(type, shape.element);
      case "array":
        return this.#list(type, shape.element);
      case "map":
        return this.#map(type, shape.key, shape.value, shape.as);
      case "struct":
        return this.#fittedStruct(type, target, shape);
      case "interface":
        return this.#interface(shape, shape.as);
      case "opaque":
        return this.#opaque(shape);
      default:
        return this.readerOf(type, undefined);
    }
  }

  #integer(shape: ShapeOf<"int" | "uint">): Read {
    const signed = shape.kind === "int";
    if (shape.always === "either") {
      return signed ? (cursor) => cursor.int() : (cursor) => cursor.uint();
    }
    const lowest = signed ? -(2 ** (shape.bits - 1)) : 0;
    const highest = signed ? 2 ** (shape.bits - 1) - 1 : 2 ** shape.bits - 1;
    return (cursor) => {
      const value = signed ? cursor.int() : cursor.uint();
      if (typeof value === "bigint" || value < lowest || value > highest) {
        throw misfit(
          `${cursor.where()}: ${value} received where the schema says ${shape.kind} of ` +
            `${shape.bits} bits`,
        );
      }
      return value;
    };
  }

  #opaque(shape: OpaqueShape): Read {
    return (cursor) => {
      const bytes = cursor.blob();
      try {
        return shape.decode(bytes);
      } catch (error) {
        throw misfit(
          `${cursor.where()}: ${shape.name || shape.wire} can't be decoded: ${error}`,
          error,
        );
      }
    };
  }

  #fittedStruct(
    type: WireType,
    target: AnyGobSchema,
    shape: ShapeOf<"struct">,
  ): Read {
    const schemas = new Map(shape.fields);
    const entries: Entry[] = [];
    for (const { name, type: id } of type.fields) {
      const schema = schemas.get(name);
      const problem = schema && mismatch(this.#types.get(id), schema);
      if (problem !== undefined) return misfitting(problem, name);
      schemas.delete(name);
      entries.push({
        name,
        type: id,
        wanted: schema !== undefined,
        schema,
        read: undefined,
        zero: schema === undefined ? nothing : zeroOf(schema, [target]),
      });
    }
    const absent = [...schemas].map(([name, schema]): Entry => ({
      name,
      type: 0,
      wanted: true,
      schema,
      read: undefined,
      zero: zeroOf(schema, [target]),
    }));
    const read = this.#struct(type, entries, absent);
    if (absent.length === 0 || entries.length === 0 || entries.some(({ wanted }) => wanted)) {
      return read;
    }
    // Fields on both sides and none in common: of a whole value, the schema is the wrong one.
    const refuse = misfitting(`no field of ${type.name || "the struct"} received is in the schema`);
    return (cursor) => cursor.depth === 0 ? refuse(cursor) : read(cursor);
  }

  // --- Both ways ---

  #struct(
    type: WireType,
    entries: readonly Entry[],
    absent: readonly Entry[],
  ): Read {
    return (cursor) => {
      cursor.enter();
      const slot = cursor.depth - 1;
      // Properties are always added in one order, so that all results have one shape.
      const result: Record<string, unknown> = {};
      let next = 0;
      for (;;) {
        const delta = cursor.count();
        if (delta === 0) break;
        const index = next + delta - 1;
        if (index >= entries.length) {
          throw malformed(`a field that ${type.name || "a struct"} has not`);
        }
        if (next < index) this.#fill(result, entries, next, index, cursor);
        next = index + 1;
        const entry = entries[index];
        cursor.path[slot] = entry.name;
        const read = entry.read ?? this.#resolve(entry);
        if (entry.wanted) result[entry.name] = read(cursor);
        else read(cursor);
      }
      if (next < entries.length) {
        this.#fill(result, entries, next, entries.length, cursor);
      }
      if (absent.length > 0) {
        this.#fill(result, absent, 0, absent.length, cursor);
      }
      cursor.depth--;
      return result;
    };
  }

  #resolve(entry: Entry): Read {
    const type = this.#types.get(entry.type);
    entry.read = entry.wanted ? this.readerOf(type, entry.schema) : this.#skip(type);
    return entry.read;
  }

  #skip(type: WireType): Read {
    return (cursor) => {
      this.#skipping.start(type, cursor);
      if (!this.#skipping.resume(cursor, () => cursor.nextMessage())) {
        throw malformed("a value ends in the middle");
      }
    };
  }

  #fill(
    result: Record<string, unknown>,
    entries: readonly Entry[],
    from: number,
    to: number,
    cursor: GobCursor,
  ): void {
    cursor.fill(to - from);
    for (let index = from; index < to; index++) {
      const entry = entries[index];
      if (entry.wanted) result[entry.name] = entry.zero(cursor);
    }
  }

  #list(type: WireType, schema: AnyGobSchema | undefined): Read {
    const elementType = this.#types.get(type.element);
    let read: Read | undefined;
    return (cursor) => {
      const count = type.kind === "array" ? readArrayLength(type, cursor) : cursor.elements(1);
      cursor.enter();
      const slot = cursor.depth - 1;
      const result: unknown[] = [];
      if (count > 0) {
        read ??= this.readerOf(elementType, schema);
        for (let index = 0; index < count; index++) {
          cursor.path[slot] = index;
          result.push(read(cursor));
        }
      }
      cursor.depth--;
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
      cursor.enter();
      const slot = cursor.depth - 1;
      const map = new Map<unknown, unknown>();
      const object: Record<string, unknown> = {};
      for (let index = 0; index < count; index++) {
        cursor.path[slot] = index;
        readKey ??= this.readerOf(keyType, keySchema);
        const key = readKey(cursor);
        if (typeof key === "string") cursor.path[slot] = key;
        readValue ??= this.readerOf(valueType, valueSchema);
        const value = readValue(cursor);
        if (!asObject) map.set(key, value);
        else if (key !== "__proto__") object[key as string] = value;
        else {throw misfit(
            `${cursor.where()}: an object can't have this key; a Map can`,
          );}
      }
      cursor.depth--;
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
      cursor.path[cursor.depth - 1] = "";
      const id = readTypeSequence(
        cursor,
        this.#types,
        false,
        () => cursor.nextMessage(),
      );
      if (id === 0) throw malformed("a value ends in the middle");
      cursor.uint(); // the length of the value; the structure tells it too
      const type = this.#types.get(id);
      const known = registry !== undefined && Object.hasOwn(registry, name);
      if (registry !== undefined && !known && !BASIC_TYPES.has(name)) {
        throw misfit(
          `${cursor.where()}: the registry of the interface has no "${name}"`,
        );
      }
      const read = this.readerOf(type, known ? registry[name] : undefined);
      if (type.kind !== "struct") readSingle(cursor);
      const value = read(cursor);
      cursor.depth--;
      return as === "named" ? new GobNamed(name, value) : value;
    };
  }
}
