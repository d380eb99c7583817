/**
 * This file is one table: the calls that wait for a reply on one connection, by
 * sequence number, each with its deadline and its signal.
 *
 * @module
 */

import { type Abortable, abortWith, releaseFrom } from "../internal/abort.ts";
import type { Clock } from "../clock.ts";
import { Deadlines, type Expiring } from "../internal/deadlines.ts";
import { type FailureExtras, type PendingReply, UnexpectedQueue } from "../protocol/codec.ts";
import type { ItemStream } from "../protocol/streams.ts";
import type { MethodSchema } from "../internal/schema.ts";
import {
  type ErrorDetails,
  type Execution,
  type RpcCode,
  RpcError,
  TimeoutError,
} from "../errors.ts";
import { SeqTable } from "./seq_table.ts";

/** What learns how a call ended: one of the two is called, once. */
export interface Settler {
  /** The call succeeded. */
  resolve(value: unknown): void;
  /** The call failed, or was given up. */
  reject(error: unknown): void;
  /** In place of `reject`: the connection is over, and nobody knows whether the call has run. */
  lost?(error: RpcError): void;
}

/** One call that waits for its reply. */
export class PendingCall implements PendingReply, Expiring, Abortable {
  /** When it expires, on the clock's scale. */
  dueAt = 0;
  /** Whether its deadline is running: kept by the queue of deadlines. */
  waiting = false;
  #timeoutMs = 0;
  #signal: AbortSignal | undefined;

  /**
   * @param table The table that it is in.
   * @param seq Its sequence number on this connection.
   * @param serviceMethod `Service.Method`.
   * @param settler Learns how it ended.
   * @param schema The types of argument and reply, if the caller gave them.
   */
  constructor(
    readonly table: PendingCalls,
    readonly seq: number,
    readonly serviceMethod: string,
    readonly settler: Settler,
    readonly schema?: MethodSchema,
  ) {}

  /**
   * Sets a deadline: without a reply by then, the call fails.
   *
   * @param timeoutMs From now, in milliseconds.
   */
  limit(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.dueAt = this.table.clock.now() + timeoutMs;
    this.table.deadlines.add(this);
  }

  /**
   * Gives the call up when a signal aborts.
   *
   * @param signal May have aborted already, while the argument was encoded.
   */
  abortOn(signal: AbortSignal): void {
    if (signal.aborted) return this.abort(signal.reason);
    this.#signal = signal;
    abortWith(signal, this);
  }

