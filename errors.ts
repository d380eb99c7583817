/**
 * The errors of calls, dials and connections: {@linkcode RpcError}, and
 * {@linkcode TimeoutError}, which is one. They say where it happened and
 * whether the call ran. This file is one family of types, most of it what their docs say.
 *
 * @module
 */

/**
 * What went wrong: the sixteen codes of gRPC, in gRPC's order, which are all
 * of its status codes but `OK`.
 *
 * | code | meaning |
 * | --- | --- |
 * | `canceled` | the call was canceled, mostly by its caller |
 * | `unknown` | an error without a code, such as any that a handler throws and that is no `RpcError` |
 * | `invalid_argument` | the argument is wrong, whatever state the server is in |
 * | `deadline_exceeded` | the time for the call ran out before it ended |
 * | `not_found` | what was asked for does not exist |
 * | `already_exists` | what was to be created exists already |
 * | `permission_denied` | the caller is known, and may not do this |
 * | `resource_exhausted` | a limit or a quota is reached, or a message is too large |
 * | `failed_precondition` | the system is not in the state that the call requires; repeating it won't help |
 * | `aborted` | a conflict with another call, such as a transaction's; start again from the beginning |
 * | `out_of_range` | past the valid range, such as a read past the end |
 * | `unimplemented` | the server does not have the method, or does not support what it is to do |
 * | `internal` | an invariant of the server is broken; its handler's reply can't be encoded |
 * | `unavailable` | the server can't be reached or takes no calls now; try later or elsewhere |
 * | `data_loss` | data is lost or corrupt; what was received can't be decoded |
 * | `unauthenticated` | the caller has not proven who it is |
 */
export type RpcCode =
  | "canceled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

/** All codes; the type makes sure that none is missing. */
const CODES: Readonly<Record<RpcCode, true>> = {
  canceled: true,
  unknown: true,
  invalid_argument: true,
  deadline_exceeded: true,
  not_found: true,
  already_exists: true,
  permission_denied: true,
  resource_exhausted: true,
  failed_precondition: true,
  aborted: true,
  out_of_range: true,
  unimplemented: true,
  internal: true,
  unavailable: true,
  data_loss: true,
  unauthenticated: true,
};

/**
 * Whether a failed call ran on the server, as far as that is certain:
 *
 * - `not_sent`: no byte of it left this process. It is safe to send it again.
 * - `rejected`: the server says that it did not run. It is safe to send it again.
 * - `unknown`: it may have run, or may still be running.
 * - `answered`: it ran, and this error is its answer.
 */
export type Execution = "not_sent" | "rejected" | "unknown" | "answered";

/** One attempt of a call at one endpoint, as listed in {@linkcode RpcError.attempts}. */
export interface Attempt {
  /** The endpoint's address. */
  readonly address: string;
  /** How far the attempt came: picking an endpoint, dialling it, or the call itself. */
  readonly phase: "pick" | "dial" | "call";
  /** How long the attempt took, in milliseconds. */
  readonly elapsedMs: number;
  /** Why this endpoint: the policy that picked it, `failover`, `hedge`, … */
  readonly why: string;
  /** What the attempt failed with; absent if it was given up because another one succeeded. */
  readonly error?: unknown;
}

/** Where an error happened, and whether the call ran. */
export interface ErrorDetails {
  /** The server's address. */
  address?: string;
  /** The method called, as `Service.Method`. */
  serviceMethod?: string;
  /** Whether the call ran. Default `unknown`. */
  execution?: Execution;
  /** Every attempt that was made, in order. Default: none. */
  attempts?: readonly Attempt[];
  /** After how many milliseconds the server may have room for the call. */
  retryAfterMs?: number;
  /**
   * More about the error, for programs: any value that a reply may be. What a
   * handler throws it with reaches the caller's {@linkcode RpcError.details} as
   * it was, between our own ends on `geerpc/json`. Default: nothing.
   */
  details?: unknown;
  /** The error that caused this one. */
  cause?: unknown;
}

/**
 * What marks our errors, also those of another copy of this package: an ES
 * module and a CommonJS module may each have loaded one.
 */
const KIND = Symbol.for("@geerpc/xclient/error");
const RPC_ERROR = "RpcError";
/** Begins as that of the class above it. */
const TIMEOUT_ERROR = "RpcError.TimeoutError";

/** Whether a value is one of our errors, of this kind or one below it. */
function isKind(value: unknown, kind: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  const kinds = (value as { [KIND]?: unknown })[KIND];
  return typeof kinds === "string" && kinds.startsWith(kind);
}

