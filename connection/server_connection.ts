/**
 * A server's side of one connection. This file is one thing: the phases of a
 * connection, from the handshake to the close.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import {
  NO_EXTRAS,
  type Protocol,
  type RequestExtras,
  type RequestSink,
  type ServerCodec,
} from "../protocol/codec.ts";
import type { ItemStream, StreamExtras } from "../protocol/streams.ts";
import { JsonServerCodec } from "../protocol/geerpc_json/server.ts";
import { PING_METHOD } from "../protocol/unknown_method.ts";
import type { MethodSchema } from "../internal/schema.ts";
import type { PeerCertificate, Transport } from "../transport.ts";
import { Admission } from "./admission.ts";
import { type BatchSource, BatchWriter, WriteStalled } from "./batch_writer.ts";
import { RefusedArgument } from "./guard.ts";
import { GoneClientProbe } from "./half_closed.ts";
import { PhaseTimer } from "./phase_timer.ts";
import { ProgressWatch } from "./progress_watch.ts";
import { Replies, type RepliesOwner } from "./replies.ts";
import { RunningCalls, type RunningCallsOwner } from "./running_calls.ts";
import { Handshake, type Opened } from "./server_handshake.ts";
import type { Introspection } from "./introspection/service.ts";
import type { Refusal, ServerLoad } from "./server_load.ts";
import type { ServerEvent, ServerLimits, ServerListeners } from "./server_options.ts";
import type { Services } from "./services.ts";
import type { IncomingStream } from "./streams/incoming_stream.ts";
import { ServerStreams } from "./streams/server_streams.ts";

/** What all connections of a server share. */
export interface ServerContext {
  /** What may be called. */
  readonly services: Services;
  /** What a client may make us hold, and for how long. */
  readonly limits: ServerLimits;
  /** The service by which the server tells of itself. */
  readonly introspection: Introspection;
  /** What runs, waits and is refused on all connections. */
  readonly load: ServerLoad;
  /** Whom to tell of errors and events. */
  readonly listeners: ServerListeners;
  /** Where deadlines and limits take the time from. */
  readonly clock: Clock;
  /** Further paths of HTTP CONNECT, with the protocol that each leads to. */
  readonly connectPaths: Readonly<Record<string, Protocol>>;
}

/**
 * - `opening`: the handshake is not complete.
 * - `serving`: calls are taken.
 * - `draining`: new calls are rejected; those that run go on.
 * - `ending`: our side has ended or is about to; what still comes is dropped,
 *   since closing with unread bytes would reset the connection, and the
 *   client might lose what was written last.
 * - `closed`: it is over.
 */
type Phase = "opening" | "serving" | "draining" | "ending" | "closed";

/** A client with open streams that says nothing for so long is written to, in milliseconds. */
const PROBE_MS = 30_000;
/** How long a client may take to close a drained connection itself, in milliseconds. */
const LINGER_MS = 250;
/** How long a client may take to close a connection whose other side has ended, in milliseconds. */
const END_MS = 1000;

/** A server's side of one connection. */
export class ServerConnection implements RequestSink, RunningCallsOwner, RepliesOwner {
  /** The client's address. */
  readonly remote: string;
  /** Its certificate, if it was asked for one. */
  readonly peer: PeerCertificate | undefined;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  readonly #context: ServerContext;
  readonly #transport: Transport;
  readonly #writer: BatchWriter;
  readonly #handshake: Handshake;
  readonly #timer: PhaseTimer;
  // These four are there once the handshake is complete.
  #codec!: ServerCodec;
  #replies!: Replies;
  #running!: RunningCalls;
  #admission!: Admission;
  /** Once there was one. */
  #streams: ServerStreams | undefined;
  /** Notices that a client with streams may be gone, once there was one. */
  #silence: ProgressWatch | undefined;
  #phase: Phase = "opening";
  /** Whether it is to drain as soon as it is open. */
  #drainsWhenOpen = false;
  /** Whether the client has ended its side: what it has asked for is answered, then it is closed. */
  #hasInputEnded = false;
  #probe: GoneClientProbe | undefined;
  /** Notices that nobody uses the connection, if that has a limit. */
  #idle: ProgressWatch | undefined;
  /** Whether a read is being worked through: its cancels come before waiting calls run. */
  #isReading = false;
  /** Whether the present read has ended a message. */
  #hasMessage = false;
  /** The last write, once our side ends. */
  #lastWrite: Promise<void> | undefined;
  #resolveClosed!: () => void;

