/**
 * When the servers that turned a call away may have room for it, by what they
 * said along with that. Pure functions over the call's attempts.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import type { FleetAttempt } from "./attempt.ts";
import type { Endpoint } from "./endpoint.ts";
import { isUnexpected } from "./next_step.ts";

/** A call without a deadline waits no longer for room than this, in milliseconds. */
export const LONGEST_WAIT_MS = 30_000;

/**
 * How long to wait until one of some servers may have room.
 *
 * @param attempts What was tried there.
 * @returns Milliseconds; 0 if one of them did not say.
 */
export function roomInMs(attempts: readonly FleetAttempt[]): number {
  return Math.min(...attempts.filter(({ error }) => !isUnexpected(error)).map(retryAfterMs));
}

/**
 * The endpoints that a call is not to be sent to now.
 *
 * @param attempts The call's attempts, at least one.
 * @param nowMs The present time.
 * @returns Those whose time has not come, and the last one unless it said when that is.
 */
export function withoutRoom(attempts: readonly FleetAttempt[], nowMs: number): Set<Endpoint> {
  const last = attempts[attempts.length - 1];
  const busy = attempts.filter((attempt) => {
    if (isUnexpected(attempt.error)) return false;
    const afterMs = retryAfterMs(attempt);
    return afterMs > 0 ? attempt.endedAtMs + afterMs > nowMs : attempt === last;
  });
  return new Set(busy.map(({ endpoint }) => endpoint));
}

function retryAfterMs({ error }: FleetAttempt): number {
  return error instanceof RpcError ? error.retryAfterMs ?? 0 : 0;
}
