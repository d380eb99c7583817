/**
 * A typed view of a service: `view.Sum(args)` for `call("Arith.Sum", args)`,
 * with no code generation.
 *
 * @module
 */

import type { MethodSchema, Schema, ServiceSchema } from "./internal/schema.ts";

/** What may go along with one call. */
export interface CallOptions {
  /** Gives the call up when it aborts; the call rejects with its reason. */
  signal?: AbortSignal;
  /** How long to wait for the reply, in milliseconds. Default: for ever. */
  timeoutMs?: number;
  /** Metadata for the server, as a trace context or a token. Sent on `geerpc/json` only. */
  meta?: Readonly<Record<string, string>>;
  /**
   * Whether the call may run twice. Only such a call is made again when it may have run: by an
   * `XClient` at another server, or by an interceptor. Default: `false`, or what
   * `XClientOptions.idempotent` says.
   */
  idempotent?: boolean;
  /**
   * Whether to learn what became of the call also if its connection is lost while it runs: the server
   * keeps its answer, and is asked for it on another connection. Then the call is `unknown` only if
   * the server's process is gone, or can't be reached for a minute. Its own deadline holds. Servers
   * that are not ours, and other protocols than `geerpc/json`, keep no answers: with them it changes
   * nothing. Default `false`.
   */
  certain?: boolean;
  /**
   * The types of argument and reply, for gob: `{ args: gob.…, reply: gob.… }`.
   * Default: inferred from the value and from the stream. Other protocols ignore it.
   */
  schema?: MethodSchema;
}

/**
 * Options of a call whose reply's type is inferred from their schema, if they have one.
 *
 * @typeParam T The type of the reply.
 * @typeParam Options The options.
 */
export type WithReply<T, Options extends CallOptions> =
  | Options
  | Options & { readonly schema: { readonly reply: Schema<T, never> } };

/**
 * A service as a client sees it: the server's methods, each returning a promise.
 *
 * A method takes its argument and {@linkcode CallOptions}; the handler's further
 * parameters are its own. The argument may be left out where the handler's may
 * be `undefined`, and an optional method stays optional. Of an overloaded method
 * the last overload counts, and the type parameters of a generic one become
 * their constraints: TypeScript can't carry either over.
 *
 * @typeParam T The service's methods as the server has them; its other properties are left out.
 * @typeParam Options What may go along with one call.
 *
 * @example
 * ```ts
 * import type { Service } from "@geerpc/xclient";
 *
 * interface Greeter {
 *   Greet(name?: string): string;
 *   Later?(name: string): Promise<string>;
 * }
 * async function greet(greeter: Service<Greeter>): Promise<void> {
 *   const anyone: string = await greeter.Greet();
 *   const ann: string = await greeter.Greet("Ann", { timeoutMs: 500 });
 *   const later: string | undefined = await greeter.Later?.("Bob");
 *   console.log(anyone, ann, later);
 * }
 * ```
 */
export type Service<T, Options extends CallOptions = CallOptions> = {
  readonly [
    // deno-lint-ignore no-explicit-any
    Method in keyof T as NonNullable<T[Method]> extends (...args: any[]) => unknown ? Method : never
  ]:
    // deno-lint-ignore no-explicit-any
    NonNullable<T[Method]> extends (...args: infer Args extends any[]) => infer Reply ? (
        ...rest: undefined extends Args[0] ? [args?: Args[0], options?: Options]
          : [args: Args[0], options?: Options]
      ) => Promise<Awaited<Reply>>
      : never;
};

/**
 * Makes a typed view of a service.
 *
 * @param name The service's name on the server.
 * @param call What each method calls with `Name.Method`.
 * @param schema The types of the methods' arguments and replies, for protocols that need them.
 * @returns The view.
 */
export function serviceView<T, Options extends CallOptions = CallOptions>(
  name: string,
  call: (serviceMethod: string, args: unknown, options?: Options) => Promise<unknown>,
  schema?: ServiceSchema,
): Service<T, Options> {
  const methods = new Map<string, (args: unknown, options?: Options) => Promise<unknown>>();
  return new Proxy(Object.create(null), {
    get(_target, method) {
      if (method === Symbol.toPrimitive) return () => `service ${name}`;
      // `then` is asked for by `await`, `toJSON` by `JSON.stringify`: neither means a call.
      if (typeof method !== "string" || method === "then" || method === "toJSON") return undefined;
      let view = methods.get(method);
      if (view === undefined) {
        const serviceMethod = `${name}.${method}`;
        const own = schema && Object.hasOwn(schema, method)
          ? { schema: schema[method] } as Options
          : undefined;
        view = own === undefined
          ? (args, options) => call(serviceMethod, args, options)
          : (args, options) => call(serviceMethod, args, options ? { ...own, ...options } : own);
        methods.set(method, view);
      }
      return view;
    },
  });
}
