/**
 * A server: services under names, on as many addresses as one likes. This file
 * is one class, with the documentation that its users read.
 *
 * @module
 */

import { parseAddress } from "./address.ts";
import { systemClock } from "./clock.ts";
import { checkCloseOptions } from "./connection/client_options.ts";
import { Concurrency } from "./connection/concurrency.ts";
import type { AdaptiveLimitOptions } from "./connection/adaptive_limit.ts";
import { Introspection, type IntrospectionMode } from "./connection/introspection/service.ts";
import {
  frozen,
  INTROSPECTION_SERVICE,
  type ServerFigures,
  type ServiceStatus,
} from "./connection/introspection/reports.ts";
import { Statuses } from "./connection/introspection/statuses.ts";
import { KeptAnswers } from "./connection/kept_answers/store.ts";
import { Latencies } from "./connection/latencies.ts";
import { PeerConnections } from "./connection/peers.ts";
import { ServerConnection, type ServerContext } from "./connection/server_connection.ts";
import type { InheritOptions } from "./connection/inherited.ts";
import { loadAsyncContext } from "./connection/async_context.ts";
import type { RejectOptions } from "./connection/rejection.ts";
import {
  checkServeOptions,
  type Listener,
  renewerOf,
  type ServeOptions,
  tlsToListen,
} from "./connection/listening.ts";
import { refusalOf } from "./connection/refusal.ts";
import { aroundMethods } from "./connection/server_interceptors.ts";
import { ReportedLoad } from "./connection/reported_load.ts";
import { type Refusal, ServerLoad } from "./connection/server_load.ts";
import {
  type FailedCall,
  type ServerEvent,
  serverLimitsOf,
  ServerListeners,
  type ServerOptions,
} from "./connection/server_options.ts";
import { type CallContext, Services } from "./connection/services.ts";
import type { ServerInterceptor, ServerInterceptors } from "./connection/interceptor.ts";
import {
  anObject,
  checkOptions,
  type Checks,
  interceptorList,
  oneOf,
  texts,
} from "./internal/options.ts";
import { systemNetwork } from "./net/network.ts";
import type { Protocol } from "./protocol/codec.ts";
import { checkConnectPath } from "./protocol/connect_paths.ts";
import { checkProtocol } from "./protocol/protocols.ts";
import type { HandlersOf, ServiceSchema } from "./internal/schema.ts";
import type { Transport, TransportListener } from "./transport.ts";

export type {
  AdaptiveLimitOptions,
  CallContext,
  FailedCall,
  InheritOptions,
  IntrospectionMode,
  Listener,
  RejectOptions,
  ServeOptions,
  ServerEvent,
  ServerFigures,
  ServerOptions,
  ServiceStatus,
};

/** How a service is offered. */
export interface RegisterOptions<S extends ServiceSchema = ServiceSchema> {
  /**
   * The types of the methods' arguments and replies, for clients that speak
   * gob: made by `gob.service`. Default: inferred from the values.
   */
  schema?: S;
  /**
   * The names of the methods that are offered; no others are. Needed for what
   * is not offered by default: methods that are inherited, functions in fields
   * and behind accessors, and names that begin with `_`. Default: the
   * functions of a plain object, the methods of an instance's own class, what
   * `method` has made, and what the schema names.
   */
  methods?: readonly string[];
  /**
   * The names of methods whose calls neither count for the server's `maxConcurrent` nor wait for
   * it: those that run for long and do little, as one that waits until something has
   * changed. Default: none.
   */
  unlimited?: readonly string[];
  /**
   * What stands around every call of this service, within the server's own interceptors; the
   * outermost first. Default: nothing.
   */
  interceptors?: ServerInterceptors;
}

/** How a server closes. */
export interface ServerCloseOptions {
  /** How long running calls may take to end, in milliseconds. Default 5,000. */
  graceMs?: number;
}

