/**
 * What a caller may give along with one call of an `XClient`.
 *
 * @module
 */

import { atLeast } from "../internal/validate.ts";
import type { CallOptions } from "../service.ts";
import { checkFailMode, type FailMode } from "./fail_mode.ts";

/** What a caller may give along with one call of an `XClient`. */
export interface FleetCallOptions extends CallOptions {
  /**
   * Whether the call may run twice. Only such a call is repeated when it may
   * have run, and hedged. Default: what `XClientOptions.idempotent` says.
   */
  idempotent?: boolean;
  /** What the call is about: `consistent_hash` sends the same key to the same server. */
  key?: string;
  /** What happens after a failed attempt. Default: the `XClient`'s. */
  failMode?: FailMode;
  /** The most attempts, the first included; at least 1. Default: the `XClient`'s. */
  maxAttempts?: number;
  /** For `failbackup`: when the hedge is sent, in milliseconds. Default: the measured p95. */
  hedgeAfterMs?: number;
}

/**
 * Checks the options of a call that have a range.
 *
 * @param options What the caller gave.
 * @throws {RpcError} `invalid_argument` for an unknown fail mode.
 * @throws {RangeError} If a number is out of range.
 */
export function checkCallOptions({ failMode, maxAttempts, hedgeAfterMs }: FleetCallOptions): void {
  if (failMode !== undefined) checkFailMode(failMode);
  if (maxAttempts !== undefined) atLeast(1, "maxAttempts", maxAttempts);
  if (hedgeAfterMs !== undefined) atLeast(0, "hedgeAfterMs", hedgeAfterMs);
}
