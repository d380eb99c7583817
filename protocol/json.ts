/**
 * JSON values within the limits on size and nesting.
 *
 * @module
 */

import type { Limits } from "./codec.ts";
import { excerpt } from "../internal/excerpt.ts";
import { errorText, RpcError } from "../errors.ts";
import { findLost, mayHaveLost } from "./json_values.ts";
import { parseBigints, stringifyBigints } from "./json_bigints.ts";

const encoder = new TextEncoder();

/**
 * Whether a text is longer than a limit, in UTF-8.
 *
 * @param text The text.
 * @param maxBytes The limit in bytes.
 * @returns `true` if it is longer.
 */
export function isLongerThan(text: string, maxBytes: number): boolean {
  if (text.length * 3 <= maxBytes) return false;
  return text.length > maxBytes || encoder.encode(text).length > maxBytes;
}

/**
 * The end of an error message about a message from the peer that is too long.
 *
 * @param limits The largest message.
 * @returns The limit, and the option that sets it.
 */
export function overLimit({ maxMessageBytes }: Limits): string {
  return `over the limit of ${maxMessageBytes} bytes (maxMessageBytes)`;
}

/** What a value that is written is, for error messages: where paths into it begin. */
export type ValueRole = "args" | "reply" | "item" | "details" | "meta";

/**
 * Writes a value as JSON.
 *
 * @param value The value; `undefined` is written as `null`.
 * @param limits The largest message.
 * @param role What it is, for error messages.
 * @returns The text.
 * @throws {RpcError} `invalid_argument` if JSON can't express it, or a part of it, which the message
 * names; `resource_exhausted` if it is too large.
 */
export function stringify(value: unknown, limits: Limits, role: ValueRole = "args"): string {
  let text: string | undefined;
  try {
    text = value === undefined ? "null" : JSON.stringify(value);
  } catch (cause) {
    if (limits.bigints === true) text = stringifyBigints(value);
    if (text === undefined) {
      refuseLost(value, limits, role, cause);
      const what = `can't be encoded as JSON: ${errorText(cause).split("\n")[0]}`;
      throw new RpcError("invalid_argument", what, { cause });
    }
  }
  if (text === undefined) {
    throw new RpcError("invalid_argument", `can't be encoded as JSON: a ${typeof value}`);
  }
  if (typeof value !== "string" && mayHaveLost(text)) refuseLost(value, limits, role);
  if (isLongerThan(text, limits.maxMessageBytes)) {
    throw new RpcError("resource_exhausted", `over the limit of ${limits.maxMessageBytes} bytes`);
  }
  return text;
}

/**
 * Refuses a value with a part that JSON does not have.
 *
 * @throws {RpcError} `invalid_argument` that names the part.
 */
function refuseLost(value: unknown, limits: Limits, role: ValueRole, cause?: unknown): void {
  let found;
  try {
    found = findLost(value, limits.bigints);
  } catch {
    return; // it can't be looked through: nested without end, or a getter that throws
  }
  if (found === undefined) return;
  const { path, what, advice } = found;
  const message =
    `${role}${path}: ${what} can't be sent to this peer: it can't be encoded as JSON; ${advice}`;
  throw new RpcError("invalid_argument", message, { cause });
}

/**
 * Reads a value from a peer. Nesting has a limit, and the key `__proto__`, which could change the
 * prototype of objects that the value is merged into, is refused.
 *
 * @param text The JSON text.
 * @param limits The deepest nesting.
 * @param hasEscapes Whether it has characters in it that are escaped by number. Default: it is looked for.
 * @param bigints Whether integers that are too large for numbers are bigints. Default: as the limits say.
 * @returns The value.
 * @throws {RpcError} `data_loss` if it is malformed, `invalid_argument` if it is refused.
 */
export function parse(
  text: string,
  limits: Limits,
  hasEscapes?: boolean,
  bigints: boolean | undefined = limits.bigints,
): unknown {
  let value: unknown;
  try {
    value = bigints === true ? parseBigints(text) : JSON.parse(text);
  } catch (cause) {
    throw new RpcError("data_loss", `malformed JSON: ${excerpt(text)}`, { cause });
  }
  if (typeof value !== "object" || value === null) return value;
  // A text that is too short for that nesting and can't spell the key needs no check.
  const maySpellProto = text.includes("__proto__") || (hasEscapes ?? text.includes("\\u"));
  if (maySpellProto || text.length > limits.maxDepth * 2) check(value, limits.maxDepth);
  return value;
}

/**
 * Checks a value that was parsed as part of something larger.
 *
 * @param value The value.
 * @param depthLeft How deep it may be nested.
 * @throws {RpcError} `invalid_argument` if it is nested deeper, or has a key `__proto__`.
 */
export function check(value: unknown, depthLeft: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depthLeft === 0) throw new RpcError("invalid_argument", "nested too deeply");
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item === "object" && item !== null) check(item, depthLeft - 1);
    }
    return;
  }
  for (const key in value) {
    if (key === "__proto__") {
      throw new RpcError("invalid_argument", 'a key named "__proto__" is not accepted');
    }
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "object" && item !== null) check(item, depthLeft - 1);
  }
}
