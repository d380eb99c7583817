/**
 * What happens to a call after a failed attempt, by name.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { didYouMean } from "../internal/nearest.ts";

/** What happens to a call after a failed attempt, in rpcx's terms. */
export const FailMode = {
  /** The next attempt goes to another server. The default. */
  Failover: "failover",
  /** The call fails at once. */
  Failfast: "failfast",
  /** The next attempt goes to the same server, after a backoff. */
  Failtry: "failtry",
  /** As `failover`; a hedge goes to another server if the first is slow: the first reply wins. */
  Failbackup: "failbackup",
} as const;

/** The name of a fail mode. */
export type FailMode = (typeof FailMode)[keyof typeof FailMode];

/**
 * Checks the name of a fail mode.
 *
 * @param failMode The name.
 * @returns The same.
 * @throws {RpcError} `invalid_argument` for any other name.
 */
export function checkFailMode(failMode: FailMode): FailMode {
  const modes = Object.values(FailMode);
  if (modes.includes(failMode)) return failMode;
  const hint = didYouMean(String(failMode), modes);
  const message = `fail mode ${JSON.stringify(failMode)} is none of ${modes.join(", ")}${hint}`;
  throw new RpcError("invalid_argument", message, { execution: "not_sent" });
}
