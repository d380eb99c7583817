/**
 * This file is one table: the calls of one connection that a server runs, from the handler's start
 * to its answer, its cancel or its deadline.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { Deadlines } from "../internal/deadlines.ts";
import { codeOf, detailsOf, errorText, RpcError, TimeoutError } from "../errors.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { isPromise, settlingOnce } from "../internal/promise.ts";
import { goDuration } from "../protocol/go_duration.ts";
import { isBadReply } from "./bad_reply.ts";
import type { Replies } from "./replies.ts";
import { isRpcError, RunningCall, type RunningCallOwner } from "./running_call.ts";
import { SeqTable } from "./seq_table.ts";
import type { ServerLoad } from "./server_load.ts";
import type { Method } from "./services.ts";
import { AnswerPump, givenUp, notAskedFor, STREAM_ENDED } from "./streams/answer_pump.ts";
import { leaveUnread } from "./streams/item_pump.ts";
import type { ServerStreams } from "./streams/server_streams.ts";
import { isAsyncIterable } from "./streams/stream.ts";
import type { PeerCertificate } from "../transport.ts";

/** The latest time that a `Date` can hold. */
const LAST_DATE_MS = 8.64e15;

/** Of a client that never cancels so many are kept: one is enough to know that there are some. */
const MAX_UNANSWERED = 1000;

const NO_META: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** What the running calls need of their connection. */
export interface RunningCallsOwner {
  /** The client's address. */
  readonly remote: string;
  /** Its certificate. */
  readonly peer?: PeerCertificate | undefined;
  /** A call or its handler has ended: others may run. */
  callEnded(): void;
  /** A handler has thrown something that is no {@linkcode RpcError}. */
  handlerFailed(serviceMethod: string, error: unknown): void;
  /** Ends the connection. */
  close(): void;
}

/** Options of {@linkcode RunningCalls}. */
export interface RunningCallsOptions {
  /** Where deadlines take the time from. */
  readonly clock: Clock;
  /** Counts the handlers of all connections. */
  readonly load: ServerLoad;
  /** How long each call may take by the handshake, in milliseconds; 0: no limit. */
  readonly handleTimeoutMs: number;
}

/** The calls of one connection that run. */
export class RunningCalls implements RunningCallOwner {
  readonly #owner: RunningCallsOwner;
  readonly #replies: Replies;
  readonly #clock: Clock;
  readonly #handleTimeoutMs: number;
  readonly #deadlines: Deadlines;
  readonly #calls = new SeqTable<RunningCall>();
  readonly #load: ServerLoad;
  /** Calls that were not answered because their deadline had passed here, until their callers cancel them. */
  readonly #unanswered = new Set<number>();
  #handlers = 0;
  /** The streams of the connection, once it has had any. */
  #streams: ServerStreams | undefined;
  /** The calls whose handlers have ended and whose replies have to wait for room, the oldest first. */
  #held: RunningCall[] = [];

  /**
   * @param owner The connection.
   * @param replies Answers the calls.
   * @param options Clock, limit and count.
   */
  constructor(owner: RunningCallsOwner, replies: Replies, options: RunningCallsOptions) {
    this.#owner = owner;
    this.#replies = replies;
    this.#clock = options.clock;
    this.#load = options.load;
    this.#handleTimeoutMs = options.handleTimeoutMs || Infinity;
    this.#deadlines = new Deadlines(options.clock);
  }

  /** The client's address. */
  get remote(): string {
    return this.#owner.remote;
  }

  /** The present time, on the scale of the calls' deadlines. */
  now(): number {
    return this.#clock.now();
  }

  /** Its certificate. */
  get peer(): PeerCertificate | undefined {
    return this.#owner.peer;
  }

  /** Whether a call has run that will have no answer, and whose caller may wait for one still. */
  get hasUnanswered(): boolean {
    return this.#unanswered.size > 0;
  }

  /** How many calls are not answered. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * How many handlers have not ended, those of cancelled calls included, or
   * have ended with a reply for which there was no room yet.
   */
  get handlers(): number {
    return this.#handlers + this.#held.length;
  }

