/**
 * One call that a server runs, which is also the context that its handler gets.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import type { Expiring } from "../internal/deadlines.ts";
import { inheritedOptions, type InheritOptions } from "./inherited.ts";
import { rejection } from "./rejection.ts";
import type { CallContext, Method } from "./services.ts";
import type { PeerCertificate } from "../transport.ts";

/** The errors that `ctx.reject` has made, each with its call. */
const rejections = new WeakMap<RpcError, CallContext>();

/** Whether a handler has thrown an error that it means to be the answer. */
export function isRpcError(thrown: unknown): thrown is RpcError {
  try {
    return thrown instanceof RpcError;
  } catch {
    return false; // a revoked proxy throws when it is looked at
  }
}

/**
 * Whether an error was made by `ctx.reject` of a call, not of another.
 *
 * @param error Anything.
 * @param context The call.
 */
export function isRejectionOf(error: unknown, context: CallContext): error is RpcError {
  return isRpcError(error) && rejections.get(error) === context;
}

/** What a handler's promise has settled with. */
export interface Outcome {
  /** Whether it was fulfilled. */
  readonly isFulfilled: boolean;
  /** Its value or its error. */
  readonly result: unknown;
}

/** What a running call needs of those that it runs with. */
export interface RunningCallOwner {
  /** The client's address. */
  readonly remote: string;
  /** The present time, on the scale of the deadlines. */
  now(): number;
  /** Its certificate. */
  readonly peer: PeerCertificate | undefined;
  /** Its deadline has passed. */
  expire(call: RunningCall): void;
}

/** One call that runs, as its handler sees it. */
export class RunningCall implements CallContext, Expiring {
  /** When it expires, on the clock's scale. */
  dueAt = 0;
  /** Whether its deadline is running: kept by the queue of deadlines. */
  waiting = false;
  #lateAnswer: string | undefined;
  #controller: AbortController | undefined;
  #outcome: Outcome | undefined;

  /**
   * @param table Where it runs.
   * @param seq Its sequence number.
   * @param method What it calls.
   * @param meta The caller's metadata.
   * @param deadline When the caller gives up.
   */
  constructor(
    readonly table: RunningCallOwner,
    readonly seq: number,
    readonly method: Method,
    readonly meta: Readonly<Record<string, string>>,
    readonly deadline: Date | undefined,
  ) {}

  get serviceMethod(): string {
    return this.method.serviceMethod;
  }

  get remote(): string {
    return this.table.remote;
  }

  get peer(): PeerCertificate | undefined {
    return this.table.peer;
  }

  /** Made only if the handler asks for it, or something aborts it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** A function of its own, so that it works when it is taken out of the context. */
  get reject(): CallContext["reject"] {
    return (message, how) => {
      const error = rejection(message, how);
      rejections.set(error, this);
      return error;
    };
  }

  /** Whether an error was made by {@linkcode reject} of this call, not of another. */
  hasRejectedWith(error: unknown): error is RpcError {
    return isRejectionOf(error, this);
  }

  /** A function of its own, as {@linkcode reject} is. */
  get inherit(): CallContext["inherit"] {
    return <Options extends object>(options = {} as Options, how: InheritOptions = {}) =>
      inheritedOptions(this, options, how);
  }

  /** How much time is left, in milliseconds; `undefined` if there is no deadline. */
  get leftMs(): number | undefined {
    if (this.dueAt > 0) return this.dueAt - this.table.now();
    // Its handler has not returned yet, and no clock was read for it.
    return this.deadline && this.deadline.getTime() - Date.now();
  }

  /** What its handler has ended with, if that is held until there is room for the reply. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Holds what its handler has ended with; nothing to let go of it. */
  hold(outcome?: Outcome): void {
    this.#outcome = outcome;
  }

  /** Whether an error is why its signal has aborted: not news to anybody. */
  isReason(error: unknown): boolean {
    return this.#controller !== undefined && this.#controller.signal.reason === error;
  }

  /** Aborts its signal. */
  abort(reason: unknown): void {
    // A handler that asks for its signal later must find it aborted.
    (this.#controller ??= new AbortController()).abort(reason);
  }

  /**
   * Sets its deadline, before it is queued.
   *
   * @param dueAt On the clock's scale.
   * @param answer The error message for the client then; none if its own deadline ends then.
   */
  limit(dueAt: number, answer: string | undefined): void {
    this.dueAt = dueAt;
    this.#lateAnswer = answer;
  }

  /** The error message for the client when the deadline has passed, if it gets one. */
  get lateAnswer(): string | undefined {
    return this.#lateAnswer;
  }

  expire(): void {
    this.table.expire(this);
  }
}
