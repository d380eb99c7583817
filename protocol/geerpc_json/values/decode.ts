/**
 * Reads values as the other one of our ends has written them; the counterpart of `encode.ts`.
 *
 * @module
 */

import { errorText, RpcError } from "../../../errors.ts";
import { excerpt } from "../../../internal/excerpt.ts";
import type { Limits } from "../../codec.ts";
import { parse } from "../../json.ts";
import { BYTES_KINDS, IS_LITTLE_ENDIAN, MOST_DIGITS, turnItems, UNDEFINED } from "./kinds.ts";

/** Puts U+FFFD in the place of what is no UTF-8. On Deno it takes a twentieth of the time of the strict one. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const REPLACEMENT = "\ufffd";

const INTEGER = /^(?:0|-?[1-9]\d*)$/;
const MOST_DATE_MS = 8.64e15;
const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
]);
/** The classes of errors that arrive as they were. Any other arrives as `Error`, with its name. */
const ERRORS: ReadonlyMap<unknown, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]
    .map((kind) => [kind.name, kind as ErrorConstructor]),
);
/** To make an error takes an engine as long as a hundred small objects. */
const MOST_ERRORS = 10_000;
const UNDEFINED_LINE = `${UNDEFINED}\n`;
const NO_PARTS: readonly Uint8Array[] = [];

/** What came beside a line. */
export interface ReceivedParts {
  /** The pieces, in their order. */
  readonly parts: readonly Uint8Array[];
  /** Whether each is memory of its own, which may be handed out; else it is copied. */
  readonly areOwn: boolean;
}

/**
 * Reads a value.
 *
 * @param text The line.
 * @param limits The deepest nesting.
 * @param beside What came beside it. Default: nothing.
 * @returns The value. Nothing in it is a view of bytes that are not its own.
 * @throws {RpcError} `data_loss` if it is malformed; `invalid_argument` if it is nested too deeply, or
 * has a key `__proto__`.
 */
export function decodeBody(text: string, limits: Limits, beside?: ReceivedParts): unknown {
  if (beside === undefined && (text === UNDEFINED_LINE || text === UNDEFINED)) return undefined;
  const hasEscapes = text.includes("\\u"); // the key may be spelt so
  // To look for one character first is faster than for three, of which the first is everywhere.
  const mayBeMarked = hasEscapes || text.includes("$") && text.includes('"$"');
  if (!mayBeMarked && beside === undefined) return parse(text, limits, hasEscapes, false);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RpcError("data_loss", `malformed JSON: ${excerpt(text)}`, { cause });
  }
  const reader = new ValueReader(beside);
  value = reader.read(value, limits.maxDepth);
  reader.end();
  return value;
}

function malformed(what: string): RpcError {
  return new RpcError("data_loss", `malformed value: ${what}`);
}

/** Puts what was meant in the place of all that JSON can't say. The value is changed in place. */
class ValueReader {
  readonly #parts: readonly Uint8Array[];
  readonly #areOwn: boolean;
  readonly #used: boolean[] = [];
  #usedCount = 0;
  #errors = 0;

  constructor(beside: ReceivedParts | undefined) {
    this.#parts = beside?.parts ?? NO_PARTS;
    this.#areOwn = beside?.areOwn ?? false;
  }

  /** Nothing follows. */
  end(): void {
    const left = this.#parts.length - this.#usedCount;
    if (left > 0) throw malformed(`${left} of ${this.#parts.length} parts have no place in it`);
  }

