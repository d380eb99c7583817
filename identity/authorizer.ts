/**
 * Who may call what: rules over the names of methods, for a server.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";
import type { Next, ServerCall, ServerInterceptor } from "../connection/interceptor.ts";
import { aClock, callback, checkOptions, type Checks, positive } from "../internal/options.ts";
import { TimeLimit } from "../internal/time.ts";
import type { FailedCall } from "../connection/server_options.ts";
import type { CallContext } from "../connection/services.ts";
import { type Rule, type Rules, RuleTable } from "./rules.ts";

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Says who calls: a principal, such as a user, for a call's metadata or its
 * connection. `undefined`, `null` and everything else that is falsy is nobody.
 *
 * @typeParam P The type of principals.
 */
export type Identify<P> = (call: ServerCall) => MaybePromise<P | undefined | null | false>;

/** How an authorizer decides. */
export interface AuthorizeOptions {
  /**
   * How long it may take to find out who calls and whether that may be, in
   * milliseconds. Then the call is rejected as `unavailable`. Default 5,000.
   */
  timeoutMs?: number;
  /**
   * Called with what `identify` or a rule has thrown that is no `RpcError`: the
   * caller is only told that it could not be checked. What it throws itself is
   * dropped. Default: nobody is told.
   */
  onError?: (error: unknown, call: FailedCall) => void;
  /** Where the time comes from. Default: the system's clock. */
  clock?: Clock;
}

/**
 * Lets calls through to their methods, or rejects them. Give it to a server as
 * an interceptor.
 *
 * @typeParam P The type of principals.
 */
export interface Authorizer<P> extends ServerInterceptor {
  /** Calls of unknown methods pass it, too, and the debug pages list nothing. */
  readonly guards: true;
  /**
   * Lets a call through, or rejects it.
   *
   * @param call The call.
   * @param next Goes on.
   */
  handle(call: ServerCall, next: Next<ServerCall>): Promise<unknown>;
  /**
   * Who makes a call, for its handler and for inner interceptors.
   *
   * @param context The call's context, as the handler was given it.
   * @returns The principal; `undefined` in methods that are for `"anyone"`.
   */
  principal(context: CallContext): P | undefined;
}

const AUTHORIZE_CHECKS: Checks<AuthorizeOptions> = {
  timeoutMs: positive,
  onError: callback,
  clock: aClock,
};
const TIMEOUT_MS = 5000;

/**
 * Makes an authorizer: it finds out who calls, and lets the call through to its
 * method only if the method's rule says so.
 *
 * Of the patterns that match a method the most specific counts: `Service.Method`
 * before `Service.*` before `*`. **A method that no pattern matches is for
 * nobody.** Names are compared as they are, upper and lower case included.
 *
 * A call whose caller is not known is rejected as `unauthenticated`, whatever it
 * calls, so that it can't find out which methods there are. One whose caller is
 * known and may not is rejected as `permission_denied`. A rule or `identify` may
 * throw an `RpcError` to reject with another code or text; if it throws anything
 * else the call is rejected as `internal`. In all these cases the method does not
 * run: the error's `execution` is `rejected`.
 *
 * @typeParam P The type of principals.
 * @param identify Who calls: called once for each call of a method that is not for
 * `"anyone"`. It sees the metadata (`call.context.meta`) and the connection
 * (`call.context`).
 * @param rules Who may call what, by pattern.
 * @param options Time limit and callbacks.
 * @returns The authorizer, to be the first of a server's `interceptors`.
 * @throws {TypeError} For a pattern or a rule that is none, and for unknown options.
 * @throws {RangeError} If `timeoutMs` is not above 0.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { authorize, type CallContext, credentials, dial, RpcError, Server } from "@geerpc/xclient";
 *
 * const users = new Map([["token-of-ann", { name: "Ann", isAdmin: false }]]);
 * const authorizer = authorize(({ context }) => users.get(context.meta.token), {
 *   "Health.Check": "anyone",
 *   "Users.*": "authenticated",
 *   "Users.Delete": (user) => user.isAdmin,
 * });
 *
 * await using server = new Server({ interceptors: [authorizer] });
 * server.register("Users", {
 *   Whoami: (_args: unknown, ctx: CallContext) => authorizer.principal(ctx)?.name,
 *   Delete: () => "deleted",
 * });
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 *
 * await using ann = await dial(address, {
 *   interceptors: [credentials(() => ({ token: "token-of-ann" }))],
 * });
 * assertEquals(await ann.call("Users.Whoami"), "Ann");
 * await assertRejects(() => ann.call("Users.Delete"), RpcError, "you may not call Users.Delete");
 *
 * await using stranger = await dial(address);
 * await assertRejects(() => stranger.call("Users.Whoami"), RpcError, "who calls is not known");
 * ```
 */
