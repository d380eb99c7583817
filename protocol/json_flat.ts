/**
 * Small JSON, read from bytes and written as bytes, without text in between:
 * a whole number, or an object of whole numbers. Anything else is left to the
 * engine's JSON; this is for what is called most often, where that costs more
 * than the call.
 *
 * @module
 */

import type { Lines } from "./json_lines.ts";
import type { TextWriter } from "./text_writer.ts";

const NEWLINE = 10;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

const MOST_MEMBERS = 16;
const LONGEST_KEY = 40;
/** So many digits are always a safe integer. */
const MOST_DIGITS = 15;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** A key as it stands on the wire, with all up to its value. */
interface Known {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/**
 * Whether bytes stand at a place.
 *
 * @param bytes Where to look.
 * @param at From where on.
 * @param expected What should stand there.
 */
export function standsAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}

/** Reads small values. Keys are known again where they stood in the value before. */
export class FlatReader {
  /** What was read. */
  value: unknown;
  readonly #known: Known[] = [];
  #number = 0;

  /**
   * Reads the next line.
   *
   * @param lines What has come.
   * @returns `false` if it is left to others: it is still the next line then.
   */
  read(lines: Lines): boolean {
    const { bytes, at } = lines;
    const end = bytes[at] === OPEN_BRACE ? this.#object(bytes, at) : this.#scalar(bytes, at);
    if (end === 0 || bytes[end] !== NEWLINE) return false;
    lines.at = end + 1;
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
    for (let index = 0; index < MOST_MEMBERS; index++) {
      let known = this.#known[index];
      if (known === undefined || !standsAt(bytes, at, known.bytes)) {
        const learnt = learn(bytes, at);
        if (learnt === undefined) return 0;
        known = this.#known[index] = learnt;
      }
      at = this.#integer(bytes, at + known.bytes.length);
      if (at === 0) return 0;
      object[known.key] = this.#number;
      if (bytes[at] === CLOSE_BRACE) return at + 1;
      if (bytes[at++] !== COMMA) return 0;
    }
    return 0;
  }

  /** Where it ends, or 0. */
  #integer(bytes: Uint8Array, from: number): number {
    const start = bytes[from] === MINUS ? from + 1 : from;
    let at = start;
    let value = 0;
    for (let byte = bytes[at]; byte >= ZERO && byte <= NINE; byte = bytes[++at]) {
      value = value * 10 + byte - ZERO;
    }
    const digits = at - start;
    if (digits === 0 || digits > MOST_DIGITS) return 0;
    if (bytes[start] === ZERO && at > from + 1) return 0; // 007 is no JSON, and -0 is a thing of its own
    this.#number = start === from ? value : -value;
    return at;
  }
}

/** A key that needs no second look: printable ASCII, nothing escaped. */
function learn(bytes: Uint8Array, from: number): Known | undefined {
  if (bytes[from] !== QUOTE) return undefined;
  let at = from + 1;
  for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
    if (byte < 32 || byte > 126 || byte === BACKSLASH || at - from > LONGEST_KEY) return undefined;
  }
  const key = decoder.decode(bytes.subarray(from + 1, at));
  // What an object inherits may be frozen, or `__proto__`.
  if (bytes[at + 1] !== COLON || key in Object.prototype) return undefined;
  return { key, bytes: bytes.slice(from, at + 2) };
}

/** Writes small values. */
export class FlatWriter {
  readonly #known: Known[] = [];

  /**
   * Writes a value as the engine's JSON would.
   *
   * @param value What to write.
   * @param writer Where to.
   * @returns `false` if it is left to others; then nothing was written.
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
    const keys = Object.keys(object);
    if (keys.length === 0 || keys.length > MOST_MEMBERS) return false;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index];
      const member = object[key];
      if (!isInteger(member)) return false;
      let known = this.#known[index];
      if (known === undefined || known.key !== key) {
        if (key.length > LONGEST_KEY) return false;
        const text = `${index === 0 ? "{" : ","}${JSON.stringify(key)}:`;
        known = this.#known[index] = { key, bytes: encoder.encode(text) };
      }
      writer.appendBytes(known.bytes);
      writer.appendInteger(member);
    }
    writer.append("}");
    return true;
  }
}

function isInteger(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}
