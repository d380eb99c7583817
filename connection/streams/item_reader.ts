/**
 * What a reader of a stream iterates: items that have come wait here until they are read. The same
 * at both ends: a caller reads what a method gives, a handler what an argument brings.
 *
 * @module
 */

import type { Clock, Timer } from "../../clock.ts";
import { deferred } from "../../internal/deferred.ts";
import type { ItemSource, StreamIterator, StreamSink } from "./stream.ts";

/** How long a reader waits for an item. */
export interface ItemLimit {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** How long at most, in milliseconds. */
  readonly timeoutMs: number;
  /** Makes the error of a wait that was too long. */
  error(): unknown;
}

/** What an {@linkcode ItemReader} needs. */
export interface ItemReaderOptions {
  /** Opens the stream: called once, with the first `next()`; it may call the reader before it returns. */
  open?(): void;
  /**
   * Nobody reads any more before the stream has ended: by `break`, `return()` or `throw()`, or since
   * an item took too long. Not called if the stream was never opened.
   *
   * @param reason What was thrown; the error of an item that took too long; else `undefined`.
   */
  cancel(reason: unknown): void;
  /** How long to wait for an item. Default: for ever. */
  readonly limit?: ItemLimit;
  /**
   * Whether an error that nobody has waited for is no error of the program: a handler may have asked
   * for an item, and turned to something else. Default `false`.
   */
  readonly isQuiet?: boolean;
}

/** One `next()` that waits. */
interface Waiter {
  readonly promise: Promise<unknown>;
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

/**
 * - `unopened`: nobody has asked for an item.
 * - `open`: items may come.
 * - `ended`: no more will come; those that have may be read.
 * - `failed`: the same, and behind them stands an error.
 * - `closed`: nobody reads any more.
 */
type State = "unopened" | "open" | "ended" | "failed" | "closed";

/** So many places of items that were read are kept before the others move up. */
const MAX_READ_PLACES = 512;

/**
 * The items of a stream, in the order in which they came. Several `next()` may wait at a time; each
 * gets one. What the reader does with an item takes nobody's time but the reader's.
 */
export class ItemReader<T> implements StreamSink, StreamIterator<T> {
  readonly #options: ItemReaderOptions;
  #state: State = "unopened";
  #error: unknown;
  // The items that have come and are not read: three lists, of which the places before #at are empty.
  #values: unknown[] = [];
  #sizes: number[] = [];
  #sources: ItemSource[] = [];
  #at = 0;
  #waiters: Waiter[] = [];
  #timer: Timer | undefined;
  /** When the present wait is too long; `Infinity` if none is limited. */
  #dueAtMs = Infinity;

  /** @param options How it is opened and left. */
  constructor(options: ItemReaderOptions) {
    this.#options = options;
    if (options.open === undefined) this.#state = "open";
  }

  /** Whether no more items are to come, or nobody would read them. */
  get isOver(): boolean {
    return this.#state !== "unopened" && this.#state !== "open";
  }

  /** Reads the next item. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#at < this.#values.length) return Promise.resolve(this.#take());
    if (this.#state === "unopened") {
      this.#state = "open";
      const opened = this.#wait();
      this.#options.open!();
      return opened;
    }
    if (this.#state === "open") return this.#wait();
    if (this.#state !== "failed") return Promise.resolve({ done: true, value: undefined });
    this.#state = "closed";
    return Promise.reject(this.#error);
  }

  /**
   * Reads no more: items that have come are dropped, and the stream is cancelled.
   *
   * @param value Becomes the result's value.
   */
  return(value?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#leave(undefined);
    return Promise.resolve({ done: true, value } as IteratorReturnResult<undefined>);
  }

  /**
   * Reads no more, as `return` does.
   *
   * @param error The promise rejects with it.
   */
  throw(error?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#leave(error);
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same as `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  item(value: unknown, bytes: number, from: ItemSource): void {
    if (this.#state !== "open") return;
    if (this.#waiters.length > 0) {
      this.#dueAtMs = Infinity;
      this.#nextWaiter().resolve({ done: false, value });
      if (this.#waiters.length > 0) this.#limitWait();
      from.consumed(bytes);
      return;
    }
    this.#values.push(value);
    this.#sizes.push(bytes);
    this.#sources.push(from);
  }

  end(): void {
    if (this.isOver) return;
    this.#state = "ended";
    this.#stopTimer();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  fail(error: unknown, atOnce = false): void {
    if (this.#state === "closed" || (this.isOver && !atOnce)) return;
    if (this.#state === "ended" && this.#at === this.#values.length) return; // all is read
    this.#state = "failed";
    this.#error = error;
    if (atOnce) this.#drop();
    this.#stopTimer();
    const [first, ...others] = this.#waiters.splice(0);
    if (first === undefined) return;
    if (this.#options.isQuiet) first.promise.catch(() => {});
    this.#state = "closed";
    first.reject(error);
    for (const waiter of others) waiter.resolve({ done: true, value: undefined });
  }

  #take(): IteratorResult<T, undefined> {
    const at = this.#at++;
    const value = this.#values[at] as T;
    const bytes = this.#sizes[at];
    const from = this.#sources[at];
    this.#values[at] = undefined; // what was read is not held
    if (this.#at === this.#values.length) this.#drop();
    else if (this.#at > MAX_READ_PLACES) this.#moveUp();
    from.consumed(bytes);
    return { done: false, value };
  }

  #drop(): void {
    this.#values.length =
      this.#sizes.length =
      this.#sources.length =
      this.#at =
        0;
  }

  /** Gives up the places of what was read, if they are most. */
  #moveUp(): void {
    if (this.#at * 2 < this.#values.length) return;
    this.#values = this.#values.slice(this.#at);
    this.#sizes = this.#sizes.slice(this.#at);
    this.#sources = this.#sources.slice(this.#at);
    this.#at = 0;
  }

  #wait(): Promise<IteratorResult<T, undefined>> {
    if (this.#options.limit !== undefined && this.#waiters.length === 0) this.#limitWait();
    const waiter = deferred<IteratorResult<T, undefined>>();
    this.#waiters.push(waiter as Waiter);
    return waiter.promise;
  }

  #nextWaiter(): Waiter {
    return this.#waiters.length === 1 ? this.#waiters.pop()! : this.#waiters.shift()!;
  }

  /** One timer for many waits: setting one for each would cost more than the wait. */
  #limitWait(): void {
    const { limit } = this.#options;
    if (limit === undefined) return;
    this.#dueAtMs = limit.clock.now() + limit.timeoutMs;
    if (this.#timer === undefined) this.#look(limit, limit.timeoutMs);
  }

  #look(limit: ItemLimit, delayMs: number): void {
    this.#timer = limit.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      if (this.#dueAtMs === Infinity) return;
      const lateMs = limit.clock.now() - this.#dueAtMs;
      if (lateMs < 0) return this.#look(limit, -lateMs);
      // Late: this process stood still. What has arrived in time is read first.
      if (lateMs > 0 && delayMs > 0) return this.#look(limit, 0);
      const error = limit.error();
      this.fail(error, true);
      this.#options.cancel(error);
    });
  }

  #stopTimer(): void {
    this.#dueAtMs = Infinity;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #leave(reason: unknown): void {
    const isOpen = this.#state === "open";
    this.#state = "closed";
    this.#drop();
    this.#stopTimer();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
    if (isOpen) this.#options.cancel(reason);
  }
}