const REGISTER_CHECKS: Checks<RegisterOptions> = {
  schema: anObject,
  methods: texts,
  unlimited: texts,
  interceptors: interceptorList("handle"),
};
const STATUS_CHECK = oneOf("serving", "not_serving");
const GRACE_MS = 5000;
/** How many connections beyond the limit are told so at a time; others are just closed. */
const MAX_TURNED_AWAY = 100;

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
  readonly #interceptors: ServerInterceptors;
  readonly #hasAsyncContext: boolean;
  readonly #services: Services;
  readonly #statuses = new Statuses(() => this.#closing !== undefined);
  readonly #peers: PeerConnections;
  /** What every connection is given. */
  readonly #context: ServerContext;
  readonly #listeners = new Set<TransportListener>();
  readonly #connections = new Set<ServerConnection>();
  /** How many connections were accepted so far. */
  #accepted = 0;
  /** How many connections are open only to be told that there are too many. */
  #turnedAway = 0;
  #closing: Promise<void> | undefined;
  #endGrace: (() => void) | undefined;
  /** Whether the grace is over: what still comes is closed at once. */
  #isOver = false;

  /**
   * Makes a server that serves nothing yet.
   *
   * @param options Limits, callbacks and clock.
   * @throws {RangeError} If a number of things is too low or not whole, or a time not above 0.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   * @throws {RpcError} `invalid_argument` for a wrong path or protocol of `connectPaths`.
   */
  constructor(options: ServerOptions = {}) {
    this.#interceptors = options.interceptors ?? [];
    this.#hasAsyncContext = options.asyncContext ?? false;
    const limits = serverLimitsOf(options);
    const { clock = systemClock, introspection: mode = "loopback" } = options;
    const load = new ServerLoad();
    const concurrency = limits.maxConcurrent === Infinity
      ? undefined
      : new Concurrency(clock, load, limits);
    const kept = new KeptAnswers(limits, clock);
    const latencies = options.latencies ? new Latencies(clock) : undefined;
    const services = this.#services = new Services(latencies?.measure);
    this.#peers = new PeerConnections(limits.maxConnectionsPerPeer);
    const introspection = new Introspection({
      mode,
      services,
      statuses: this.#statuses,
      clock,
      around: aroundMethods(this.#interceptors, false),
      figures: () => ({
        connections: this.connections,
        accepted: this.#accepted,
        running: load.running,
        waiting: load.waiting,
        maxConcurrent: concurrency?.limit ?? 0,
        ...load.streamFigures,
        refused: load.refused,
        kept: kept.figures,
        latencies: latencies?.figures ?? [],
      }),
    });
    const listeners = new ServerListeners(options);
    this.#context = {
      services,
      introspection,
      limits,
      load,
      kept,
      concurrency,
      reported: new ReportedLoad({ load, own: options.load, clock, listeners }),
      listeners,
      clock,
      connectPaths: checkConnectPaths(options.connectPaths),
    };
    if (this.#interceptors.some((one) => (one as ServerInterceptor).guards === true)) {
      this.#services.guard(aroundMethods(this.#interceptors, this.#hasAsyncContext)!);
    }
  }

  /**
   * Offers a service.
   *
   * A method gets the argument and a {@linkcode CallContext}, and returns the
   * reply or a promise of it. What it throws is the call's error. To have it
   * checked by schemas make it with `method`.
   *
   * Offered are the functions of a plain object, and of an instance the methods
   * of its own class and those that `method` has made. What is inherited, as
   * from `EventEmitter` or a base class of one's own, other functions in fields
   * or behind accessors, and names that begin with `_` are offered only if the
   * option `methods` names them. TypeScript's
   * `private` leaves no trace in the program: begin such a name with `_` or `#`,
   * or name the methods that are to be offered.
   *
   * @param name The service's name, for clients. It may have dots in it, but no spaces.
   * @param methods An object of functions, or an instance of a class.
   * @param options The names of the methods that are offered.
   * @throws {TypeError} If the name is wrong, taken, or `_xclient`, which is the server's own;
   * there is no method, the options name one that the service does not have, or the server is closed.
   *
   * @example Offer an inherited method, and nothing else
   * ```ts
   * import { Server } from "@geerpc/xclient";
   *
   * class Numbers extends Map<string, number> {}
   * const server = new Server();
   * server.register("Numbers", new Numbers([["one", 1]]), { methods: ["get"] });
   * ```
   */
  register(name: string, methods: object, options?: Omit<RegisterOptions, "schema">): void;
  /**
   * Offers a service with a schema: clients in Go need one where a value does
   * not show its type, as a whole number does not. What it names is offered.
   *
   * @typeParam S The schema's type.
   * @param name The service's name, for clients.
   * @param methods An object of functions, or an instance of a class.
   * @param options The schema.
   * @throws {TypeError} If the name is wrong, taken, or `_xclient`, which is the server's own;
   * there is no method, the options name one that the service does not have, or the server is closed.
   */
  register<S extends ServiceSchema>(
    name: string,
    methods: HandlersOf<S, CallContext>,
    options: RegisterOptions<S>,
  ): void;
  register(name: string, methods: object, options: RegisterOptions = {}): void {
    checkOptions("register", options, REGISTER_CHECKS);
    if (name === INTROSPECTION_SERVICE) {
      throw new TypeError(
        `the service ${name} is the server's own: give yours another name; the option ` +
          "introspection says who may call it",
      );
    }
    if (this.#closing) throw new TypeError(`can't register ${name}: the server is closed`);
    const interceptors = [...this.#interceptors, ...options.interceptors ?? []];
    const around = aroundMethods(interceptors, this.#hasAsyncContext);
    this.#services.add(name, methods, { ...options, around });
  }

  /**
   * Accepts connections at an address.
   *
   * @param address `tcp@host:port` (port 0: any free one), `tls@host:port` or `unix@/path`.
   * @param options Protocol, certificate and network.
   * @returns The address, with the port that was taken.
   * @throws {RpcError} `invalid_argument` for a wrong address or protocol,
   * `unavailable` if the address is in use.
   * @throws {TypeError} If a `tls@` address has no certificate, an option is of no use at the
   * address, or the server is closed.
   */
  async listen(address: string, options: ServeOptions = {}): Promise<Listener> {
    if (this.#closing) throw new TypeError("the server is closed");
    checkServeOptions(options);
    const { network = systemNetwork, mode, takeOver } = options;
    const parsed = parseAddress(address);
    const named = parsed.metadata.protocol ?? options.protocol;
    const protocol = checkProtocol(named ?? "geerpc/json");
    if (this.#hasAsyncContext) await loadAsyncContext();
    const tls = await tlsToListen(parsed, options);
    const { limits, listeners, load } = this.#context;
    const listener = await network.listen(
      parsed,
      (transport) => this.#accept(transport, protocol),
      {
        tls,
        mode,
        takeOver,
        handshakeTimeoutMs: limits.handshakeTimeoutMs,
        onRefused(remote, reason) {
          load.refuse("tls");
          listeners.event({ type: "refused", remote, reason });
          return refusalOf(reason, limits);
        },
      },
    );
    if (this.#closing) {
      await listener.close();
      throw new TypeError("the server was closed while it began to listen");
    }
    this.#listeners.add(listener);
    return { address: listener.address, renew: renewerOf(listener, options.tls, tls) };
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How many handlers run on all connections, those of calls that were given up included. */
  get running(): number {
    return this.#context.load.running;
  }

  /** How many calls wait to run on all connections. */
  get waiting(): number {
    return this.#context.load.waiting;
  }

  /**
   * The figures of now: load, connections, what was refused and why, and how long handlers
   * took if the option `latencies` asks for it.
   *
   * @returns A frozen snapshot.
   *
   * @example
   * ```ts
   * import { assert } from "@std/assert";
   * import { Server } from "@geerpc/xclient";
   *
   * const server = new Server();
   * assert(server.figures().refused.maxConnections === 0);
   * ```
   */
  figures(): ServerFigures {
    return frozen(this.#context.introspection.figures());
  }

  /**
   * Says whether a service takes calls, for those who ask by `introspect`, as a load
   * balancer or an orchestrator. Calls that come all the same are taken. A server that is
   * closed says by itself that it does not serve.
   *
   * @param service Its name, or `""` for the server as a whole: if that does not serve,
   * none of its services does.
   * @param status Its status. Before it is set: `"serving"`.
   * @throws {TypeError} If there is no such service, or no such status.
   *
   * @example Let the load balancer look elsewhere before the server drains
   * ```ts ignore
   * server.setStatus("", "not_serving");
   * await new Promise((resolve) => setTimeout(resolve, 10_000)); // it asks every 5 s
   * await server.close();
   * ```
   */
  setStatus(service: string, status: ServiceStatus): void {
    if (service !== "" && !this.#services.has(service)) {
      throw new TypeError(`setStatus: there is no service ${JSON.stringify(service)}`);
    }
    STATUS_CHECK("status", status);
    this.#statuses.set(service, status);
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
    for (const connection of this.#connections) connection.drain();
    // Connections that come until the listeners are closed are told that the server drains.
    const listeners = [...this.#listeners].map((listener) => listener.close());
    const drained = Promise.all(listeners).then(() =>
      Promise.all([...this.#connections].map(({ closed }) => closed))
    );
    // Handlers whose connection is gone, and whose callers want to be certain, end in the grace too.
    const { kept } = this.#context;
    await Promise.race([drained.then(() => kept.idle), graceIsOver]);
    this.#isOver = true;
    for (const connection of this.#connections) connection.interrupt();
    kept.close();
    await drained;
  }

  #accept(transport: Transport, protocol: Protocol): void {
    const { limits } = this.#context;
    const { remote } = transport;
    const size = this.#connections.size - this.#turnedAway;
    this.#accepted++;
    const isTooMany = size >= limits.maxConnections;
    const isCounted = !isTooMany && this.#peers.add(remote);
    if (isTooMany) {
      this.#turnAway(remote, "maxConnections", `${limits.maxConnections} connections are open`);
    } else if (!isCounted) {
      const open = `${limits.maxConnectionsPerPeer} connections of this peer are open`;
      this.#turnAway(remote, "maxConnectionsPerPeer", open);
    }
    if (!isCounted && this.#turnedAway >= MAX_TURNED_AWAY) return transport.close();
    const connection = new ServerConnection(transport, protocol, this.#context);
    this.#connections.add(connection);
    if (!isCounted) this.#turnedAway++;
    connection.closed.then(() => {
      this.#connections.delete(connection);
      if (isCounted) this.#peers.remove(remote);
      else this.#turnedAway--;
    });
    if (this.#isOver) connection.close();
    else if (!isCounted || this.#closing) connection.drain();
  }

  #turnAway(remote: string, limit: Refusal, open: string): void {
    const { load, listeners } = this.#context;
    load.refuse(limit);
    listeners.event({ type: "turned_away", remote, reason: `${open} already (${limit})` });
  }
}

function checkConnectPaths(
  paths: Readonly<Record<string, Protocol>> = {},
): Readonly<Record<string, Protocol>> {
  const checked = Object.entries(paths)
    .map(([path, protocol]) => [checkConnectPath(path), checkProtocol(protocol)] as const);
  return Object.fromEntries(checked);
}
