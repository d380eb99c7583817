/**
 * The calls with an id that have come by one connection. Their handlers run here, where they go on
 * when the connection is gone.
 *
 * @module
 */

import { TimeoutError } from "../../errors.ts";
import type { Expiring } from "../../internal/deadlines.ts";
import { isPromise, settlingOnce } from "../../internal/promise.ts";
import { queueMicrotask } from "../../internal/platform.ts";
import type { RequestExtras } from "../../protocol/codec.ts";
import { NOT_RUN } from "../../protocol/go_errors.ts";
import type { PeerCertificate } from "../../transport.ts";
import { Replies, type RepliesOwner } from "../replies.ts";
import { RunningCalls, type RunningCallsOwner } from "../running_calls.ts";
import { ServerLoad } from "../server_load.ts";
import type { ServerLimits } from "../server_options.ts";
import type { CallContext, Method } from "../services.ts";
import { type CallId, parseCallId } from "./call_id.ts";
import { KeptAnswer } from "./kept_answer.ts";
import { KeptCall, type KeptOwner } from "./kept_call.ts";
import type { KeptAnswers, KeptSession } from "./store.ts";

/** What a session needs of its connection. */
export interface SessionHost {
  /** The client's address. */
  readonly remote: string;
  /** Its certificate. */
  readonly peer: PeerCertificate | undefined;
  /** What the server allows. */
  readonly limits: ServerLimits;
  /** How long each call may take by the handshake, in milliseconds; 0: no limit. */
  readonly handleTimeoutMs: number;
  /** A handler has thrown something that is no `RpcError`, or returned what can't be encoded. */
  handlerFailed(serviceMethod: string, error: unknown): void;
}

