/**
 * One connection to one server, and many calls in flight on it.
 *
 * @module
 */

import type { Abortable } from "./internal/abort.ts";
import { parseAddress, type ParsedAddress } from "./address.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type ClientCodec, limitsOf, type Protocol, type RequestExtras } from "./protocol/codec.ts";
import { errorText, type RpcCode, RpcError, TimeoutError } from "./errors.ts";
import { connectThrough } from "./net/http_connect.ts";
import { systemNetwork } from "./net/network.ts";
import { BatchWriter } from "./connection/batch_writer.ts";
import { PendingCall, PendingCalls, type Settler } from "./connection/pending_calls.ts";
import { checkProtocol, connectPath, openClientCodec } from "./protocol/protocols.ts";
import { aboveZero, atLeast } from "./internal/validate.ts";
import type { CallsOf, ServiceSchema } from "./schema.ts";
import { type CallOptions, type Service, serviceView } from "./service.ts";
import type { Network, TlsOptions, Transport } from "./transport.ts";

/** How a client connects, and what it allows. */
export interface ClientOptions {
  /** Handshake and encoding. Default: what the address says, else `geerpc/json`. */
  protocol?: Protocol;
  /** How long connecting may take, TLS and CONNECT handshakes included. Default 10,000. */
  connectTimeoutMs?: number;
  /** What a GeeRPC server gives each call of this connection. Default: no limit. */
  handleTimeoutMs?: number;
  /** The largest message in each direction, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /** How deep arrays and objects of a reply may be nested. Default 100. */
  maxDepth?: number;
  /** The most calls in flight; one more fails as `resource_exhausted`. Default 10,000. */
  maxInFlight?: number;
  /** Certificates and names for `tls@` addresses. */
  tls?: TlsOptions;
  /** What connects. Default: the machine's network. */
  network?: Network;
  /** Where timeouts take the time from. Default: the system's clock. */
  clock?: Clock;
}

