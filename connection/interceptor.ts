/**
 * Interceptors: functions around calls, for what concerns all of them: tokens,
 * traces, logs, caches, checks. A `Client` and an `XClient` have them around
 * the calls that they make, a `Server` and a single service around those that
 * they serve. This module has their types; the options `interceptors` take them.
 *
 * @module
 */

import type { CallContext } from "./services.ts";
import type { Attempt } from "../errors.ts";

/** A call as interceptors of a client see it. All interceptors of a call share it. */
export interface ClientCall {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** The service's name: what is before the last dot of {@linkcode serviceMethod}. */
  readonly service: string;
  /** The method's name in its service. */
  readonly method: string;
  /** The argument. It may be replaced before `next`; change no object that the caller has given. */
  args: unknown;
  /** The metadata, a copy of this call's own: what is added before `next` is sent along. */
  readonly meta: Record<string, string>;
  /**
   * How long the call may take from its beginning, in milliseconds, interceptors and all attempts
   * included; `undefined` for ever. It may be changed, as long as the time has not passed.
   */
  timeoutMs: number | undefined;
  /** Aborts when the caller gives the call up, if it has said so. */
  readonly signal: AbortSignal | undefined;
  /** What the call is about, where the caller has said so. */
  readonly key?: string | undefined;
  /** Whether the call may run twice. */
  readonly idempotent: boolean;
  /**
   * What has been tried so far, in order: the address, why there, how long it took, and its error.
   * Behind `next` it is all of them, the one that succeeded included.
   */
  readonly attempts: readonly Attempt[];
}

/** One attempt of a call at one endpoint. A call of a `Client` has one. */
export interface ClientAttempt {
  /** The call that it is made for. */
  readonly call: ClientCall;
  /** The endpoint's address. */
  readonly address: string;
  /** Which attempt of the call it is, from 1. */
  readonly number: number;
  /**
   * Why it is made there: the policy that picked the endpoint, `failover`, `failbackup`, `hedge`,
   * `stalled`, `fan-out`; `direct` for a `Client`, which has one server only.
   */
  readonly why: string;
  /** What is sent with this attempt alone, on top of the call's metadata. */
  readonly meta: Record<string, string>;
  /**
   * How many times its answer has been asked for behind a lost connection, so far: for calls with
   * the option `certain`.
   */
  readonly recalls?: number | undefined;
}

/** A call as interceptors of a server see it. All interceptors of a call share it. */
export interface ServerCall {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** The service's name. */
  readonly service: string;
  /** The method's name in its service. */
  readonly method: string;
  /** The argument, decoded. It may be replaced before `next`. */
  args: unknown;
  /** What the handler gets too: signal, deadline, metadata, who calls, and `reject`. */
  readonly context: CallContext;
}

/**
 * Goes on: to the next interceptor, and behind the last one to the network or the handler.
 *
 * It may be called never, once or again. Again only if the call may be repeated: if the client knows
 * it as idempotent, or if it certainly did not run (`not_sent`, `rejected`). Otherwise it rejects
 * with an `RpcError` that says so, with the code `failed_precondition`.
 *
 * @typeParam C What is gone on with: the very object that the interceptor was given.
 * @param call The call or attempt that the interceptor was given.
 * @returns The reply. Rejects with the error.
 */
export type Next<C> = (call: C) => Promise<unknown>;

/**
 * Stands around the calls of a client, or around each attempt of them.
 *
 * @example Send a token with every call, and count the attempts
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type ClientInterceptor, Server, XClient } from "@geerpc/xclient";
 *
 * let attempts = 0;
 * const withToken: ClientInterceptor = {
 *   call(call, next) {
 *     call.meta.token = "secret";
 *     return next(call);
 *   },
 *   attempt(attempt, next) {
 *     attempts++;
 *     return next(attempt);
 *   },
 * };
 *
 * await using server = new Server();
 * server.register("Who", { Am: (_args: unknown, ctx: { meta: { token?: string } }) => ctx.meta.token });
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 * await using xclient = new XClient([address], { interceptors: [withToken] });
 * assertEquals(await xclient.call("Who.Am"), "secret");
 * assertEquals(attempts, 1);
 * ```
 */
export interface ClientInterceptor {
  /**
   * Whether it has anything to do at present. Asked before each call: if none of the interceptors
   * has, the call goes past them, at no cost. Default: it always has.
   */
  isActive?(): boolean;
  /**
   * Stands around a call, over all of its attempts. What it returns is the reply, what it throws the
   * call's error.
   *
   * @param call The call.
   * @param next Goes on.
   */
  call?(call: ClientCall, next: Next<ClientCall>): unknown;
  /**
   * Stands around one attempt, its dial included. What it returns is the attempt's reply, what it
   * throws its error: another attempt may follow, as after any error.
   *
   * @param attempt The attempt.
   * @param next Goes on.
   */
  attempt?(attempt: ClientAttempt, next: Next<ClientAttempt>): unknown;
}

/**
 * Stands around the calls that a server or one of its services serves.
 *
 * @example Turn away who brings no token
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { dial, RpcError, Server, type ServerInterceptor } from "@geerpc/xclient";
 *
 * const withToken: ServerInterceptor = {
 *   handle(call, next) {
 *     if (call.context.meta.token === "secret") return next(call);
 *     throw call.context.reject("the token is missing or wrong", "unauthenticated");
 *   },
 * };
 *
 * await using server = new Server({ interceptors: [withToken] });
 * server.register("Arith", { Square: (n: number) => n * n });
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 * await using client = await dial(address);
 * await assertRejects(() => client.call("Arith.Square", 3), RpcError, "the token is missing");
 * assertEquals(await client.call("Arith.Square", 3, { meta: { token: "secret" } }), 9);
 * ```
 */
export interface ServerInterceptor {
  /**
   * Whether it has anything to do at present. Asked before each call: if none of the interceptors
   * has, the call goes past them, at no cost. Default: it always has.
   */
  isActive?(): boolean;
  /**
   * Whether it decides who may call what. A server with such an interceptor does not tell which
   * methods it has before that: calls of methods that do not exist pass all interceptors too, and
   * the debug pages list nothing. Default `false`.
   */
  readonly guards?: boolean;
  /**
   * Stands around a call. What it returns is the reply; what it throws is treated as what a handler
   * throws.
   *
   * @param call The call.
   * @param next Goes on.
   */
  handle?(call: ServerCall, next: Next<ServerCall>): unknown;
}

/** Interceptors of a client, the outermost first. A bare function is short for `{ call }`. */
export type ClientInterceptors = readonly (
  | ClientInterceptor
  | NonNullable<ClientInterceptor["call"]>
)[];

/** Interceptors of a server or a service, the outermost first. A bare function is short for `{ handle }`. */
export type ServerInterceptors = readonly (
  | ServerInterceptor
  | NonNullable<ServerInterceptor["handle"]>
)[];
