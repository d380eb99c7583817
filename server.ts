/**
 * A server: services under names, on as many addresses as one likes.
 *
 * @module
 */

import { parseAddress } from "./address.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Limits, limitsOf, type Protocol } from "./protocol/codec.ts";
import { systemNetwork } from "./net/network.ts";
import { checkProtocol } from "./protocol/protocols.ts";
import { atLeast } from "./internal/validate.ts";
import type { HandlersOf, ServiceSchema } from "./schema.ts";
import { type CallContext, type Method, ServerConnection } from "./connection/server_connection.ts";
import type { Network, TlsOptions, Transport, TransportListener } from "./transport.ts";

/** What a handler may know of the call that it answers. */
export type { CallContext };

/** What a server allows. */
export interface ServerOptions {
  /** The largest message in each direction, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /** How deep arrays and objects of an argument may be nested. Default 100. */
  maxDepth?: number;
  /**
   * The most calls running for one connection; more of them wait until some
   * end. One that is cancelled counts until its handler ends. Default 1,024.
   */
  maxInFlight?: number;
  /** Where deadlines take the time from. Default: the system's clock. */
  clock?: Clock;
}

/** How a server listens. */
export interface ServeOptions {
  /**
   * What is spoken at this address. Default: GeeRPC, in the encoding that each
   * client asks for, JSON or gob. `netrpc/gob` and `netrpc/json` have no
   * handshake and need an address of their own. A client that comes by HTTP
   * CONNECT gets the protocol of the path that it asks for, at any address.
   */
  protocol?: Protocol;
  /** Certificate and key for a `tls@` address. */
  tls?: TlsOptions;
  /** What listens. Default: the machine's network. */
  network?: Network;
}

/** How a service is offered. */
export interface RegisterOptions<S extends ServiceSchema = ServiceSchema> {
  /**
   * What the methods take and give on the wire, for clients that speak gob:
   * made by `gob.service`. Default: inferred from the values.
   */
  schema?: S;
}

/** Where a server listens. */
export interface Listener {
  /** The address for clients, with the port that was really taken. */
  readonly address: string;
}

/** How a server closes. */
export interface ServerCloseOptions {
  /** How long running calls may take to end, in milliseconds. Default 5,000. */
  graceMs?: number;
}

const MAX_IN_FLIGHT = 1024;
const GRACE_MS = 5000;

/**
 * A server. Clients of every kind find the same services.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { type CallContext, dial, Server } from "@geerpc/xclient";
 *
 * class Arith {
 *   Sum(args: { A: number; B: number }): number {
 *     return args.A + args.B;
 *   }
 *   async Slow(_args: unknown, ctx: CallContext): Promise<never> {
 *     await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
 *     throw ctx.signal.reason;
 *   }
 * }
 * const server = new Server();
 * server.register("Arith", new Arith());
 * const listener = await server.listen("tcp@127.0.0.1:0");
 *
 * await using client = await dial(listener.address);
 * assert(await client.service<Arith>("Arith").Sum({ A: 1, B: 2 }) === 3);
 * await server.close();
 * ```
 */
export class Server implements AsyncDisposable {
  readonly #methods = new Map<string, Method>();
  readonly #services = new Set<string>();
  readonly #listeners = new Set<TransportListener>();
  readonly #connections = new Set<ServerConnection>();
  readonly #limits: Limits;
  readonly #maxInFlight: number;
  readonly #clock: Clock;
  #closing: Promise<void> | undefined;
  #hurry: (() => void) | undefined;

