/**
 * One client for a whole fleet: it picks a server for each call, keeps one
 * connection to each, gets the call through when servers are slow or die, and
 * can ask all of them at once.
 *
 * @module
 */

import { Try } from "./fleet/attempt.ts";
import { checkClientOptions, type CloseOptions } from "./client.ts";
import { systemClock } from "./clock.ts";
import { Deadlines } from "./internal/deadlines.ts";
import { TurnClock } from "./internal/turn_clock.ts";
import type { Discovery } from "./discovery.ts";
import { noServers } from "./discovery/endpoint_list.ts";
import { RpcError } from "./errors.ts";
import { FanOut, type FanOutOptions, type Receipt, untilListed } from "./fleet/fan_out.ts";
import { Fleet } from "./fleet/fleet.ts";
import { FleetCall, type FleetCallContext, type FleetCallOptions } from "./fleet/call.ts";
import { healthOptions } from "./fleet/health.ts";
import { Liveness } from "./fleet/liveness.ts";
import type { Endpoint } from "./fleet/endpoint.ts";
import type { Settler } from "./connection/pending_calls.ts";
import { atLeast } from "./internal/validate.ts";
import {
  checkFailMode,
  FailMode,
  Quantile,
  RetryBudget,
  type RetryBudgetOptions,
} from "./fleet/retry.ts";
import type { CallsOf, ServiceSchema } from "./schema.ts";
import { createSelector, SelectMode } from "./selector.ts";
import { type Service, serviceView } from "./service.ts";
import { type EndpointSnapshot, isServersFault, type XClientOptions } from "./fleet/options.ts";

const MAX_ATTEMPTS = 3;
const DISPOSE_GRACE_MS = 10_000;
const HEDGE_BUDGET: RetryBudgetOptions = { ratio: 0.05, perSecond: 1 };

/**
 * A client for a fleet of servers.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { MultiServerDiscovery, SelectMode, Server, XClient } from "@geerpc/xclient";
 *
 * const server = new Server();
 * server.register("Arith", { Sum: (args: { A: number; B: number }) => args.A + args.B });
 * const first = await server.listen("tcp@127.0.0.1:0");
 * const second = await server.listen("tcp@127.0.0.1:0");
 *
 * const discovery = new MultiServerDiscovery([first.address, second.address]);
 * const xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });
 * assert(await xclient.call<number>("Arith.Sum", { A: 1, B: 2 }) === 3);
 * assert(await xclient.broadcast<number>("Arith.Sum", { A: 1, B: 2 }) === 3);
 *
 * await xclient.close();
 * await server.close();
 * ```
 */
