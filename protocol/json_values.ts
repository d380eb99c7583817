/**
 * Finds the values that JSON does not have: the engine writes them as something else and says
 * nothing, `{}` for a `Map`, `null` for NaN.
 *
 * @module
 */

import { pathStep } from "../internal/path.ts";

/** What is written for such values. A text without any of it has lost nothing. */
const TRACES = /\{\}|null|\{"0":/;

/** A value that JSON does not have. */
export interface Lost {
  /** Where it is, as `.items[3]`; empty for the whole value. */
  readonly path: string;
  /** What it is, as `a Map`. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
}

const GOB = "convert it, or use a protocol of gob";
const CONVERT = "convert it";

/**
 * Whether a text may have lost something: only then the value is looked at, so that plain values cost
 * no more than a search.
 *
 * @param text What the engine has written.
 * @returns `false` if it has lost nothing.
 */
export function mayHaveLost(text: string): boolean {
  return TRACES.test(text);
}

/**
 * Looks for a value that JSON does not have. What has a `toJSON` is what that makes of it, and what an
 * object's `undefined`, functions and symbols are is left out, as JSON has it. Bun's `Headers`,
 * `URLSearchParams` and forms without files have a `toJSON` that loses nothing; elsewhere they are
 * refused.
 *
 * @param value The value, which does not contain itself.
 * @param allowsBigints Whether bigints are written. Default `false`.
 * @returns The first one; `undefined` if there is none.
 */
export function findLost(value: unknown, allowsBigints = false): Lost | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : lost(String(value), GOB);
    case "bigint":
      return allowsBigints || "toJSON" in BigInt.prototype ? undefined : lost("a bigint", GOB);
    case "function":
    case "symbol":
      return lost(`a ${typeof value}`, CONVERT);
    case "object":
      return value === null ? undefined : findInObject(value, allowsBigints);
  }
}

function findInObject(value: object, allowsBigints: boolean): Lost | undefined {
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    return holdsFiles(value) ? lost(named(value), CONVERT) : undefined;
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = findLost(value[index], allowsBigints);
      if (found !== undefined) return { ...found, path: pathStep(index) + found.path };
    }
    return undefined;
  }
  const kind = lossyKind(value);
  if (kind !== undefined) return kind;
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (typeof member === "function" || typeof member === "symbol") continue;
    const found = findLost(member, allowsBigints);
    if (found !== undefined) return { ...found, path: pathStep(key) + found.path };
  }
  return undefined;
}

/** Whether an object is a form with files: Bun's forms have a `toJSON`, which leaves out their content. */
function holdsFiles(value: object): boolean {
  if (tagOf(value) !== "FormData") return false;
  return [...(value as FormData).values()].some((entry) => typeof entry !== "string");
}

/** What an object is, if it is of a kind whose content JSON does not write. */
function lossyKind(value: object): Lost | undefined {
  if (ArrayBuffer.isView(value) || value instanceof Map) return lost(named(value), GOB);
  if (value instanceof Set || value instanceof Error) return lost(named(value), CONVERT);
  if (Symbol.asyncIterator in value) return lost(named(value), CONVERT);
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return undefined;
  const tag = tagOf(value);
  if (tag === "Number" || tag === "String" || tag === "Boolean" || tag === "BigInt") {
    return undefined;
  }
  const hidesAll = tag !== "Object" || Symbol.iterator in value;
  return hidesAll && Object.keys(value).length === 0 ? lost(named(value), CONVERT) : undefined;
}

function lost(what: string, advice: string): Lost {
  return { path: "", what, advice };
}

/** What kind of object the engine takes something for, as `Map`. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** The kind of an object, with its article: `a Map`, `an Error`. */
export function named(value: object): string {
  const tag = tagOf(value);
  const name = tag === "Object" ? value.constructor?.name || "object" : tag;
  return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
}
