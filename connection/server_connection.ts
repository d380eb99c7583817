/**
 * A server's side of one connection: from the handshake to the close, what is
 * read, what waits, and what runs.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";
import type {
  Limits,
  Protocol,
  RequestExtras,
  RequestSink,
  ServerCodec,
} from "../protocol/codec.ts";
import { JsonServerCodec } from "../protocol/geerpc_json/server.ts";
import { DRAINING } from "../protocol/go_errors.ts";
import type { MethodSchema } from "../schema.ts";
import type { Transport } from "../transport.ts";
import { type BatchSource, BatchWriter } from "./batch_writer.ts";
import { Replies } from "./replies.ts";
import { QueuedRequest, RequestQueue } from "./request_queue.ts";
import { RunningCalls, type RunningCallsOwner } from "./running_calls.ts";
import { Handshake, type Opened } from "./server_handshake.ts";
import type { Services } from "./services.ts";

/** What all connections of a server share. */
export interface ServerContext {
  /** What may be called. */
  readonly services: Services;
  /** What a client may make us hold. */
  readonly limits: Limits;
  /** The most handlers running for one connection; more calls wait until some end. */
  readonly maxInFlight: number;
  /** Where deadlines take the time from. */
  readonly clock: Clock;
}

/**
 * - `opening`: the handshake is not complete.
 * - `serving`: calls are taken.
 * - `draining`: new calls are rejected; those that run go on.
 * - `failing`: a last message tells why the connection is given up; nothing is read.
 * - `closed`: it is over.
 */
type Phase = "opening" | "serving" | "draining" | "failing" | "closed";

/** How long a client may take to close a drained connection itself, in milliseconds. */
const LINGER_MS = 250;

/** A server's side of one connection. */
export class ServerConnection implements RequestSink, RunningCallsOwner {
  /** The client's address. */
  readonly remote: string;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  readonly #context: ServerContext;
  readonly #transport: Transport;
  readonly #writer: BatchWriter;
  /**
   * Calls that are too many to run yet, or whose replies would be too much to
   * hold. They are read all the same, up to a limit, since a cancel may come
   * behind them, or the end of the connection.
   */
  readonly #queue = new RequestQueue();
  readonly #handshake: Handshake;
  // These three are there once the handshake is complete.
  #codec!: ServerCodec;
  #replies!: Replies;
  #running!: RunningCalls;
  #phase: Phase = "opening";
  /** Whether a read is being worked through: its cancels come before waiting calls run. */
  #isReading = false;
  /** Goes on reading, if that was stopped. */
  #resume: (() => void) | undefined;
  #lingering: Timer | undefined;
  #resolveClosed!: () => void;