export class XClient implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #context: FleetCallContext;
  #closed: Promise<void> | undefined;

  /**
   * Makes a client; it connects when it is first used.
   *
   * @param discovery Which servers there are.
   * @param options Policy, failover, and how to connect.
   * @throws {RpcError} `invalid_argument` for an unknown mode or fail mode.
   * @throws {RangeError} If a number among the options is out of range.
   */
  constructor(discovery: Discovery, options: XClientOptions = {}) {
    const {
      mode = SelectMode.ShortestExpectedDelay,
      random = Math.random,
      clock = systemClock,
      idempotent = [],
      isFailure = isServersFault,
      onEvent,
    } = options;
    checkClientOptions(options);
    const turnClock = new TurnClock(clock);
    const nowMs = () => turnClock.now();
    const fleet = this.#fleet = new Fleet({
      discovery,
      selector: typeof mode === "string" ? createSelector(mode, options) : mode,
      isOwnSelector: typeof mode !== "string",
      client: options,
      health: healthOptions(options.health),
      random,
      nowMs,
      tell: (endpoint, type, cause) => {
        if (onEvent === undefined) return;
        try {
          onEvent(Object.freeze({ type, address: endpoint.address, cause }));
        } catch (error) {
          throwApart(error);
        }
      },
    });
    this.#context = {
      fleet,
      liveness: new Liveness(fleet, clock, options.liveness ?? {}, (endpoint) => {
        for (const call of [...endpoint.calls()]) if (call instanceof Try) call.stalled();
      }),
      clock,
      random,
      deadlines: new Deadlines(clock),
      waiting: new Set(),
      budget: new RetryBudget(nowMs(), options.retryBudget),
      hedgeBudget: new RetryBudget(nowMs(), options.hedgeBudget ?? HEDGE_BUDGET),
      p95: new Quantile(0.95),
      policy: typeof mode === "string" ? mode : "selector",
      failMode: checkFailMode(options.failMode ?? FailMode.Failover),
      maxAttempts: atLeast(1, "maxAttempts", options.maxAttempts ?? MAX_ATTEMPTS),
      idempotent: typeof idempotent === "function"
        ? idempotent
        : (serviceMethod) => idempotent.includes(serviceMethod),
      isFailure: (error) => {
        try {
          return isFailure(error);
        } catch (thrown) {
          throwApart(thrown);
          return isServersFault(error);
        }
      },
    };
  }

  /**
   * Calls a method on one server, and on another if that fails and it is safe to.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout, metadata, and how to get it through.
   * @returns Its reply.
   * @throws {RpcError} `unavailable` if there is no server or none can be reached;
   * what the server answered otherwise. It names the server, and tells every try.
   * @throws {TimeoutError} If there is no reply within `timeoutMs`, over all tries.
   * @throws The signal's reason, if it aborts.
   */
  call<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: FleetCallOptions = {},
  ): Promise<T> {
    return this.#call(serviceMethod, args, options, undefined, this.#fleet.update());
  }

  /**
   * A typed view of a service.
   *
   * @typeParam T The service's methods as the servers have them.
   * @param name The service's name.
   * @returns A view whose methods make calls.
   *
   * @example
   * ```ts ignore
   * const arith = xclient.service<Arith>("Arith");
   * const sum = await arith.Sum({ A: 1, B: 2 });
   * ```
   */
  service<T>(name: string): Service<T, FleetCallOptions>;
  /**
   * A typed view of a service whose types are said by a schema, as gob needs
   * them; TypeScript's follow from it.
   *
   * @typeParam S The schema's type.
   * @param name The service's name.
   * @param schema What its methods take and give, made by `gob.service`.
   * @returns A view whose methods make calls.
   */
  service<S extends ServiceSchema>(name: string, schema: S): Service<CallsOf<S>, FleetCallOptions>;
  service(name: string, schema?: ServiceSchema): Service<unknown, FleetCallOptions> {
    return serviceView(name, (method, args, options) => this.call(method, args, options), schema);
  }

  /**
   * Calls a method on every server at once. All must succeed, or `quorum` of
   * them: a failure that makes it impossible cancels the other calls.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout for all of it, quorum and concurrency.
   * @returns The reply of the server that answered first.
   * @throws {RpcError} The first failure, naming its server; `unavailable` if
   * there are no servers.
   * @throws {TimeoutError} If not enough have answered within `timeoutMs`.
   * @throws The signal's reason, if it aborts.
   *
   * @example
   * ```ts ignore
   * await xclient.broadcast("Cache.Flush", { key: "user-7" }, { timeoutMs: 2000 });
   * ```
   */
  async broadcast<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: FanOutOptions = {},
  ): Promise<T> {
    const fanOut = await this.#fanOut<T>(serviceMethod, args, options);
    return fanOut.quorum();
  }

  /**
   * Calls a method on every server at once: the first success is the reply,
   * and cancels the rest.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options As for {@linkcode broadcast}.
   * @returns The reply that came first.
   * @throws {RpcError} If all have failed; `attempts` tells each.
   * @throws {TimeoutError} If none has answered within `timeoutMs`.
   * @throws The signal's reason, if it aborts.
   *
   * @example
   * ```ts ignore
   * const found = await xclient.fork("Search.Find", { text: "fleet" });
   * ```
   */
  async fork<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: FanOutOptions = {},
  ): Promise<T> {
    const fanOut = await this.#fanOut<T>(serviceMethod, args, options);
    return fanOut.quorum(1);
  }

  /**
   * Calls a method on every server at once and tells what became of each, as
   * it comes: one receipt a server, also for those that can't be reached.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options As for {@linkcode broadcast}; a quorum ends it early.
   * @throws {RpcError} `unavailable` if there are no servers.
   *
   * @example
   * ```ts ignore
   * for await (const receipt of xclient.inform<string>("Node.Status")) {
   *   console.log(receipt.address, receipt.ok ? receipt.reply : receipt.error);
   * }
   * ```
   */
  async *inform<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: FanOutOptions = {},
  ): AsyncGenerator<Receipt<T>> {
    const fanOut = await this.#fanOut<T>(serviceMethod, args, options);
    yield* fanOut.receipts();
  }

  /**
   * The live figures of every server.
   *
   * @returns A frozen snapshot.
   */
  endpoints(): readonly EndpointSnapshot[] {
    const nowMs = this.#fleet.nowMs();
    return Object.freeze(this.#fleet.endpoints.map((endpoint) =>
      Object.freeze({
        address: endpoint.address,
        weight: endpoint.weight,
        connected: endpoint.client !== undefined,
        health: endpoint.health.state(nowMs),
        stalled: endpoint.stalled,
        inFlight: endpoint.inFlight,
        oldestAgeMs: endpoint.inFlight > 0 ? nowMs - endpoint.oldestAtMs : 0,
        latencyMs: endpoint.latencyMs,
        successes: endpoint.successes,
        failures: endpoint.failures,
      })
    ));
  }

  /**
   * Ends every connection, and every dial that is under way. Idempotent.
   *
   * @param options `graceMs`: how long calls in flight may take to end.
   * Default 0: they fail at once, as `canceled`.
   * @returns Resolves when all is over.
   * @throws {RangeError} If `graceMs` is negative or not a number.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = atLeast(0, "graceMs", options.graceMs ?? 0);
    await (this.#closed ??= this.#close(graceMs));
  }

  /** Lets calls in flight end, for ten seconds at most, then closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: DISPOSE_GRACE_MS });
  }

  async #close(graceMs: number): Promise<void> {
    const closed = this.#fleet.close(graceMs);
    for (const call of this.#context.waiting) call.close();
    await closed;
    this.#context.liveness.stop();
    this.#context.deadlines.clear();
  }

  #call<T>(
    serviceMethod: string,
    args: unknown,
    options: FleetCallOptions,
    only?: Endpoint,
    update?: Promise<void>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settler = { resolve: resolve as Settler["resolve"], reject };
      new FleetCall(this.#context, serviceMethod, args, options, settler, only).start(update);
    });
  }

  async #fanOut<T>(
    serviceMethod: string,
    args: unknown,
    options: FanOutOptions,
  ): Promise<FanOut<T>> {
    options.signal?.throwIfAborted();
    const startedAtMs = this.#fleet.nowMs();
    const update = this.#fleet.update();
    if (update !== undefined) await untilListed(update, serviceMethod, options, this.#context);
    const { endpoints, closed } = this.#fleet;
    if (closed) throw new RpcError("canceled", "the client is closed", { execution: "not_sent" });
    if (endpoints.length === 0) throw noServers();
    return new FanOut<T>(
      endpoints,
      serviceMethod,
      (endpoint, callOptions) => this.#call(serviceMethod, args, callOptions, endpoint),
      options,
      this.#context,
      startedAtMs,
    );
  }
}

/** Throws where nothing of ours is on the stack: a callback's error is the program's to handle. */
function throwApart(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