/** How {@linkcode dial} connects. */
export interface DialOptions extends ClientOptions {
  /** Gives the attempt up; it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** How a client or a server closes. */
export interface CloseOptions {
  /** How long calls in flight may take to end, in milliseconds. */
  graceMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_IN_FLIGHT = 10_000;
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
  const endpoint = parseAddress(address);
  const protocol = checkProtocol(
    options.protocol ?? endpoint.metadata.protocol ?? "geerpc/json",
  );
  checkClientOptions(options);
  const codec = await openClientCodec(
    protocol,
    limitsOf(options),
    options.handleTimeoutMs ?? 0,
  );
  const transport = await connect(endpoint, protocol, options);
  return new Client(endpoint.address, transport, codec, options);
}

/**
 * Checks the numbers among a client's options.
 *
 * @param options What was said.
 * @throws {RangeError} If one is out of range.
 */
export function checkClientOptions(options: ClientOptions): void {
  limitsOf(options);
  const { maxInFlight, connectTimeoutMs, handleTimeoutMs } = options;
  atLeast(1, "maxInFlight", maxInFlight ?? MAX_IN_FLIGHT);
  aboveZero("connectTimeoutMs", connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
  atLeast(0, "handleTimeoutMs", handleTimeoutMs ?? 0);
}

async function connect(
  endpoint: ParsedAddress,
  protocol: Protocol,
  options: DialOptions,
): Promise<Transport> {
  const { address } = endpoint;
  const { network = systemNetwork, clock = systemClock, signal, tls } = options;
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const giveUp = new AbortController();
  const abort = () => giveUp.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const timer = clock.setTimer(connectTimeoutMs, () => {
    const message = `${address}: no connection within ${connectTimeoutMs} ms (connectTimeoutMs)`;
    const cause = new TimeoutError(message, { address, execution: "not_sent" });
    giveUp.abort(
      new RpcError("unavailable", message, { address, execution: "not_sent", cause }),
    );
  });
  try {
    const transport = await network.connect(endpoint, { signal: giveUp.signal, tls });
    if (endpoint.scheme !== "http") return transport;
    return await connectThrough(transport, connectPath(protocol), giveUp.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * One connection to one server: many calls in flight, answered in any order.
 * Made by {@linkcode dial}.
 */
export class Client implements AsyncDisposable {
  /** The server's address. */
  readonly address: string;
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #transport: Transport;
  readonly #codec: ClientCodec;
  readonly #writer: BatchWriter;
  readonly #clock: Clock;
  readonly #calls: PendingCalls;
  readonly #maxInFlight: number;
  #seq = 0;
  #heard = 0;
  /** Whether an argument is being encoded: code of the caller's may run, as `toJSON`. */
  #encoding = false;
  /** Why the server takes no new calls, if it takes none. */
  #draining: string | undefined;
  /** Whether we have said so: `closing` is ours, `shutdown` is the server's. */
  #closing = false;
  #shutdown = false;
  #resolveClosed!: () => void;

  /**
   * Takes a connection over.
   *
   * @param address The server's address, for messages.
   * @param transport The connection. The client owns it from here on.
   * @param codec The protocol's half for this connection.
   * @param options Limits and clock.
   */
  constructor(
    address: string,
    transport: Transport,
    codec: ClientCodec,
    options: ClientOptions = {},
  ) {
    this.address = address;
    this.#transport = transport;
    this.#codec = codec;
    this.#clock = options.clock ?? systemClock;
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#calls = new PendingCalls(
      address,
      this.#clock,
      (seq) => this.#cancel(seq),
      () => this.#idled(),
    );
    this.#writer = new BatchWriter(
      codec,
      transport,
      () => this.#calls.handedOver = this.#seq,
      (error) => this.#lost(error),
    );
    transport.start({
      data: (chunk) => this.#receive(chunk),
      end: (error) => this.#end(error),
    });
  }

  /** Whether new calls can be made: `true` until either side ends it. */
  get available(): boolean {
    return !this.#closing && !this.#shutdown && this.#draining === undefined;
  }

  /** How many calls wait for a reply. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /**
   * How many times bytes have come: while it stands still, the server is silent.
   *
   * @internal
   */
  get heard(): number {
    return this.#heard;
  }

  /**
   * Asks the server for a sign of life, where the protocol has a way to.
   *
   * @param settler Told when it gives one, or the connection is over.
   * @returns Whether the question could be asked.
   * @internal
   */
  ping(settler: Settler): boolean {
    if (this.#shutdown || this.#encoding || this.#codec.ping === undefined) return false;
    const seq = ++this.#seq;
    this.#codec.ping(seq);
    this.#calls.add(new PendingCall(this.#calls, seq, "ping", settler));
    this.#gather();
    return true;
  }

  /**
   * Gives the connection up as dead: calls in flight fail as `unavailable`.
   *
   * @param why For their message.
   * @internal
   */
  giveUp(why: string): void {
    this.#over("unavailable", why, undefined);
  }

  /**
   * Calls a method.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout and metadata.
   * @returns Its reply.
   * @throws {RpcError} What the server answered (`unknown`, or the code it gave),
   * or why there is no answer.
   * @throws {TimeoutError} If there is no reply within `timeoutMs`.
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
    options: CallOptions = {},
  ): Promise<T> {
    const { signal, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (timeoutMs !== undefined && !(timeoutMs > 0)) {
        return reject(this.#tooLate(serviceMethod, timeoutMs));
      }
      const settler = { resolve: resolve as Settler["resolve"], reject };
      const call = this.#send(serviceMethod, args, options, settler);
      if (call === undefined) return;
      if (timeoutMs !== undefined && timeoutMs < Infinity) this.#calls.limit(call, timeoutMs);
      if (signal !== undefined) this.#calls.heed(call, signal);
    });
  }

  /**
   * A typed view of a service.
   *
   * @typeParam T The service's methods as the server has them.
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
   * A typed view of a service whose types are said by a schema, as gob needs
   * them; TypeScript's follow from it.
   *
   * @typeParam S The schema's type.
   * @param name The service's name.
   * @param schema What its methods take and give, made by `gob.service`.
   * @returns A view whose methods make calls.
   */
  service<S extends ServiceSchema>(name: string, schema: S): Service<CallsOf<S>>;
  service(name: string, schema?: ServiceSchema): Service<unknown> {
    return serviceView(name, (method, args, options) => this.call(method, args, options), schema);
  }

  /**
   * Calls a method and tells `settler` how it ended: what `call` is made of,
   * for those who watch over deadline and signal themselves.
   *
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param extras What the server is told: metadata, and the time that is left.
   * @param settler Told once; perhaps before this returns.
   * @returns The call, which may be aborted; `undefined` if it has failed already.
   * @internal
   */
  send(
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    settler: Settler,
  ): Abortable | undefined {
    return this.#send(serviceMethod, args, extras, settler);
  }

  #send(
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    settler: Settler,
  ): PendingCall | undefined {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      return void settler.reject(this.#failure(serviceMethod, refusal.code, refusal.message));
    }
    const seq = this.#seq + 1;
    this.#encoding = true;
    try {
      this.#codec.request(seq, serviceMethod, args, extras);
    } catch (error) {
      // What is none of ours, the argument itself has thrown: a getter of its own.
      const code = error instanceof RpcError ? error.code : "invalid_argument";
      const message = `the argument of the call is refused: ${errorText(error)}`;
      return void settler.reject(this.#failure(serviceMethod, code, message, error));
    } finally {
      this.#encoding = false;
    }
    if (this.#shutdown) { // by the argument's own doing: it is never written
      const { code, message } = this.#refusal()!;
      return void settler.reject(this.#failure(serviceMethod, code, message));
    }
    this.#seq = seq;
    const call = new PendingCall(this.#calls, seq, serviceMethod, settler);
    call.schema = extras.schema;
    this.#calls.add(call);
    this.#gather();
    return call;
  }

  /**
   * Ends the connection. Idempotent.
   *
   * @param options `graceMs`: how long calls in flight may take to end.
   * Default 0: they fail at once, as `canceled`.
   * @returns Resolves when it is over.
   * @throws {RangeError} If `graceMs` is negative or not a number.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = atLeast(0, "graceMs", options.graceMs ?? 0);
    this.#closing = true;
    if (graceMs > 0 && this.#calls.size > 0 && !this.#shutdown) await this.#idle(graceMs);
    if (!this.#shutdown) this.#over("canceled", "the client was closed", undefined);
    return this.closed;
  }

  /** Lets calls in flight end, for ten seconds at most, then closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: DISPOSE_GRACE_MS });
  }

  #onIdle: (() => void) | undefined;

  #idle(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#onIdle;
      const done = () => {
        timer.cancel();
        before?.();
        resolve();
      };
      const timer = this.#clock.setTimer(graceMs, done);
      this.#onIdle = done;
    });
  }

  #refusal(): { code: RpcCode; message: string } | undefined {
    if (this.#closing) return { code: "canceled", message: "the client is closed" };
    if (this.#shutdown) return { code: "unavailable", message: "the connection is over" };
    if (this.#draining !== undefined) return { code: "unavailable", message: this.#draining };
    if (this.#encoding) {
      const message = "it was made while the argument of another call was being encoded";
      return { code: "invalid_argument", message };
    }
    // Calls that were given up before they could be written count too: they are still held.
    const unwritten = this.#seq - this.#calls.handedOver;
    if (Math.max(this.#calls.size, unwritten) < this.#maxInFlight) return undefined;
    const message = `${this.#maxInFlight} calls are in flight already (maxInFlight)`;
    return { code: "resource_exhausted", message };
  }

  #failure(serviceMethod: string, code: RpcCode, message: string, cause?: unknown): RpcError {
    const { address } = this;
    const details = { address, serviceMethod, execution: "not_sent" as const };
    return new RpcError(
      code,
      `${serviceMethod} at ${address}: ${message}`,
      cause === undefined ? details : { ...details, cause },
    );
  }

  #tooLate(serviceMethod: string, timeoutMs: number): unknown {
    if (Number.isNaN(timeoutMs)) return new RangeError("timeoutMs is not a number");
    const { address } = this;
    return new TimeoutError(`${serviceMethod} at ${address}: the deadline has passed already`, {
      address,
      serviceMethod,
      execution: "not_sent",
    });
  }

  #cancel(seq: number): void {
    if (this.#shutdown || this.#codec.cancel === undefined) return;
    if (this.#encoding) return queueMicrotask(() => this.#cancel(seq));
    this.#codec.cancel(seq);
    this.#gather();
  }

  #gather(): void {
    this.#writer.add(this.#calls.size <= 1);
  }

  #lost(error: unknown): void {
    this.#over("unavailable", `the connection was lost: ${errorText(error)}`, error);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#shutdown) return;
    this.#heard++;
    try {
      this.#codec.receive(chunk, this.#sink);
    } catch (error) {
      this.#broken(error);
    }
  }

  readonly #sink = {
    take: (seq: number): PendingCall | undefined => this.#calls.take(seq),
    drain: (why = "the server is draining and takes no new calls"): void => {
      this.#draining ??= why;
      if (this.#calls.size === 0) this.#idled();
    },
  };

  /** No call is left. A connection that the server drains is ours to close then. */
  #idled(): void {
    if (this.#draining !== undefined) this.#over("unavailable", this.#draining, undefined);
    this.#onIdle?.();
  }

  #end(error: unknown): void {
    if (this.#shutdown) return;
    if (error !== undefined) return this.#lost(error);
    try {
      this.#codec.end();
    } catch (broken) {
      return this.#broken(broken);
    }
    this.#over("unavailable", "the server closed the connection", undefined);
  }

  #broken(error: unknown): void {
    const code = error instanceof RpcError ? error.code : "internal";
    this.#over(code, `the connection was given up: ${errorText(error)}`, error);
  }

  #over(code: RpcCode, message: string, cause: unknown): void {
    if (this.#shutdown) return;
    this.#shutdown = true;
    this.#writer.close();
    this.#transport.close();
    this.#calls.failAll(code, message, cause);
    this.#onIdle?.();
    this.#resolveClosed();
  }
}
