/**
 * Writes values as they are between our two ends: JSON, `{"$":[kind, …]}` for what JSON lacks, and
 * bytes and long texts beside it. docs/protocol.md says what is on the wire.
 *
 * @module
 */

import { errorText, RpcError } from "../../../errors.ts";
import { pathStep } from "../../../internal/path.ts";
import type { ValueRole } from "../../json.ts";
import { named, tagOf } from "../../json_values.ts";
import {
  BYTES_KINDS,
  IS_LITTLE_ENDIAN,
  LONG_TEXT,
  MOST_DEPTH,
  MOST_DIGITS,
  turnItems,
  UNDEFINED,
} from "./kinds.ts";

/** A piece that goes beside the line: a text is written as UTF-8. */
export type Part = string | Uint8Array;

/** A value as it is sent. */
export interface Body {
  /** The line of JSON, without its newline. */
  readonly text: string;
  /** What goes beside it, in this order. Bytes are the caller's own: they are copied by the writer. */
  readonly parts: readonly Part[];
}

/** What handlers that return nothing reply. */
const ABSENT: Body = { text: UNDEFINED, parts: [] };

/**
 * Writes a value.
 *
 * @param value The value.
 * @param role What it is, for error messages.
 * @returns The line and its parts, of whatever size.
 * @throws {RpcError} `invalid_argument` for a value with something in it that can't be sent, which
 * the message names.
 */
export function encodeBody(value: unknown, role: ValueRole): Body {
  if (value === undefined) return ABSENT;
  const parts: Part[] = [];
  return { text: toText(replaceAll(value, parts, role)), parts };
}

/**
 * Whether a value is another one between our two ends than for a peer that knows JSON alone.
 *
 * @param value The value.
 * @param role What it is, for error messages.
 * @throws {RpcError} `invalid_argument` for a value that no peer can be sent.
 */
export function needsExtensions(value: unknown, role: ValueRole): boolean {
  return replaceAll(value, undefined, role) !== value;
}

function toText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw refused(`can't be encoded as JSON: ${errorText(cause).split("\n")[0]}`, cause);
  }
}

function replaceAll(value: unknown, parts: Part[] | undefined, role: ValueRole): unknown {
  try {
    return replace(value, parts, 0);
  } catch (error) {
    if (error instanceof TooDeep) {
      toText(value); // the engine knows whether it contains itself
      throw refused(`can't be encoded as JSON: nested more than ${MOST_DEPTH} deep`);
    }
    if (!(error instanceof Unsendable)) {
      throw refused(`can't be encoded as JSON: ${errorText(error).split("\n")[0]}`, error);
    }
    const where = `${role}${error.steps.reverse().map(pathStep).join("")}`;
    throw refused(`${where}: ${error.what} can't be sent: it can't be encoded as JSON; convert it`);
  }
}

/** Something that can't be sent, and how to get to it, from within outwards. */
class Unsendable {
  readonly steps: PropertyKey[] = [];
  constructor(readonly what: string) {}
}

/** Nested deeper than anybody accepts: it contains itself, most likely. */
class TooDeep {}

function refused(message: string, cause?: unknown): RpcError {
  return new RpcError("invalid_argument", message, cause === undefined ? {} : { cause });
}

function mark(...content: unknown[]): unknown {
  return { $: content };
}

/**
 * Puts something that JSON has in the place of all that it has not.
 *
 * @param parts Where long texts and bytes go. If there is none, long texts stay.
 * @returns The value itself if it is plain JSON: nothing is copied then.
 */
function replace(value: unknown, parts: Part[] | undefined, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return value.length < LONG_TEXT || parts === undefined ? value : longText(value, parts);
    case "number":
      if (value === 0) return 1 / value < 0 ? mark("number", "-0") : value;
      return value - value === 0 ? value : mark("number", String(value));
    case "object":
      return value === null ? value : replaceInObject(value, parts, depth);
    case "undefined":
      return mark("undefined");
    case "bigint":
      return mark("bigint", digitsOf(value));
    case "function":
    case "symbol":
      throw new Unsendable(`a ${typeof value}`);
  }
  return value;
}

/** Whether a value is sent as it is: a question of its own, since most are, and the engine inlines it. */
function isPlain(value: unknown): boolean {
  if (typeof value === "string") return value.length < LONG_TEXT;
  if (typeof value === "number") return value - value === 0 && (value !== 0 || 1 / value > 0);
  return typeof value === "boolean";
}

/** A text whose surrogates are not all pairs is no UTF-8, and JSON escapes them. */
function longText(text: string, parts: Part[]): unknown {
  return isWellFormed(text) ? mark("text", parts.push(text) - 1) : text;
}

function isWellFormed(text: string & { isWellFormed?(): boolean }): boolean {
  return text.isWellFormed?.() ?? !/\p{Surrogate}/u.test(text); // Node 18 and before lack it
}

function digitsOf(value: bigint): string {
  const digits = String(value);
  if (digits.length > MOST_DIGITS) {
    throw new Unsendable(`a bigint of more than ${MOST_DIGITS} digits`);
  }
  return digits;
}

function replaceInObject(value: object, parts: Part[] | undefined, depth: number): unknown {
  if (depth > MOST_DEPTH) throw new TooDeep();
  if (Array.isArray(value)) return replaceItems(value, parts, depth);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return replaceOther(value, parts, depth);
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    return replaceByItself(value, parts, depth);
  }
  return replaceMembers(value as Record<string, unknown>, parts, depth);
}

