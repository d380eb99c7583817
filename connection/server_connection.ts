/**
 * A server's side of one connection: the handshake, then calls to handlers
 * and replies back.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { Deadlines, type Expiring } from "../internal/deadlines.ts";
import type {
  Limits,
  Protocol,
  RequestExtras,
  RequestSink,
  ServerCodec,
} from "../protocol/codec.ts";
import { JsonServerCodec } from "../protocol/geerpc_json/server.ts";
import { codeOf, errorText, type RpcCode, RpcError } from "../errors.ts";
import { goDuration } from "../protocol/go_duration.ts";
import { DRAINING } from "../protocol/go_errors.ts";
import { QueuedRequest, RequestQueue } from "./request_queue.ts";
import type { MethodSchema } from "../schema.ts";
import { SeqTable } from "./seq_table.ts";
import { Handshake, type Opened } from "./server_handshake.ts";
import type { Transport } from "../transport.ts";

/** What a handler may know of the call that it answers. */
export interface CallContext {
  /** Aborts when nobody waits any more: cancelled, too late, connection gone, server closed. */
  readonly signal: AbortSignal;
  /** When the caller gives up, if it said so. */
  readonly deadline?: Date;
  /** The caller's metadata. */
  readonly meta: Readonly<Record<string, string>>;
  /** The caller's address. */
  readonly remote: string;
  /** What was called. */
  readonly serviceMethod: string;
  /**
   * Makes an error that says that the call was turned away and has done
   * nothing: thrown by the handler, it lets the caller go to another server.
   *
   * @param message Why.
   * @param code Default `unavailable`.
   * @returns What to throw.
   */
  reject(message: string, code?: RpcCode): RpcError;
}

/** One method of a service. */
export interface Method {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** What it takes and gives on the wire, if that was said. */
  readonly schema?: MethodSchema;
  /** Runs it. */
  handle(args: unknown, context: CallContext): unknown;
}

/** What a connection needs of its server. */
export interface Host {
  /** What is spoken where no HTTP CONNECT says otherwise; of GeeRPC, either encoding. */
  readonly protocol: Protocol;
  /** Looks a method up. */
  find(serviceMethod: string): Method | undefined;
  /** Says why there is no such method. */
  explain(serviceMethod: string): string;
  /** What a client may make us hold. */
  readonly limits: Limits;
  /** The most handlers running; more calls wait until some end. */
  readonly maxInFlight: number;
  /** Where deadlines take the time from. */
  readonly clock: Clock;
}

/** How long a drained client may take to close the connection itself. */
const LINGER_MS = 250;

/** The longest error that is told, in characters; less where messages are small, but so much. */
const LONGEST_ERROR = 65_536;
const SHORT_ERROR = 1024;

/** No date is later. */
const LAST_DATE_MS = 8.64e15;

const NO_META: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** One call that runs, and what its handler sees of it. */
class RunningCall implements CallContext, Expiring {
  dueAt = 0;
  waiting = false;
  deadline: Date | undefined;
  /** What the handler may throw to turn the call away. */
  rejection: RpcError | undefined;
  /** What is answered when `dueAt` passes; nothing if the caller set it himself. */
  lateText: string | undefined;
  #controller: AbortController | undefined;

  constructor(
    readonly connection: ServerConnection,
    readonly seq: number,
    readonly method: Method,
    readonly meta: Readonly<Record<string, string>>,
  ) {}

  get serviceMethod(): string {
    return this.method.serviceMethod;
  }

