/**
 * What takes the items of any async iterable, and gives them to a sink: the next one when the last
 * was read.
 *
 * @module
 */

import { settlingOnce } from "../../internal/promise.ts";
import type { ItemSource, StreamSink } from "./stream.ts";

/** Takes the items of one iterable. One item at a time waits in the sink. */
export class ItemTaker implements ItemSource {
  readonly #iterable: AsyncIterable<unknown>;
  readonly #sink: StreamSink;
  #iterator: AsyncIterator<unknown> | undefined;
  #isOver = false;

  /**
   * @param iterable Its iterator is asked for one item at a time.
   * @param sink Where they go.
   */
  constructor(iterable: AsyncIterable<unknown>, sink: StreamSink) {
    this.#iterable = iterable;
    this.#sink = sink;
  }

  /** Takes the first item. */
  start(): void {
    try {
      this.#iterator = this.#iterable[Symbol.asyncIterator]();
    } catch (error) {
      return this.#fail(error);
    }
    this.#take();
  }

  /** The last item was read: the next one is taken. */
  consumed(): void {
    if (!this.#isOver) this.#take();
  }

  /** No more items are wanted: the iterator is told. What it throws then is lost. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const iterator = this.#iterator;
    if (iterator?.return === undefined) return;
    try {
      settlingOnce(iterator.return()).catch(() => {});
    } catch { /* likewise */ }
  }

  #take(): void {
    let result: Promise<unknown>;
    try {
      result = settlingOnce(this.#iterator!.next());
    } catch (error) {
      return this.#fail(error);
    }
    result.then((result) => this.#taken(result as IteratorResult<unknown>), (error) => {
      this.#fail(error);
    });
  }

  #taken({ done, value }: IteratorResult<unknown>): void {
    if (this.#isOver) return;
    if (!done) return this.#sink.item(value, 0, this);
    this.#isOver = true;
    this.#sink.end();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.fail(error);
  }
}
