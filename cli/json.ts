/**
 * Values as JSON text, those too that only gob has.
 *
 * @module
 */

import { codeOf, errorText, RpcError } from "../errors.ts";

/** What JSON may have as it is, and a terminal takes for commands, or for the end of a direction. */
const UNSAFE = /[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A value as JSON. A `Map` becomes an object, bytes base64, a time ISO 8601, and an integer that
 * JSON's readers would round a text of digits.
 *
 * @param value The value.
 * @param indent By how many spaces; 0 for one line.
 */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(jsonValue(value) ?? null, null, indent).replace(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function jsonValue(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Map) {
    const entries = [...value].map(([key, one]) => [
      typeof key === "object" ? jsonText(key) : String(key),
      jsonValue(one),
    ]);
    return Object.fromEntries(entries);
  }
  if (Array.isArray(value)) return value.map(jsonValue);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, jsonValue(one)]));
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** An error for scripts. */
export function errorValue(error: unknown): unknown {
  const code = codeOf(error);
  const message = errorText(error);
  if (!(error instanceof RpcError)) return { code, message };
  const { address, serviceMethod, execution, retryAfterMs, attempts } = error;
  return {
    code,
    message,
    address,
    serviceMethod,
    execution,
    retryAfterMs,
    attempts: attempts.map(({ address, phase, why, elapsedMs, error }) => ({
      address,
      phase,
      why,
      elapsedMs,
      error: error === undefined ? undefined : errorText(error),
    })),
  };
}
