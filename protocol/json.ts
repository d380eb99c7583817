/**
 * JSON as it stands on the wire: values within limits, read with suspicion.
 *
 * @module
 */

import { isLongerThan, type Limits } from "./codec.ts";
import { excerpt } from "../internal/excerpt.ts";
import { errorText, RpcError } from "../errors.ts";

/**
 * Writes a value as JSON.
 *
 * @param value What to write; `undefined` becomes `null`.
 * @param limits The largest message.
 * @returns The text.
 * @throws {RpcError} `invalid_argument` if it can't be written,
 * `resource_exhausted` if it is too large.
 */
export function stringify(value: unknown, limits: Limits): string {
  let text: string | undefined;
  try {
    text = value === undefined ? "null" : JSON.stringify(value);
  } catch (cause) {
    const what = `can't be encoded as JSON: ${errorText(cause).split("\n")[0]}`;
    throw new RpcError("invalid_argument", what, { cause });
  }
  if (text === undefined) {
    throw new RpcError("invalid_argument", `can't be encoded as JSON: a ${typeof value}`);
  }
  if (isLongerThan(text, limits.maxMessageBytes)) {
    throw new RpcError("resource_exhausted", `over the limit of ${limits.maxMessageBytes} bytes`);
  }
  return text;
}

/**
 * Reads a value, with suspicion: nesting has a limit, and a key `__proto__`,
 * which could change objects that it is merged into, is refused.
 *
 * @param text The JSON text.
 * @param limits The deepest nesting.
 * @returns The value.
 * @throws {RpcError} `data_loss` if it is malformed, `invalid_argument` if refused.
 */
export function parse(text: string, limits: Limits): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RpcError("data_loss", `malformed JSON: ${excerpt(text)}`, { cause });
  }
  if (typeof value !== "object" || value === null) return value;
  // Too short to be nested too deeply, and no way to write the key: nothing to look for.
  const suspicious = text.includes("__proto__") || text.includes("\\u");
  if (suspicious || text.length > limits.maxDepth * 2) inspect(value, limits.maxDepth);
  return value;
}

/**
 * Looks a value over that was parsed as part of something larger.
 *
 * @param value What was parsed.
 * @param depthLeft How deep it may be nested.
 * @throws {RpcError} `invalid_argument` if it is nested deeper, or has a key `__proto__`.
 */
export function inspect(value: unknown, depthLeft: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depthLeft === 0) throw new RpcError("invalid_argument", "nested too deeply");
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item === "object" && item !== null) inspect(item, depthLeft - 1);
    }
    return;
  }
  for (const key in value) {
    if (key === "__proto__") {
      throw new RpcError("invalid_argument", 'a key named "__proto__" is not accepted');
    }
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "object" && item !== null) inspect(item, depthLeft - 1);
  }
}
