/**
 * A typed view of a service: `view.Sum(args)` for `call("Arith.Sum", args)`,
 * with no code generation.
 *
 * @module
 */

import type { MethodSchema, Schema, ServiceSchema } from "./schema.ts";
import { ViewReply } from "./view_reply.ts";

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
   * nothing; nor does it where argument or answer is a stream. Default `false`.
   */
  certain?: boolean;
  /**
   * The types of argument and reply, for gob: `{ args: gob.…, reply: gob.… }`.
   * Default: inferred from the value and from the stream. Other protocols ignore it.
   */
  schema?: MethodSchema;
}

/** Options of one stream. */
export interface StreamOptions extends CallOptions {
  /**
   * How long the stream may take as a whole, in milliseconds, from the first item that is asked for.
   * The server is told, and ends its handler then, too. Default: for ever.
   */
  timeoutMs?: number;
  /**
   * How long to wait for the next item at most, in milliseconds, above 0: the stream fails with a
   * `TimeoutError` then. What a reader takes for an item that has come does not count. Default:
   * for ever.
   */
  itemTimeoutMs?: number;
  /**
   * How many bytes of items are held for a reader that does not read; the server sends no more.
   * A single item may be larger. At least 1; `Infinity` for no limit. Default 262,144, which grows
   * to four times as much for a reader that keeps up with a fast stream.
   */
  windowBytes?: number;
  /**
   * How many items are held for a reader that does not read. At least 1; `Infinity` for no limit.
   * Default 1,024, which grows as `windowBytes` does.
   */
  windowItems?: number;
}

/**
 * What reads a stream: an async iterator that is cancelled when its reader leaves it, by `break`, an
 * error, `return()`, `throw()` or the end of an `await using`.
 *
 * @typeParam T The type of its items.
 */
export interface StreamIterator<T> extends AsyncDisposable {
  /** Reads the next item. Rejects once with the stream's error, behind the items that have come. */
  next(): Promise<IteratorResult<T, undefined>>;
  /** Cancels the stream; items that have come and were not read are dropped. */
  return(value?: unknown): Promise<IteratorResult<T, undefined>>;
  /** Cancels the stream, as `return()` does, and rejects with the error. */
  throw(error?: unknown): Promise<IteratorResult<T, undefined>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): StreamIterator<T>;
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
 * Whether a value of a type comes item by item. `any` and `never`, which would pass for everything,
 * do not.
 *
 * @typeParam T The type.
 */
export type IsStream<T> = 0 extends 1 & T ? false
  : [T] extends [never] ? false
  : [T] extends [AsyncIterable<unknown>] ? true
  : false;

/**
 * An argument as a caller gives it: of one that comes item by item any async iterable will do.
 *
 * @typeParam Args The argument as the handler has it.
 */
export type GivenArgs<Args> = IsStream<Args> extends true
  ? Args extends AsyncIterable<infer Item> ? AsyncIterable<Item> : Args
  : Args;

/**
 * What a method of a typed view returns: a promise of the reply, or a stream where the handler
 * returns an async iterable, as an `async *` method does.
 *
 * @typeParam Reply What the handler returns.
 */
export type ViewResult<Reply> = IsStream<Awaited<Reply>> extends true
  ? Awaited<Reply> extends AsyncIterable<infer Item> ? StreamIterator<Item> : never
  : Promise<Awaited<Reply>>;

/**
 * A service as a client sees it: the server's methods, each returning a promise, or a stream if the
 * server's returns an async iterable.
 *
 * A method takes its argument and {@linkcode CallOptions}; the handler's further
 * parameters are its own. The argument may be left out where the handler's may
 * be `undefined`, and an optional method stays optional. Of an overloaded method
 * the last overload counts, and the type parameters of a generic one become
 * their constraints: TypeScript can't carry either over.
 *
 * @typeParam T The service's methods as the server has them; its other properties are left out.
 * @typeParam Options What may go along with one call.
 * @typeParam Streams What may go along with one stream.
 *
 * @example
 * ```ts
 * import type { Service } from "@geerpc/xclient";
 *
 * interface Greeter {
 *   Greet(name?: string): string;
 *   Later?(name: string): Promise<string>;
 *   Names(from: number): AsyncGenerator<string>;
 * }
 * async function greet(greeter: Service<Greeter>): Promise<void> {
 *   const anyone: string = await greeter.Greet();
 *   const ann: string = await greeter.Greet("Ann", { timeoutMs: 500 });
 *   const later: string | undefined = await greeter.Later?.("Bob");
 *   console.log(anyone, ann, later);
 *   for await (const name of greeter.Names(1)) console.log(name);
 * }
 * ```
 */
export type Service<
  T,
  Options extends CallOptions = CallOptions,
  Streams extends CallOptions = Options & StreamOptions,
> = {
  readonly [
    // deno-lint-ignore no-explicit-any
    Method in keyof T as NonNullable<T[Method]> extends (...args: any[]) => unknown ? Method : never
  ]:
    // deno-lint-ignore no-explicit-any
    NonNullable<T[Method]> extends (...args: infer Args extends any[]) => infer Reply ? (
        ...rest: undefined extends Args[0] ? [
            args?: GivenArgs<Args[0]>,
            options?: IsStream<Awaited<Reply>> extends true ? Streams : Options,
          ]
          : [
            args: GivenArgs<Args[0]>,
            options?: IsStream<Awaited<Reply>> extends true ? Streams : Options,
          ]
      ) => ViewResult<Reply>
      : never;
};

/** What a typed view makes of its methods. */
export interface ViewCalls<Options extends CallOptions> {
  /** Makes a call. */
  call(serviceMethod: string, args: unknown, options?: Options): Promise<unknown>;
  /** Begins a stream. */
  stream(
    serviceMethod: string,
    args: unknown,
    options?: Options,
  ): StreamIterator<unknown>;
}

/**
 * Makes a typed view of a service.
 *
 * @param name The service's name on the server.
 * @param calls What each method is called by, with `Name.Method`.
 * @param schema The types of the methods' arguments and replies, for protocols that need them.
 * @returns The view.
 */
export function serviceView<
  T,
  Options extends CallOptions = CallOptions,
  Streams extends CallOptions = Options & StreamOptions,
>(
  name: string,
  calls: ViewCalls<Options>,
  schema?: ServiceSchema,
): Service<T, Options, Streams> {
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
        view = methodView(calls, serviceMethod, own);
        methods.set(method, view);
      }
      return view;
    },
  });
}

/**
 * A method of a view. Once a call of it has succeeded it is known to be no stream, and its calls are
 * made as they come, with a promise of the platform's own.
 */
function methodView<Options extends CallOptions>(
  calls: ViewCalls<Options>,
  serviceMethod: string,
  own: Options | undefined,
): (args: unknown, options?: Options) => Promise<unknown> {
  let isCall = false;
  const learn = () => {
    isCall = true;
  };
  return (args, given) => {
    const options = own === undefined ? given : !given ? own : { ...own, ...given };
    if (isCall) return calls.call(serviceMethod, args, options);
    return new ViewReply({
      call: () => {
        const reply = calls.call(serviceMethod, args, options);
        reply.then(learn, () => {});
        return reply;
      },
      stream: () => calls.stream(serviceMethod, args, options),
    });
  };
}
