/**
 * This file is one class: a stream of an `XClient`, through as many attempts as
 * it takes until its first item, and behind it as its caller has said how it
 * goes on.
 *
 * @module
 */

import { ItemReader } from "../../connection/streams/item_reader.ts";
import { ItemTaker } from "../../connection/streams/item_taker.ts";
import { OnceArgs, sentOnce } from "../../connection/streams/once_args.ts";
import { streamExtras } from "../../connection/streams/options.ts";
import {
  isAsyncIterable,
  type ItemSource,
  type StreamSink,
} from "../../connection/streams/stream.ts";
import type { Settler } from "../../connection/pending_calls.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import { type Abortable, abortWith, releaseFrom } from "../../internal/abort.ts";
import type { StreamExtras } from "../../protocol/streams.ts";
import { isOurs, withAttempts } from "../call_error.ts";
import { CallTimer } from "../call_timer.ts";
import type { Outcome } from "../load.ts";
import { mayRepeatAfter } from "../next_step.ts";
import type { FleetStreamOptions, StreamBegin } from "./options.ts";
import { BrokenAttempt, StreamCall, type StreamOrigin } from "./stream_call.ts";

/** One stream of an `XClient`, as its caller reads it. */
export class FleetStream<T> implements StreamSink, StreamOrigin, Settler, Abortable {
  static readonly isOfAll = false;
  /** What the caller reads. */
  readonly reader: ItemReader<T>;
  readonly #begin: StreamBegin<FleetStreamOptions<T>>;
  #args: unknown;
  /** Since when its time counts, on the clock's scale. */
  #startedAtMs = 0;
  /** What opens it, again perhaps: until there is an item. */
  #call: StreamCall | undefined;
  /** What takes the items of what interceptors have given. */
  #taker: ItemTaker | undefined;
  #deadline: CallTimer | undefined;
  #isOpen = false;
  #isOver = false;
  #hasItems = false;
  #last: T | undefined;