  read(value: unknown, depthLeft: number): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (depthLeft === 0) throw new RpcError("invalid_argument", "nested too deeply");
    if (Array.isArray(value)) return this.#items(value, depthLeft);
    if (Object.hasOwn(value, "$")) return this.#marked(value as { $: unknown }, depthLeft);
    return this.#members(value as Record<string, unknown>, depthLeft);
  }

  #items(items: unknown[], depthLeft: number): unknown[] {
    for (let index = 0; index < items.length; index++) {
      const item = items[index];
      if (typeof item === "object" && item !== null) items[index] = this.read(item, depthLeft - 1);
    }
    return items;
  }

  #members(object: Record<string, unknown>, depthLeft: number): Record<string, unknown> {
    for (const key in object) {
      if (key === "__proto__") {
        throw new RpcError("invalid_argument", 'a key named "__proto__" is not accepted');
      }
      const member = object[key];
      if (typeof member === "object" && member !== null) {
        object[key] = this.read(member, depthLeft - 1);
      }
    }
    return object;
  }

  #marked(object: { $: unknown }, depthLeft: number): unknown {
    const content = object.$;
    if (!Array.isArray(content) || Object.keys(object).length !== 1) throw wrong("a key $");
    const [kind, first, second] = content;
    const { length } = content;
    if (kind === "bytes") {
      if (length !== 2 && length !== 3) throw wrong(kind);
      return this.#bytes(first, length === 2 ? "Uint8Array" : second);
    }
    if (kind === "undefined") {
      if (length !== 1) throw wrong(kind);
      return undefined;
    }
    if (length !== 2) throw wrong(kind);
    switch (kind) {
      case "text":
        return this.#text(first);
      case "bigint":
        if (typeof first !== "string" || first.length > MOST_DIGITS || !INTEGER.test(first)) break;
        return BigInt(first);
      case "date":
        if (first === null) return new Date(NaN);
        if (!Number.isInteger(first) || Math.abs(first) > MOST_DATE_MS) break;
        return new Date(first);
      case "number":
        if (!NUMBERS.has(first)) break;
        return NUMBERS.get(first);
      case "map":
        if (!Array.isArray(first)) break;
        return this.#map(first, depthLeft);
      case "set":
        if (!Array.isArray(first)) break;
        return this.#set(first, depthLeft);
      case "object":
        if (!isObject(first) || !Object.hasOwn(first, "$")) break;
        return this.#members(first, depthLeft);
      case "error":
        if (!isObject(first)) break;
        return this.#error(first, depthLeft);
    }
    throw wrong(kind);
  }

  #take(index: unknown): Uint8Array {
    const part = typeof index === "number" ? this.#parts[index] : undefined;
    if (part === undefined) throw malformed(`there is no part ${excerpt(String(index))}`);
    if (this.#used[index as number]) throw malformed(`part ${index} has two places`);
    this.#used[index as number] = true;
    this.#usedCount++;
    return part;
  }

  #text(index: unknown): string {
    const part = this.#take(index);
    const text = decoder.decode(part);
    if (!text.includes(REPLACEMENT)) return text; // that costs nothing where all is Latin
    try {
      return strictDecoder.decode(part);
    } catch (cause) {
      throw new RpcError("data_loss", `part ${index} is no UTF-8: ${errorText(cause)}`, { cause });
    }
  }

  #bytes(index: unknown, kind: unknown): unknown {
    const known = typeof kind === "string" ? BYTES_KINDS.get(kind) : undefined;
    if (known === undefined) throw malformed(`there are no bytes of the kind ${quoted(kind)} here`);
    const part = this.#take(index);
    if (part.length % known.itemBytes !== 0) {
      throw malformed(`${part.length} bytes are no ${kind}`);
    }
    const own = this.#areOwn && part.length === part.buffer.byteLength
      ? part as Uint8Array<ArrayBuffer>
      : new Uint8Array(part);
    if (!IS_LITTLE_ENDIAN && known.itemBytes > 1) turnItems(own, known.itemBytes);
    return kind === "Uint8Array" ? own : known.make(own.buffer);
  }

  #map(entries: unknown[], depthLeft: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>();
    for (const entry of entries) {
      if (!Array.isArray(entry) || entry.length !== 2) throw wrong("map");
      const key = this.read(entry[0], depthLeft - 1);
      map.set(key, this.read(entry[1], depthLeft - 1));
    }
    if (map.size !== entries.length) throw malformed("a map with the same key twice");
    return map;
  }

  #set(items: unknown[], depthLeft: number): Set<unknown> {
    const set = new Set(this.#items(items, depthLeft));
    if (set.size !== items.length) throw malformed("a set with the same value twice");
    return set;
  }

  #error(content: Record<string, unknown>, depthLeft: number): Error {
    const { name, message, errors } = content;
    if (typeof name !== "string" || typeof message !== "string") throw wrong("error");
    if (++this.#errors > MOST_ERRORS) {
      throw new RpcError("invalid_argument", `more than ${MOST_ERRORS} errors in one value`);
    }
    this.#members(content, depthLeft);
    const cause = Object.hasOwn(content, "cause") ? { cause: content.cause } : undefined;
    const error = withoutStack(() =>
      Array.isArray(errors)
        ? new AggregateError(errors, message, cause)
        : new (ERRORS.get(name) ?? Error)(message, cause)
    );
    if (error.name !== name) define(error, "name", name);
    const stack = `${name}: ${message}`;
    if (Object.hasOwn(error, "stack")) error.stack = stack; // much faster
    else define(error, "stack", stack);
    return error;
  }
}

/**
 * Makes an error without the stack of here, which would tell of nothing but this reader, and takes
 * several times as long as the rest on some engines.
 */
function withoutStack(make: () => Error): Error {
  const engine = Error as { stackTraceLimit?: number };
  const { stackTraceLimit } = engine;
  if (typeof stackTraceLimit !== "number" || Object.isFrozen(Error)) return make();
  engine.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    engine.stackTraceLimit = stackTraceLimit;
  }
}

function define(error: Error, key: string, value: string): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(kind: unknown): RpcError {
  return malformed(`what it has for ${quoted(kind)} is wrong`);
}

function quoted(value: unknown): string {
  return excerpt(typeof value === "string" ? value : JSON.stringify(value) ?? "nothing");
}
