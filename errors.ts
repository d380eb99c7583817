/**
 * What can go wrong, in one shape: {@linkcode RpcError} with a code, and how
 * certain it is whether the call ran.
 *
 * @module
 */

/**
 * What went wrong, in the terms of gRPC's status codes. `unknown` is an error
 * that a server's own handler raised: its text is the message, unchanged.
 */
export type RpcCode =
  | "canceled"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "permission_denied"
  | "resource_exhausted"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unknown";

const CODES: ReadonlySet<string> = new Set<RpcCode>([
  "canceled",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "permission_denied",
  "resource_exhausted",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unknown",
]);

/**
 * What is certain about a failed call:
 *
 * - `not_sent`: no byte of it left this process. Safe to send elsewhere.
 * - `rejected`: the server says that it did not run. Safe to send elsewhere.
 * - `unknown`: it may have run, or may still be running.
 * - `answered`: it ran, and its answer is this error.
 */
export type Execution = "not_sent" | "rejected" | "unknown" | "answered";

/** One try of a call at one server, as {@linkcode RpcError.attempts} tells it. */
export interface Attempt {
  /** The server that was tried. */
  readonly address: string;
  /** How far the try came: choosing a server, dialling it, or the call itself. */
  readonly phase: "pick" | "dial" | "call";
  /** How long the try took, in milliseconds. */
  readonly elapsedMs: number;
  /** Why this server: the policy that picked it, `failover`, `hedge`, … */
  readonly why: string;
  /** What the try ended with; absent if it was given up for another's success. */
  readonly error?: unknown;
}

/** Where an error happened and what is certain about the call. */
export interface ErrorDetails {
  /** The server's address. */
  address?: string;
  /** The method called, as `Service.Method`. */
  serviceMethod?: string;
  /** Whether the call ran. */
  execution?: Execution;
  /** Every try that was made, in order. */
  attempts?: readonly Attempt[];
  /** The error beneath this one. */
  cause?: unknown;
}

/**
 * A call, a dial or a connection that failed.
 *
 * @example Tell a server's own error from a server that is gone
 * ```ts
 * import { RpcError } from "@geerpc/xclient";
 *
 * const error = new RpcError("unavailable", "the server is draining", {
 *   address: "tcp@127.0.0.1:9001",
 *   serviceMethod: "Arith.Sum",
 *   execution: "rejected",
 * });
 * if (error.code === "unavailable" && error.execution !== "unknown") {
 *   // It certainly did not run: it may be sent again.
 * }
 * ```
 */
export class RpcError extends Error {
  /** `RpcError`. */
  override readonly name = "RpcError";
  /** What went wrong. */
  readonly code: RpcCode;
  /** The server's address, where one was involved. */
  readonly address?: string;
  /** The method called, where the error belongs to a call. */
  readonly serviceMethod?: string;
  /** Whether the call ran. */
  readonly execution: Execution;
  /** Every try that was made, in order; empty where no choice of server was made. */
  readonly attempts: readonly Attempt[];

  /**
   * Makes the error.
   *
   * @param code What went wrong.
   * @param message What, where, and what to do.
   * @param details Where it happened; `execution` is `unknown` unless given.
   */
  constructor(code: RpcCode, message: string, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.address = details.address;
    this.serviceMethod = details.serviceMethod;
    this.execution = details.execution ?? "unknown";
    this.attempts = details.attempts ?? [];
  }
}

/**
 * A deadline that passed: a `DOMException` named `TimeoutError`, as the
 * platform's own, which also says where and how certain.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { TimeoutError } from "@geerpc/xclient";
 *
 * const error = new TimeoutError("no reply within 500 ms", { execution: "unknown" });
 * assert(error.name === "TimeoutError" && error instanceof DOMException);
 * ```
 */
export class TimeoutError extends DOMException {
  /** The server's address, where one was involved. */
  readonly address?: string;
  /** The method called, where the deadline was a call's. */
  readonly serviceMethod?: string;
  /** Whether the call ran. */
  readonly execution: Execution;
  /** Every try that was made, in order. */
  readonly attempts: readonly Attempt[];

  /**
   * Makes the error.
   *
   * @param message What did not happen in time, and where.
   * @param details Where it happened; `execution` is `unknown` unless given.
   */
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, "TimeoutError");
    this.address = details.address;
    this.serviceMethod = details.serviceMethod;
    this.execution = details.execution ?? "unknown";
    this.attempts = details.attempts ?? [];
  }
}

/**
 * Whether a string is one of the codes.
 *
 * @param code What came from the wire.
 * @returns `true` for a code of {@linkcode RpcCode}.
 */
export function isRpcCode(code: unknown): code is RpcCode {
  return typeof code === "string" && CODES.has(code);
}

/**
 * The code of anything that was thrown: an `RpcError`'s, if it is one of ours.
 *
 * @param thrown What was thrown.
 * @returns Its code, else `unknown`.
 */
export function codeOf(thrown: unknown): RpcCode {
  try {
    const code: unknown = thrown instanceof RpcError ? thrown.code : undefined;
    return isRpcCode(code) ? code : "unknown";
  } catch {
    return "unknown"; // a proxy that can't even be asked what it is
  }
}

/**
 * The text of anything that was thrown: an error's message, else its string.
 *
 * @param thrown What was thrown.
 * @returns Its text, never empty.
 */
export function errorText(thrown: unknown): string {
  try {
    if (thrown instanceof Error) {
      const message: unknown = thrown.message;
      if (typeof message === "string" && message !== "") return message;
    }
    return String(thrown) || "an empty error";
  } catch {
    return "an error with no text"; // its own message or toString throws
  }
}