  /**
   * @param transport The connection, accepted just now, owned from here on.
   * @param protocol What is spoken where no HTTP CONNECT says otherwise; of GeeRPC, either encoding.
   * @param context Services, limits and clock.
   */
  constructor(transport: Transport, protocol: Protocol, context: ServerContext) {
    const { clock, limits } = context;
    this.#context = context;
    this.#transport = transport;
    this.remote = transport.remote;
    this.peer = transport.peer;
    const stall = { clock, timeoutMs: limits.writeTimeoutMs };
    this.#writer = new BatchWriter(transport, this.#batchSource(), { stall });
    const answer = (bytes: Uint8Array) => this.#writer.send(bytes);
    this.#handshake = new Handshake(protocol, context, answer);
    this.#timer = new PhaseTimer(clock);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    if (protocol.startsWith("geerpc/")) this.#limitHandshake();
    transport.start({
      data: (chunk) => this.#receive(chunk),
      end: (error) => error === undefined ? this.#inputEnded() : this.close(),
    });
  }

  /**
   * Takes no new calls, and closes when the running ones have ended. One whose
   * handshake is not complete has a little time for it, to be told.
   *
   * @returns Resolves when it is closed.
   */
  drain(): Promise<void> {
    if (this.#phase === "opening") {
      this.#drainsWhenOpen = true;
      this.#timer.set(LINGER_MS, () => this.#end());
    } else if (this.#phase === "serving") {
      this.#phase = "draining";
      this.#codec.drain();
      this.#writer.add();
      this.#admission.drain();
      this.#endIfDone();
    }
    return this.closed;
  }

