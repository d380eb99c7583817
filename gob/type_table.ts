/**
 * The types that an encoder has defined in its stream. Writes their definitions, each once.
 *
 * @module
 */

import type { RpcError } from "../errors.ts";
import { type AnyGobSchema, type Shape, shapeOf, targetOf } from "./schema.ts";
import {
  BUILT_IN,
  FIRST_USER_ID,
  MAX_FIELDS,
  MAX_TYPES,
  RESERVED_BYTES,
  RESERVED_TYPES,
  tooMuch,
  tooWide,
} from "./wire.ts";
import { GobWriter } from "./writer.ts";

/** The longest name of one of them. */
const RESERVED_NAME = 8;

/** The fields of Go's `wireType`, the struct that a definition is. */
const WIRE_FIELD = {
  array: 0,
  slice: 1,
  struct: 2,
  map: 3,
  gobEncoder: 4,
  binaryMarshaler: 5,
  textMarshaler: 6,
} as const;

function builtInId(shape: Shape): number {
  if (shape.kind === "float32") return BUILT_IN.float;
  if (shape.kind === "complex64") return BUILT_IN.complex;
  return shape.kind in BUILT_IN ? BUILT_IN[shape.kind as keyof typeof BUILT_IN] : 0;
}

/**
 * Whether there is always room for a type: `struct{}`, the body of errors, and the struct without
 * fields that stands for an absent value.
 */
function isReserved(shape: Shape): boolean {
  return shape.kind === "struct" && shape.fields.length === 0 && shape.name.length <= RESERVED_NAME;
}

/** Gives ids to types and writes their definitions, each once. */
export class TypeTable {
  /** The definitions that must be sent before the next value. */
  readonly definitions: GobWriter = new GobWriter();
  readonly #ids = new WeakMap<AnyGobSchema, number>();
  /** Ids by structure, so that two schemas that say the same share a definition. */
  readonly #idsBySignature = new Map<string, number>();
  readonly #signatures = new WeakMap<AnyGobSchema, string>();
  /** The schemas that got an id since the call began, in case it fails. */
  readonly #newSchemas: AnyGobSchema[] = [];
  readonly #newSignatures: string[] = [];
  readonly #maxBytes: number;
  #nextId = FIRST_USER_ID + 1;
  #firstNewId = this.#nextId;
  #bytes = 0;
  #bytesBefore = 0;

