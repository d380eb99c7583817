/**
 * The services of a server: their methods by name, and what a handler is given.
 *
 * @module
 */

import type { RpcCode, RpcError } from "../errors.ts";
import type { CallOptions } from "../internal/service.ts";
import { splitName } from "../internal/method_name.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import { GOB_VENDOR, type MethodSchema, type ServiceSchema } from "../internal/schema.ts";
import type { PeerCertificate } from "../transport.ts";
import type { InheritOptions } from "./inherited.ts";
import { type Around, guarded, missingMethod } from "./guard.ts";
import { markOf } from "./method_mark.ts";
import { checkServiceName, offeredMethods } from "./offered_methods.ts";
import type { RejectOptions } from "./rejection.ts";

/** What a handler may know of the call that it answers. */
export interface CallContext {
  /**
   * Aborts when nobody waits for the reply any more: the call was cancelled, its deadline has
   * passed, its connection is gone, or the server has closed. A caller that wants to be certain
   * (`certain: true`) waits on when its connection is gone, for `keepAnswersMs`.
   */
  readonly signal: AbortSignal;
  /** When the caller gives up; absent if it set no deadline, or the protocol can't carry it. */
  readonly deadline?: Date;
  /** The caller's metadata; empty if it sent none. */
  readonly meta: Readonly<Record<string, string>>;
  /** The caller's address. */
  readonly remote: string;
  /**
   * The caller's certificate, verified: absent where the server did not ask for
   * one (`tls.clientCaCerts`), or lets clients in that have none.
   */
  readonly peer?: PeerCertificate;
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /**
   * Makes an error that says that the call was turned away and has done
   * nothing: if the handler throws it, the caller may go to another server.
   *
   * @param message Why.
   * @param how The code, by default `unavailable`; or `{ code, retryAfterMs }`,
   * where `retryAfterMs` says after how many milliseconds there may be room.
   * @returns The error to throw.
   * @throws {RangeError} If `retryAfterMs` is negative or not a number.
   */
  reject(message: string, how?: RpcCode | RejectOptions): RpcError;
  /**
   * Makes the options of a call that the handler makes for this one: it ends when this call does,
   * by its deadline and its signal, and it carries the trace on. docs/interceptors.md has the traps.
   *
   * @typeParam Options The type of its own options.
   * @param options Its own options. The shorter time counts, and either signal; its own metadata
   * goes over what is inherited.
   * @param how The margin of time, and further metadata that is sent on.
   * @returns The options, to be given to `call` or a method of a typed view.
   * @throws {TypeError} If an option of `how` does not exist, or is of the wrong type.
   * @throws {RangeError} If the margin is negative or not a number.
   *
   * @example
   * ```ts ignore
   * async function Total(order: Order, ctx: CallContext): Promise<number> {
   *   const prices = await xclient.call<number[]>("Prices.Of", order.items, ctx.inherit());
   *   return prices.reduce((sum, price) => sum + price, 0);
   * }
   * ```
   */
  inherit<Options extends object = CallOptions>(
    options?: Options & CallOptions,
    how?: InheritOptions,
  ): Options & CallOptions;
}

/** Runs a method. */
export type Handle = (args: unknown, context: CallContext) => unknown;

/** One method of a service. */
export interface Method {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** The types of argument and reply, if they were given. */
  readonly schema?: MethodSchema;
  /** Whether its calls neither count for `maxConcurrent` nor wait for it. */
  readonly isUnlimited?: boolean;
  /** Runs it. */
  handle(args: unknown, context: CallContext): unknown;
}

/** How a service is offered. */
export interface ServiceOptions {
  /** The names of the methods that are offered; no others are. */
  readonly methods?: readonly string[];
  /** The types of methods' arguments and replies. Those that it names are offered. */
  readonly schema?: ServiceSchema;
  /** The names of methods whose calls neither count for `maxConcurrent` nor wait for it. */
  readonly unlimited?: readonly string[];
  /** What is put around each method; nothing by default. */
  readonly around?: (service: string, method: string, handle: Handle) => Handle;
}

/** Measures a handler, and returns the one that is measured. */
export type Measure = (serviceMethod: string, handle: Method["handle"]) => Method["handle"];

