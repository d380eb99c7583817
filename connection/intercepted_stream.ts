/**
 * A stream of a client that interceptors stand around: to them it is a call
 * whose reply is an async iterable, which they may wrap. It is over when its
 * reader has read it or left it, whatever they have made of it.
 *
 * @module
 */

import { TimeoutError } from "../errors.ts";
import type { StreamIterator, StreamOptions } from "../internal/service.ts";
import { type AnyCallOptions, InterceptedCall, type Interception } from "./intercepted_call.ts";
import type { Settler } from "./pending_calls.ts";
import { ItemReader } from "./streams/item_reader.ts";
import { ItemTaker } from "./streams/item_taker.ts";
import { isAsyncIterable, type ItemSource, type StreamSink } from "./streams/stream.ts";

/** Options of a stream of whichever kind. */
export type AnyStreamOptions = AnyCallOptions & StreamOptions;

/**
 * Opens a stream behind all of its interceptors: once each time that they go on.
 *
 * @param call The call as interceptors see it.
 * @param options Its options, as they have left them.
 * @param settler Learns of the stream when its first item has come, or of its error.
 */
export type StreamOpener = (
  call: InterceptedStreamCall,
  options: AnyStreamOptions,
  settler: Settler,
) => void;

/**
 * Reads the first item of a stream, so that what goes wrong before it is the call's error.
 *
 * @param stream A stream that was not read.
 * @param call The call that it is made for.
 * @param settler Learns of the stream, of which the first item is still to be read, or of its error.
 */
export function settleOpened(
  stream: StreamIterator<unknown>,
  call: InterceptedStreamCall,
  settler: Settler,
): void {
  const opened = new OpenedStream(stream, call);
  call.opening(opened);
  opened.first.then(() => settler.resolve(opened), (error) => settler.reject(error));
}

/** A stream whose first item was asked for already. */
class OpenedStream implements StreamIterator<unknown> {
  /** The first item. */
  readonly first: Promise<IteratorResult<unknown, undefined>>;
  readonly #stream: StreamIterator<unknown>;
  readonly #call: InterceptedStreamCall;
  #isFirstRead = false;

  constructor(stream: StreamIterator<unknown>, call: InterceptedStreamCall) {
    this.#stream = stream;
    this.#call = call;
    this.first = this.#watched(stream.next());
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#isFirstRead) return this.#watched(this.#stream.next());
    this.#isFirstRead = true;
    return this.first;
  }

  return(value?: unknown): Promise<IteratorResult<unknown, undefined>> {
    this.#leave();
    return this.#stream.return(value);
  }

  throw(error?: unknown): Promise<IteratorResult<unknown, undefined>> {
    this.#leave();
    return this.#stream.throw(error);
  }

  [Symbol.asyncIterator](): StreamIterator<unknown> {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #leave(): void {
    this.#isFirstRead = true;
    this.#call.ended(this);
  }

  #watched(
    result: Promise<IteratorResult<unknown, undefined>>,
  ): Promise<IteratorResult<unknown, undefined>> {
    const ended = () => this.#call.ended(this);
    result.then(({ done }) => done && ended(), ended);
    return result;
  }
}

/** A stream as its interceptors see it: a call that goes on behind its reply. */
export class InterceptedStreamCall extends InterceptedCall {
  readonly #opened: (reply: unknown) => void;
  /** What is read behind the interceptors, or may be. */
  readonly #streams = new Set<StreamIterator<unknown>>();
  #isOpen = false;

  /**
   * @param args What an {@linkcode InterceptedCall} is made of.
   * @param opened Called with what its interceptors have given.
   */
  constructor(
    args: ConstructorParameters<typeof InterceptedCall>,
    opened: (reply: unknown) => void,
  ) {
    super(...args);
    this.#opened = opened;
  }