function replaceItems(items: unknown[], parts: Part[] | undefined, depth: number): unknown[] {
  let copy: unknown[] | undefined;
  let index = 0;
  try {
    for (; index < items.length; index++) {
      const item = items[index];
      if (isPlain(item)) continue;
      const replaced = replace(item, parts, depth + 1);
      if (replaced === item) continue;
      copy ??= items.slice();
      copy[index] = replaced;
    }
  } catch (error) {
    throw below(index, error);
  }
  return copy ?? items;
}

function replaceMembers(
  object: Record<string, unknown>,
  parts: Part[] | undefined,
  depth: number,
): unknown {
  let copy: Record<string, unknown> | undefined;
  let isMarked = false;
  let key = "";
  try {
    for (key in object) {
      const member = object[key];
      if (key === "$") isMarked = true;
      if (isPlain(member)) continue;
      if (typeof member === "function" || typeof member === "symbol") continue; // JSON leaves them out
      const replaced = replace(member, parts, depth + 1);
      if (replaced === member || !Object.hasOwn(object, key)) continue;
      copy ??= { ...object };
      if (key !== "__proto__") copy[key] = replaced;
      else Object.defineProperty(copy, key, { value: replaced }); // an assignment would be lost
    }
  } catch (error) {
    throw below(key, error);
  }
  return isMarked && Object.hasOwn(object, "$") ? mark("object", copy ?? object) : copy ?? object;
}

function below(key: PropertyKey, error: unknown): unknown {
  if (error instanceof Unsendable) error.steps.push(key);
  return error;
}

/** An object that is neither an array nor one of the usual ones. */
function replaceOther(value: object, parts: Part[] | undefined, depth: number): unknown {
  if (ArrayBuffer.isView(value)) {
    return bytes(viewKind.call(value) ?? "DataView", value, parts);
  }
  // What the engine has said may be a lie of the object's: the methods that are called throw then.
  const tag = tagOf(value);
  switch (tag) {
    case "ArrayBuffer":
      ArrayBuffer.prototype.slice.call(value, 0, 0);
      return bytes(tag, new DataView(value as ArrayBuffer), parts);
    case "Date": {
      const ms = Date.prototype.getTime.call(value);
      return mark("date", Number.isNaN(ms) ? null : ms);
    }
    case "Map":
      return replaceMap(value as Map<unknown, unknown>, parts, depth);
    case "Set":
      return mark("set", replaceItems([...Set.prototype.values.call(value)], parts, depth));
  }
  if (value instanceof Error || tag === "Error") {
    return replaceError(value as Error, parts, depth);
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    return replaceByItself(value, parts, depth);
  }
  if (tag === "Number" || tag === "String" || tag === "Boolean" || tag === "BigInt") {
    return replace(value.valueOf(), parts, depth);
  }
  if (Symbol.asyncIterator in value) throw new Unsendable(named(value));
  const hidesAll = tag !== "Object" || Symbol.iterator in value;
  if (hidesAll && Object.keys(value).length === 0) throw new Unsendable(named(value));
  return replaceMembers(value as Record<string, unknown>, parts, depth);
}

/** What an object's `toJSON` makes of it is sent, as JSON has it. */
function replaceByItself(value: object, parts: Part[] | undefined, depth: number): unknown {
  if (tagOf(value) === "FormData") throw new Unsendable(named(value)); // Bun's leaves out what is in files
  const made: unknown = (value as { toJSON(): unknown }).toJSON();
  return made === undefined ? mark("undefined") : replace(made, parts, depth + 1);
}

function replaceMap(
  map: Map<unknown, unknown>,
  parts: Part[] | undefined,
  depth: number,
): unknown {
  const entries: unknown[] = [];
  let index = 0;
  try {
    for (const [key, value] of Map.prototype.entries.call(map)) {
      entries.push([replace(key, parts, depth + 1), replace(value, parts, depth + 1)]);
      index++;
    }
  } catch (error) {
    throw below(index, error);
  }
  return mark("map", entries);
}

/** An error as a value is its name, its message, its cause, and the errors that it sums up. */
function replaceError(error: Error, parts: Part[] | undefined, depth: number): unknown {
  const { name, message } = error;
  const content: Record<string, unknown> = { name: String(name), message: String(message) };
  if ("cause" in error) content.cause = error.cause;
  const { errors } = error as AggregateError;
  if (Array.isArray(errors)) content.errors = errors;
  return mark("error", replaceMembers(content, parts, depth));
}

/** What a typed array is, whatever its class; `undefined` for another view. */
const viewKind: (this: ArrayBufferView) => string | undefined = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

function bytes(kind: string, view: ArrayBufferView, parts: Part[] | undefined): unknown {
  const { itemBytes } = BYTES_KINDS.get(kind)!;
  const { buffer, byteOffset, byteLength } = view;
  if ((buffer as { detached?: boolean }).detached) throw new Unsendable(`a detached ${kind}`);
  let part = new Uint8Array(buffer, byteOffset, byteLength);
  if (!IS_LITTLE_ENDIAN && itemBytes > 1) part = turnItems(new Uint8Array(part), itemBytes);
  const index = (parts?.push(part) ?? 1) - 1;
  return kind === "Uint8Array" ? mark("bytes", index) : mark("bytes", index, kind);
}