/**
 * A call, a dial or a connection that failed.
 *
 * `instanceof` also holds for the errors of another copy of this package, as
 * where one part of a program imports it and another requires it.
 *
 * @example Tell whether a call may be sent again
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
  /** `RpcError`; `TimeoutError` for a deadline that has passed. */
  override readonly name: "RpcError" | "TimeoutError" = "RpcError";
  /** What went wrong. */
  readonly code: RpcCode;
  /** The server's address, where one was involved. */
  readonly address?: string;
  /** The method called, where the error belongs to a call. */
  readonly serviceMethod?: string;
  /** Whether the call ran. */
  readonly execution: Execution;
  /** Every attempt that was made, in order; empty for a call on a single connection. */
  readonly attempts: readonly Attempt[];
  /**
   * After how many milliseconds the server that turned the call away may have
   * room for it, if it said so: `ctx.reject(message, { retryAfterMs })`.
   */
  readonly retryAfterMs?: number;
  /**
   * What the handler has attached, for programs: `undefined` if it has not, or
   * if one of the ends is not ours, or the protocol not `geerpc/json`.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { RpcError } from "@geerpc/xclient";
   *
   * // At the server: throw this. The caller's error has the same details.
   * const error = new RpcError("failed_precondition", "not in stock", {
   *   details: { missing: new Map([["apples", 2]]) },
   * });
   * assertEquals(error.details, { missing: new Map([["apples", 2]]) });
   * ```
   */
  readonly details?: unknown;

  /**
   * Creates the error.
   *
   * @param code What went wrong.
   * @param message What went wrong in words: where, with which value, and what to do.
   * @param details Where it happened, and whether the call ran.
   */
  constructor(code: RpcCode, message: string, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.address = details.address;
    this.serviceMethod = details.serviceMethod;
    this.execution = details.execution ?? "unknown";
    this.attempts = details.attempts ?? [];
    this.retryAfterMs = details.retryAfterMs;
    this.details = details.details;
  }

  /**
   * Whether a value is an error of ours, of whichever copy of this package.
   *
   * @param value Any value.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class that a program derives has only its own instances.
    return this === RpcError
      ? isKind(value, RPC_ERROR)
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/**
 * A deadline that has passed: an {@linkcode RpcError} with the code
 * `deadline_exceeded`, named `TimeoutError` as the platform's own are.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { RpcError, TimeoutError } from "@geerpc/xclient";
 *
 * const error = new TimeoutError("no reply within 500 ms", { execution: "unknown" });
 * assert(error instanceof RpcError && error.code === "deadline_exceeded");
 * assert(error.name === "TimeoutError");
 * ```
 */
export class TimeoutError extends RpcError {
  /** Always `TimeoutError`. */
  override readonly name = "TimeoutError";

  /**
   * Creates the error.
   *
   * @param message What did not happen in time, and where.
   * @param details Where it happened, and whether the call ran.
   */
  constructor(message: string, details: ErrorDetails = {}) {
    super("deadline_exceeded", message, details);
  }

  /**
   * Whether a value is a deadline of ours that has passed, of whichever copy of this package.
   *
   * @param value Any value.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === TimeoutError
      ? isKind(value, TIMEOUT_ERROR)
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

Object.defineProperty(RpcError.prototype, KIND, { value: RPC_ERROR });
Object.defineProperty(TimeoutError.prototype, KIND, { value: TIMEOUT_ERROR });

/**
 * Whether a value is one of the codes.
 *
 * @param code Any value, such as one that a peer has sent.
 * @returns `true` for a code of {@linkcode RpcCode}.
 */
export function isRpcCode(code: unknown): code is RpcCode {
  return typeof code === "string" && Object.hasOwn(CODES, code);
}

/**
 * The code that a peer has sent with an error.
 *
 * @param code What the peer has sent in the code's place.
 * @param absent What it means if there is no code.
 * @returns The code; `unknown` for a text that is none, as from a peer of a later version.
 */
export function receivedCode(code: unknown, absent: RpcCode): RpcCode {
  if (typeof code !== "string" || code === "") return absent;
  return isRpcCode(code) ? code : "unknown";
}

/**
 * The code of anything that was thrown.
 *
 * @param thrown Any value.
 * @returns The code of an {@linkcode RpcError}; `unknown` for everything else.
 */
export function codeOf(thrown: unknown): RpcCode {
  try {
    const code: unknown = thrown instanceof RpcError ? thrown.code : undefined;
    return isRpcCode(code) ? code : "unknown";
  } catch {
    return "unknown"; // a revoked proxy throws when it is looked at
  }
}

/**
 * What is attached to anything that was thrown.
 *
 * @param thrown Any value.
 * @returns The details of an {@linkcode RpcError}; `undefined` for everything else.
 */
export function detailsOf(thrown: unknown): unknown {
  try {
    return thrown instanceof RpcError ? thrown.details : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The text of anything that was thrown.
 *
 * @param thrown Any value.
 * @returns An error's message, else the value as a string; never empty.
 */
export function errorText(thrown: unknown): string {
  try {
    if (thrown instanceof Error) {
      const message: unknown = thrown.message;
      if (typeof message === "string" && message !== "") return message;
    }
    return String(thrown) || "an empty error";
  } catch {
    return "an error with no text"; // its message or its toString throws
  }
}