/** The kept calls of one connection, also when it is gone. */
export class ConnectionSession
  implements KeptSession, KeptOwner, RunningCallsOwner, RepliesOwner, Expiring {
  /** When its calls are forgotten, on the clock's scale. */
  dueAt = Infinity;
  /** Whether that is being waited for: kept by the queue of deadlines. */
  waiting = false;
  readonly remote: string;
  readonly peer: PeerCertificate | undefined;
  readonly #store: KeptAnswers;
  readonly #host: SessionHost;
  /** Who the client is, by its certificate: renewed, it has other bytes and the same names. */
  readonly #identity: string;
  /** Runs the handlers. Those that wait for them run among the calls of their connections. */
  readonly #running: RunningCalls;
  /** The calls whose handlers run here, by the number that they have here. */
  readonly #home = new Map<number, KeptCall>();
  /** The calls whose caller has asked here last. */
  readonly #calls = new Set<KeptCall>();
  #lastSeq = 0;
  #isLost = false;

  /**
   * @param store What the server remembers.
   * @param host The connection.
   */
  constructor(store: KeptAnswers, host: SessionHost) {
    const { remote, peer, limits, handleTimeoutMs } = host;
    this.#store = store;
    this.#host = host;
    this.remote = remote;
    this.peer = peer;
    this.#identity = peer === undefined ? "" : JSON.stringify([peer.subject, ...peer.sans]);
    const writer = store.encoder.into((seq, serviceMethod, bytes) => {
      this.#answered(seq, new KeptAnswer(serviceMethod, bytes));
    });
    const replies = new Replies(writer, { add() {} }, this, limits.maxMessageBytes);
    // Those that wait count as running at their connections, and a handler counts once.
    const load = new ServerLoad();
    this.#running = new RunningCalls(this, replies, { clock: store.clock, load, handleTimeoutMs });
    store.opened(this);
  }

  /**
   * A call with an id has come and may run: it does, unless it has already.
   *
   * @param method What it calls.
   * @param extras Its id, metadata and time.
   * @returns What to run in the method's place: it throws the answer.
   */
  method(method: Method, extras: RequestExtras): Method {
    return this.#standIn(
      method,
      extras.id!,
      (id, context) => this.#call(id, method, extras, context),
    );
  }

  /**
   * The answer to a call is asked for.
   *
   * @param id The call's id.
   * @returns What to run: it throws the answer.
   */
  recalled(id: string): Method {
    const method = { serviceMethod: "", handle() {} };
    return this.#standIn(method, id, (id, context) => () => this.#recall(id, context));
  }

  /** The client has the answers to these calls. */
  acknowledged(ids: readonly string[]): void {
    for (const id of ids) this.#store.acknowledge(id, this.#identity);
  }

  /** The connection is gone: its calls have some time until they are asked for. */
  lost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    for (const call of this.#calls) this.#store.detach(call, true);
    this.dueAt = this.#store.clock.now() + this.#store.keepMs;
    if (this.#calls.size > 0 && this.dueAt < Infinity) this.#store.deadlines.add(this);
    this.#endIfDone();
  }

  expire(): void {
    for (const call of [...this.#calls]) this.#store.expire(call);
    this.#endIfDone();
  }

  close(): void {
    this.#running.close();
  }

  adopt(call: KeptCall): void {
    this.#calls.add(call);
    this.#store.detach(call, this.#isLost);
  }

  release(call: KeptCall): void {
    this.#calls.delete(call);
    this.#endIfDone();
  }

  callEnded(): void {}

  handlerFailed(serviceMethod: string, error: unknown): void {
    this.#host.handlerFailed(serviceMethod, error);
  }

  replyRefused(serviceMethod: string, error: unknown): void {
    this.#host.handlerFailed(serviceMethod, error);
  }

  /** Its id is looked at first. */
  #standIn(
    { serviceMethod, schema }: Method,
    text: string,
    begin: (id: CallId, context: CallContext) => (args: unknown) => unknown,
  ): Method {
    const handle: Method["handle"] = (args, context) => {
      const id = parseCallId(text);
      if (id !== undefined) return begin(id, context)(args);
      const message =
        "rpc server: the id of a call is 22 to 64 letters and digits, a slash, a number";
      throw context.reject(message, "invalid_argument");
    };
    return { serviceMethod, schema, handle };
  }

  #call(id: CallId, method: Method, extras: RequestExtras, context: CallContext) {
    return (args: unknown): unknown => {
      const known = this.#known(id);
      if (known?.state === "refused") {
        const message = "rpc server: its caller was told before it came that it will not run";
        throw context.reject(message);
      }
      if (known !== undefined) return this.#wait(known, context);
      const seq = ++this.#lastSeq;
      const call = new KeptCall(id, this.#identity, "running", () => this.#running.cancel(seq));
      if (!this.#store.begin(call)) {
        const why = "too many calls are remembered already (keepAnswersBytes)";
        throw context.reject(NOT_RUN + why, "resource_exhausted");
      }
      this.#home.set(seq, call);
      this.#running.run(seq, this.#watched(method, seq), args, extras);
      if (call.state !== "running") this.#handlerEnded(seq);
      return this.#follow(call, context);
    };
  }

  #recall(id: CallId, context: CallContext): unknown {
    this.#store.recalled();
    const known = this.#known(id);
    if (known !== undefined && known.state !== "refused") return this.#wait(known, context);
    const refused = known ?? new KeptCall(id, this.#identity, "refused");
    if (known === undefined && !this.#store.refuse(refused)) throw this.#store.nothingKnown;
    refused.moveTo(this);
    throw context.reject("rpc server: it has not run here, and will not");
  }

  /** What is known of a call. Of another client's it is nothing, and nothing happens to it. */
  #known(id: CallId): KeptCall | undefined {
    const known = this.#store.find(id);
    if (known === "forgotten") throw this.#store.nothingKnown;
    if (known !== undefined && known.identity !== this.#identity) throw this.#store.nothingKnown;
    return known;
  }

  /** The answer, if it is kept or will be there. */
  #wait(call: KeptCall, context: CallContext): unknown {
    if (call.answer !== undefined) {
      call.moveTo(this);
      throw call.answer;
    }
    if (call.state !== "running") throw this.#store.nothingKnown;
    return this.#follow(call, context);
  }

  /** The answer that will be there, or has come just now, be it too long to be kept. */
  #follow(call: KeptCall, context: CallContext): Promise<never> {
    call.moveTo(this);
    const { signal } = context;
    signal.addEventListener("abort", () => {
      // Its time is over where its handler runs, too; and a connection that is lost gives nothing up.
      if (!this.#isLost && !(signal.reason instanceof TimeoutError)) this.#store.giveUp(call);
    });
    return call.settled;
  }

  /** The same method, whose end is heard of, behind what is done with its outcome. */
  #watched(method: Method, seq: number): Method {
    const ended = () => queueMicrotask(() => this.#handlerEnded(seq));
    const handle: Method["handle"] = (args, context) => {
      const result = method.handle(args, context);
      if (!isPromise(result)) return result;
      const promise = settlingOnce(result);
      promise.then(ended, ended);
      return promise;
    };
    const { serviceMethod, schema } = method;
    return { serviceMethod, schema, handle };
  }

  #answered(seq: number, answer: KeptAnswer): void {
    const call = this.#home.get(seq);
    if (call !== undefined) this.#store.settle(call, answer);
  }

  #handlerEnded(seq: number): void {
    const call = this.#home.get(seq);
    this.#home.delete(seq);
    if (call !== undefined) this.#store.settleWithout(call);
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!this.#isLost || this.#home.size > 0) return;
    this.#running.close();
    if (this.#calls.size > 0) return;
    this.#store.deadlines.remove(this);
    this.#store.closed(this);
  }
}