  /**
   * Closes at once, but for streams: their readers are told why. The signals of calls that still
   * run abort.
   */
  interrupt(): void {
    if (this.#phase !== "draining" || !this.#running.interruptStreams()) return this.close();
    this.#end(this.#codec.take());
  }

  /** Closes at once; the signals of calls that still run abort. */
  close(): void {
    if (this.#isClosed()) return;
    this.#phase = "closed";
    this.#writer.close();
    this.#transport.close();
    this.#timer.cancel();
    this.#probe?.stop();
    this.#idle?.stop();
    this.#silence?.stop();
    this.#admission?.close(); // there is none during the handshake
    this.#resolveClosed();
    this.#running?.close();
  }

  call(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    this.#hasMessage = true;
    if (this.#isClosed()) return; // by a call that came before it in the same read
    // A question for a sign of life is no use of the connection.
    if (this.#idle !== undefined && serviceMethod !== PING_METHOD) this.#idle.progress();
    if (extras.stream !== undefined) {
      const stream = this.#openStream(seq, serviceMethod, extras.stream);
      if (stream === undefined) return this.#replies.rejectDuplicate(seq, serviceMethod);
      if (stream.args !== undefined) args = stream.args;
    }
    this.#admission.call(seq, serviceMethod, args, extras);
  }

  refuse(
    seq: number,
    serviceMethod: string,
    code: RpcCode,
    message: string,
    isOfMethod = false,
  ): void {
    if (isOfMethod && this.#context.services.isGuarded) {
      return this.call(seq, serviceMethod, new RefusedArgument(code, message), NO_EXTRAS);
    }
    this.#hasMessage = true;
    this.#context.load.refuse("arguments");
    this.#replies.reject(seq, serviceMethod, code, message);
  }

  cancel(seq: number, why?: string): void {
    this.#hasMessage = true;
    if (this.#running.cancel(seq, why)) return this.#endIfDone();
    this.#admission.cancel(seq);
    this.#streams?.close(seq, new RpcError("canceled", "its caller gave the call up"));
  }

  stream(seq: number): ItemStream | undefined {
    this.#hasMessage = true;
    return this.#streams?.get(seq);
  }

  answered(): void {
    this.#hasMessage = true;
    this.#writer.add();
  }

  schemaOf(serviceMethod: string): MethodSchema | undefined {
    return this.#context.services.find(serviceMethod)?.schema;
  }

  callEnded(): void {
    if (!this.#isReading) this.#admission.release(); // else behind the read, which may bring cancels
    this.#endIfDone();
  }

  handlerFailed(serviceMethod: string, error: unknown): void {
    this.#context.listeners.error(error, { serviceMethod, remote: this.remote });
  }

  replyRefused(serviceMethod: string, error: unknown): void {
    this.handlerFailed(serviceMethod, error);
  }

  #receive(chunk: Uint8Array): Promise<void> | void {
    if (this.#isClosed() || this.#phase === "ending") return;
    this.#isReading = true;
    this.#hasMessage = false;
    this.#silence?.progress();
    let wait: Promise<void> | undefined;
    try {
      wait = atFaultPoint("request_read");
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
    if (this.#isClosed()) return;
    if (this.#phase === "opening") return;
    this.#admission.readEnded(chunk.length, this.#hasMessage);
    this.#writer.flush();
    if (wait !== undefined) return wait.then(() => this.#admission.untilReadable());
    return this.#admission.untilReadable();
  }

  #open(chunk: Uint8Array): Promise<void> | void {
    const opening = this.#handshake.push(chunk);
    if (opening instanceof Promise) return this.#load(opening);
    if (opening === undefined) return this.#limitHandshake();
    this.#begin(opening);
    if (opening.rest.length > 0) this.#codec.receive(opening.rest, this);
  }

  /** Reads no further until the protocol is loaded; what came behind the handshake waits. */
  async #load(opening: Promise<Opened>): Promise<void> {
    try {
      const opened = await opening;
      if (this.#isClosed()) return;
      this.#begin(opened);
      await this.#receive(opened.rest);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #begin({ codec, handleTimeoutMs, isExtended }: Opened): void {
    const { clock, limits, load } = this.#context;
    this.#timer.cancel();
    this.#phase = "serving";
    this.#codec = codec;
    if (isExtended && codec.extend !== undefined) {
      codec.extend(this.#context.introspection.instance, load.total);
      this.#writer.add();
    }
    this.#replies = new Replies(codec, this.#writer, this, limits.maxMessageBytes);
    this.#running = new RunningCalls(this, this.#replies, { clock, load, handleTimeoutMs });
    this.#admission = new Admission({
      ...this.#context,
      running: this.#running,
      replies: this.#replies,
      findOwn: (serviceMethod) => this.#context.introspection.find(serviceMethod, this.remote),
      isBehind: () => this.#writer.isBehind,
      onOverload: (type, reason) => this.#tell(type, reason),
    });
    if (this.#drainsWhenOpen) this.drain();
    else this.#limitIdleness();
  }

  /** A call has come whose argument or answer comes item by item; `undefined` if its number is taken. */
  #openStream(
    seq: number,
    serviceMethod: string,
    extras: StreamExtras,
  ): IncomingStream | undefined {
    if (this.#streams === undefined) {
      this.#streams = new ServerStreams(this.#codec.items!, this.#writer, {
        ...this.#context,
        itemCame: (seq, serviceMethod, bytes) => {
          if (!this.#admission.isEmpty) this.#admission.itemCame(seq, serviceMethod, bytes);
        },
      });
      this.#running.streamsAre(this.#streams);
      this.#watchStreams(this.#streams);
    }
    if (this.#streams.get(seq) !== undefined) return undefined;
    this.#silence?.start();
    return this.#streams.open(seq, serviceMethod, extras);
  }

  /**
   * A stream that waits for credit writes nothing, so nothing would show that its client is gone
   * without a word. To write something shows it in time.
   */
  #watchStreams(streams: ServerStreams): void {
    this.#silence = new ProgressWatch({
      clock: this.#context.clock,
      timeoutMs: PROBE_MS,
      isExpected: () => !streams.isEmpty,
      onStall: () => {
        this.#probeClient();
        this.#silence?.start();
      },
    });
  }

  /** Writes what every client drops, unless a write is under way, and finds it out. */
  #probeClient(): void {
    if (!this.#writer.isIdle) return;
    this.#codec.probe();
    this.#writer.add();
  }

  /** Gives the client some time until the handshake is complete. */
  #limitHandshake(): void {
    const { handshakeTimeoutMs } = this.#context.limits;
    if (this.#timer.isSet || handshakeTimeoutMs === Infinity) return;
    this.#timer.set(handshakeTimeoutMs, () => {
      const reason = `no handshake within ${handshakeTimeoutMs} ms (handshakeTimeoutMs)`;
      this.#cut("handshakeTimeoutMs", reason);
      this.#sayWhy(new RpcError("deadline_exceeded", reason));
    });
  }

  /**
   * Ends the connection when nobody has used it for some time. It is not
   * drained: the server goes on, and may be dialled again at once.
   */
  #limitIdleness(): void {
    const { clock, limits: { idleTimeoutMs: timeoutMs } } = this.#context;
    if (timeoutMs === Infinity) return;
    this.#idle = new ProgressWatch({
      clock,
      timeoutMs,
      isExpected: () => this.#phase === "serving",
      onStall: () => {
        if (this.#running.size > 0 || !this.#admission.isEmpty) return this.#idle?.start();
        this.#cut("idleTimeoutMs", `no call has come for ${timeoutMs} ms (idleTimeoutMs)`);
        this.drain();
      },
    });
    this.#idle.start();
  }

  /** The client has ended its side. Go answers what it has read, and so do we. */
  #inputEnded(): void {
    if (this.#phase === "opening") return this.close();
    this.#hasInputEnded = true;
    this.#lastWrite?.then(() => this.close());
    if (this.#isClosed() || this.#phase === "ending") return;
    this.#endIfDone();
    if (this.#isClosed()) return;
    this.#probe = new GoneClientProbe(this.#context.clock, () => this.#probeClient());
    this.#probe.start();
  }

  /** What has come can't be read. */
  #giveUp(error: unknown): void {
    // HTTP may be answered in full: a debug page is nothing broken.
    if (!this.#handshake.isRefused) this.#context.load.refuse("broken");
    if (this.#phase === "opening") this.#tell("refused", errorText(error));
    this.#sayWhy(error);
  }

  /** Says why, as far as the protocol can, and ends. */
  #sayWhy(error: unknown): void {
    const isOpening = this.#phase === "opening";
    // The client does not read; or HTTP CONNECT is being answered, which says enough.
    if (this.#writer.isWriting) return this.#end();
    // Even if the handshake has failed, the client may be able to read a line of JSON.
    const codec = isOpening ? new JsonServerCodec(this.#context.limits) : this.#codec;
    const message = `rpc server: ${errorText(error).replace(/^rpc server: /, "")}`;
    if (!this.#handshake.isRefused) {
      codec.giveUp?.(message, error instanceof RpcError ? error.code : "internal");
    }
    this.#end(codec.take());
  }

  /**
   * Ends our side behind a last message, and drops what the client still
   * sends until it ends its own, for a time. Calls that run are given up.
   */
  #end(last?: Uint8Array): void {
    if (this.#isClosed() || this.#phase === "ending") return;
    this.#phase = "ending";
    this.#timer.set(END_MS, () => this.close());
    this.#running?.close();
    this.#admission?.close();
    this.#probe?.stop();
    this.#silence?.stop();
    this.#lastWrite = this.#writer.finish(last);
    this.#lastWrite.then(() => {
      if (this.#isClosed()) return;
      if (this.#hasInputEnded || this.#transport.closeWrite === undefined) return this.close();
      this.#transport.closeWrite().catch(() => this.close());
    });
  }

  /** The connection is closed because of a limit of time. */
  #cut(limit: Refusal, reason: string): void {
    this.#context.load.refuse(limit);
    this.#tell("cut", reason);
  }

  #tell(type: ServerEvent["type"], reason: string): void {
    this.#context.listeners.event({ type, remote: this.remote, reason });
  }

  #isClosed(): boolean {
    return this.#phase === "closed";
  }

  #batchSource(): BatchSource {
    return {
      bufferedBytes: () => this.#codec.bufferedBytes,
      take: () => this.#codec.take(),
      takeNext: () => this.#codec.takeNext?.(),
      written: () => {
        if (this.#phase === "opening") return;
        this.#streams?.resume();
        this.#admission.release(); // before the next write, to leave with it
        this.#endIfDone();
      },
      writeFailed: (error) => {
        if (error instanceof WriteStalled) {
          this.#cut("writeTimeoutMs", `${error.message} (writeTimeoutMs)`);
        }
        this.close();
      },
    };
  }

  /**
   * Ends when nothing is left to do: at once if the client has ended its side.
   * A drained connection is the client's to close, since only the client knows
   * that it has sent nothing more. One that does not know of draining has
   * little time for it.
   */
  #endIfDone(): void {
    if (this.#phase !== "draining" && !this.#hasInputEnded) return;
    if (!this.#writer.isIdle || this.#running.size > 0 || !this.#admission.isEmpty) return;
    if (this.#hasInputEnded) this.close();
    else this.#timer.set(LINGER_MS, () => this.#end(this.#lastWord()));
  }

  /**
   * That a call without a reply has not run, if that is so. The client may have
   * sent one before it has read that the server drains: that can take longer
   * than we wait, as when its process stands still.
   */
  #lastWord(): Uint8Array | undefined {
    if (!this.#writer.isIdle || this.#running.hasUnanswered) return undefined;
    this.#codec.end();
    return this.#codec.take();
  }
}