  /**
   * Makes a server that serves nothing yet.
   *
   * @param options Limits and clock.
   * @throws {RangeError} If a limit is less than 1.
   */
  constructor(options: ServerOptions = {}) {
    this.#limits = limitsOf(options);
    this.#maxInFlight = atLeast(1, "maxInFlight", options.maxInFlight ?? MAX_IN_FLIGHT);
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Offers a service.
   *
   * @param name Its name on the wire.
   * @param methods An object of functions, or an instance of a class; its own
   * methods and its classes' are offered, what it inherits from `Object` or
   * `Function` is not.
   * A method gets the argument and a {@linkcode CallContext}, and may return a
   * promise. What it throws is the call's error.
   * @throws {TypeError} If the name is empty or taken, or there is no method.
   */
  register(name: string, methods: object): void;
  /**
   * Offers a service whose arguments and replies have the types that a schema
   * says, as clients in Go need them where a value does not tell.
   *
   * @typeParam S The schema's type.
   * @param name Its name on the wire.
   * @param methods An object of functions, or an instance of a class.
   * @param options The schema.
   * @throws {TypeError} If the name is empty or taken, or there is no method,
   * or the schema has one that the service has not.
   */
  register<S extends ServiceSchema>(
    name: string,
    methods: HandlersOf<S, CallContext>,
    options: RegisterOptions<S>,
  ): void;
  register(name: string, methods: object, options: RegisterOptions = {}): void {
    if (name === "") throw new TypeError("a service needs a name");
    if (this.#services.has(name)) throw new TypeError(`service ${name} is registered already`);
    const found = methodsOf(methods);
    if (found.size === 0) throw new TypeError(`service ${name} has no methods`);
    const { schema = {} } = options;
    for (const method of Object.keys(schema)) {
      if (!found.has(method)) throw new TypeError(`service ${name} has no method ${method}`);
    }
    this.#services.add(name);
    for (const [method, handle] of found) {
      const serviceMethod = `${name}.${method}`;
      this.#methods.set(serviceMethod, {
        serviceMethod,
        schema: Object.hasOwn(schema, method) ? schema[method] : undefined,
        handle: (args, context) => handle.call(methods, args, context),
      });
    }
  }

  /**
   * Accepts connections at an address.
   *
   * @param address `tcp@host:port` (port 0: any free one), `tls@host:port` or `unix@/path`.
   * @param options Certificate, network.
   * @returns The address that was taken.
   * @throws {RpcError} `invalid_argument` for a wrong address, `unavailable` if it is taken.
   * @throws {TypeError} If a `tls@` address has no certificate, or the server is closed.
   */
  async listen(address: string, options: ServeOptions = {}): Promise<Listener> {
    if (this.#closing) throw new TypeError("the server is closed");
    const { network = systemNetwork, tls } = options;
    const protocol = checkProtocol(options.protocol ?? "geerpc/json");
    const listener = await network.listen(
      parseAddress(address),
      (transport) => this.#accept(transport, protocol),
      { tls },
    );
    if (this.#closing) {
      await listener.close();
      throw new TypeError("the server was closed while it began to listen");
    }
    this.#listeners.add(listener);
    return { address: listener.address };
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Accepts no more connections, tells clients to take new calls elsewhere,
   * lets running calls end, then closes. Idempotent; a second call with a
   * shorter grace hurries the first.
   *
   * @param options `graceMs`: how long running calls may take. Default 5,000.
   * @returns Resolves when every connection is closed.
   * @throws {RangeError} If `graceMs` is negative or not a number.
   */
  async close(options: ServerCloseOptions = {}): Promise<void> {
    const graceMs = atLeast(0, "graceMs", options.graceMs ?? GRACE_MS);
    this.#closing ??= this.#close();
    if (graceMs === 0) this.#hurry?.();
    else {
      const timer = this.#clock.setTimer(graceMs, () => this.#hurry?.());
      this.#closing.finally(() => timer.cancel());
    }
    await this.#closing;
  }

  /** Closes with the default grace. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const hurried = new Promise<void>((resolve) => this.#hurry = resolve);
    const listeners = [...this.#listeners].map((listener) => listener.close());
    const drained = [...this.#connections].map((connection) => connection.drain());
    await Promise.race([Promise.all(drained), hurried]);
    for (const connection of this.#connections) connection.close();
    await Promise.all([...listeners, ...drained]);
  }

  #accept(transport: Transport, protocol: Protocol): void {
    if (this.#closing) return transport.close();
    const connection = new ServerConnection(transport, {
      protocol,
      find: (serviceMethod) => this.#methods.get(serviceMethod),
      explain: (serviceMethod) => this.#explain(serviceMethod),
      limits: this.#limits,
      maxInFlight: this.#maxInFlight,
      clock: this.#clock,
    });
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
  }

  /** Why a method was not found, in the words of Go's GeeRPC. */
  #explain(serviceMethod: string): string {
    const dot = serviceMethod.lastIndexOf(".");
    if (dot < 0) return `rpc server: service/method request ill-formed: ${serviceMethod}`;
    const service = serviceMethod.slice(0, dot);
    if (!this.#services.has(service)) return `rpc server: can't find service ${service}`;
    return `rpc server: can't find method ${serviceMethod.slice(dot + 1)}`;
  }
}

/** A method as it is found on a service. */
export type AnyMethod = (this: object, args: unknown, context: unknown) => unknown;

/**
 * What an object offers as a service.
 *
 * @param object An object of functions, or an instance of a class.
 * @returns Its methods by name, without what it inherits from `Object` or `Function`.
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
