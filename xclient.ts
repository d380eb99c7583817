/**
 * One client for a whole fleet: it picks a server for each call, keeps one
 * connection to each, sends a call elsewhere when a server is slow or dies, and
 * can ask all of them at once. This file is one class, with the documentation
 * that its users read.
 *
 * @module
 */

import { Client } from "./client.ts";
import { checkCloseOptions, type CloseOptions } from "./connection/client_options.ts";
import { systemClock } from "./clock.ts";
import { NO_OPTIONS } from "./internal/call_options.ts";
import { Deadlines } from "./internal/deadlines.ts";
import { checkOptions } from "./internal/options.ts";
import { tell } from "./internal/events.ts";
import { TurnClock } from "./internal/turn_clock.ts";
import { type ClientPipeline, clientPipeline } from "./connection/client_pipeline.ts";
import { CertainCalls } from "./connection/kept_answers/certain_calls.ts";
import type { InterceptedCall } from "./connection/intercepted_call.ts";
import { settleOpened } from "./connection/intercepted_stream.ts";
import { Liveness } from "./connection/liveness.ts";
import type { Settler } from "./connection/pending_calls.ts";
import { ItemsSettler, OnceArgs } from "./connection/streams/once_args.ts";
import { isAsyncIterable } from "./connection/streams/stream.ts";
import { RpcError } from "./errors.ts";
import { CHECK_CHECKS, checkFleet, type CheckOptions, type EndpointCheck } from "./fleet/check.ts";
import { FleetCall, type FleetCallContext } from "./fleet/call.ts";
import { checkFleetCallOptions, type FleetCallOptions } from "./fleet/call_options.ts";
import { FailMode } from "./fleet/fail_mode.ts";
import { checkFanOutOptions, FanOut, type FanOutOptions, type Receipt } from "./fleet/fan_out.ts";
import { InterceptedFleetCall } from "./fleet/intercepted_call.ts";
import { interceptedReceipts } from "./fleet/intercepted_receipts.ts";
import { untilListed } from "./fleet/until_listed.ts";
import { READY_CHECKS, type ReadyOptions, untilReady } from "./fleet/until_ready.ts";
import { Fleet } from "./fleet/fleet.ts";
import { healthOptions } from "./fleet/health.ts";
import type { EndpointSnapshot, XClientOptions } from "./fleet/options.ts";
import { guardedJudge, isServersFault, XCLIENT_CHECKS } from "./fleet/options.ts";
import { selectorOf } from "./fleet/own_selector.ts";
import { Quantile } from "./fleet/quantile.ts";
import { snapshotOf } from "./fleet/snapshot.ts";
import { RetryBudget, type RetryBudgetOptions } from "./fleet/retry_budget.ts";
import { type ServerSource, toServerSource } from "./fleet/server_source.ts";
import { AllStreams, checkArgsOfAll } from "./fleet/streams/all_streams.ts";
import { FleetStream } from "./fleet/streams/fleet_stream.ts";
import type { FleetStreamOptions, StreamAllOptions, StreamClass } from "./fleet/streams/options.ts";
import type { ServerItem, StreamAllItem } from "./fleet/streams/options.ts";
import {
  checkFleetStreamOptions,
  checkStreamAllOptions,
  withRepeats,
} from "./fleet/streams/options.ts";
import type { CallsOf, ServiceSchema } from "./internal/schema.ts";
import { SelectMode } from "./selector.ts";
import {
  type Service,
  serviceView,
  type StreamIterator,
  type StreamOptions,
  type WithReply,
} from "./internal/service.ts";

const DISPOSE_GRACE_MS = 10_000;
const HEDGE_BUDGET: RetryBudgetOptions = { ratio: 0.05, perSecond: 1 };