  /**
   * @param transport The connection, accepted just now, owned from here on.
   * @param protocol What is spoken where no HTTP CONNECT says otherwise; of GeeRPC, either encoding.
   * @param context Services, limits and clock.
   */
  constructor(transport: Transport, protocol: Protocol, context: ServerContext) {
    this.#context = context;
    this.#transport = transport;
    this.remote = transport.remote;
    this.#writer = new BatchWriter(transport, this.#batchSource());
    const answer = (bytes: Uint8Array) => this.#writer.send(bytes);
    this.#handshake = new Handshake(protocol, context.limits, answer);
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
    if (this.#phase === "opening") this.close();
    else if (this.#phase === "serving") {
      this.#phase = "draining";
      if (this.#codec.drain !== undefined) {
        this.#codec.drain();
        this.#writer.add();
      }
      this.#release(); // waiting calls are rejected at once: they may run elsewhere
      this.#lingerIfDrained();
    }
    return this.closed;
  }

  /** Closes at once; the signals of calls that still run abort. */
  close(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#writer.close();
    this.#transport.close();
    this.#lingering?.cancel();
    this.#queue.clear();
    this.#resume?.();
    this.#resolveClosed();
    this.#running?.close(); // there is none during the handshake
  }

  call(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    if (this.#phase === "closed") return; // by a call that came before it in the same read
    if (this.#queue.isEmpty && this.#mayRun()) this.#run(seq, serviceMethod, args, extras);
    else if (this.#queue.has(seq)) this.#replies.rejectDuplicate(seq, serviceMethod);
    else {
      const nowMs = this.#context.clock.now();
      this.#queue.add(new QueuedRequest(seq, serviceMethod, args, extras, nowMs));
    }
  }

  refuse(seq: number, serviceMethod: string, code: RpcCode, message: string): void {
    this.#replies.reject(seq, serviceMethod, code, message);
  }

  cancel(seq: number): void {
    if (this.#running.cancel(seq)) this.#lingerIfDrained();
    else this.#queue.cancel(seq);
  }

  answered(): void {
    this.#writer.add();
  }

  schemaOf(serviceMethod: string): MethodSchema | undefined {
    return this.#context.services.find(serviceMethod)?.schema;
  }

  callEnded(): void {
    if (!this.#isReading) this.#release(); // else behind the read, which may bring cancels
    this.#lingerIfDrained();
  }

  #receive(chunk: Uint8Array): Promise<void> | void {
    if (this.#phase === "closed" || this.#phase === "failing") return;
    this.#isReading = true;
    try {
      if (this.#phase !== "opening") this.#codec.receive(chunk, this);
      else {
        const loading = this.#open(chunk);
        if (loading !== undefined) return loading;
      }
    } catch (error) {
      return this.#giveUp(error);
    } finally {
      this.#isReading = false;
    }
    if (this.#isClosed) return;
    this.#queue.count(chunk.length);
    this.#release();
    this.#writer.flush();
    if (this.#isBlocked) return new Promise((resolve) => this.#resume = resolve);
  }

  #open(chunk: Uint8Array): Promise<void> | void {
    const opening = this.#handshake.push(chunk);
    if (opening instanceof Promise) return this.#load(opening);
    if (opening === undefined) return;
    this.#begin(opening);
    if (opening.rest.length > 0) this.#codec.receive(opening.rest, this);
  }

  /** Reads no further until the protocol is loaded; what came behind the handshake waits. */
  async #load(opening: Promise<Opened>): Promise<void> {
    try {
      const opened = await opening;
      if (this.#isClosed) return;
      this.#begin(opened);
      await this.#receive(opened.rest);
    } catch (error) {
      return this.#giveUp(error);
    }
  }

  #begin({ codec, handleTimeoutMs }: Opened): void {
    const { clock, limits } = this.#context;
    this.#phase = "serving";
    this.#codec = codec;
    this.#replies = new Replies(codec, this.#writer, this, limits.maxMessageBytes);
    this.#running = new RunningCalls(this, this.#replies, clock, handleTimeoutMs);
  }

  /** Says why, as far as the protocol can, and closes. Nothing is read until then. */
  async #giveUp(error: unknown): Promise<void> {
    const isOpening = this.#phase === "opening";
    // The client does not read; or HTTP CONNECT is being answered, which says enough.
    if (this.#writer.isWriting && !isOpening) return this.close();
    this.#phase = "failing";
    this.#queue.clear();
    // Even if the handshake has failed, the client may be able to read a line of JSON.
    const codec = isOpening ? new JsonServerCodec(this.#context.limits) : this.#codec;
    const message = `rpc server: ${errorText(error).replace(/^rpc server: /, "")}`;
    codec.giveUp?.(message, error instanceof RpcError ? error.code : "internal");
    await this.#writer.finish(codec.take());
    this.close();
  }

  /**
   * Whether one more call may run. A drained connection rejects it, which needs
   * no handler. None is answered while the client reads too few replies.
   */
  #mayRun(): boolean {
    const { maxInFlight, limits } = this.#context;
    return (this.#running.handlers < maxInFlight || this.#phase === "draining") &&
      this.#codec.bufferedBytes <= limits.maxMessageBytes;
  }

  /** Runs as many waiting calls as may run. */
  #release(): void {
    while (!this.#queue.isEmpty && this.#mayRun()) {
      const request = this.#queue.take()!;
      const extras = request.extrasAt(this.#context.clock.now());
      this.#run(request.seq, request.serviceMethod, request.args, extras);
    }
    this.#unblock();
  }

  #run(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const { services } = this.#context;
    const method = services.find(serviceMethod);
    if (method === undefined) {
      const message = services.explainMissing(serviceMethod);
      return this.refuse(seq, serviceMethod, "unimplemented", message);
    }
    if (this.#phase === "draining") {
      return this.refuse(seq, serviceMethod, "unavailable", DRAINING);
    }
    this.#running.run(seq, method, args, extras);
  }

  get #isClosed(): boolean {
    return this.#phase === "closed";
  }

  /** Whether to read no further: too much waits, or the client does not read its replies. */
  get #isBlocked(): boolean {
    return this.#queue.bytes > this.#context.limits.maxMessageBytes || this.#writer.isBehind;
  }

  #unblock(): void {
    if (this.#resume === undefined || this.#isBlocked) return;
    this.#resume();
    this.#resume = undefined;
  }

  #batchSource(): BatchSource {
    return {
      bufferedBytes: () => this.#codec.bufferedBytes,
      take: () => this.#codec.take(),
      written: () => {
        if (this.#phase === "opening") return;
        this.#release(); // before the next write, to leave with it
        this.#lingerIfDrained();
      },
      writeFailed: () => this.close(),
    };
  }

  /**
   * A drained connection is the client's to close, since only the client knows
   * that it has sent nothing more. One that does not know of draining has
   * little time for it.
   */
  #lingerIfDrained(): void {
    if (this.#phase !== "draining" || !this.#writer.isIdle) return;
    if (this.#running.size > 0 || !this.#queue.isEmpty) return;
    this.#lingering?.cancel();
    this.#lingering = this.#context.clock.setTimer(LINGER_MS, () => this.close());
  }
}
