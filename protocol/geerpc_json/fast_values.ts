/**
 * The fast path for bodies of `geerpc/json`: a whole number, or an object of whole numbers, read
 * from bytes and written as bytes without text in between. The engine's JSON, which takes all other
 * values, costs more for these than the rest of the call.
 *
 * @module
 */

import { ASCII, startsWithAt } from "../ascii.ts";
import type { TextWriter } from "../text_writer.ts";
import type { Lines } from "./lines.ts";

const {
  BACKSLASH,
  CLOSE_BRACE,
  COLON,
  COMMA,
  MAX_DIGITS,
  MINUS,
  NEWLINE,
  NINE,
  OPEN_BRACE,
  QUOTE,
  ZERO,
} = ASCII;

/** Objects with more members are left to the engine. */
const MAX_MEMBERS = 16;
/** So are objects with longer keys. */
const MAX_KEY_LENGTH = 40;
/** The key `$` has a meaning of its own between our ends: what has it is never on the fast path. */
const DOLLAR = 36;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** A key of an object. */
interface Key {
  readonly name: string;
  /** All that is on the wire between the value before it and its own. */
  readonly bytes: Uint8Array;
}

/** Reads the values of the fast path. A key is compared with the one at its place last time. */
export class FastValueReader {
  /** The value that was read last. */
  value: unknown;
  readonly #keys: Key[] = [];
  #number = 0;

  /**
   * Reads the next line.
   *
   * @param lines The lines that arrived.
   * @returns `false` if it is not a value of the fast path: it is still the next line then.
   */
  read(lines: Lines): boolean {
    const { bytes, at } = lines;
    if (bytes[at + 2] === DOLLAR) return false; // most likely a value that JSON lacks
    const end = bytes[at] === OPEN_BRACE ? this.#object(bytes, at) : this.#scalar(bytes, at);
    if (end === 0 || bytes[end] !== NEWLINE) return false;
    lines.advanceTo(end + 1);
    return true;
  }

  #scalar(bytes: Uint8Array, from: number): number {
    const end = this.#integer(bytes, from);
    this.value = this.#number;
    return end;
  }

  #object(bytes: Uint8Array, from: number): number {
    const object: Record<string, number> = {};
    this.value = object;
    let at = from + 1;
    for (let index = 0; index < MAX_MEMBERS; index++) {
      let key = this.#keys[index];
      if (key === undefined || !startsWithAt(bytes, at, key.bytes)) {
        const found = readKey(bytes, at);
        if (found === undefined) return 0;
        key = this.#keys[index] = found;
      }
      at = this.#integer(bytes, at + key.bytes.length);
      if (at === 0) return 0;
      object[key.name] = this.#number;
      if (bytes[at] === CLOSE_BRACE) return at + 1;
      if (bytes[at++] !== COMMA) return 0;
    }
    return 0;
  }

  /** Reads a number. Returns the position behind it, or 0 if this is not the fast path's. */
  #integer(bytes: Uint8Array, from: number): number {
    const isNegative = bytes[from] === MINUS;
    const start = isNegative ? from + 1 : from;
    let at = start;
    let value = 0;
    for (let byte = bytes[at]; byte >= ZERO && byte <= NINE; byte = bytes[++at]) {
      value = value * 10 + byte - ZERO;
    }
    const digits = at - start;
    if (digits === 0 || digits > MAX_DIGITS) return 0;
    if (bytes[start] === ZERO && at > from + 1) return 0; // 007 is no JSON, and -0 is not 0
    this.#number = isNegative ? -value : value;
    return at;
  }
}

/** Reads a key of printable ASCII without escapes; any other is not the fast path's. */
function readKey(bytes: Uint8Array, from: number): Key | undefined {
  if (bytes[from] !== QUOTE) return undefined;
  let at = from + 1;
  for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
    if (byte < 32 || byte > 126 || byte === BACKSLASH || at - from > MAX_KEY_LENGTH) {
      return undefined;
    }
  }
  const name = decoder.decode(bytes.subarray(from + 1, at));
  // Assigning to an inherited name may fail, if it is frozen, or set the prototype.
  if (bytes[at + 1] !== COLON || name in Object.prototype) return undefined;
  return { name, bytes: bytes.slice(from, at + 2) };
}

/** Writes the values of the fast path. */
export class FastValueWriter {
  readonly #keys: Key[] = [];

  /**
   * Writes a value as the engine's JSON would.
   *
   * @param value The value.
   * @param writer Where it is written.
   * @returns `false` if it is not a value of the fast path: then nothing was written.
   */
  write(value: unknown, writer: TextWriter): boolean {
    if (isInteger(value)) {
      writer.appendInteger(value);
      return true;
    }
    if (typeof value !== "object" || value === null) return false;
    if (Object.getPrototypeOf(value) !== Object.prototype || "toJSON" in value) return false;
    const start = writer.length;
    if (this.#members(value as Record<string, unknown>, writer)) return true;
    writer.cut(start);
    return false;
  }

  #members(object: Record<string, unknown>, writer: TextWriter): boolean {
    const names = Object.keys(object);
    if (names.length === 0 || names.length > MAX_MEMBERS) return false;
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      const member = object[name];
      if (!isInteger(member)) return false;
      let key = this.#keys[index];
      if (key === undefined || key.name !== name) {
        if (name.length > MAX_KEY_LENGTH || name === "$") return false;
        const text = `${index === 0 ? "{" : ","}${JSON.stringify(name)}:`;
        key = this.#keys[index] = { name, bytes: encoder.encode(text) };
      }
      writer.appendBytes(key.bytes);
      writer.appendInteger(member);
    }
    writer.append("}");
    return true;
  }
}

/** Whether it is a whole number of 32 bits, and not -0. */
function isInteger(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value && (value !== 0 || 1 / value > 0);
}
