/**
 * The types that a stream defines, and how their definitions are read.
 *
 * @module
 */

import type { GobCursor } from "./cursor.ts";
import {
  BUILT_IN,
  FIRST_USER_ID,
  malformed,
  MAX_FIELDS,
  MAX_TYPES,
  RESERVED_BYTES,
  RESERVED_TYPES,
  tooMuch,
  tooWide,
} from "./wire.ts";

/** The kinds of types on the wire. */
export type WireKind =
  | keyof typeof BUILT_IN
  | "array"
  | "slice"
  | "struct"
  | "map"
  | "gobEncoder"
  | "binaryMarshaler"
  | "textMarshaler";

/** A type as the stream defines it. */
export interface WireType {
  readonly kind: WireKind;
  readonly name: string;
  /** The element of an array, slice or map. */
  readonly element: number;
  /** The key of a map. */
  readonly key: number;
  /** The length of an array. */
  readonly length: number;
  readonly fields: readonly WireField[];
  /** Whether there may be an interface in it, however deep. */
  holdsInterface: boolean;
}

/** A field of a struct as the stream defines it. */
export interface WireField {
  readonly name: string;
  readonly type: number;
}

const NO_FIELDS: readonly WireField[] = [];
const KINDS: readonly WireKind[] = [
  "array",
  "slice",
  "struct",
  "map",
  "gobEncoder",
  "binaryMarshaler",
  "textMarshaler",
];

/** Reads one of the structs that definitions consist of, which gob knows without a definition. */
function readFields(cursor: GobCursor, read: (field: number) => void): void {
  let field = -1;
  for (;;) {
    const delta = cursor.count();
    if (delta === 0) return;
    field += delta;
    if (field > 100) throw malformed("a type definition with an unknown part");
    read(field);
  }
}

function readId(cursor: GobCursor): number {
  const id = cursor.int();
  if (typeof id === "bigint" || id < 1 || id > 0x7fff_ffff) {
    throw malformed(`a type id of ${id}`);
  }
  return id;
}

/** Reads a type definition, after its id. */
export function readDefinition(cursor: GobCursor): WireType {
  let kind: WireKind | undefined;
  const type = {
    name: "",
    element: 0,
    key: 0,
    length: 0,
    fields: NO_FIELDS,
    holdsInterface: false,
  };
  readFields(cursor, (field) => {
    if (kind !== undefined || field >= KINDS.length) {
      throw malformed("a type of no known kind");
    }
    const found = KINDS[field];
    kind = found;
    readFields(cursor, (part) => {
      if (part === 0) {
        readFields(cursor, (common) => {
          if (common === 0) type.name = cursor.string();
          else if (common === 1) cursor.int();
          else throw malformed("a type definition with an unknown part");
        });
      } else if (part === 1 && found === "struct") {
        type.fields = readStructFields(cursor);
      } else if (part === 1 && (found === "array" || found === "slice")) {
        type.element = readId(cursor);
      } else if (part === 1 && found === "map") type.key = readId(cursor);
      else if (part === 2 && found === "map") type.element = readId(cursor);
      else if (part === 2 && found === "array") {
        const length = cursor.int();
        if (typeof length === "bigint" || length < 0) {
          throw malformed(`an array of ${length}`);
        }
        type.length = length;
      } else throw malformed("a type definition with an unknown part");
    });
  });
  if (kind === undefined) throw malformed("a type of no known kind");
  if (
    (kind === "array" || kind === "slice" || kind === "map") &&
    type.element === 0
  ) {
    throw malformed(`a type definition of ${kind} without its element`);
  }
  if (kind === "map" && type.key === 0) {
    throw malformed("a type definition of map without its key");
  }
  return { kind, ...type };
}

function readStructFields(cursor: GobCursor): WireField[] {
  const fields: WireField[] = [];
  // Even the smallest field takes more than two bytes: a name of one letter, an id and the end.
  const count = cursor.elements(2);
  if (count > MAX_FIELDS) throw tooWide();
  for (let index = 0; index < count; index++) {
    let name = "";
    let type = 0;
    readFields(cursor, (part) => {
      if (part === 0) name = cursor.string();
      else if (part === 1) type = readId(cursor);
      else throw malformed("a type definition with an unknown part");
    });
    if (name === "" || type === 0) {
      throw malformed("a field without a name or a type");
    }
    fields.push({ name, type });
  }
  return fields;
}

/** The types that are known at one point of a stream. */
export class WireTypes {
  readonly #types = new Map<number, WireType>();
  readonly #maxBytes: number;
  /** The types that have a part of this id, whether it is defined or not. */
  readonly #users = new Map<number, number[]>();
  #bytes = 0;
  #defined = 0;

  /** @param maxBytes The most bytes of all definitions of the stream together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    for (const [kind, id] of Object.entries(BUILT_IN)) {
      this.#types.set(id, {
        kind: kind as WireKind,
        name: kind,
        element: 0,
        key: 0,
        length: 0,
        fields: NO_FIELDS,
        holdsInterface: kind === "interface",
      });
    }
  }

  /** The type of an id. */
  get(id: number): WireType {
    const type = this.#types.get(id);
    if (type === undefined) throw malformed(`type ${id} is not defined`);
    return type;
  }

  /** Reads a definition and keeps it. */
  define(id: number, cursor: GobCursor): void {
    if (id < FIRST_USER_ID || id > 0x7fff_ffff || this.#types.has(id)) {
      throw malformed(`type ${id} is defined again, or is not one that can be`);
    }
    const start = cursor.position;
    const type = readDefinition(cursor);
    this.#bytes += cursor.position - start;
    this.#defined++;
    if (
      this.#bytes > this.#maxBytes + RESERVED_BYTES || this.#defined > MAX_TYPES + RESERVED_TYPES
    ) {
      throw tooMuch(
        `the stream defines more than ${
          MAX_TYPES + RESERVED_TYPES
        } types, or ${this.#maxBytes} bytes of them ` +
          "(a quarter of maxMessageBytes)",
      );
    }
    this.#types.set(id, type);
    const parts = new Set(type.fields.map((field) => field.type));
    if (type.element !== 0) parts.add(type.element);
    if (type.key !== 0) parts.add(type.key);
    for (const part of parts) {
      const users = this.#users.get(part);
      if (users === undefined) this.#users.set(part, [id]);
      else users.push(id);
      if (this.#types.get(part)?.holdsInterface) this.#mark(id);
    }
  }

  /** Marks a type that holds an interface, and all types that hold it. */
  #mark(id: number): void {
    const waiting = [id];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const type = this.#types.get(next);
      if (type === undefined || type.holdsInterface) continue;
      type.holdsInterface = true;
      for (const user of this.#users.get(next) ?? []) waiting.push(user);
    }
  }
}