  /**
   * Runs a call, and answers it. It is rejected if a call of its number runs,
   * or its deadline has passed.
   *
   * @param seq Its sequence number.
   * @param method What it calls.
   * @param args Its argument.
   * @param extras Its metadata, and the time that its caller still waits.
   */
  run(seq: number, method: Method, args: unknown, extras: RequestExtras): void {
    const { serviceMethod } = method;
    const { timeoutMs, meta = NO_META } = extras;
    if (this.#calls.get(seq) !== undefined) {
      return this.#replies.rejectDuplicate(seq, serviceMethod);
    }
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      const message = "rpc server: the deadline had passed before the call could run";
      return this.#replies.reject(seq, serviceMethod, "deadline_exceeded", message);
    }
    const deadline = timeoutMs === undefined
      ? undefined
      : new Date(Math.min(Date.now() + timeoutMs, LAST_DATE_MS));
    const call = new RunningCall(this, seq, method, meta, deadline);
    let result: unknown;
    try {
      // An absent argument is null where the protocol has nothing else for it.
      result = method.handle(args ?? undefined, call);
      if (isPromise(result) && !this.#isItems(seq, result)) {
        return this.#await(call, settlingOnce(result), timeoutMs);
      }
    } catch (error) {
      return this.#fail(call, error);
    }
    if (isAsyncIterable(result)) return this.#stream(call, result, timeoutMs);
    this.#replies.reply(seq, method, result);
  }

  /**
   * Gives a call up: its signal aborts, and it is not answered.
   *
   * @param seq Its sequence number.
   * @param why What its caller has said of it, if anything.
   * @returns `false` if no call of that number runs.
   */
  cancel(seq: number, why?: string): boolean {
    const call = this.#calls.get(seq);
    this.#unanswered.delete(seq); // its caller knows, and waits no more
    if (call === undefined) return false;
    this.#take(call);
    this.#abort(call, givenUp(call.serviceMethod, why));
    return true;
  }

  /**
   * A call's deadline has passed. The time that the handshake gave every call
   * is answered for; a caller that has set a deadline waits no longer than it.
   *
   * @param call The call.
   */
  expire(call: RunningCall): void {
    if (!this.#take(call)) return;
    const { seq, serviceMethod, lateAnswer } = call;
    if (lateAnswer !== undefined) {
      this.#replies.fail(seq, serviceMethod, "deadline_exceeded", lateAnswer);
    } else if (this.#unanswered.size < MAX_UNANSWERED) this.#unanswered.add(seq);
    const reason = lateAnswer ?? "the caller's deadline has passed";
    this.#abort(call, new TimeoutError(reason, { serviceMethod }));
    this.#owner.callEnded();
  }

  /** Answers calls whose handlers have ended, while there is room for it. */
  answerHeld(): void {
    if (this.#held.length === 0) return;
    let answered = 0;
    while (answered < this.#held.length && !this.#replies.isFull) {
      const call = this.#held[answered++];
      const { outcome } = call;
      if (outcome !== undefined && this.#take(call)) {
        this.#answer(call, outcome.isFulfilled, outcome.result);
      }
    }
    this.#held.splice(0, answered);
  }

  /** Gives all calls up: the connection is over. */
  close(): void {
    this.#deadlines.clear();
    this.#held = [];
    const calls = this.#calls.clear();
    const reason = new RpcError("canceled", `the connection of ${this.remote} is over`);
    for (const call of calls) this.#abort(call, reason);
    this.#streams?.closeAll(reason);
  }

  /** The connection has streams from here on. */
  streamsAre(streams: ServerStreams): void {
    this.#streams = streams;
    this.#replies.streamsAre(streams);
  }

  /**
   * Ends the calls whose answers come item by item, as the server ends.
   *
   * @returns Whether there were any.
   */
  interruptStreams(): boolean {
    const calls = this.#streams?.seqs.map((seq) => this.#calls.get(seq)) ?? [];
    for (const call of calls) {
      if (call === undefined || !this.#take(call)) continue;
      const { seq, serviceMethod } = call;
      this.#replies.interrupt(seq, serviceMethod, "rpc server: the server has ended the stream");
      call.abort(new RpcError("canceled", `the connection of ${this.remote} is over`));
    }
    return calls.length > 0;
  }

  #await(call: RunningCall, result: Promise<unknown>, timeoutMs: number | undefined): void {
    result.then((value) => this.#settled(call, true, value), (error) => {
      this.#settled(call, false, error);
    });
    this.#began(call, timeoutMs);
  }

  /** Whether a promise is a stream as well, which was asked for: so are the cursors of some databases. */
  #isItems(seq: number, result: PromiseLike<unknown>): boolean {
    const isAsked = this.#streams !== undefined && this.#streams.get(seq)?.isAnswered;
    return isAsked === true && isAsyncIterable(result);
  }

  /** A handler has returned a stream at once. */
  #stream(call: RunningCall, items: AsyncIterable<unknown>, timeoutMs: number | undefined): void {
    this.#began(call, timeoutMs);
    this.#settled(call, true, items);
  }

  #began(call: RunningCall, timeoutMs: number | undefined): void {
    this.#calls.set(call);
    this.#handlers++;
    this.#load.began(1);
    this.#limit(call, timeoutMs);
  }

  /**
   * Sends a stream that a handler has returned.
   *
   * @returns `false` if that is no answer to this call: it is settled with an error then.
   */
  #sendItems(call: RunningCall, items: AsyncIterable<unknown>): boolean {
    const isRunning = this.#calls.get(call.seq) === call;
    const stream = isRunning ? this.#streams?.get(call.seq) : undefined;
    if (stream?.isAnswered) {
      stream.pump(items, new AnswerPump(call, this.#streams!, this.#replies, this));
      return true;
    }
    leaveUnread(items);
    return false;
  }

  #abort(call: RunningCall, reason: unknown): void {
    call.abort(reason);
    this.#streams?.close(call.seq, reason);
  }

  /** Limits a call to its own deadline, or to what the handshake gave every call, if that is less. */
  #limit(call: RunningCall, timeoutMs = Infinity): void {
    const handleTimeoutMs = this.#handleTimeoutMs;
    const limitMs = Math.min(timeoutMs, handleTimeoutMs);
    if (limitMs === Infinity) return;
    const answer = handleTimeoutMs <= timeoutMs
      ? `rpc server: request handle timeout: expect within ${goDuration(handleTimeoutMs)}`
      : undefined;
    call.limit(this.#clock.now() + limitMs, answer);
    this.#deadlines.add(call);
  }

  /** The stream that a handler has returned has ended; its call may have been given up before. */
  streamEnded(call: RunningCall, isFulfilled: boolean, result: unknown): void {
    this.#settled(call, isFulfilled, result);
  }

  /** A handler's promise has settled; its call may have been given up before. */
  #settled(call: RunningCall, isFulfilled: boolean, result: unknown): void {
    if (isFulfilled && isAsyncIterable(result)) {
      if (this.#sendItems(call, result)) return;
      return this.#settled(call, false, notAskedFor(call.serviceMethod));
    }
    this.#handlers--;
    this.#load.began(-1);
    try {
      if (this.#calls.get(call.seq) !== call) {
        if (!isFulfilled && !call.isReason(result)) this.#report(call, result);
      } else if (this.#replies.isFull) {
        call.hold({ isFulfilled, result });
        this.#held.push(call);
        return;
      } else if (this.#take(call)) this.#answer(call, isFulfilled, result);
      this.#owner.callEnded();
    } catch {
      this.#owner.close(); // an unhandled rejection would end the process
    }
  }

  #answer(call: RunningCall, isFulfilled: boolean, result: unknown): void {
    if (result === STREAM_ENDED) this.#replies.endStream(call.seq, call.method);
    else if (isFulfilled) this.#replies.reply(call.seq, call.method, result);
    else this.#fail(call, result);
  }

  /** Takes a call out; `false` if it was out already. */
  #take(call: RunningCall): boolean {
    if (this.#calls.get(call.seq) !== call) return false;
    this.#calls.take(call.seq);
    this.#deadlines.remove(call);
    call.hold();
    return true;
  }

  #fail(call: RunningCall, error: unknown): void {
    const { seq, serviceMethod } = call;
    if (call.hasRejectedWith(error)) {
      this.#replies.reject(seq, serviceMethod, codeOf(error), errorText(error), error);
    } else {
      this.#report(call, error);
      this.#replies.fail(seq, serviceMethod, codeOf(error), errorText(error), detailsOf(error));
    }
  }

  #report(call: RunningCall, error: unknown): void {
    if (!isRpcError(error)) this.#owner.handlerFailed(call.serviceMethod, error);
    else if (isBadReply(error)) this.#owner.handlerFailed(call.serviceMethod, error.cause);
  }
}
