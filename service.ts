/**
 * A typed view of a service: `view.Sum(args)` for `call("Arith.Sum", args)`,
 * with no code generation.
 *
 * @module
 */

import type { MethodSchema, ServiceSchema } from "./schema.ts";

/** What may be said along with one call. */
export interface CallOptions {
  /** Gives the call up; it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** How long to wait, in milliseconds. Default: for ever. */
  timeoutMs?: number;
  /** Metadata for the server (trace context, tokens). On `geerpc/json` only. */
  meta?: Readonly<Record<string, string>>;
  /**
   * What argument and reply are on the wire, for gob: `{ args: gob.…, reply: gob.… }`.
   * Default: inferred from the value and from the stream. Other protocols ignore it.
   */
  schema?: MethodSchema;
}

/** A service as a client sees it: the server's methods, each returning a promise. */
export type Service<T, Options extends CallOptions = CallOptions> = {
  readonly [
    // deno-lint-ignore no-explicit-any
    Method in keyof T as T[Method] extends (...args: any[]) => unknown ? Method : never
  ]:
    // deno-lint-ignore no-explicit-any
    T[Method] extends (...args: any[]) => infer Reply ? (
        ...rest: Parameters<T[Method]> extends [] ? [args?: undefined, options?: Options]
          : [args: Parameters<T[Method]>[0], options?: Options]
      ) => Promise<Awaited<Reply>>
      : never;
};

/**
 * Makes the view.
 *
 * @param name The service's name on the server.
 * @param call What each method calls with `Name.Method`.
 * @param schema What the methods take and give, for protocols that need it.
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