  get remote(): string {
    return this.connection.remote;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  reject(message: string, code: RpcCode = "unavailable"): RpcError {
    this.rejection = new RpcError(code, message, { execution: "rejected" });
    return this.rejection;
  }

  abort(reason: unknown): void {
    // A handler that asks for its signal later must find it aborted.
    (this.#controller ??= new AbortController()).abort(reason);
  }

  expire(): void {
    this.connection.late(this);
  }
}

/** A server's side of one connection. */
export class ServerConnection implements RequestSink {
  /** The client's address. */
  readonly remote: string;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  readonly #host: Host;
  readonly #transport: Transport;
  readonly #deadlines: Deadlines;
  readonly #running = new SeqTable<RunningCall>();
  /** How many handlers have not ended: those too whose calls have been given up. */
  #handlers = 0;
  /**
   * Calls that are too many to run yet, or whose replies would be too much to
   * hold. They are read all the same, up to a limit, since behind them may come
   * a cancel, or the end of the client.
   */
  readonly #held = new RequestQueue();
  #heldBytes = 0;
  #handshake: Handshake | undefined;
  #codec!: ServerCodec;
  #handleTimeoutMs = 0;
  /** Whether a read is being worked through: what it answers leaves behind it. */
  #reading = false;
  #scheduled = false;
  #writing = false;
  #toWrite = false;
  #draining = false;
  #over = false;
  /** Whether to close once a refused handshake has been answered. */
  #refused = false;
  #lingering: Timer | undefined;
  #resume: (() => void) | undefined;
  #resolveClosed!: () => void;

  /**
   * @param transport The connection, accepted just now.
   * @param host Methods and limits.
   */
  constructor(transport: Transport, host: Host) {
    this.#host = host;
    this.#transport = transport;
    this.remote = transport.remote;
    this.#deadlines = new Deadlines(host.clock);
    this.#handshake = new Handshake(host.protocol, host.limits, (bytes) => this.#send(bytes));
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    transport.start({
      data: (chunk) => this.#receive(chunk),
      end: () => this.close(),
    });
  }

  /**
   * Takes no new calls, and closes when the running ones have ended.
   *
   * @returns Resolves when it is closed.
   */
  drain(): Promise<void> {
    if (!this.#over && !this.#draining) {
      this.#draining = true;
      if (this.#handshake !== undefined) this.close();
      else {
        this.#codec.drain?.();
        this.#gather();
        this.#release(); // to be turned away at once: they may run elsewhere
      }
    }
    return this.closed;
  }

  /** Closes at once; handlers that still run see their signal abort. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport.close();
    this.#deadlines.clear();
    this.#lingering?.cancel();
    const running = this.#running.clear();
    this.#held.clear();
    this.#resume?.();
    this.#resolveClosed();
    const reason = new RpcError("canceled", `the connection of ${this.remote} is over`);
    for (const call of running) call.abort(reason);
  }

  #receive(chunk: Uint8Array): Promise<void> | void {
    if (this.#over || this.#refused) return;
    this.#reading = true;
    try {
      if (this.#handshake === undefined) this.#codec.receive(chunk, this);
      else {
        const opening = this.#open(this.#handshake, chunk);
        if (opening !== undefined) return opening;
      }
    } catch (error) {
      return this.#giveUp(error);
    } finally {
      this.#reading = false;
    }
    if (this.#over) return;
    if (!this.#held.isEmpty) {
      this.#heldBytes += chunk.length;
      this.#release();
    }
    if (this.#toWrite && !this.#writing) this.#write();
    if (this.#blocked) return new Promise((resolve) => this.#resume = resolve);
  }

  /** Whether to read no further: too much is held, or the client does not read its replies. */
  get #blocked(): boolean {
    return this.#heldBytes > this.#host.limits.maxMessageBytes || this.#writing && this.#toWrite;
  }

  #unblock(): void {
    if (this.#resume === undefined || this.#blocked) return;
    this.#resume();
    this.#resume = undefined;
  }

  #open(handshake: Handshake, chunk: Uint8Array): Promise<void> | void {
    const opened = handshake.push(chunk);
    if (opened === undefined) return;
    if (opened.codec instanceof Promise) return this.#load(opened, opened.codec);
    this.#begin(opened.codec, opened.handleTimeoutMs);
    if (opened.rest.length > 0) this.#codec.receive(opened.rest, this);
  }

  /** Reads no further until the protocol is there; what has come behind the handshake waits. */
  async #load(opened: Opened, loading: Promise<ServerCodec>): Promise<void> {
    const rest = opened.rest.slice();
    try {
      const codec = await loading;
      if (this.#over) return;
      this.#begin(codec, opened.handleTimeoutMs);
    } catch (error) {
      return this.#giveUp(error);
    }
    await this.#receive(rest);
  }

  #begin(codec: ServerCodec, handleTimeoutMs: number): void {
    this.#handshake = undefined;
    this.#codec = codec;
    this.#handleTimeoutMs = handleTimeoutMs;
  }