/**
 * A client for a fleet of servers.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { SelectMode, Server, XClient } from "@geerpc/xclient";
 *
 * const server = new Server();
 * server.register("Arith", { Sum: (args: { A: number; B: number }) => args.A + args.B });
 * const first = await server.listen("tcp@127.0.0.1:0");
 * const second = await server.listen("tcp@127.0.0.1:0");
 *
 * const addresses = [first.address, second.address];
 * const xclient = new XClient(addresses, { mode: SelectMode.RoundRobin });
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
  readonly #pipeline: ClientPipeline | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Makes a client. It connects when it is first used.
   *
   * @param servers The servers' addresses, or where to get them: a `Discovery`, or
   * any object that has `getAll`.
   * @param options Policy, retries, health, and how to connect.
   * @throws {RpcError} `invalid_argument` for a wrong address in a list, or an
   * unknown mode or fail mode.
   * @throws {RangeError} If a number among the options is out of range.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   * @throws {TypeError} If `servers` is neither.
   */
  constructor(servers: readonly string[] | ServerSource, options: XClientOptions = {}) {
    checkOptions("XClient", options, XCLIENT_CHECKS);
    const {
      mode = SelectMode.ShortestExpectedDelay,
      random = Math.random,
      clock = systemClock,
      idempotent = [],
      isFailure = isServersFault,
      maxAttempts,
      waitForRoom,
      onEvent,
    } = options;
    const turnClock = new TurnClock(clock);
    const liveness = new Liveness(clock, options.liveness);
    const fleet = this.#fleet = new Fleet({
      source: toServerSource(servers),
      selector: () => selectorOf(mode, { random, boundedLoad: options.boundedLoad }),
      mode: typeof mode === "string" ? mode : undefined,
      slowStartMs: options.slowStartMs ?? 0,
      // The same key goes to the same endpoint, whoever asks.
      zone: mode === SelectMode.ConsistentHash ? undefined : options.zone,
      client: options,
      health: healthOptions(options.health),
      random,
      clock: turnClock,
      liveness,
      onEvent: ({ address }, type, error) => {
        if (onEvent !== undefined) tell(onEvent, { type, address, error, cause: error });
      },
    });
    this.#context = {
      fleet,
      liveness,
      clock,
      turnClock,
      random,
      deadlines: new Deadlines(clock),
      certain: new CertainCalls({ clock, random, wake: () => liveness.wake() }),
      waiting: new Set(),
      budget: new RetryBudget(turnClock.now(), options.retryBudget),
      hedgeBudget: new RetryBudget(turnClock.now(), options.hedgeBudget ?? HEDGE_BUDGET),
      p95: new Quantile(0.95),
      policy: typeof mode === "string" ? mode : "selector",
      failMode: options.failMode ?? FailMode.Failover,
      maxAttempts,
      waitForRoom,
      idempotent: typeof idempotent === "function"
        ? idempotent
        : (name) => idempotent.includes(name),
      isFailure: guardedJudge(isFailure),
    };
    this.#pipeline = clientPipeline(options, clock, this.#context.idempotent);
  }

  /**
   * Calls a method on one server, and on another if that fails and it is safe to.
   *
   * @typeParam T The type of its reply, as the caller knows it; it is not
   * checked. Default: what `options.schema` says, else `unknown`.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout, metadata, and when to make further attempts.
   * @returns Its reply.
   * @throws {RpcError} `unavailable` if there is no server or none can be reached;
   * otherwise what the server answered. It names the server and lists all attempts.
   * @throws {TimeoutError} If there is no reply within `timeoutMs`, over all attempts.
   * @throws The signal's reason, if it aborts.
   */
  call<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: WithReply<T, FleetCallOptions> = NO_OPTIONS,
  ): Promise<NoInfer<T>> {
    return new Promise((resolve, reject) => {
      if (options !== NO_OPTIONS) checkFleetCallOptions(options);
      const settler = { resolve: resolve as Settler["resolve"], reject };
      if (this.#pipeline !== undefined) {
        return this.#callThrough(this.#pipeline, serviceMethod, args, options, settler);
      }
      this.#send(serviceMethod, args, options, settler);
    });
  }

  /**
   * Calls a method that answers with many items, on one server. It goes to another one by the rules
   * of calls until the first item has come, and behind it only if `resume` says how it goes on. An
   * argument that is an async iterable is sent item by item, once: no other server can have what was
   * taken from it. docs/streams.md has the whole.
   *
   * Nothing is sent before the first item is asked for. A reader that leaves cancels it.
   *
   * @typeParam T The type of its items, which is not checked. Default `unknown`.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options As for a call; deadlines, how much is held for the reader, and how it goes on.
   * @returns Its items. Reading rejects with what `call` rejects with, behind the items that have
   * come; at once if the signal aborts or the time is over.
   * @throws {RpcError} `invalid_argument` for an unknown fail mode.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   * @throws {RangeError} If a number among the options is out of range.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Server, XClient } from "@geerpc/xclient";
   *
   * const server = new Server();
   * server.register("Count", {
   *   async *From(number: number) {
   *     for (; number <= 100; number++) yield number;
   *   },
   * });
   * const first = await server.listen("tcp@127.0.0.1:0");
   * const second = await server.listen("tcp@127.0.0.1:0");
   *
   * const xclient = new XClient([first.address, second.address]);
   * let sum = 0;
   * const numbers = xclient.stream<number>("Count.From", 1, { resume: (last) => last + 1 });
   * for await (const number of numbers) sum += number;
   * assertEquals(sum, 5050);
   *
   * await xclient.close();
   * await server.close();
   * ```
   */
  stream<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: FleetStreamOptions<T> = NO_OPTIONS,
  ): StreamIterator<T> {
    checkFleetStreamOptions(options);
    return this.#read(FleetStream<T>, serviceMethod, args, withRepeats(options));
  }

  /**
   * Calls a method that answers with many items on every server, and merges what they give: each
   * item as it comes, with its server. A server that fails does not end the others: an item says
   * why, or `onError` is told. No server sends more than its window ahead of a slow reader.
   *
   * Nothing is sent before the first item is asked for. A reader that leaves cancels all.
   *
   * @typeParam T The type of the items, which is not checked. Default `unknown`.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, deadlines, what becomes of failures, and whether the list is followed.
   * @returns The items. It ends when all servers have ended or failed. Reading rejects with
   * `unavailable` if there are no servers, with `canceled` if the client is closed, and at once if
   * the signal aborts or the time is over.
   * @throws {TypeError} If an option does not exist, or is of the wrong type; if the argument is an
   * async iterable, which one server only could have.
   * @throws {RangeError} If a number among the options is out of range.
   *
   * @example
   * ```ts ignore
   * for await (const { address, value, error } of xclient.streamAll<string>("Logs.Tail", {})) {
   *   console.log(address, error ?? value);
   * }
   * ```
   */
  streamAll<T = unknown>(
    serviceMethod: string,
    args: unknown,
    options: StreamAllOptions<T> & Required<Pick<StreamAllOptions<T>, "onError">>,
  ): StreamIterator<ServerItem<T>>;
  /** The same, where failures are among the items. */
  streamAll<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options?: StreamAllOptions<T>,
  ): StreamIterator<StreamAllItem<T>>;
  streamAll<T>(
    serviceMethod: string,
    args?: unknown,
    options: StreamAllOptions<T> = NO_OPTIONS,
  ): StreamIterator<StreamAllItem<T>> {
    checkStreamAllOptions(options);
    checkArgsOfAll(serviceMethod, args);
    return this.#read(AllStreams<T>, serviceMethod, args, options);
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
  service<T>(name: string): Service<T, FleetCallOptions, FleetStreamOptions<never>>;
  /**
   * A typed view of a service whose types a schema gives, as gob needs them;
   * TypeScript's follow from it.
   *
   * @typeParam S The schema's type.
   * @param name The service's name.
   * @param schema What its methods take and give, made by `gob.service`.
   * @returns A view whose methods make calls.
   */
  service<S extends ServiceSchema>(name: string, schema: S): Service<CallsOf<S>, FleetCallOptions>;
  service(name: string, schema?: ServiceSchema): Service<unknown, FleetCallOptions> {
    return serviceView(name, this, schema);
  }

  /**
   * Calls a method on every server at once. All must succeed, or `quorum` of
   * them: a failure that makes it impossible cancels the other calls.
   *
   * @typeParam T The type of its reply, as for {@linkcode call}.
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
    options: WithReply<T, FanOutOptions> = NO_OPTIONS,
  ): Promise<NoInfer<T>> {
    return await this.#quorum<T>(serviceMethod, args, options);
  }

  /**
   * Calls a method on every server at once: the first success is the reply,
   * and cancels the rest.
   *
   * @typeParam T The type of its reply, as for {@linkcode call}.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options As for {@linkcode broadcast}.
   * @returns The reply that came first.
   * @throws {RpcError} If all have failed; `attempts` lists each.
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
    options: WithReply<T, FanOutOptions> = NO_OPTIONS,
  ): Promise<NoInfer<T>> {
    return await this.#quorum<T>(serviceMethod, args, options, 1);
  }

  /**
   * Calls a method on every server at once and yields the outcome of each as it
   * comes: one receipt a server, also for those that can't be reached.
   *
   * @typeParam T The type of its reply, as for {@linkcode call}.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options As for {@linkcode broadcast}; a quorum ends it early.
   * @returns The receipts. A server that has not answered within `timeoutMs` has
   * one with a `TimeoutError`, one that is cancelled by the signal its reason.
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
    options: WithReply<T, FanOutOptions> = NO_OPTIONS,
  ): AsyncGenerator<Receipt<NoInfer<T>>> {
    checkFanOutOptions(options);
    checkArgsOfAll(serviceMethod, args);
    const pipeline = this.#pipeline;
    const filled = pipeline?.optionsOf(serviceMethod, options) ?? options;
    if (!pipeline?.intercepts()) {
      const fanOut = await this.#fanOut<T>(serviceMethod, args, filled);
      return yield* fanOut.receipts();
    }
    yield* interceptedReceipts<T>(pipeline, serviceMethod, args, filled, (call, sent) => {
      return this.#fanOut<T>(serviceMethod, call.args, sent, call);
    });
  }

  /**
   * Waits until calls can be made: the list of servers is known, and at least
   * one of them is connected. All are dialled at once. Not needed before a call,
   * which waits by itself; for a health check, or so that the first calls are fast.
   *
   * @param options Signal and timeout. Without them it waits as long as it takes.
   * @throws {TimeoutError} If that is not so within `timeoutMs`; it says why.
   * @throws {RpcError} `canceled` if the client is closed.
   * @throws {RangeError} If `timeoutMs` is not a number.
   * @throws The signal's reason, if it aborts.
   *
   * @example
   * ```ts ignore
   * await xclient.ready({ timeoutMs: 5000 });
   * ```
   */
  async ready(options: ReadyOptions = {}): Promise<void> {
    checkOptions("ready", options, READY_CHECKS);
    await untilReady(this.#context, options);
  }

  /**
   * Compares what every server offers with what its callers need, before a call fails:
   * after a deployment, in a test, or when a program starts. Each is asked on a connection
   * of its own, and what comes of it does not count for its health. A server says what it
   * offers to whom its option `introspection` allows, by default to its own machine; one
   * that does not is `undescribed`, as are servers of Go.
   *
   * @param options What is needed: methods, or schemas. Time and signal.
   * @returns What came of each, in the order of the list; no server makes it throw.
   * @throws {TypeError} If the contract is none, or an option does not exist.
   * @throws {RangeError} If `timeoutMs` is not above 0.
   * @throws {RpcError} `unavailable` if there are no servers, `canceled` if the client is closed.
   * @throws {TimeoutError} If the list of servers does not come within `timeoutMs`.
   * @throws The signal's reason, if it aborts.
   *
   * @example
   * ```ts
   * import { assert } from "@std/assert";
   * import { Server, XClient } from "@geerpc/xclient";
   *
   * const server = new Server();
   * server.register("Arith", { Sum: (args: { A: number; B: number }) => args.A + args.B });
   * const listener = await server.listen("tcp@127.0.0.1:0");
   *
   * const xclient = new XClient([listener.address]);
   * const [found] = await xclient.check({ contract: ["Arith.Sum", "Arith.Divide"] });
   * assert(found.result === "differs" && found.missing[0] === "Arith.Divide");
   * await xclient.close();
   * await server.close();
   * ```
   */
  async check(options: CheckOptions): Promise<readonly EndpointCheck[]> {
    checkOptions("check", options, CHECK_CHECKS);
    const { clock, fleet: { options: own } } = this.#context;
    return await checkFleet(this.#context, options, (connection) => {
      return new Client(connection, new Liveness(clock, own.liveness), clientPipeline(own, clock));
    });
  }

  /**
   * The live figures of every server, as far as the list is known: one that is
   * given by hand at once, another once it has been fetched.
   *
   * @returns A frozen snapshot.
   */
  endpoints(): readonly EndpointSnapshot[] {
    this.#fleet.followList();
    const nowMs = this.#context.turnClock.now();
    return Object.freeze(this.#fleet.endpoints.map((endpoint) => snapshotOf(endpoint, nowMs)));
  }

  /**
   * Ends every connection, and every dial that is under way. Idempotent; a
   * second call with a shorter grace shortens the first one's.
   *
   * @param options `graceMs`: how long calls in flight may take to end.
   * Default 0: they fail at once, as `canceled`.
   * @returns Resolves when all is over.
   * @throws {RangeError} If `graceMs` is negative or not a number.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = checkCloseOptions(options, 0);
    const closed = this.#fleet.close(graceMs); // each time: one with less time hurries the others
    const ended = this.#pipeline?.close(graceMs, closed);
    await Promise.all([this.#closed ??= this.#close(closed), ended]);
  }

  /** Closes, once the calls in flight have ended, after ten seconds at the latest. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: DISPOSE_GRACE_MS });
  }

  async #close(closed: Promise<void>): Promise<void> {
    for (const call of this.#context.waiting) call.close();
    this.#context.certain.close();
    await closed;
    this.#context.liveness.stop();
    this.#context.deadlines.clear();
  }

  #send(serviceMethod: string, args: unknown, options: FleetCallOptions, settler: Settler): void {
    const update = this.#fleet.update();
    if (isAsyncIterable(args)) {
      args = new OnceArgs(args);
      settler = new ItemsSettler(args as OnceArgs, settler);
    }
    new FleetCall(this.#context, serviceMethod, args, options, settler).start(update);
  }

  /** Makes a stream, with defaults or interceptors if there are some. */
  #read<T, Options extends StreamOptions>(
    Stream: StreamClass<Options, T>,
    serviceMethod: string,
    args: unknown,
    options: Options,
  ): StreamIterator<T> {
    const context = this.#context;
    const pipeline = this.#pipeline;
    const filled = pipeline?.optionsOf(serviceMethod, options) ?? options;
    if (!pipeline?.intercepts()) {
      return new Stream({ context, serviceMethod, args, options: filled }).reader;
    }
    const { isOfAll } = Stream;
    return pipeline.interceptStream(serviceMethod, args, filled, isOfAll, (call, sent, settler) => {
      const begin = { context, serviceMethod, args: call.args, options: sent as Options };
      const { reader } = new Stream({ ...begin, intercepted: call });
      settleOpened(reader, call, call.inFlight(settler));
    });
  }

  /** Makes a call with defaults or interceptors. */
  #callThrough(
    pipeline: ClientPipeline,
    serviceMethod: string,
    args: unknown,
    options: FleetCallOptions,
    settler: Settler,
  ): void {
    const filled = pipeline.optionsOf(serviceMethod, options);
    if (!pipeline.intercepts()) return this.#send(serviceMethod, args, filled, settler);
    pipeline.intercept(serviceMethod, args, filled, settler, (call, sent, sentSettler) => {
      const update = this.#fleet.update();
      const inFlight = call.inFlight(sentSettler);
      new InterceptedFleetCall(this.#context, call, sent, inFlight).start(update);
    });
  }

  async #quorum<T>(
    serviceMethod: string,
    args: unknown,
    options: FanOutOptions,
    quorum?: number,
  ): Promise<T> {
    checkFanOutOptions(options);
    checkArgsOfAll(serviceMethod, args);
    const pipeline = this.#pipeline;
    const filled = pipeline?.optionsOf(serviceMethod, options) ?? options;
    const run = async (args: unknown, sent: FanOutOptions, call?: InterceptedCall) => {
      const fanOut = await this.#fanOut<T>(serviceMethod, args, sent, call);
      return await fanOut.quorum(quorum);
    };
    if (!pipeline?.intercepts()) return await run(args, filled);
    return await new Promise<T>((resolve, reject) => {
      const settler = { resolve: resolve as Settler["resolve"], reject };
      pipeline.intercept(serviceMethod, args, filled, settler, (call, sent, sentSettler) => {
        const inFlight = call.inFlight(sentSettler);
        run(call.args, sent, call).then(
          (reply) => inFlight.resolve(reply),
          (error) => inFlight.reject(error),
        );
      });
    });
  }

  async #fanOut<T>(
    serviceMethod: string,
    args: unknown,
    options: FanOutOptions,
    call?: InterceptedCall,
  ): Promise<FanOut<T>> {
    const context = this.#context;
    const startedAtMs = context.turnClock.now();
    const update = this.#fleet.update();
    if (update !== undefined) await untilListed(update, serviceMethod, options, context);
    options.signal?.throwIfAborted(); // it may have, in the turn in which the list came
    const { endpoints, closed } = this.#fleet;
    if (closed) throw new RpcError("canceled", "the client is closed", { execution: "not_sent" });
    if (endpoints.length === 0) {
      throw new RpcError("unavailable", this.#fleet.emptyText, { execution: "not_sent" });
    }
    return new FanOut<T>(endpoints, context, serviceMethod, args, options, startedAtMs, call);
  }
}
