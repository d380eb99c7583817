/**
 * The services of a server: their methods by name, and what a handler is given.
 *
 * @module
 */

import type { RpcCode, RpcError } from "../errors.ts";
import type { MethodSchema, ServiceSchema } from "../schema.ts";

/** What a handler may know of the call that it answers. */
export interface CallContext {
  /**
   * Aborts when nobody waits for the reply any more: the call was cancelled, its deadline has
   * passed, its connection is gone, or the server has closed.
   */
  readonly signal: AbortSignal;
  /** When the caller gives up; absent if it set no deadline, or the protocol can't carry it. */
  readonly deadline?: Date;
  /** The caller's metadata; empty if it sent none. */
  readonly meta: Readonly<Record<string, string>>;
  /** The caller's address. */
  readonly remote: string;
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /**
   * Makes an error that says that the call was turned away and has done
   * nothing: if the handler throws it, the caller may go to another server.
   *
   * @param message Why.
   * @param code Default `unavailable`.
   * @returns The error to throw.
   */
  reject(message: string, code?: RpcCode): RpcError;
}

/** One method of a service. */
export interface Method {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** The types of argument and reply, if they were given. */
  readonly schema?: MethodSchema;
  /** Runs it. */
  handle(args: unknown, context: CallContext): unknown;
}

/** A method as it is found on a service. */
export type AnyMethod = (this: object, args: unknown, context: unknown) => unknown;

/** The services of one server, by name. */
export class Services {
  readonly #methods = new Map<string, Method>();
  readonly #names = new Set<string>();

  /**
   * Adds a service.
   *
   * @param name Its name.
   * @param service An object of functions, or an instance of a class.
   * @param schema The types of its methods.
   * @throws {TypeError} If the name is empty or taken, the service has no
   * methods, or the schema names one that it does not have.
   */
  add(name: string, service: object, schema: ServiceSchema = {}): void {
    if (name === "") throw new TypeError("a service needs a name, got an empty one");
    if (this.#names.has(name)) throw new TypeError(`service ${name} is registered already`);
    const found = methodsOf(service);
    if (found.size === 0 || Object(service) !== service) { // a string has methods, too
      const wanted = "an object of functions or an instance of a class";
      throw new TypeError(`service ${name} has no methods: want ${wanted}, got ${kind(service)}`);
    }
    for (const method of Object.keys(schema)) {
      if (found.has(method)) continue;
      const names = [...found.keys()].join(", ");
      throw new TypeError(
        `service ${name} has no method ${method}, which its schema names; it has ${names}`,
      );
    }
    this.#names.add(name);
    for (const [method, handle] of found) {
      const serviceMethod = `${name}.${method}`;
      this.#methods.set(serviceMethod, {
        serviceMethod,
        schema: Object.hasOwn(schema, method) ? schema[method] : undefined,
        handle: (args, context) => handle.call(service, args, context),
      });
    }
  }

  /**
   * Looks a method up.
   *
   * @param serviceMethod `Service.Method`.
   * @returns `undefined` if there is none.
   */
  find(serviceMethod: string): Method | undefined {
    return this.#methods.get(serviceMethod);
  }

  /**
   * Says why {@linkcode find} has found nothing, in the words of Go's GeeRPC.
   *
   * @param serviceMethod What was looked up.
   * @returns The message.
   */
  explainMissing(serviceMethod: string): string {
    const dot = serviceMethod.lastIndexOf(".");
    if (dot < 0) return `rpc server: service/method request ill-formed: ${serviceMethod}`;
    const service = serviceMethod.slice(0, dot);
    if (!this.#names.has(service)) return `rpc server: can't find service ${service}`;
    return `rpc server: can't find method ${serviceMethod.slice(dot + 1)}`;
  }
}

/**
 * The methods that an object offers as a service.
 *
 * @param object An object of functions, or an instance of a class.
 * @returns Its methods by name, without those inherited from `Object` and `Function`.
 */
export function methodsOf(object: object): Map<string, AnyMethod> {
  const found = new Map<string, AnyMethod>();
  for (
    let holder: object | null = object;
    holder !== null && holder !== Object.prototype && holder !== Function.prototype;
    holder = Object.getPrototypeOf(holder)
  ) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(holder))) {
      if (name === "constructor" || found.has(name)) continue;
      if (typeof property.value === "function") found.set(name, property.value);
    }
  }
  return found;
}

/** What was registered in place of a service. */
function kind(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return "an object without any";
  if (typeof value !== "function") return `a ${typeof value}`;
  return `the class or function ${value.name}: register an instance of it`;
}
