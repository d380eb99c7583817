/**
 * A client's side of one connection. This file is one class: calls in, replies
 * out, and what happens to the calls in flight when the connection ends.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import { queueMicrotask } from "../internal/platform.ts";
import { sleep } from "../internal/time.ts";
import {
  type ClientCodec,
  type Extensions,
  NeedsExtensions,
  type Protocol,
  type ReplySink,
  type RequestExtras,
} from "../protocol/codec.ts";
import { mayBeAnother } from "../protocol/foreign.ts";
import { certificateAlert } from "../net/failures.ts";
import type { Transport } from "../transport.ts";
import { type BatchSource, BatchWriter } from "./batch_writer.ts";
import {
  checkCloseOptions,
  type ClientOptions,
  type CloseOptions,
  MAX_IN_FLIGHT,
} from "./client_options.ts";
import { Acknowledgements } from "./kept_answers/acknowledgements.ts";
import { PhaseTimer } from "./phase_timer.ts";
import {
  type LostCall,
  PendingCall,
  PendingCalls,
  PendingPing,
  PendingRecall,
  type Settler,
} from "./pending_calls.ts";
import { sendWhenKnown, ServerExtensions } from "./server_extensions.ts";
import { ClientStreams } from "./streams/client_streams.ts";
import { isAsyncIterable, type OutgoingStream, type StreamSink } from "./streams/stream.ts";

/**
 * - `open`: calls are taken.
 * - `draining`: no new calls are taken, because the server drains or another
 *   connection has taken its place; those in flight go on.
 * - `closing`: we take no new calls; those in flight have some time to end.
 * - `lost`: the connection is over, and we did not ask for it.
 * - `closed`: the connection is over, as we asked.
 */
type Phase = "open" | "draining" | "closing" | "lost" | "closed";

/**
 * A reply resumes its caller some microtasks after it was read. A batch waits
 * so many, and takes along all the calls that one read has set off.
 */
const BATCH_MICROTASKS = 4;
/** The handshake leaves with the first call, or so many milliseconds after the dial without one. */
const HANDSHAKE_AFTER_MS = 5000;
/** Nobody waits for a ping that is sent for what goes with it. */
const NOBODY: Settler = { resolve() {}, reject() {} };
/** No other call is in flight whose reply could set one off. */
const ALONE_MICROTASKS = 1;

/** Learns what a server says of itself, of all of its calls together. */
export interface ServerListener {
  /** It takes no new calls on this connection; said before any call learns of it. */
  drained(): void;
  /**
   * It tells how many calls run or wait there.
   *
   * @param load How many, on all connections.
   * @param own How many of them are this connection's, as far as it knows.
   */
  loaded(load: number, own: number): void;
}

