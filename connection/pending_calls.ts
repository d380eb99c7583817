/**
 * The calls that wait for a reply on one connection: by sequence number, each
 * with its deadline and its signal.
 *
 * @module
 */

import { type Abortable, abortWith, releaseFrom } from "../internal/abort.ts";
import type { Clock } from "../clock.ts";
import { Deadlines, type Expiring } from "../internal/deadlines.ts";
import type { PendingReply } from "../protocol/codec.ts";
import type { MethodSchema } from "../schema.ts";
import {
  type ErrorDetails,
  type Execution,
  type RpcCode,
  RpcError,
  TimeoutError,
} from "../errors.ts";
import { SeqTable } from "./seq_table.ts";

/** Who is told how a call ended; one of the two, once. */
export interface Settler {
  /** It succeeded. */
  resolve(value: unknown): void;
  /** It failed, or was given up. */
  reject(error: unknown): void;
}

/** One call that waits for its reply. */
export class PendingCall implements PendingReply, Expiring, Abortable {
  /** When it is given up, on the clock's scale. */
  dueAt = 0;
  /** Whether a deadline is running. */
  waiting = false;
  /** What gives it up early. */
  signal: AbortSignal | undefined;
  /** What it was given, for the error message. */
  timeoutMs = 0;
  /** The types of argument and reply, if the caller said them. */
  schema: MethodSchema | undefined;

  /**
   * @param table The table it stands in.
   * @param seq Its number on this connection.
   * @param serviceMethod What it calls.
   * @param settler Who is told how it ended.
   */
  constructor(
    readonly table: PendingCalls,
    readonly seq: number,
    readonly serviceMethod: string,
    readonly settler: Settler,
  ) {}

  resolve(value: unknown): void {
    this.table.release(this);
    this.settler.resolve(value);
  }

  fail(code: RpcCode, message: string, execution: "answered" | "rejected"): void {
    this.table.release(this);
    this.settler.reject(new RpcError(code, message, this.#details(execution)));
  }

  failDecode(code: RpcCode, what: string, cause?: unknown): void {
    this.table.release(this);
    const details = { ...this.#details("answered"), cause };
    this.settler.reject(new RpcError(code, `${this.#place}: ${what}`, details));
  }

  /** Fails it because the connection is over. */
  lose(code: RpcCode, what: string, cause: unknown): void {
    this.table.release(this);
    const details = { ...this.#details(this.table.executionOf(this.seq)), cause };
    this.settler.reject(new RpcError(code, `${this.#place}: ${what}`, details));
  }

  expire(): void {
    if (!this.table.abandon(this)) return;
    const message = `${this.#place}: no reply within ${this.timeoutMs} ms`;
    // It may be gathered for a write to come, and run after all.
    this.settler.reject(new TimeoutError(message, this.#details("unknown")));
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

/** The calls of one connection. */
export class PendingCalls {
  /** The server, for messages. */
  readonly address: string;
  readonly #calls = new SeqTable<PendingCall>();
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #onAbandoned: (seq: number) => void;
  readonly #onEmpty: () => void;
  #handedOver = 0;

  /**
   * @param address The server, for messages.
   * @param clock Where deadlines take the time from.
   * @param onAbandoned Told of a call that is waited for no more.
   * @param onEmpty Told when no call is left.
   */
  constructor(
    address: string,
    clock: Clock,
    onAbandoned: (seq: number) => void,
    onEmpty: () => void,
  ) {
    this.address = address;
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock);
    this.#onAbandoned = onAbandoned;
    this.#onEmpty = onEmpty;
  }

  /** How many calls wait. */
  get size(): number {
    return this.#calls.size;
  }

  /** The number up to which all calls have been handed to the transport. */
  get handedOver(): number {
    return this.#handedOver;
  }

  set handedOver(seq: number) {
    this.#handedOver = seq;
  }

  /** What is certain about a call when the connection is over: nothing more is written. */
  executionOf(seq: number): "not_sent" | "unknown" {
    return seq > this.#handedOver ? "not_sent" : "unknown";
  }

  /** Puts a call in. */
  add(call: PendingCall): void {
    this.#calls.set(call);
  }

  /** Gives a call up after so many milliseconds. */
  limit(call: PendingCall, timeoutMs: number): void {
    call.timeoutMs = timeoutMs;
    call.dueAt = this.#clock.now() + timeoutMs;
    this.#deadlines.add(call);
  }

  /** Gives a call up when a signal aborts; it may have, by the argument's own doing. */
  heed(call: PendingCall, signal: AbortSignal): void {
    if (signal.aborted) return call.abort(signal.reason);
    call.signal = signal;
    abortWith(signal, call);
  }

  /** Takes the call out that a reply belongs to. */
  take(seq: number): PendingCall | undefined {
    return this.#calls.take(seq);
  }

  /** Ends the deadline and the listening of a call that was taken. */
  release(call: PendingCall): void {
    if (call.waiting) this.#deadlines.remove(call);
    if (call.signal !== undefined) releaseFrom(call.signal, call);
    if (this.#calls.size === 0) this.#onEmpty();
  }

  /**
   * Takes a call out before its reply has come.
   *
   * @returns `false` if it was out already.
   */
  abandon(call: PendingCall): boolean {
    if (this.#calls.get(call.seq) !== call) return false;
    this.#calls.take(call.seq);
    this.#onAbandoned(call.seq);
    this.release(call);
    return true;
  }

  /**
   * Fails every call: the connection is over.
   *
   * @param code The code.
   * @param message What happened, without place.
   * @param cause What is beneath it.
   */
  failAll(code: RpcCode, message: string, cause: unknown): void {
    const calls = this.#calls.clear();
    for (const call of calls) call.lose(code, message, cause);
    this.#deadlines.clear();
  }
}
