/**
 * This file is one client of one server: `dial` connects, and a {@linkcode Client} makes calls.
 *
 * @module
 */

import { systemClock } from "./clock.ts";
import type { ClientConnection } from "./connection/client_connection.ts";
import {
  checkCloseOptions,
  checkDialOptions,
  type CloseOptions,
  type DialOptions,
} from "./connection/client_options.ts";
import { dialConnection } from "./connection/dial.ts";
import type { CertainCall } from "./connection/kept_answers/certain_call.ts";
import { DirectCertain } from "./connection/kept_answers/direct_certain.ts";
import { Liveness } from "./connection/liveness.ts";
import type { PendingCall, Settler } from "./connection/pending_calls.ts";
import { TimeoutError } from "./errors.ts";
import { type AttemptProgress, InterceptedAttempt } from "./connection/intercepted_attempt.ts";
import type { InterceptedCall } from "./connection/intercepted_call.ts";
import { settleOpened } from "./connection/intercepted_stream.ts";
import { type ClientPipeline, clientPipeline } from "./connection/client_pipeline.ts";
import type { ItemReader } from "./connection/streams/item_reader.ts";
import { readStream } from "./connection/streams/open_stream.ts";
import { checkStreamOptions } from "./connection/streams/options.ts";
import {
  isAsyncIterable,
  type StreamIterator,
  type StreamOptions,
} from "./connection/streams/stream.ts";
import { checkCallOptions, NO_OPTIONS } from "./internal/call_options.ts";
import type { CallsOf, ServiceSchema } from "./internal/schema.ts";
import { type CallOptions, type Service, serviceView, type WithReply } from "./internal/service.ts";

export type {
  CallDefaults,
  ClientOptions,
  CloseOptions,
  DialOptions,
  LivenessOptions,
  MethodDefaults,
} from "./connection/client_options.ts";

export type { StreamIterator, StreamOptions };

/** How long calls in flight may take to end when a client is disposed of, in milliseconds. */
const DISPOSE_GRACE_MS = 10_000;

/**
 * Connects to one server.
 *
 * @param address `tcp@host:port`, `tls@host:port`, `http@host:port` or `unix@/path`.
 * @param options Protocol, limits and timeouts.
 * @returns The client, connected.
 * @throws {RpcError} `invalid_argument` for a wrong address or protocol;
 * `unavailable` if the server can't be reached in time.
 * @throws {RangeError} If a number among the options is out of range.
 * @throws {TypeError} If an option does not exist, or is of the wrong type.
 * @throws The signal's reason, if it aborts first.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { dial, Server } from "@geerpc/xclient";
 *
 * const server = new Server();
 * server.register("Arith", { Sum: (args: { A: number; B: number }) => args.A + args.B });
 * const listener = await server.listen("tcp@127.0.0.1:0");
 *
 * const client = await dial(listener.address);
 * const sum = await client.call<number>("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 500 });
 * assert(sum === 3);
 *
 * await client.close();
 * await server.close();
 * ```
 */
export async function dial(address: string, options: DialOptions = {}): Promise<Client> {
  checkDialOptions(options);
  const { clock = systemClock } = options;
  const liveness = new Liveness(clock, options.liveness);
  const pipeline = clientPipeline(options, clock);
  const redial = (signal: AbortSignal) => dialConnection(address, { ...options, signal });
  const certain = () => new DirectCertain(options, liveness, redial);
  return new Client(await dialConnection(address, options), liveness, pipeline, certain);
}

/**
 * A client of one server: one connection, and many calls in flight, answered
 * in any order. Made by {@linkcode dial}. When its connection is over, it
 * stays so: an `XClient` connects anew, a `Client` does not. Only for the
 * answers of calls with the option `certain` that were in flight then, it opens
 * another connection, and closes it when they are there. A connection that
 * is dead without a word is found out too: `DialOptions.liveness`.
 */
export class Client implements AsyncDisposable {
  readonly #connection: ClientConnection;
  readonly #liveness: Liveness;
  readonly #pipeline: ClientPipeline | undefined;
  readonly #startCertain: (() => DirectCertain) | undefined;
  #certain: DirectCertain | undefined;

