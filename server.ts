/**
 * A server: services under names, on as many addresses as one likes.
 *
 * @module
 */

import { parseAddress } from "./address.ts";
import { type Clock, systemClock } from "./clock.ts";
import { checkCloseOptions } from "./connection/client_options.ts";
import { ServerConnection, type ServerContext } from "./connection/server_connection.ts";
import { type CallContext, Services } from "./connection/services.ts";
import {
  aClock,
  aNetwork,
  anObject,
  checkOptions,
  type Checks,
  name,
  whole,
} from "./internal/options.ts";
import { tlsGroup } from "./internal/tls_options.ts";
import { systemNetwork } from "./net/network.ts";
import { LIMIT_CHECKS, limitsOf, type Protocol } from "./protocol/codec.ts";
import { checkProtocol } from "./protocol/protocols.ts";
import type { HandlersOf, ServiceSchema } from "./schema.ts";
import type { Network, TlsOptions, Transport, TransportListener } from "./transport.ts";

export type { CallContext };

/** What a server allows each of its connections. */
export interface ServerOptions {
  /** The largest message in each direction, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /** How deep arrays and objects of an argument may be nested. Default 100. */
  maxDepth?: number;
  /**
   * The most calls running for one connection; more of them wait until some
   * end. A cancelled call counts until its handler ends. Default 1,024.
   */
  maxInFlight?: number;
  /** Where deadlines take the time from. Default: the system's clock. */
  clock?: Clock;
}

/** How a server listens at one address. */
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
   * The types of the methods' arguments and replies, for clients that speak
   * gob: made by `gob.service`. Default: inferred from the values.
   */
  schema?: S;
}

/** An address at which a server listens. */
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
const SERVER_CHECKS: Checks<ServerOptions> = {
  ...LIMIT_CHECKS,
  maxInFlight: whole(1),
  clock: aClock,
};
const SERVE_CHECKS: Checks<ServeOptions> = {
  protocol: name(checkProtocol),
  tls: tlsGroup,
  network: aNetwork,
};
const REGISTER_CHECKS: Checks<RegisterOptions> = { schema: anObject };
const GRACE_MS = 5000;

/**
 * A server. Its services are offered at every address at which it listens,
 * in every protocol.
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
  readonly #services = new Services();
  /** What every connection is given. */
  readonly #context: ServerContext;
  readonly #listeners = new Set<TransportListener>();
  readonly #connections = new Set<ServerConnection>();
  #closing: Promise<void> | undefined;
  #endGrace: (() => void) | undefined;

  /**
   * Makes a server that serves nothing yet.
   *
   * @param options Limits and clock.
   * @throws {RangeError} If a limit is less than 1, or no whole number.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   */
  constructor(options: ServerOptions = {}) {
    checkOptions("Server", options, SERVER_CHECKS);
    const { maxInFlight = MAX_IN_FLIGHT, clock = systemClock } = options;
    this.#context = {
      services: this.#services,
      limits: limitsOf(options),
      maxInFlight,
      clock,
    };
  }

  /**
   * Offers a service.
   *
   * A method gets the argument and a {@linkcode CallContext}, and returns the
   * reply or a promise of it. What it throws is the call's error.
   *
   * @param name The service's name, for clients.
   * @param methods An object of functions, or an instance of a class: its own
   * methods and those of its classes are offered, but not those inherited from
   * `Object` or `Function`.
   * @throws {TypeError} If the name is empty or taken, or there is no method.
   */
  register(name: string, methods: object): void;
  /**
   * Offers a service with a schema: clients in Go need one where a value does
   * not show its type, as a whole number does not.
   *
   * @typeParam S The schema's type.
   * @param name The service's name, for clients.
   * @param methods An object of functions, or an instance of a class.
   * @param options The schema.
   * @throws {TypeError} If the name is empty or taken, there is no method, or
   * the schema names a method that the service does not have.
   */
  register<S extends ServiceSchema>(
    name: string,
    methods: HandlersOf<S, CallContext>,
    options: RegisterOptions<S>,
  ): void;
  register(name: string, methods: object, options: RegisterOptions = {}): void {
    checkOptions("register", options, REGISTER_CHECKS);
    this.#services.add(name, methods, options.schema);
  }

  /**
   * Accepts connections at an address.
   *
   * @param address `tcp@host:port` (port 0: any free one), `tls@host:port` or `unix@/path`.
   * @param options Protocol, certificate and network.
   * @returns The address, with the port that was taken.
   * @throws {RpcError} `invalid_argument` for a wrong address or protocol,
   * `unavailable` if the address is in use.
   * @throws {TypeError} If a `tls@` address has no certificate, or the server is closed.
   */
  async listen(address: string, options: ServeOptions = {}): Promise<Listener> {
    if (this.#closing) throw new TypeError("the server is closed");
    checkOptions("listen", options, SERVE_CHECKS);
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
   * Drains, then closes: accepts no more connections, rejects new calls so that
   * clients make them elsewhere, and waits for running calls to end. Idempotent;
   * a second call with a shorter grace shortens the first one's.
   *
   * @param options `graceMs`: how long running calls may take, in milliseconds; those that have
   * not ended by then see their signal abort. Default 5,000.
   * @returns Resolves when every connection is closed.
   * @throws {RangeError} If `graceMs` is negative or not a number.
   */
  async close(options: ServerCloseOptions = {}): Promise<void> {
    const graceMs = checkCloseOptions(options, GRACE_MS);
    this.#closing ??= this.#close();
    if (graceMs === 0) this.#endGrace?.();
    else {
      const timer = this.#context.clock.setTimer(graceMs, () => this.#endGrace?.());
      this.#closing.finally(() => timer.cancel());
    }
    await this.#closing;
  }

  /** Closes, with the default grace. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const graceIsOver = new Promise<void>((resolve) => this.#endGrace = resolve);
    const listeners = [...this.#listeners].map((listener) => listener.close());
    const drained = [...this.#connections].map((connection) => connection.drain());
    await Promise.race([Promise.all(drained), graceIsOver]);
    for (const connection of this.#connections) connection.close();
    await Promise.all([...listeners, ...drained]);
  }

  #accept(transport: Transport, protocol: Protocol): void {
    if (this.#closing) return transport.close();
    const connection = new ServerConnection(transport, protocol, this.#context);
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
  }
}
