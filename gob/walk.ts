/**
 * Walks over a value by the types of the stream alone, without decoding it: to find where a value
 * ends that goes on in further messages, and to skip fields that the schema does not have.
 *
 * @module
 */

import type { GobCursor } from "./cursor.ts";
import { malformed } from "./wire.ts";
import { readDefinition, type WireType, type WireTypes } from "./wire_types.ts";

/** A walk over one value. It stops where a message ends, and goes on when the next is there. */
export class GobWalk {
  readonly #types: WireTypes;
  readonly #defines: boolean;
  readonly #open: WireType[] = [];
  /** For each open type: the field last read, or how many elements are left. */
  readonly #counts: number[] = [];

  /**
   * @param types The stream's types.
   * @param defines Whether definitions inside the value are kept, on the first walk over it.
   */
  constructor(types: WireTypes, defines: boolean) {
    this.#types = types;
    this.#defines = defines;
  }

  /** Begins a walk at a value of this type. */
  start(type: WireType, cursor: GobCursor): void {
    this.#open.length = 0;
    this.#counts.length = 0;
    this.#visit(type, cursor);
  }

  /**
   * Goes on with the walk.
   *
   * @param cursor Where the walk is.
   * @param nextMessage Opens the next message; returns `false` if it has not arrived.
   * @returns Whether the value has ended.
   */
  resume(cursor: GobCursor, nextMessage: () => boolean): boolean {
    const open = this.#open;
    const counts = this.#counts;
    while (open.length > 0) {
      const top = open.length - 1;
      const type = open[top];
      if (type.kind === "interface") {
        const id = readTypeSequence(
          cursor,
          this.#types,
          this.#defines,
          nextMessage,
        );
        if (id === 0) return false;
        const isNil = cursor.uint() === 0; // else the length, which the walk finds out by itself
        this.#pop();
        if (isNil) continue;
        const content = this.#types.get(id);
        if (content.kind !== "struct") readSingle(cursor);
        this.#visit(content, cursor);
      } else if (type.kind === "struct") {
        const delta = cursor.delta();
        if (delta === 0) this.#pop();
        else {
          counts[top] += delta;
          const field = type.fields[counts[top]];
          if (field === undefined) {
            throw malformed(`a field that ${type.name || "a struct"} has not`);
          }
          this.#visit(this.#types.get(field.type), cursor);
        }
      } else if (counts[top] === 0) this.#pop();
      else {
        const isKey = type.kind === "map" && counts[top] % 2 === 0;
        counts[top]--;
        this.#visit(this.#types.get(isKey ? type.key : type.element), cursor);
      }
    }
    return true;
  }

  #pop(): void {
    this.#open.pop();
    this.#counts.pop();
  }

  #visit(type: WireType, cursor: GobCursor): void {
    switch (type.kind) {
      case "bool":
      case "int":
      case "uint":
      case "float":
        cursor.uint();
        return;
      case "complex":
        cursor.uint();
        cursor.uint();
        return;
      case "interface":
        if (cursor.skipBlob() === 0) return; // nil
        return this.#push(type, 0, cursor);
      case "struct":
        return this.#push(type, -1, cursor);
      case "slice":
        return this.#push(type, cursor.elements(1), cursor);
      case "array":
        return this.#push(type, readArrayLength(type, cursor), cursor);
      case "map":
        return this.#push(type, cursor.elements(2) * 2, cursor);
      default:
        cursor.skipBlob();
    }
  }

  #push(type: WireType, count: number, cursor: GobCursor): void {
    if (cursor.depth + this.#open.length >= cursor.maxDepth) {
      throw cursor.tooDeep();
    }
    this.#open.push(type);
    this.#counts.push(count);
  }
}

/** Reads the number of elements of an array, which must be the one that its type says. */
export function readArrayLength(type: WireType, cursor: GobCursor): number {
  const count = cursor.elements(1);
  if (count !== type.length) {
    throw malformed(`${count} elements in an array of ${type.length}`);
  }
  return count;
}

/** Reads the zero byte before a value that stands alone and is not a struct. */
export function readSingle(cursor: GobCursor): void {
  if (cursor.uint() !== 0) {
    throw malformed("a value that is no struct begins with a field number");
  }
}

/**
 * Reads the definitions before a value in an interface.
 *
 * @returns The id of the value's type; 0 if it is in the next message, which has not arrived.
 */
export function readTypeSequence(
  cursor: GobCursor,
  types: WireTypes,
  defines: boolean,
  nextMessage: () => boolean,
): number {
  for (;;) {
    if (cursor.position === cursor.end && !nextMessage()) return 0;
    const id = cursor.int();
    if (typeof id === "bigint" || id === 0) {
      throw malformed(`a type id of ${id}`);
    }
    if (id > 0) return id;
    if (defines) types.define(-id, cursor);
    else readDefinition(cursor);
    // If more follows in the same message, its length comes first.
    if (cursor.position < cursor.end) cursor.uint();
  }
}