  override expire(): void {
    if (!this.#isOpen) return super.expire();
    // What is read behind the interceptors has the same deadline: its error is the better one.
    if (this.#streams.size === 0) this.timeOut();
  }

  /** A stream is opened behind its interceptors. */
  opening(stream: StreamIterator<unknown>): void {
    this.#streams.add(stream);
  }

  /** A stream behind its interceptors is over. */
  ended(stream: StreamIterator<unknown>): void {
    this.#streams.delete(stream);
  }

  /** It is read no more, or was read to its end. */
  finish(): void {
    this.end();
  }

  protected override replied(reply: unknown): void {
    if (this.isOver) return;
    this.#isOpen = true;
    this.#opened(reply);
  }

  protected override end(): boolean {
    if (!super.end()) return false;
    for (const stream of this.#streams) void stream.return();
    return true;
  }
}

/** What a stream is made of that interceptors stand around. */
export interface InterceptedStreamMade {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Its argument. */
  readonly args: unknown;
  /** Its options, checked, with the defaults filled in. */
  readonly options: AnyStreamOptions;
  /** Whether it may run twice. */
  readonly idempotent: boolean;
  /** Whether it reads all servers, each of which has the time for its next item. */
  readonly isOfAll: boolean;
}

/** One stream that interceptors stand around, as its caller reads it. */
export class InterceptedStream<T> implements StreamSink, Settler {
  /** What the caller reads. */
  readonly reader: ItemReader<T>;
  readonly #begin: () => InterceptedStreamCall;
  /** Made when it is opened: its time counts from there. */
  #call: InterceptedStreamCall | undefined;
  #taker: ItemTaker | undefined;

  /**
   * @param shared What all intercepted calls of the client share.
   * @param made What it is made of.
   * @param open Opens it behind the interceptors.
   */
  constructor(
    shared: Interception,
    { serviceMethod, args, options, idempotent, isOfAll }: InterceptedStreamMade,
    open: StreamOpener,
  ) {
    const { itemTimeoutMs: _, ...without } = options;
    const others = isOfAll ? options : without;
    // Here: behind the interceptors one item is read ahead, for which nobody waits perhaps.
    const itemTimeoutMs = isOfAll ? Infinity : options.itemTimeoutMs ?? Infinity;
    this.#begin = () =>
      new InterceptedStreamCall([
        shared,
        serviceMethod,
        args,
        others,
        idempotent,
        this,
        (call, sent, settler) => open(call as InterceptedStreamCall, sent, settler),
      ], (reply) => this.resolve(reply));
    this.reader = new ItemReader<T>({
      open: () => {
        this.#call = this.#begin();
        this.#call.start();
      },
      cancel: () => this.#leave(),
      limit: itemTimeoutMs === Infinity ? undefined : {
        clock: shared.clock,
        timeoutMs: itemTimeoutMs,
        error: () => this.#itemTimeout(itemTimeoutMs),
      },
    });
  }

  /** Its interceptors have given something. */
  resolve(reply: unknown): void {
    if (!isAsyncIterable(reply)) {
      const { serviceMethod } = this.#call!;
      const message = `${serviceMethod}: an interceptor of a stream must return what next gives, ` +
        "or another async iterable";
      return this.reject(new TypeError(message));
    }
    this.#taker = new ItemTaker(reply, this);
    this.#taker.start();
  }

  /** It has failed: its interceptors have thrown, or it was ended over their heads. */
  reject(error: unknown): void {
    this.reader.fail(error, true);
    this.#leave();
  }

  item(value: unknown, bytes: number, from: ItemSource): void {
    this.reader.item(value, bytes, from);
  }

  end(): void {
    this.reader.end();
    this.#call!.finish();
  }

  fail(error: unknown): void {
    this.reader.fail(error);
    this.#call!.finish();
  }

  /** It is over: what its interceptors have wrapped is told, and what they have left behind. */
  #leave(): void {
    this.#taker?.stop();
    this.#call!.finish();
  }

  #itemTimeout(itemTimeoutMs: number): TimeoutError {
    const { serviceMethod, attempts } = this.#call!;
    const address = attempts.at(-1)?.address;
    const where = address === undefined ? "" : ` at ${address}`;
    const message = `${serviceMethod}${where}: no item within ${itemTimeoutMs} ms`;
    return new TimeoutError(message, { address, serviceMethod, execution: "unknown" });
  }
}
