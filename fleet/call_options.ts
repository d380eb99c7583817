/**
 * What a caller may give along with one call of an `XClient`.
 *
 * @module
 */

import { CALL_OPTIONS, checkCallNames, checkCallValues } from "../internal/call_options.ts";
import { flag, name, number, text, whole } from "../internal/options.ts";
import type { CallOptions } from "../internal/service.ts";
import { checkFailMode, type FailMode } from "./fail_mode.ts";

/** What a caller may give along with one call of an `XClient`. */
export interface FleetCallOptions extends CallOptions {
  /** What the call is about: `consistent_hash` sends the same key to the same server. */
  key?: string;
  /** What happens after a failed attempt. Default: the `XClient`'s. */
  failMode?: FailMode;
  /**
   * The most attempts, the first included; at least 1. Default: the
   * `XClient`'s. A call that waits for room makes more, unless this is given, here or there.
   */
  maxAttempts?: number;
  /**
   * Whether the call waits for room when it is turned away everywhere. Default: the
   * `XClient`'s.
   */
  waitForRoom?: boolean;
  /** For `failbackup`: when the hedge is sent, in milliseconds. Default: the measured p95. */
  hedgeAfterMs?: number;
}

/** The names of {@linkcode FleetCallOptions}. */
export const FLEET_CALL_OPTIONS: readonly string[] = [
  ...CALL_OPTIONS,
  "key",
  "failMode",
  "maxAttempts",
  "waitForRoom",
  "hedgeAfterMs",
];
const failModeCheck = name(checkFailMode);
const maxAttemptsCheck = whole(1);
const hedgeAfterCheck = number(0);

/**
 * Checks the options of a call.
 *
 * @param options What the caller gave.
 * @throws {RpcError} `invalid_argument` for an unknown fail mode.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkFleetCallOptions(options: FleetCallOptions): void {
  checkCallNames(options, FLEET_CALL_OPTIONS);
  checkFleetCallValues(options);
}

/**
 * Checks the values of the options of a call.
 *
 * @param options What the caller gave.
 * @throws {RpcError} `invalid_argument` for an unknown fail mode.
 * @throws {TypeError} If one is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkFleetCallValues(options: FleetCallOptions): void {
  checkCallValues(options);
  const { key, failMode, maxAttempts, waitForRoom, hedgeAfterMs } = options;
  if (key !== undefined) text("key", key);
  if (failMode !== undefined) failModeCheck("failMode", failMode);
  if (maxAttempts !== undefined) maxAttemptsCheck("maxAttempts", maxAttempts);
  if (waitForRoom !== undefined) flag("waitForRoom", waitForRoom);
  if (hedgeAfterMs !== undefined) hedgeAfterCheck("hedgeAfterMs", hedgeAfterMs);
}
