/**
 * What is certain about a call of several attempts or at several endpoints, and
 * the error that says so.
 *
 * @module
 */

import { type Attempt, type Execution, RpcError, TimeoutError } from "../errors.ts";
import type { CallAttempt } from "./attempt.ts";

/** From the least to the most that has happened. */
const CERTAINTIES: readonly Execution[] = ["not_sent", "rejected", "answered"];

/**
 * Whether an error says what became of a call; a caller's own does not.
 *
 * @param error Anything.
 */
export function isOurs(error: unknown): error is RpcError {
  return error instanceof RpcError;
}

/**
 * What is certain about a call that failed.
 *
 * @param error What it failed with.
 * @returns `unknown` if the error is none of ours.
 */
export function executionOf(error: unknown): Execution {
  return isOurs(error) ? error.execution : "unknown";
}

/**
 * What is certain about two calls taken together.
 *
 * @param one What is certain about one.
 * @param other What is certain about the other.
 * @returns What may be said of both: the one that says that more has happened.
 */
export function lessCertain(one: Execution, other: Execution): Execution {
  if (one === "unknown" || other === "unknown") return "unknown";
  return CERTAINTIES.indexOf(one) < CERTAINTIES.indexOf(other) ? other : one;
}

/**
 * What is certain about a whole call when its last attempt says `last`.
 *
 * @param last What is certain about the last attempt.
 * @param attempts All of them.
 */
export function executionAfter(last: Execution, attempts: readonly CallAttempt[]): Execution {
  if (last === "answered") return last;
  let execution: Execution = last;
  for (const { phase, error, isOver } of attempts) {
    if (phase === "dial") continue;
    const said = isOver && error instanceof RpcError ? error.execution : "unknown";
    if (said === "unknown") return said;
    if (said === "rejected") execution = said;
  }
  return execution;
}

/**
 * A copy of an error that names the method and lists all attempts. A copy,
 * since the last attempt lists the error itself, and it may be another call's.
 *
 * @param error What the call fails with.
 * @param serviceMethod The method.
 * @param execution What is certain about the whole call.
 * @param attempts All of them.
 */
export function withAttempts(
  error: RpcError,
  serviceMethod: string,
  execution: Execution,
  attempts: readonly CallAttempt[],
): RpcError {
  const { message, address } = error;
  const list: readonly Attempt[] = attempts.map((attempt) => ({
    address: attempt.endpoint.address,
    phase: attempt.phase,
    elapsedMs: attempt.tookMs ?? 0,
    why: attempt.why,
    error: attempt.error,
  }));
  const details = { address, serviceMethod, execution, attempts: list };
  if (error instanceof TimeoutError) return new TimeoutError(message, details);
  return new RpcError(
    error.code,
    message,
    error.cause === undefined ? details : { ...details, cause: error.cause },
  );
}