  /** Ends the deadline and the listening to the signal. */
  release(): void {
    if (this.waiting) this.table.deadlines.remove(this);
    if (this.#signal !== undefined) releaseFrom(this.#signal, this);
  }

  /** Its items, if its argument or its answer comes in some. */
  get stream(): ItemStream | undefined {
    return undefined;
  }

  /** It is encoded, behind a wait for what the server can read. */
  begun(): void {}

  resolve(value: unknown): void {
    this.table.answer(this);
    this.settler.resolve(value);
  }

  fail(
    code: RpcCode,
    message: string,
    execution: "answered" | "rejected" | "unknown",
    { isUnexpected = false, ...more }: FailureExtras = {},
  ): void {
    if (execution === "answered") this.table.answer(this);
    else this.table.release(this);
    const details = { ...this.#details(execution), ...more };
    const Kind = isUnexpected ? UnexpectedQueue : RpcError;
    this.settler.reject(new Kind(code, message, details));
  }

  failDecode(code: RpcCode, what: string, cause?: unknown): void {
    this.table.answer(this);
    const details = { ...this.#details("answered"), cause };
    this.settler.reject(new RpcError(code, `${this.#place}: ${what}`, details));
  }

  /** Fails the call because the server has ended without running it. */
  refuse(what: string, code: RpcCode): void {
    this.table.release(this);
    this.settler.reject(new RpcError(code, `${this.#place}: ${what}`, this.#details("rejected")));
  }

  /** Fails the call because the connection is over. */
  lose(code: RpcCode, what: string, cause: unknown): void {
    this.table.release(this);
    const execution = this.table.executionOf(this.seq);
    const details = { ...this.#details(execution), cause };
    const error = new RpcError(code, `${this.#place}: ${what}`, details);
    const { settler } = this;
    if (execution === "unknown" && settler.lost !== undefined) settler.lost(error);
    else settler.reject(error);
  }

  expire(): void {
    // Even if it is still buffered: it leaves with the next write, and may run.
    const execution = this.table.isUnsent(this.seq) ? "not_sent" : "unknown";
    if (!this.table.abandon(this)) return;
    const message = `${this.#place}: no reply within ${this.#timeoutMs} ms`;
    this.settler.reject(new TimeoutError(message, this.#details(execution)));
  }

  abort(reason: unknown): void {
    if (this.table.abandon(this)) this.settler.reject(reason);
  }

  get #place(): string {
    return `${this.serviceMethod} at ${this.table.address}`;
  }

  #details(execution: Execution): ErrorDetails {
    return { address: this.table.address, serviceMethod: this.serviceMethod, execution };
  }
}

/** A question for a sign of life, which is no call to anyone but the server. */
export class PendingPing extends PendingCall {
  override release(): void {
    super.release();
    this.table.pingEnded();
  }
}

/** A call whose connection is lost. */
export interface LostCall {
  /** What names it. */
  readonly id: string;
  /** The server's process that had it. */
  readonly instance: string;
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** The types of argument and reply, if the caller gave them. */
  readonly schema?: MethodSchema | undefined;
}

/** A question for the answer to a call. What has not been asked here may have run all the same. */
export class PendingRecall extends PendingCall {
  override refuse(what: string, code: RpcCode): void {
    this.lose(code, what, undefined);
  }
}

/** What a table of calls needs of its connection. */
export interface PendingCallsOwner {
  /**
   * A call was given up before its reply has come: the server may stop it.
   *
   * @param why What its handler is told. Default: nothing.
   */
  abandoned(seq: number, why?: string): void;
  /** No call is left in the table. */
  emptied(): void;
}

/** The calls of one connection, and their sequence numbers. */
export class PendingCalls {
  /** The server's address, for messages. */
  readonly address: string;
  /** Where deadlines take the time from. */
  readonly clock: Clock;
  /** The deadlines of the calls. */
  readonly deadlines: Deadlines;
  readonly #calls = new SeqTable<PendingCall>();
  readonly #owner: PendingCallsOwner;
  #lastSeq = 0;
  #handedOverSeq = 0;
  #hasAnswered = false;
  /** The calls that are not encoded yet: they wait to know what the server can read. */
  readonly #unsent = new Set<number>();
  /** How many of the calls are pings. */
  #pings = 0;

  /**
   * @param address The server's address, for messages.
   * @param clock Where deadlines take the time from.
   * @param owner The connection.
   */
  constructor(address: string, clock: Clock, owner: PendingCallsOwner) {
    this.address = address;
    this.clock = clock;
    this.deadlines = new Deadlines(clock);
    this.#owner = owner;
  }

  /** How many calls wait for a reply, without pings. */
  get size(): number {
    return this.#calls.size - this.#pings;
  }

  /** Whether the server owes something: a reply, or a sign of life. */
  get isOwed(): boolean {
    return this.#calls.size > 0;
  }

  /** Whether a call has run at the server, and was answered. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** How many calls take up memory: those that were given up count until they are written. */
  get held(): number {
    return Math.max(this.#calls.size, this.#lastSeq - this.#handedOverSeq) - this.#pings;
  }

  /** The sequence number of the next call. */
  get nextSeq(): number {
    return this.#lastSeq + 1;
  }

  /**
   * Adds a call.
   *
   * @param call Its number is {@linkcode nextSeq}.
   */
  add(call: PendingCall): void {
    this.#lastSeq = call.seq;
    this.#calls.set(call);
  }

  /**
   * Adds a call that is not encoded yet.
   *
   * @param call Its number is {@linkcode nextSeq}.
   */
  addUnsent(call: PendingCall): void {
    this.add(call);
    this.#unsent.add(call.seq);
  }

  /** Whether a call is not encoded yet. */
  isUnsent(seq: number): boolean {
    return this.#unsent.has(seq);
  }

  /** A call is encoded. */
  sent(seq: number): void {
    this.#unsent.delete(seq);
  }

  /**
   * Adds a ping.
   *
   * @param ping Its number is {@linkcode nextSeq}.
   */
  addPing(ping: PendingPing): void {
    this.#pings++;
    this.add(ping);
  }

  /** A ping has ended. */
  pingEnded(): void {
    if (this.#pings > 0) this.#pings--;
  }

  /** The numbers of the calls that were sent and wait for a reply. */
  sentSeqs(): number[] {
    return this.#calls.list().map(({ seq }) => seq)
      .filter((seq) => this.executionOf(seq) === "unknown");
  }

  /** All calls so far are handed to the transport: from here on they may run. */
  handOver(): void {
    this.#handedOverSeq = this.#lastSeq;
  }

  /** What is certain about a call if nothing more is written. */
  executionOf(seq: number): "not_sent" | "unknown" {
    return seq > this.#handedOverSeq || this.#unsent.has(seq) ? "not_sent" : "unknown";
  }

  /**
   * Takes out the call that a reply belongs to.
   *
   * @param seq Its sequence number.
   * @returns `undefined` if no call of that number waits.
   */
  take(seq: number): PendingCall | undefined {
    return this.#calls.take(seq);
  }

  /** The call of that number, which stays. */
  get(seq: number): PendingCall | undefined {
    return this.#calls.get(seq);
  }

  /** A call that was taken out has run, and is answered. */
  answer(call: PendingCall): void {
    this.#hasAnswered = true;
    this.release(call);
  }

  /** Ends the deadline and the listening of a call that was taken out. */
  release(call: PendingCall): void {
    call.release();
    if (this.#calls.size === this.#pings) this.#owner.emptied();
  }

  /**
   * Takes a call out before its reply has come.
   *
   * @param call The call.
   * @param why What its handler is told. Default: nothing.
   * @returns `false` if it was out already.
   */
  abandon(call: PendingCall, why?: string): boolean {
    if (this.#calls.get(call.seq) !== call) return false;
    this.#calls.take(call.seq);
    if (!this.#unsent.delete(call.seq)) this.#owner.abandoned(call.seq, why);
    this.release(call);
    return true;
  }

  /**
   * Fails every call: none of them has run, nor will.
   *
   * @param what Why; each error puts method and address before it.
   * @param code The code of their errors.
   */
  rejectAll(what: string, code: RpcCode = "unavailable"): void {
    const calls = this.#calls.clear();
    this.#pings = 0;
    for (const call of calls) call.refuse(what, code);
    this.#unsent.clear();
  }

  /**
   * Fails every call, because the connection is over.
   *
   * @param code The code of their errors.
   * @param message What happened; each error puts method and address before it.
   * @param cause The error beneath it, if there is one.
   */
  failAll(code: RpcCode, message: string, cause: unknown): void {
    const calls = this.#calls.clear();
    this.#pings = 0;
    for (const call of calls) call.lose(code, message, cause);
    this.#unsent.clear();
    this.deadlines.clear();
  }
}