export function authorize<P>(
  identify: Identify<P>,
  rules: Rules<P>,
  options: AuthorizeOptions = {},
): Authorizer<P> {
  return new MethodAuthorizer(identify, rules, options);
}

/** Says no to a call, as what an interceptor throws. */
type Reject = (code: RpcCode, message: string) => RpcError;

class MethodAuthorizer<P> implements Authorizer<P> {
  readonly guards = true;
  readonly #identify: Identify<P>;
  readonly #rules: RuleTable<P>;
  readonly #timeoutMs: number;
  readonly #onError: AuthorizeOptions["onError"];
  readonly #clock: Clock;
  readonly #principals = new WeakMap<CallContext, P>();

  constructor(identify: Identify<P>, rules: Rules<P>, options: AuthorizeOptions) {
    callback("identify", identify);
    checkOptions("authorize", options, AUTHORIZE_CHECKS);
    this.#identify = identify;
    this.#rules = new RuleTable(rules);
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#onError = options.onError;
    this.#clock = options.clock ?? systemClock;
  }

  async handle(call: ServerCall, next: Next<ServerCall>): Promise<unknown> {
    const rule = this.#rules.of(call.context.serviceMethod);
    if (rule !== "anyone") {
      await this.#check(rule, call);
      // The call may have been given up meanwhile: then its method must not run.
      call.context.signal.throwIfAborted();
    }
    return await next(call);
  }

  principal(context: CallContext): P | undefined {
    return this.#principals.get(context);
  }

  /** Returns if a call may go on; else it throws what the call is rejected with. */
  async #check(rule: Rule<P>, call: ServerCall): Promise<void> {
    const { context } = call;
    const { serviceMethod } = context;
    const reject: Reject = (code, message) => context.reject(message, code);
    const limit = new TimeLimit({ clock: this.#clock, signal: context.signal });
    limit.set(this.#timeoutMs, () => {
      const what = `whether you may call ${serviceMethod}`;
      return reject("unavailable", `${what} could not be checked within ${this.#timeoutMs} ms`);
    });
    let isAllowed: boolean;
    try {
      isAllowed = await limit.race(this.#decide(rule, call, reject));
    } catch (error) {
      // Nobody waits for the answer, or the time is over: that is why, and no failure.
      if (limit.signal.aborted) throw limit.signal.reason;
      throw this.#failure(error, call);
    } finally {
      limit.end();
    }
    if (!isAllowed) throw reject("permission_denied", `you may not call ${serviceMethod}`);
  }

  async #decide(rule: Rule<P>, call: ServerCall, reject: Reject): Promise<boolean> {
    const { context } = call;
    const { serviceMethod } = context;
    const principal = await this.#identify(call);
    if (!principal) {
      throw reject("unauthenticated", `who calls is not known, but has to be for ${serviceMethod}`);
    }
    this.#principals.set(context, principal);
    if (typeof rule === "function") return await rule(principal, call) === true;
    return rule === "authenticated";
  }

  /** What a call is rejected with if `identify` or a rule has thrown. */
  #failure(error: unknown, { context }: ServerCall): RpcError {
    if (error instanceof RpcError) {
      const { code, retryAfterMs, details } = error;
      return context.reject(errorText(error), { code, retryAfterMs, details });
    }
    const { serviceMethod } = context;
    try {
      this.#onError?.(error, { serviceMethod, remote: context.remote });
    } catch {
      // as documented
    }
    // The text of the error is not for strangers.
    return context.reject(`whether you may call ${serviceMethod} could not be checked`, "internal");
  }
}
