/**
 * What is certain about a call of several attempts or at several endpoints, and
 * the error that says so.
 *
 * @module
 */

import {
  type Attempt,
  type ErrorDetails,
  type Execution,
  RpcError,
  TimeoutError,
} from "../errors.ts";
import type { FleetAttempt } from "./attempt.ts";

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
 * Whether an error is a deadline that has passed: ours, or the platform's, as
 * `AbortSignal.timeout` aborts with.
 *
 * @param error Anything.
 */
export function isTimeout(error: unknown): boolean {
  return error instanceof TimeoutError ||
    error instanceof DOMException && error.name === "TimeoutError";
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
export function executionAfter(last: Execution, attempts: readonly FleetAttempt[]): Execution {
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
  attempts: readonly FleetAttempt[],
): RpcError {
  const { address } = error;
  const message = attempts.length > 1 && execution !== "answered"
    ? withPlaces(error, serviceMethod, attempts)
    : error.message;
  const list: readonly Attempt[] = attempts.map((attempt) => ({
    address: attempt.endpoint.address,
    phase: attempt.phase,
    elapsedMs: attempt.tookMs ?? 0,
    why: attempt.why,
    error: attempt.error,
  }));
  const { retryAfterMs, details: attached } = error as Partial<RpcError>;
  const details: ErrorDetails = {
    address,
    serviceMethod,
    execution,
    attempts: list,
    retryAfterMs,
    details: attached,
  };
  if (error instanceof TimeoutError) return new TimeoutError(message, details);
  return new RpcError(
    error.code,
    message,
    error.cause === undefined ? details : { ...details, cause: error.cause },
  );
}

/** Its message, with the method and all places where it was tried. */
function withPlaces(
  { message, address = "" }: RpcError,
  serviceMethod: string,
  attempts: readonly FleetAttempt[],
): string {
  const where = message.includes(address) ? message : `${serviceMethod} at ${address}: ${message}`;
  const places = new Set(attempts.map(({ endpoint }) => endpoint.address));
  return `${where} (${attempts.length} attempts at ${[...places].join(", ")})`;
}