  /** Says why, as far as the protocol can, and closes. */
  #giveUp(error: unknown): Promise<void> | void {
    if (this.#handshake !== undefined && this.#writing) {
      this.#refused = true; // HTTP CONNECT has been answered: that says it
      return;
    }
    this.#held.clear();
    // Whoever fails in the handshake may still be able to read a line of JSON.
    const codec = this.#handshake === undefined
      ? this.#codec
      : new JsonServerCodec(this.#host.limits);
    const message = `rpc server: ${errorText(error).replace(/^rpc server: /, "")}`;
    codec.giveUp?.(message, error instanceof RpcError ? error.code : "internal");
    const close = () => this.close();
    if (this.#writing) return close();
    this.#writing = true;
    return this.#transport.write(codec.take()).then(close, close); // nothing is read until then
  }

  call(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    if (this.#over) return; // closed by a call that came before it in the same read
    if (this.#mayRun() && this.#held.isEmpty) this.#run(seq, serviceMethod, args, extras);
    else if (this.#held.has(seq)) this.#refuseTwin(seq, serviceMethod);
    else {this.#held.add(
        new QueuedRequest(seq, serviceMethod, args, extras, this.#host.clock.now()),
      );}
  }

  /**
   * Whether one more call may run. While we drain it is only turned away, which
   * needs no handler. Nothing is answered while the client reads too few replies.
   */
  #mayRun(): boolean {
    return (this.#handlers < this.#host.maxInFlight || this.#draining) &&
      this.#codec.bufferedBytes <= this.#host.limits.maxMessageBytes;
  }

  /** Runs calls that were held, as many as may run. */
  #release(): void {
    while (!this.#held.isEmpty && this.#mayRun()) {
      const call = this.#held.take()!;
      const extras = call.extrasAt(this.#host.clock.now());
      this.#run(call.seq, call.serviceMethod, call.args, extras);
    }
    if (this.#held.isEmpty) this.#heldBytes = 0;
    this.#unblock();
  }

  #run(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const method = this.#host.find(serviceMethod);
    if (method === undefined) {
      const message = this.#host.explain(serviceMethod);
      return this.refuse(seq, serviceMethod, "unimplemented", message);
    }
    if (this.#draining) {
      return this.refuse(seq, serviceMethod, "unavailable", DRAINING);
    }
    if (this.#running.get(seq) !== undefined) return this.#refuseTwin(seq, serviceMethod);
    const { timeoutMs, meta = NO_META } = extras;
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      const message = "rpc server: the deadline had passed before the call could run";
      return this.refuse(seq, serviceMethod, "deadline_exceeded", message);
    }
    const call = new RunningCall(this, seq, method, meta);
    if (timeoutMs !== undefined) {
      call.deadline = new Date(Math.min(Date.now() + timeoutMs, LAST_DATE_MS));
    }
    let result: unknown;
    try {
      result = method.handle(args, call);
      if (isPromise(result)) return this.#await(call, settlingOnce(result), timeoutMs);
    } catch (error) {
      return this.#fail(call, error);
    }
    this.#reply(call, result);
  }

  #await(call: RunningCall, result: Promise<unknown>, timeoutMs: number | undefined): void {
    result.then(
      (value) => this.#handled(call, () => this.#reply(call, value)),
      (error) => this.#handled(call, () => this.#fail(call, error)),
    );
    this.#running.set(call);
    this.#handlers++;
    this.#limit(call, timeoutMs);
  }

  schemaOf(serviceMethod: string): MethodSchema | undefined {
    return this.#host.find(serviceMethod)?.schema;
  }

  refuse(seq: number, serviceMethod: string, code: RpcCode, message: string): void {
    this.#answerError(seq, serviceMethod, message, code, true);
  }

  #refuseTwin(seq: number, serviceMethod: string): void {
    const message = `rpc server: a call with Seq ${seq} is running already`;
    this.refuse(seq, serviceMethod, "invalid_argument", message);
  }

  /** Answers with an error, cut to what any client takes. */
  #answerError(
    seq: number,
    serviceMethod: string,
    message: string,
    code: RpcCode,
    rejected: boolean,
  ): void {
    const { maxMessageBytes } = this.#host.limits;
    const longest = Math.min(LONGEST_ERROR, Math.max(maxMessageBytes / 8, SHORT_ERROR));
    const text = message.length > longest ? `${message.slice(0, longest)}…` : message;
    // Clients go by the number; a name of that length is no method's.
    const name = serviceMethod.length > longest ? "" : serviceMethod;
    try {
      this.#codec.fail(seq, name, { code, message: text, rejected });
    } catch {
      return this.close(); // not even that can be said within the limit
    }
    this.#gather();
  }

  cancel(seq: number): void {
    const call = this.#running.get(seq);
    if (call === undefined) return this.#held.cancel(seq);
    this.#end(call, () => {});
    call.abort(new RpcError("canceled", `the caller gave ${call.serviceMethod} up`));
  }

  answered(): void {
    this.#gather();
  }

  /**
   * A running call's deadline has passed. What GeeRPC's handshake gave every
   * call is answered; who set a deadline of his own has given the call up.
   */
  late(call: RunningCall): void {
    const { seq, serviceMethod, lateText } = call;
    this.#end(call, () => {
      if (lateText === undefined) return;
      this.#answerError(seq, serviceMethod, lateText, "deadline_exceeded", false);
    });
    call.abort(new DOMException(lateText ?? "the caller's deadline has passed", "TimeoutError"));
  }

  /** The earlier of the caller's deadline and what GeeRPC's handshake gave every call. */
  #limit(call: RunningCall, timeoutMs = Infinity): void {
    const handleTimeoutMs = this.#handleTimeoutMs || Infinity;
    const limitMs = Math.min(timeoutMs, handleTimeoutMs);
    if (limitMs === Infinity) return;
    if (handleTimeoutMs <= timeoutMs) {
      call.lateText = `rpc server: request handle timeout: expect within ${
        goDuration(handleTimeoutMs)
      }`;
    }
    call.dueAt = this.#host.clock.now() + limitMs;
    this.#deadlines.add(call);
  }

  #handled(call: RunningCall, answer: () => void): void {
    this.#handlers--;
    try {
      this.#end(call, answer);
      if (!this.#reading) this.#release(); // else behind the read, which may bring cancels
    } catch {
      this.close(); // nobody else would hear of it, and the process would end
    }
  }

  #end(call: RunningCall, answer: () => void): void {
    if (this.#running.get(call.seq) !== call) return; // it was cancelled, or too late
    this.#running.take(call.seq);
    this.#deadlines.remove(call);
    answer();
    if (this.#draining) this.#gather();
  }

  #reply(call: RunningCall, value: unknown): void {
    try {
      this.#codec.reply(call.seq, call.serviceMethod, value, call.method.schema?.reply);
    } catch (error) {
      const code = codeOf(error) === "resource_exhausted" ? "resource_exhausted" : "internal";
      const message = `rpc server: the reply is refused: ${errorText(error)}`;
      return this.#answerError(call.seq, call.serviceMethod, message, code, false);
    }
    this.#gather();
  }

  #fail(call: RunningCall, error: unknown): void {
    // An error that merely came from elsewhere says nothing of this call.
    const rejected = error !== undefined && error === call.rejection;
    this.#answerError(call.seq, call.serviceMethod, errorText(error), codeOf(error), rejected);
  }

  /** Writes soon: behind the read that is being worked through, else in a microtask. */
  #gather(): void {
    this.#toWrite = true;
    if (this.#reading || this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#tick);
  }

  readonly #tick = (): void => {
    this.#scheduled = false;
    if (!this.#writing && !this.#over) this.#write();
  };

  #write(): void {
    this.#toWrite = false;
    this.#send(this.#codec.take());
  }

  /** One write at a time: `#writing` keeps the next back. */
  #send(bytes: Uint8Array): void {
    this.#writing = true;
    this.#transport.write(bytes).then(this.#written, this.#lost);
  }

  readonly #written = (): void => {
    if (!this.#held.isEmpty) this.#release(); // before the next write, to leave with it
    this.#writing = false;
    if (this.#over) return;
    if (this.#refused) this.close();
    else if (this.#toWrite) this.#write();
    else if (this.#draining && this.#running.size === 0) this.#linger();
    this.#unblock();
  };

  /**
   * A drained connection is the client's to close, since only it knows that it
   * has sent nothing more. One that does not know of draining is not waited
   * for long.
   */
  #linger(): void {
    this.#lingering?.cancel();
    this.#lingering = this.#host.clock.setTimer(LINGER_MS, () => this.close());
  }

  readonly #lost = (): void => this.close();
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** A `then` of the handler's own making may throw, or call back twice. */
function settlingOnce(result: PromiseLike<unknown>): Promise<unknown> {
  const promise = Promise.resolve(result); // the same, if it is one of the platform's
  if (promise.then === Promise.prototype.then) return promise;
  return new Promise((resolve) => resolve(promise));
}