  /**
   * Made by {@linkcode dial}.
   *
   * @internal
   * @param connection The connection, owned from here on.
   * @param liveness Finds out if the connection is dead.
   * @param pipeline What is done with calls before they are sent, if anything.
   * @param certain Makes what sends calls whose answers are kept. Default: there are none.
   */
  constructor(
    connection: ClientConnection,
    liveness: Liveness,
    pipeline?: ClientPipeline,
    certain?: () => DirectCertain,
  ) {
    this.#connection = connection;
    this.#liveness = liveness;
    this.#pipeline = pipeline;
    this.#startCertain = certain;
    liveness.watch(connection);
    if (pipeline !== undefined) connection.closed.then(() => pipeline.release());
  }

  /** The server's address. */
  get address(): string {
    return this.#connection.address;
  }

  /** Whether new calls can be made: `true` until either side ends the connection or drains it. */
  get available(): boolean {
    return this.#connection.available;
  }

  /** How many calls wait for a reply. */
  get inFlight(): number {
    return this.#connection.inFlight + (this.#certain?.recalled ?? 0);
  }

  /** Resolves when the connection is over, whoever ended it. */
  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  /**
   * Calls a method.
   *
   * @typeParam T The type of its reply, which is not checked. Default: the type
   * that the schema among the options gives it, else `unknown`.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout, metadata and schema.
   * @returns Its reply.
   * @throws {RpcError} What the server answered (`unknown`, or the code it gave),
   * or why there is no answer.
   * @throws {TimeoutError} If there is no reply within `timeoutMs`.
   * @throws {RangeError} If `timeoutMs` is not a number.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   * @throws The signal's reason, if it aborts.
   *
   * @example
   * ```ts ignore
   * const sum = await client.call<number>("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 500 });
   * ```
   */
  call<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: WithReply<T, CallOptions> = NO_OPTIONS,
  ): Promise<NoInfer<T>> {
    return new Promise((resolve, reject) => {
      if (options !== NO_OPTIONS) checkCallOptions(options);
      const settler = { resolve: resolve as Settler["resolve"], reject };
      const pipeline = this.#pipeline;
      if (pipeline === undefined) return this.#send(serviceMethod, args, options, settler);
      const filled = pipeline.optionsOf(serviceMethod, options);
      if (pipeline.intercepts()) {
        pipeline.intercept(serviceMethod, args, filled, settler, (call, sent, sentSettler) => {
          this.#sendAttempt(call, sent, sentSettler);
        });
      } else this.#send(serviceMethod, args, filled, settler);
    });
  }

  /**
   * Calls a method that answers with many items, as a handler does that is an async generator. An
   * argument that is an async iterable is sent item by item. docs/streams.md has the whole.
   *
   * Nothing is sent before the first item is asked for. A reader that leaves, by `break`, an error
   * or `return()`, cancels the call. The server sends no more than `windowBytes` and `windowItems`
   * ahead of the reader. A method that answers with one value is a stream of one item.
   *
   * @typeParam T The type of its items, which is not checked. Default `unknown`.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, deadlines, metadata, and how much is held for the reader.
   * @returns Its items. Reading rejects with what `call` rejects with, behind the items that have
   * come; at once if the signal aborts or the time is over.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   * @throws {RangeError} If a number among the options is out of range.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { dial, Server } from "@geerpc/xclient";
   *
   * await using server = new Server();
   * server.register("Count", {
   *   async *To(most: number) {
   *     for (let number = 1; number <= most; number++) yield number;
   *   },
   * });
   * const { address } = await server.listen("tcp@127.0.0.1:0");
   *
   * await using client = await dial(address);
   * let sum = 0;
   * for await (const number of client.stream<number>("Count.To", 100)) sum += number;
   * assertEquals(sum, 5050);
   * ```
   */
  stream<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: StreamOptions = NO_OPTIONS,
  ): StreamIterator<T> {
    if (options !== NO_OPTIONS) checkStreamOptions(options);
    const pipeline = this.#pipeline;
    const filled = pipeline?.optionsOf(serviceMethod, options) ?? options;
    if (!pipeline?.intercepts()) return this.#read(serviceMethod, args, filled);
    return pipeline.interceptStream(serviceMethod, args, filled, false, (call, sent, settler) => {
      this.#attempt(call, sent, settler, undefined, (sent, sentSettler) => {
        settleOpened(this.#read(call.serviceMethod, call.args, sent), call, sentSettler);
      });
    });
  }

  /**
   * A typed view of a service.
   *
   * @typeParam T The service's methods as the server has them; see {@linkcode Service}.
   * @param name The service's name.
   * @returns A view whose methods make calls.
   *
   * @example
   * ```ts ignore
   * interface Arith {
   *   Sum(args: { A: number; B: number }): number;
   * }
   * const sum = await client.service<Arith>("Arith").Sum({ A: 1, B: 2 });
   * ```
   */
  service<T>(name: string): Service<T>;
  /**
   * A typed view of a service that has a schema, as gob needs one. The types
   * of its methods follow from it.
   *
   * @typeParam S The schema's type.
   * @param name The service's name.
   * @param schema The types of its methods' arguments and replies, made by `gob.service`.
   * @returns A view whose methods make calls.
   */
  service<S extends ServiceSchema>(name: string, schema: S): Service<CallsOf<S>>;
  service(name: string, schema?: ServiceSchema): Service<unknown> {
    return serviceView(name, this, schema);
  }

  /**
   * Ends the connection. Idempotent.
   *
   * @param options `graceMs`: how long calls in flight may take to end, in
   * milliseconds; new ones fail meanwhile. Default 0: they fail at once, as `canceled`.
   * @returns Resolves when it is over.
   * @throws {RangeError} If `graceMs` is negative or not a number.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const closed = this.#close(options);
    await (this.#pipeline?.close(options.graceMs ?? 0, closed) ?? closed);
  }

  #send(
    serviceMethod: string,
    args: unknown,
    options: CallOptions,
    settler: Settler,
  ): PendingCall | CertainCall | undefined {
    const { signal, timeoutMs } = options;
    if (signal?.aborted) return void settler.reject(signal.reason);
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      return void settler.reject(tooLate(this.address, serviceMethod));
    }
    // The items of an argument are gone when its connection is: there is nothing to ask for.
    const isCertain = options.certain === true && !isAsyncIterable(args);
    if (isCertain) this.#certain ??= this.#startCertain?.();
    const call = isCertain && this.#certain !== undefined
      ? this.#certain.send(this.#connection, serviceMethod, args, options, settler)
      : this.#connection.send(serviceMethod, args, options, settler);
    if (call === undefined) return undefined;
    this.#liveness.wake();
    if (timeoutMs !== undefined && timeoutMs < Infinity) call.limit(timeoutMs);
    if (signal !== undefined) call.abortOn(signal);
    return call;
  }

  async #close(options: CloseOptions): Promise<void> {
    const graceMs = checkCloseOptions(options, 0);
    await Promise.all([this.#connection.close(options), this.#certain?.close(graceMs)]);
  }

  #read<T>(serviceMethod: string, args: unknown, options: StreamOptions): ItemReader<T> {
    return readStream(this.#connection, serviceMethod, args, options, () => this.#liveness.wake());
  }

  /** Sends a call as the one attempt that it has here, through the interceptors of that. */
  #sendAttempt(call: InterceptedCall, options: CallOptions, settler: Settler): void {
    let inFlight: PendingCall | CertainCall | undefined;
    const way = {
      phase: "call",
      get recalls() {
        return inFlight !== undefined && "recalls" in inFlight ? inFlight.recalls : 0;
      },
    } as const;
    this.#attempt(call, options, settler, way, (sent, sentSettler) => {
      inFlight = this.#send(call.serviceMethod, call.args, sent, sentSettler);
    });
  }

  /** Makes the one attempt. */
  #attempt<Options extends CallOptions>(
    call: InterceptedCall,
    options: Options,
    settler: Settler,
    way: AttemptProgress | undefined,
    send: (options: Options, settler: Settler) => void,
  ): void {
    const attempt = new InterceptedAttempt(call, this.address, "direct", way);
    attempt.run((sentSettler) => {
      const meta = attempt.metaOver(options.meta);
      const sent = meta === options.meta ? options : { ...options, meta };
      send(sent, call.inFlight(sentSettler));
    }, settler);
  }

  /** Lets calls in flight end, for ten seconds at most, then closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: DISPOSE_GRACE_MS });
  }
}

function tooLate(address: string, serviceMethod: string): TimeoutError {
  const message = `${serviceMethod} at ${address}: the deadline has passed already`;
  return new TimeoutError(message, { address, serviceMethod, execution: "not_sent" });
}