  /** @param maxBytes The most bytes of all definitions of the stream together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Begins a call, which {@linkcode TypeTable.undo} can take back. */
  begin(): void {
    this.#firstNewId = this.#nextId;
    this.#bytesBefore = this.#bytes;
    if (this.#newSchemas.length > 0) this.#newSchemas.length = 0;
    if (this.#newSignatures.length > 0) this.#newSignatures.length = 0;
  }

  /** Forgets the types that were defined since the call began. */
  undo(): void {
    for (const schema of this.#newSchemas) this.#ids.delete(schema);
    for (const signature of this.#newSignatures) {
      this.#idsBySignature.delete(signature);
    }
    this.#nextId = this.#firstNewId;
    this.#bytes = this.#bytesBefore;
    this.begin();
  }

  /** The id of a type. If it is new, its definition and those of its parts are added. */
  idOf(schema: AnyGobSchema): number {
    const waiting: AnyGobSchema[] = [];
    const id = this.#find(schema, waiting);
    // A definition may name a type that is defined after it, but before the next value.
    for (let index = 0; index < waiting.length; index++) {
      this.#define(waiting[index], waiting);
    }
    return id;
  }

  /** The id of a type, which is added to `waiting` if it has yet to be defined. */
  #find(schema: AnyGobSchema, waiting: AnyGobSchema[]): number {
    const target = targetOf(schema);
    const known = builtInId(shapeOf(target)) || this.#ids.get(target);
    if (known !== undefined) return known;
    const signature = this.#signature(target);
    let id = this.#idsBySignature.get(signature);
    if (id === undefined) {
      const most = isReserved(shapeOf(target)) ? MAX_TYPES + RESERVED_TYPES : MAX_TYPES;
      if (this.#nextId > FIRST_USER_ID + most) {
        throw this.#tooMuch(`more than ${MAX_TYPES + 1} types`);
      }
      id = this.#nextId++;
      waiting.push(target);
      if (signature !== "") {
        this.#idsBySignature.set(signature, id);
        this.#newSignatures.push(signature);
      }
    }
    this.#ids.set(target, id);
    this.#newSchemas.push(target);
    return id;
  }

  /** A text that is equal for schemas of equal structure. Empty for a type that contains itself. */
  #signature(schema: AnyGobSchema): string {
    const known = this.#signatures.get(schema);
    if (known !== undefined) return known;
    const shape = shapeOf(schema);
    let signature = "";
    const parts: AnyGobSchema[] = [];
    let label: string = shape.kind;
    switch (shape.kind) {
      case "optional":
        signature = this.#signature(shape.target);
        break;
      case "lazy":
        break;
      case "slice":
        parts.push(shape.element);
        break;
      case "array":
        label += shape.length;
        parts.push(shape.element);
        break;
      case "map":
        parts.push(shape.key, shape.value);
        break;
      case "struct":
        label += JSON.stringify([
          shape.name,
          ...shape.fields.map(([name]) => name),
        ]);
        for (const [, field] of shape.fields) parts.push(field);
        break;
      case "opaque":
        signature = JSON.stringify([shape.wire, shape.name]);
        break;
      default:
        signature = String(builtInId(shape));
    }
    if (parts.length > 0 || shape.kind === "struct") {
      const inner = parts.map((part) => this.#signature(part));
      if (!inner.includes("")) signature = `${label}(${inner.join()})`;
    }
    this.#signatures.set(schema, signature);
    return signature;
  }

  #define(schema: AnyGobSchema, waiting: AnyGobSchema[]): void {
    const shape = shapeOf(schema);
    const id = this.#find(schema, waiting);
    const writer = this.definitions;
    const start = writer.begin();
    writer.int(-id);
    const field = shape.kind === "opaque" ? shape.wire : shape.kind;
    writer.byte(WIRE_FIELD[field as keyof typeof WIRE_FIELD] + 1);
    const name = shape.kind === "struct" || shape.kind === "opaque" ? shape.name : "";
    writer.byte(1); // the embedded CommonType: name and id
    if (name !== "") {
      writer.byte(1);
      writer.string(name);
    }
    writer.byte(name === "" ? 2 : 1);
    writer.int(id);
    writer.byte(0);
    this.#defineParts(shape, waiting);
    writer.byte(0);
    writer.byte(0);
    // A decoder with this limit would give the stream up. Here only this value fails.
    this.#bytes += writer.length - start;
    const most = isReserved(shape) ? this.#maxBytes + RESERVED_BYTES : this.#maxBytes;
    if (this.#bytes > most) {
      throw this.#tooMuch(`type definitions of more than ${this.#maxBytes} bytes`);
    }
    writer.end(start);
  }

  #tooMuch(what: string): RpcError {
    return tooMuch(
      `${what} in one stream: make schemas once, and send objects that are used as dictionaries ` +
        "as Maps",
    );
  }

  #defineParts(shape: Shape, waiting: AnyGobSchema[]): void {
    const writer = this.definitions;
    const numbers: number[] = [];
    if (shape.kind === "slice") {
      numbers.push(this.#find(shape.element, waiting));
    } else if (shape.kind === "array") {
      numbers.push(this.#find(shape.element, waiting), shape.length);
    } else if (shape.kind === "map") {
      numbers.push(this.#find(shape.key, waiting));
      numbers.push(this.#find(shape.value, waiting));
    } else if (shape.kind === "struct" && shape.fields.length > 0) {
      if (shape.fields.length > MAX_FIELDS) throw tooWide();
      writer.byte(1);
      writer.uint(shape.fields.length);
      for (const [name, schema] of shape.fields) {
        writer.byte(1);
        writer.string(name);
        writer.byte(1);
        writer.int(this.#find(schema, waiting));
        writer.byte(0);
      }
    }
    for (const number of numbers) {
      if (number === 0) continue; // the length of an empty array, left out as every zero is
      writer.byte(1);
      writer.int(number);
    }
  }
}
