/**
 * What both halves of `netrpc/json` share: the fixed parts of messages as Go writes them, and how
 * an object is read that does not have that form.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import { parseBigints } from "../json_bigints.ts";
import { foreign } from "../foreign.ts";

/** A request as Go writes it: `{"method":"S.M","params":[…],"id":1}`. */
export const REQUEST = { start: '{"method":"', params: '","params":[', id: '],"id":' } as const;
/** A reply without an error as Go writes it: `{"id":1,"result":…,"error":null}`. */
export const REPLY = {
  start: '{"id":',
  result: ',"result":',
  end: ',"error":null}',
  /**
   * The end of a reply without a value. Go's client takes two nulls for a broken connection, and
   * does not look at a field that it does not know; ours reads it as null.
   */
  noResult: ',"result":{},"error":null,"void":true}',
} as const;

/** The error for a stream that can't be read any further. */
export function broken(what: string, cause?: unknown): RpcError {
  return new RpcError("data_loss", what, cause === undefined ? {} : { cause });
}

/** Parses a message; `what` names it in the error. */
export function parseObject(
  text: string,
  what: string,
  bigints = false,
): Record<string, unknown> {
  try {
    return bigints ? parseBigints(text) as Record<string, unknown> : JSON.parse(text);
  } catch (cause) {
    throw broken(`expected a ${what} of netrpc/json, got ${foreign(text, "netrpc/json")}`, cause);
  }
}

/** Whether an error means that the text is not JSON, rather than a value that is refused. */
export function isMalformed(error: unknown): boolean {
  return error instanceof RpcError && error.code === "data_loss";
}

/**
 * The id of an object over the limit, of which only the two ends were kept: as it is written, if it is
 * a number, a string without escapes, or null.
 */
export function idAtEitherEnd(head: string, tail: string): string | undefined {
  // A string can't end like this: a quote within one has a backslash before it.
  const found = /[,{]\s*"id"\s*:\s*(-?\d[\d.eE+-]*|"[^"\\]*"|null)\s*\}$/.exec(tail) ??
    /^\s*\{\s*"id"\s*:\s*(-?\d[\d.eE+-]*|"[^"\\]*"|null)\s*,/.exec(head);
  return found?.[1];
}
