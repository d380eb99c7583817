/**
 * How a handler turns a call away.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../errors.ts";
import { atLeast } from "../internal/validate.ts";

/** What a handler says along with turning a call away. */
export interface RejectOptions {
  /** The kind of error. Default `unavailable`. */
  code?: RpcCode;
  /**
   * After how many milliseconds there may be room for the call, at least 0: an
   * `XClient` does not ask this server again before. Default: not said.
   */
  retryAfterMs?: number;
}

/**
 * Makes the error that turns a call away.
 *
 * @param message Why.
 * @param how The code, or more than that.
 * @returns The error.
 * @throws {RangeError} If `retryAfterMs` is negative or not a number.
 */
export function rejection(message: string, how: RpcCode | RejectOptions = {}): RpcError {
  const { code = "unavailable", retryAfterMs } = typeof how === "string" ? { code: how } : how;
  if (retryAfterMs === undefined) return new RpcError(code, message, { execution: "rejected" });
  atLeast(0, "retryAfterMs", retryAfterMs);
  return new RpcError(code, message, { execution: "rejected", retryAfterMs });
}
