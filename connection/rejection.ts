/**
 * How a handler turns a call away.
 *
 * @module
 */

import { isRpcCode, type RpcCode, RpcError } from "../errors.ts";
import { anything, checkOptions, type Checks, number, wrongType } from "../internal/options.ts";

/** What a handler says along with turning a call away. */
export interface RejectOptions {
  /** The kind of error. Default `unavailable`. */
  code?: RpcCode;
  /**
   * After how many milliseconds there may be room for the call, at least 0: an
   * `XClient` does not ask this server again before. Default: not said.
   */
  retryAfterMs?: number;
  /** More about it, for programs: the caller's `RpcError.details`. Default: nothing. */
  details?: unknown;
}

const REJECT_CHECKS: Checks<RejectOptions> = {
  code(name, value) {
    if (!isRpcCode(value)) throw wrongType(name, "a code of gRPC", value);
  },
  retryAfterMs: number(0),
  details: anything, // whether it can be sent is found out when it is
};

/**
 * Makes the error that turns a call away.
 *
 * @param message Why.
 * @param how The code, or more than that.
 * @returns The error.
 * @throws {TypeError} If an option does not exist, or is of the wrong type.
 * @throws {RangeError} If `retryAfterMs` is negative or not a number.
 */
export function rejection(message: string, how: RpcCode | RejectOptions = {}): RpcError {
  if (typeof how !== "string") checkOptions("reject", how, REJECT_CHECKS);
  const { code = "unavailable", ...more } = typeof how === "string" ? { code: how } : how;
  return new RpcError(code, message, { execution: "rejected", ...more });
}