/** The services of one server, by name. */
export class Services {
  readonly #measure: Measure | undefined;
  readonly #methods = new Map<string, Method>();
  readonly #names = new Set<string>();
  /** The interceptors that calls of methods that do not exist pass. */
  #guard: Around<CallContext> | undefined;

  /** Whether nobody is to be told which methods there are before interceptors have let a call through. */
  get isGuarded(): boolean {
    return this.#guard !== undefined;
  }

  /**
   * Has calls of methods that do not exist pass interceptors, too. Called before services are added.
   *
   * @param around The interceptors.
   */
  guard(around: Around<CallContext>): void {
    this.#guard = around;
  }

  /** @param measure Measures the handlers that are added. Default: nothing does. */
  constructor(measure?: Measure) {
    this.#measure = measure;
  }

  /**
   * Adds a service. What throws adds nothing.
   *
   * @param name Its name.
   * @param service An object of functions, or an instance of a class.
   * @param options The methods that are offered, and their types.
   * @throws {TypeError} If the name is wrong or taken, the service has no
   * methods, the options name one that it does not have, or a schema is not gob's.
   */
  add(name: string, service: object, options: ServiceOptions = {}): void {
    const { methods: only, schema = {}, unlimited = [] } = options;
    const { around = (_service, _method, handle) => handle } = options;
    checkServiceName(name);
    if (this.#names.has(name)) throw new TypeError(`service ${name} is registered already`);
    const found = offeredMethods(name, service, { only, also: Object.keys(schema) });
    for (const method of unlimited) {
      if (found.has(method)) continue;
      const offered = [...found.keys()].join(", ");
      throw new TypeError(`${name} offers no ${method}, as unlimited has it; it has ${offered}`);
    }
    for (const method of Object.keys(schema)) checkWireSchema(`${name}.${method}`, schema[method]);
    this.#names.add(name);
    for (const [method, handle] of found) {
      const serviceMethod = `${name}.${method}`;
      const run: Method["handle"] = (args, context) => handle.call(service, args, context);
      const own = this.#measure?.(serviceMethod, run) ?? run;
      this.#methods.set(serviceMethod, {
        serviceMethod,
        schema: Object.hasOwn(schema, method) ? schema[method] : markOf(handle),
        isUnlimited: unlimited.includes(method),
        handle: this.isGuarded ? guarded(around, name, method, own) : around(name, method, own),
      });
    }
  }

  /**
   * Looks a method up.
   *
   * @param serviceMethod `Service.Method`.
   * @returns `undefined` if there is none; what stands for it if interceptors are to decide first.
   */
  find(serviceMethod: string): Method | undefined {
    return this.#methods.get(serviceMethod) ?? this.#missing(serviceMethod);
  }

  #missing(serviceMethod: string): Method | undefined {
    if (this.#guard === undefined) return undefined;
    return missingMethod(this.#guard, serviceMethod, this.explainMissing(serviceMethod));
  }

  /** Whether there is a service of that name. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The names of all methods, by the service that has them. */
  names(): Map<string, string[]> {
    const found = new Map([...this.#names].map((name) => [name, [] as string[]]));
    for (const serviceMethod of this.#methods.keys()) {
      const { service, method } = splitName(serviceMethod);
      found.get(service)?.push(method);
    }
    return found;
  }

  /**
   * Says why {@linkcode find} has found nothing, in the words of Go's GeeRPC.
   *
   * @param serviceMethod What was looked up.
   * @returns The message.
   */
  explainMissing(serviceMethod: string): string {
    if (!serviceMethod.includes(".")) {
      return `rpc server: service/method request ill-formed: ${serviceMethod}`;
    }
    const { service, method } = splitName(serviceMethod);
    if (!this.#names.has(service)) return `rpc server: can't find service ${service}`;
    return `rpc server: can't find method ${method}`;
  }
}

/** Refuses a schema that checks values, and does not say their types on the wire. */
function checkWireSchema(serviceMethod: string, schema: MethodSchema | undefined): void {
  for (const part of ["args", "reply"] as const) {
    const { vendor } = (schema?.[part] as Partial<StandardSchemaV1>)?.["~standard"] ?? {};
    if (vendor === undefined || vendor === GOB_VENDOR) continue;
    throw new TypeError(
      `${serviceMethod}: the option schema says types on the wire, and its ${part} is a schema of ` +
        `${vendor}, which does not: give it to method({ ${part} }, handler)`,
    );
  }
}