  /** @param begin What it is begun with. */
  constructor(begin: StreamBegin<FleetStreamOptions<T>>) {
    const { context, args, options: { itemTimeoutMs = Infinity } } = begin;
    this.#begin = begin;
    this.#args = sentOnce(args);
    this.reader = new ItemReader<T>({
      open: () => this.#start(),
      cancel: (reason) => {
        // Only an item that took too long is the server's fault, if anything is.
        const isFailure = reason instanceof TimeoutError && context.isFailure(reason);
        this.#leave(reason ?? this.#unwanted, isFailure ? "failure" : "given_up");
      },
      limit: itemTimeoutMs === Infinity ? undefined : {
        clock: context.clock,
        timeoutMs: itemTimeoutMs,
        error: () => this.#timeoutError(`no item within ${itemTimeoutMs} ms`),
      },
    });
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  get extras(): StreamExtras {
    return streamExtras(this.#begin.options);
  }

  /** The first item has come, or interceptors have given what is to be read. */
  resolve(from: unknown): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    this.#limit();
    if (from === this) return; // its attempt brings the items
    if (!isAsyncIterable(from)) {
      const { serviceMethod } = this.#begin;
      const message = `${serviceMethod}: an interceptor of a stream's attempt must return what ` +
        "next gives, or another async iterable";
      return this.#fail(new TypeError(message), true);
    }
    this.#taker = new ItemTaker(from, this);
    this.#taker.start();
  }

  /** It could not be opened. */
  reject(error: unknown): void {
    this.#fail(error, false);
  }

  abort(reason: unknown): void {
    this.#fail(reason, true);
  }

  item(value: unknown, bytes: number, from: ItemSource): void {
    if (this.#begin.options.resume !== undefined) this.#last = value as T;
    this.#hasItems = true;
    this.reader.item(value, bytes, from);
  }

  end(): void {
    if (!this.#over()) return;
    this.#call!.opener!.cancel("given_up"); // what interceptors have opened and not read
    this.reader.end();
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    const { context: { turnClock }, serviceMethod } = this.#begin;
    const { opener, attempts } = this.#call!;
    const broken = new BrokenAttempt(opener!, error, turnClock.now());
    if (this.#mayGoOn(error)) return this.#goOn(broken, error);
    const all = attempts.map((attempt) => attempt === opener ? broken : attempt);
    const listed = isOurs(error) ? withAttempts(error, serviceMethod, error.execution, all) : error;
    this.#fail(listed, false);
  }

  #start(): void {
    const { context: { clock, fleet }, options: { signal } } = this.#begin;
    this.#startedAtMs = clock.now();
    if (signal?.aborted) return this.#fail(signal.reason, true);
    if (signal !== undefined) abortWith(signal, this);
    this.#open(this.#args).start(fleet.update());
  }

  #open(args: unknown): StreamCall {
    const { context, serviceMethod, options } = this.#begin;
    this.#isOpen = false;
    return this.#call = new StreamCall(context, serviceMethod, args, options, this, this.#begin);
  }

  /** Whether it goes on at another server, behind what has broken it. */
  #mayGoOn(error: unknown): boolean {
    const { options: { resume }, only } = this.#begin;
    return only === undefined && resume !== undefined && this.#hasItems &&
      mayRepeatAfter(error, true);
  }

  #goOn(broken: BrokenAttempt, error: unknown): void {
    this.#unlimit();
    this.#call!.opener!.cancel("given_up");
    this.#endArgs();
    try {
      this.#args = sentOnce(this.#begin.options.resume!(this.#last as T));
    } catch (thrown) {
      return this.#fail(thrown, false);
    }
    if (!this.#isOver) this.#open(this.#args).goOn(broken, error); // its caller may have left it just now
  }

  /** Sets the deadline of what is open; before that, its call has it. */
  #limit(): void {
    const { context: { deadlines }, options: { timeoutMs = Infinity } } = this.#begin;
    if (timeoutMs === Infinity) return;
    this.#deadline = new CallTimer(this.#startedAtMs + timeoutMs, () => {
      this.#fail(this.#timeoutError(`the stream has not ended within ${timeoutMs} ms`), true);
    });
    deadlines.add(this.#deadline);
  }

  #unlimit(): void {
    if (this.#deadline !== undefined) this.#begin.context.deadlines.remove(this.#deadline);
    this.#deadline = undefined;
  }

  /** The caller's items are wanted no more. */
  #endArgs(): void {
    if (this.#args instanceof OnceArgs && this.#args !== this.#begin.args) this.#args.end();
  }

  #fail(error: unknown, atOnce: boolean): void {
    if (this.#isOver) return;
    this.#leave(error, "given_up");
    this.reader.fail(error, atOnce);
  }

  /**
   * It is over before its server has ended it.
   *
   * @param reason Why.
   * @param outcome What that says of the endpoint that it is open at.
   */
  #leave(reason: unknown, outcome: Outcome): void {
    if (!this.#over()) return;
    this.#taker?.stop();
    const call = this.#call;
    if (this.#isOpen) call!.opener!.cancel(outcome);
    else call?.abort(reason);
  }

  #over(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    const { signal } = this.#begin.options;
    if (signal !== undefined) releaseFrom(signal, this);
    this.#unlimit();
    this.#endArgs();
    return true;
  }

  get #unwanted(): RpcError {
    const { serviceMethod } = this.#begin;
    const details = { serviceMethod, execution: "unknown" } as const;
    return new RpcError("canceled", `${serviceMethod}: no further item is wanted`, details);
  }

  #timeoutError(what: string): TimeoutError {
    const { serviceMethod } = this.#begin;
    const call = this.#call;
    const address = (call?.opener ?? call?.attempts.at(-1))?.endpoint.address;
    const where = address === undefined ? "" : ` at ${address}`;
    const execution = this.#isOpen ? "unknown" : call?.execution;
    const message = `${serviceMethod}${where}: ${what}`;
    return new TimeoutError(message, { address, serviceMethod, execution });
  }
}
