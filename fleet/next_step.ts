/**
 * What a call does next when an attempt has failed: pure decisions over what
 * is known then.
 *
 * @module
 */

import { type Execution, type RpcCode, RpcError, TimeoutError } from "../errors.ts";
import { UnexpectedQueue } from "../protocol/codec.ts";
import { FailMode } from "./fail_mode.ts";

/** What decides whether a failed attempt may be repeated. */
export interface Failure {
  /** What went wrong. */
  readonly code: RpcCode;
  /** Whether the call ran. */
  readonly execution: Execution;
}

/** Errors that every other server would give as well, or that end the client. */
const FINAL: ReadonlySet<RpcCode> = new Set<RpcCode>([
  "invalid_argument",
  "unimplemented",
  "unauthenticated",
  "permission_denied",
  "canceled",
]);

/**
 * Whether a failed attempt may be repeated without running the call twice
 * against the caller's will.
 *
 * @param failure What is certain about the attempt.
 * @param idempotent Whether the caller said that the call may run twice.
 * @returns `true` if it certainly did not run, or may run again.
 */
export function mayRepeat(failure: Failure, idempotent: boolean): boolean {
  switch (failure.execution) {
    case "not_sent":
    case "rejected":
      return !FINAL.has(failure.code);
    case "unknown":
      return idempotent && failure.code !== "canceled";
    case "answered":
      return false;
  }
}

/**
 * The same for anything that an attempt may fail with.
 *
 * @param error What it failed with.
 * @param idempotent Whether the caller said that the call may run twice.
 * @returns `false` also for what is none of our errors, for the call's own
 * deadline, and for an argument that is too long: it is so for every server.
 */
export function mayRepeatAfter(error: unknown, idempotent: boolean): boolean {
  if (!(error instanceof RpcError) || error instanceof TimeoutError) return false;
  const { code, execution, cause } = error;
  const isTooLong = code === "resource_exhausted" && execution === "not_sent" &&
    cause !== undefined;
  return !isTooLong && mayRepeat(error, idempotent);
}

/**
 * Whether a call whose dial failed may be made at another server. Also if the
 * server's entry in the list is wrong, as one with an unknown protocol: that is
 * the trouble of this server alone.
 *
 * @param error What the dial failed with.
 * @returns `false` if the client is closed.
 */
export function mayDialElsewhere(error: unknown): boolean {
  return !(error instanceof RpcError && error.code === "canceled");
}

/**
 * Whether dialling the same server again would fail alike, as with an unknown protocol.
 *
 * @param error What the dial failed with.
 */
export function isLasting(error: unknown): boolean {
  return !(error instanceof RpcError) || error.code === "invalid_argument";
}

/**
 * Whether a server has no streams, as those of Go: others may, and it never will.
 *
 * @param error What an attempt failed with.
 */
export function hasNoStreams(error: unknown): boolean {
  return error instanceof RpcError && error.code === "unimplemented" &&
    error.execution === "not_sent";
}

/**
 * Whether a server has turned a call away, which may have room for it later.
 *
 * @param error What an attempt failed with.
 */
export function isTurnedAway(error: unknown): error is RpcError {
  return error instanceof RpcError && error.execution === "rejected" && mayRepeat(error, false);
}

/**
 * Whether a server did not run a call because more calls were there than was expected. That is no
 * failure, only news of the server: the call is as if it had not been made.
 *
 * @param error What an attempt failed with.
 */
export function isUnexpected(error: unknown): boolean {
  return error instanceof UnexpectedQueue;
}

/**
 * Whether a server has turned a call away because it has too much to do. It is well: that is no
 * failure of its own.
 *
 * @param error What an attempt failed with.
 */
export function isOverload(error: unknown): error is RpcError {
  return error instanceof RpcError && error.code === "resource_exhausted" &&
    error.execution === "rejected";
}

/** How a call that is turned away everywhere goes on: what its caller has said, if anything. */
export type WaitForRoom = boolean | undefined;

/**
 * Whether an error is a reason to give up, rather than to wait for room, for a call that all
 * servers turn away.
 *
 * @param error What an attempt failed with.
 * @param waitForRoom What the caller has said.
 */
export function isNoRoom(error: unknown, waitForRoom: WaitForRoom): boolean {
  if (waitForRoom === true) return false;
  return waitForRoom === false ? isTurnedAway(error) : isOverload(error);
}

/** What is known of a call when one of its attempts has failed. */
export interface Situation {
  /** Whether the failed attempt may be repeated; see {@linkcode mayRepeat}. */
  readonly mayRepeat: boolean;
  /** Whether more calls were at its server than was expected; see {@linkcode isUnexpected}. */
  readonly isUnexpected?: boolean;
  /** Whether all its attempts have failed in a way in which their servers always will. */
  readonly isLasting?: boolean;
  /** What happens after a failed attempt. */
  readonly failMode: FailMode;
  /** Whether the call backs off already, and its next attempt is to come. */
  readonly isBackingOff: boolean;
  /** The call's other attempts in flight: some may yet be answered, or all servers are stalled. */
  readonly others: "none" | "stalled" | "alive";
  /**
   * Whether `maxAttempts`, or the deadline of a call that waits for room, the
   * retry budget and the client admit one more attempt.
   */
  readonly hasBudget: boolean;
  /** Whether there is a server that has not been tried in this round. */
  readonly hasUntried: boolean;
  /** Whether all servers of this round have turned it away, and it is not to wait for room. */
  readonly isNoRoom?: boolean;
}

/**
 * What a call does next: fail with the error, wait for its other attempts, or
 * make another one: wherever the policy says now, elsewhere at once, at the
 * same server after a backoff, or at any server after a backoff.
 */
export type NextStep =
  | "settle"
  | "wait"
  | "pick anew"
  | "try elsewhere"
  | "try the same later"
  | "try later";

/**
 * Decides what a call does next when one of its attempts has failed.
 *
 * @param situation What is known.
 * @returns The next step.
 */
export function nextStep(situation: Situation): NextStep {
  const { failMode, others, hasUntried, isLasting = false, isNoRoom = false } = situation;
  if (!situation.mayRepeat) return "settle";
  if (situation.isBackingOff || others === "alive") return "wait";
  if (situation.isUnexpected) return "pick anew"; // whatever the budget says: it has cost nothing
  const isFailtry = failMode === FailMode.Failtry;
  if (
    failMode === FailMode.Failfast || !situation.hasBudget ||
    isLasting && (isFailtry || !hasUntried) || isNoRoom && !isFailtry && !hasUntried
  ) {
    return others === "none" ? "settle" : "wait";
  }
  if (isFailtry) return "try the same later";
  return hasUntried ? "try elsewhere" : "try later";
}