/** One connection to one server: many calls in flight, answered in any order. */
export class ClientConnection {
  /** The server's address. */
  readonly address: string;
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #transport: Transport;
  readonly #codec: ClientCodec;
  readonly #protocol: Protocol;
  readonly #clock: Clock;
  readonly #maxInFlight: number;
  readonly #writer: BatchWriter;
  readonly #calls: PendingCalls;
  readonly #replies: ReplySink = {
    take: (seq) => this.#calls.take(seq),
    stream: (seq) => this.#calls.get(seq)?.stream,
    extended: (server) => {
      this.#extensions.learn(server);
      if (server !== undefined) this.#listener?.loaded(server.load, 0); // it has read no call of ours by then
    },
    loaded: (load) => this.#listener?.loaded(load, this.#calls.size),
    drain: (why) => {
      if (why !== undefined) return this.retire(why);
      if (this.#phase === "open") {
        this.#isDrained = true;
        this.#listener?.drained();
      }
      this.retire("the server is draining and takes no new calls");
    },
    ended: () => {
      // Without a drain before it, the server has ended this connection alone, as an idle one.
      this.#isDrained = true;
      const why = "the server has ended the connection";
      this.retire(why);
      this.#calls.rejectAll(`${why}, and did not run it`);
      this.#over("unavailable", why);
    },
  };
  /** Aborts when no call is left in flight, for a close that waits for it. */
  #idle: AbortController | undefined;
  #phase: Phase = "open";
  /** Why no new calls are taken, if it drains. */
  #drainReason = "";
  #isDrained = false;
  #isRefused = false;
  readonly #extensions: ServerExtensions;
  /** What streams share, once there is one. */
  #streams: ClientStreams | undefined;
  readonly #listener: ServerListener | undefined;
  readonly #acknowledgements: Acknowledgements;
  /** Whether an argument is being encoded: its `toJSON` or getters may call us. */
  #isEncoding = false;
  #heard = 0;
  /** Sends the handshake if no call does: a server gives it some time only. */
  readonly #handshake: PhaseTimer;
  /** How many calls were given up, and what `heard` was when the last of them was. */
  #givenUp = 0;
  #heardAtGiveUp = -1;
  #resolveClosed!: () => void;

  /**
   * @param address The server's address, for messages.
   * @param transport The connection, owned from here on.
   * @param codec The protocol's half for it.
   * @param options `protocol`, `maxInFlight` and `clock`.
   * @param listener Learns what the server says of itself.
   */
  constructor(
    address: string,
    transport: Transport,
    codec: ClientCodec,
    options: ClientOptions = {},
    listener?: ServerListener,
  ) {
    this.address = address;
    this.#transport = transport;
    this.#listener = listener;
    this.#codec = codec;
    this.#protocol = options.protocol ?? "geerpc/json";
    this.#clock = options.clock ?? systemClock;
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT;
    this.#extensions = new ServerExtensions(codec.asksForExtensions ?? false);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#calls = new PendingCalls(address, this.#clock, {
      abandoned: (seq, why) => {
        this.#givenUp = this.givenUp + 1;
        this.#heardAtGiveUp = this.#heard;
        this.#cancel(seq, why);
      },
      emptied: () => this.#emptied(),
    });
    this.#writer = new BatchWriter(transport, this.#batchSource(), { splitsLargeBatches: true });
    this.#handshake = new PhaseTimer(this.#clock);
    this.#acknowledgements = new Acknowledgements(codec, this.#clock, () => this.ping(NOBODY));
    transport.start({
      data: (chunk) => this.#receive(chunk),
      end: (error) => this.#ended(error),
    });
    // Only now: the transport may have ended already, or throw.
    if (codec.hasHandshake && !this.#isOver()) {
      this.#handshake.set(HANDSHAKE_AFTER_MS, () => this.#writer.add());
    }
  }

  /** Whether new calls can be made: `true` until either side ends it. */
  get available(): boolean {
    return this.#phase === "open";
  }

  /** Whether the server has said that it takes no new calls here, as one does that is being restarted. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** Whether the server has refused the connection, as one without a certificate, and so all of its calls. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Whether a call has run at the server, and was answered. */
  get hasAnswered(): boolean {
    return this.#calls.hasAnswered;
  }

  /** How many calls wait for a reply. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** How many times bytes have come from the server: if it stays the same, the server is silent. */
  get heard(): number {
    return this.#heard;
  }

  /** Whether the server owes something: a reply, also to a call that was given up, or a sign of life. */
  get isOwed(): boolean {
    return this.#calls.isOwed || this.givenUp > 0;
  }

  /** How many calls were given up, timed out or aborted, since bytes last came from the server. */
  get givenUp(): number {
    return this.#heardAtGiveUp === this.#heard ? this.#givenUp : 0;
  }

  /** What the server has said of itself, if it knows our extensions; `undefined` before it has. */
  get server(): Extensions | undefined {
    return this.#extensions.server;
  }

  /** Where deadlines take the time from. */
  get clock(): Clock {
    return this.#clock;
  }

  /** Whether the protocol has a way to ask the server for a sign of life. */
  get canPing(): boolean {
    return this.#codec.ping !== undefined;
  }

  /**
   * Sends a call.
   *
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param extras Metadata, schema, and the time that is left.
   * @param settler Learns how it ended; perhaps before this returns.
   * @returns The call; `undefined` if it has failed already.
   */
  send(
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    settler: Settler,
  ): PendingCall | undefined {
    const refusal = this.#refusal();
    if (refusal !== undefined) return void settler.reject(this.#notSent(serviceMethod, refusal));
    const seq = this.#calls.nextSeq;
    if (isAsyncIterable(args)) {
      return this.#openStreams().open(serviceMethod, args, extras, { settler });
    }
    if (extras.id !== undefined) this.#acknowledgements.use();
    if (extras.awaitsExtensions === true && !this.#extensions.isKnown) {
      return this.#sendLater(seq, serviceMethod, args, extras, settler);
    }
    const failed = this.#encode(seq, serviceMethod, args, extras);
    if (failed !== undefined) {
      if (failed.cause instanceof NeedsExtensions && !this.#extensions.isKnown) {
        return this.#sendLater(seq, serviceMethod, args, extras, settler);
      }
      return void settler.reject(failed);
    }
    const call = new PendingCall(this.#calls, seq, serviceMethod, settler, extras.schema);
    this.#calls.add(call);
    this.#writeSoon();
    return call;
  }

  /**
   * Opens a stream: a call that may be answered by many items.
   *
   * @param serviceMethod `Service.Method`.
   * @param args Its argument; an async iterable is sent item by item.
   * @param extras Metadata, the time that is left, and how the stream begins.
   * @param sink Where its items go; it may fail before this returns.
   * @returns The stream; `undefined` if it has failed already.
   */
  openStream(
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    sink: StreamSink,
  ): OutgoingStream | undefined {
    const refusal = this.#refusal();
    if (refusal !== undefined) return void sink.fail(this.#notSent(serviceMethod, refusal));
    return this.#openStreams().open(serviceMethod, args, extras, { sink });
  }

  /**
   * Asks the server for a sign of life, where the protocol has a way to.
   *
   * @param settler Learns of the answer, or of the connection's end.
   * @returns Whether the question could be asked.
   */
  ping(settler: Settler): boolean {
    if (this.#isOver() || this.#isEncoding || this.#codec.ping === undefined) return false;
    const seq = this.#calls.nextSeq;
    this.#codec.ping(seq);
    this.#calls.addPing(new PendingPing(this.#calls, seq, "ping", settler));
    this.#writeSoon();
    return true;
  }

  /**
   * Asks for the answer to a call that was lost with another connection. Not a new call: it may be
   * asked for where the server drains.
   *
   * @param lost The call: its id, and the process that had it.
   * @param settler Learns how it ended. `unknown`: nothing is known of it there.
   * @returns The question; `undefined` if it has failed already.
   */
  recall(lost: LostCall, settler: Settler): PendingCall | undefined {
    const { id, instance, serviceMethod, schema } = lost;
    const refusal = this.#isOver() || this.#isEncoding ? this.#refusal() : undefined;
    if (refusal !== undefined) return void settler.reject(this.#notSent(serviceMethod, refusal));
    const seq = this.#calls.nextSeq;
    const encode = () => {
      if (this.server?.instance !== instance || this.#codec.recall === undefined) {
        const { address } = this;
        const details = { address, serviceMethod, execution: "unknown" } as const;
        return new RpcError("unavailable", "another process answers there now", details);
      }
      this.#acknowledgements.use();
      this.#codec.recall(seq, id);
    };
    const call = new PendingRecall(this.#calls, seq, serviceMethod, settler, schema);
    if (!this.#extensions.isKnown) return this.#later(call, encode);
    const failed = encode();
    if (failed !== undefined) return void settler.reject(failed);
    this.#calls.add(call);
    this.#writeSoon();
    return call;
  }

  /** The answer to a call with this id is here: the server need not keep it any more. */
  acknowledge(id: string): void {
    if (!this.#isOver() && this.server !== undefined) this.#acknowledgements.add(id);
  }

  /**
   * Takes no new calls from now on, and ends the connection when the last call
   * in flight has ended. Does nothing if that is so already.
   *
   * @param why For the messages of further calls.
   */
  retire(why: string): void {
    if (this.#phase !== "open") return;
    this.#phase = "draining";
    this.#drainReason = why;
    if (this.#calls.size === 0) this.#emptied();
  }

  /** Gives the connection up as dead, for a reason: calls in flight fail as `unavailable`. */
  giveUp(why: string): void {
    this.#over("unavailable", why);
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
    const graceMs = checkCloseOptions(options, 0);
    if (this.#isOver()) this.#phase = "closed";
    else {
      this.#phase = "closing";
      if (graceMs > 0 && this.#calls.size > 0) {
        this.#idle ??= new AbortController();
        await sleep(this.#clock, graceMs, this.#idle.signal);
      }
      this.#sayLast();
      this.#over("canceled", "the client was closed");
    }
    return this.closed;
  }

  /** Encodes a call; returns why it can't be sent, if it can't. */
  #encode(
    seq: number,
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
  ): RpcError | undefined {
    this.#isEncoding = true;
    try {
      this.#codec.request(seq, serviceMethod, args, extras);
    } catch (error) {
      // An error that is not ours was thrown by the argument itself, by a getter perhaps.
      const code = error instanceof RpcError ? error.code : "invalid_argument";
      const message = `the argument of the call is refused: ${errorText(error)}`;
      return this.#notSent(serviceMethod, { code, message, cause: error });
    } finally {
      this.#isEncoding = false;
    }
    // The argument may have closed the connection while it was encoded.
    if (this.#isOver()) return this.#notSent(serviceMethod, this.#refusal()!);
  }

  /** Sends a call when it is known whether the server has our extensions, and asks if need be. */
  #sendLater(
    seq: number,
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    settler: Settler,
  ): PendingCall {
    const call = new PendingCall(this.#calls, seq, serviceMethod, settler, extras.schema);
    return this.#later(call, () => this.#encode(seq, serviceMethod, args, extras));
  }

  #later(call: PendingCall, encode: () => RpcError | undefined): PendingCall {
    const isFirst = sendWhenKnown(call, encode, this.#extensions, {
      cancel: (seq) => this.#cancel(seq),
      writeSoon: () => this.#writeSoon(),
    });
    // A server without extensions answers it, and has not said before that it has them.
    const learn = () => {
      if (!this.#isOver()) this.#extensions.learn();
    };
    // What fails with the connection is no answer: that is told before it is over.
    const failed = () => {
      if (this.#phase === "open" && !this.#isRefused) learn();
    };
    if (isFirst) this.ping({ resolve: learn, reject: failed });
    return call;
  }

  #sayLast(): void {
    if (this.server === undefined || this.#isOver() || this.#writer.isWriting) return;
    const words = this.#acknowledgements.lastWords(this.#calls, this.#isEncoding);
    if (words.length > 0) this.#transport.write(words).catch(() => {});
  }

  #openStreams(): ClientStreams {
    return this.#streams ??= new ClientStreams(this.#codec, this.#protocol, {
      calls: this.#calls,
      knowsStreams: () => this.#extensions.isKnown ? this.server !== undefined : undefined,
      isOver: () => this.#isOver(),
      isEncoding: () => this.#isEncoding,
      encode: (call, args, extras) => this.#encode(call.seq, call.serviceMethod, args, extras),
      later: (call, encode) => void this.#later(call, encode),
      notSent: (serviceMethod, why) => this.#notSent(serviceMethod, why),
      writeSoon: () => this.#writeSoon(),
      itemAdded: () => this.#writer.addItem(),
      encodeItem: (items, seq, value, mostBytes) => {
        this.#isEncoding = true;
        try {
          return items.item(seq, value, mostBytes);
        } finally {
          this.#isEncoding = false;
        }
      },
    });
  }

  #isOver(): boolean {
    return this.#phase === "lost" || this.#phase === "closed";
  }

  /** Why no call can be sent now, if none can. */
  #refusal(): Refusal | undefined {
    switch (this.#phase) {
      case "closing":
      case "closed":
        return { code: "canceled", message: "the client is closed" };
      case "lost":
        return { code: "unavailable", message: "the connection is over" };
      case "draining":
        return { code: "unavailable", message: this.#drainReason };
    }
    if (this.#isEncoding) {
      const message = "it was made while the argument of another call was being encoded";
      return { code: "invalid_argument", message };
    }
    if (this.#calls.held < this.#maxInFlight) return undefined;
    const message = `${this.#maxInFlight} calls are in flight already (maxInFlight)`;
    return { code: "resource_exhausted", message };
  }

  #notSent(serviceMethod: string, { code, message, ...cause }: Refusal): RpcError {
    const { address } = this;
    const details = { address, serviceMethod, execution: "not_sent", ...cause } as const;
    return new RpcError(code, `${serviceMethod} at ${address}: ${message}`, details);
  }

  /** Tells the server that a call was given up, where the protocol can. */
  #cancel(seq: number, why?: string): void {
    if (this.#isOver() || this.#codec.cancel === undefined) return;
    if (this.#isEncoding) return queueMicrotask(() => this.#cancel(seq, why));
    this.#codec.cancel(seq, why);
    this.#writeSoon();
  }

  #writeSoon(): void {
    this.#writer.add(this.#calls.size <= 1 ? ALONE_MICROTASKS : BATCH_MICROTASKS);
  }

  #batchSource(): BatchSource {
    return {
      bufferedBytes: () => this.#codec.bufferedBytes,
      take: () => {
        if (this.#handshake.isSet) this.#handshake.cancel();
        this.#calls.handOver();
        return this.#codec.take();
      },
      takeNext: () => this.#codec.takeNext?.(),
      written: () => this.#streams?.resume(),
      writeFailed: (error) => this.#lost(error),
    };
  }

  #receive(chunk: Uint8Array): Promise<void> | void {
    if (this.#isOver()) return;
    this.#heard++;
    try {
      const wait = atFaultPoint("reply_read");
      this.#codec.receive(chunk, this.#replies);
      return wait;
    } catch (error) {
      this.#broken(error);
    }
  }

  /** No call is in flight. A connection that the server drains is ours to close then. */
  #emptied(): void {
    if (this.#phase === "draining") {
      this.#sayLast();
      this.#over("unavailable", this.#drainReason);
    }
    this.#idle?.abort();
  }

  #ended(error: unknown): void {
    if (this.#isOver()) return;
    if (error !== undefined) return this.#lost(error);
    try {
      this.#codec.end();
    } catch (broken) {
      return this.#broken(broken);
    }
    this.#over("unavailable", `the server closed the connection${this.#hint}`);
  }

  #lost(error: unknown): void {
    const alert = this.#heard === 0 ? certificateAlert(error) : undefined;
    if (alert !== undefined) {
      return this.#over("unauthenticated", `the connection was lost: ${alert}`, error);
    }
    this.#over("unavailable", `the connection was lost: ${errorText(error)}${this.#hint}`, error);
  }

  /** What may be wrong, if the server has answered nothing. */
  get #hint(): string {
    return this.#heard === 0 && this.#calls.size > 0 ? mayBeAnother(this.#protocol) : "";
  }

  #broken(error: unknown): void {
    const code = error instanceof RpcError ? error.code : "internal";
    const message = `the connection was given up: ${errorText(error)}`;
    if (error instanceof RpcError && error.execution === "rejected") {
      this.#isRefused = true;
      this.#calls.rejectAll(message, code);
    }
    this.#over(code, message, error);
  }

  #over(code: RpcCode, message: string, cause?: unknown): void {
    if (this.#isOver()) return;
    this.#phase = this.#phase === "closing" ? "closed" : "lost";
    this.#handshake.cancel();
    this.#acknowledgements.stop();
    this.#writer.close();
    this.#transport.close();
    this.#calls.failAll(code, message, cause);
    this.#idle?.abort();
    this.#resolveClosed();
  }
}

/** Why a call is not sent. */
interface Refusal {
  readonly code: RpcCode;
  readonly message: string;
  readonly cause?: unknown;
}
