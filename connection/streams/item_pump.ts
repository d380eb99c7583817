/**
 * What sends the items of a stream: it asks an iterator for one after the other, and waits while
 * there is no credit. The same at both ends: a server sends what a handler yields, a client what its
 * caller's argument has.
 *
 * @module
 */

import type { Credit } from "./credit.ts";

/** What an {@linkcode ItemPump} sends its items by. */
export interface ItemPumpOwner {
  /** Whether so much is buffered that no more is to be encoded. */
  readonly isFull: boolean;
  /**
   * Sends an item.
   *
   * @param value The item.
   * @param mostBytes How large it may be.
   * @returns What it counts; the same below 0 if that is more than it may, and it was not sent.
   * @throws {RpcError} If it can't be encoded.
   */
  send(value: unknown, mostBytes: number): number;
  /** All items have been sent. */
  ended(): void;
  /** The iterator has thrown, or an item can't be sent. */
  failed(error: unknown): void;
  /**
   * It was stopped before, and the iterator has ended, too.
   *
   * @param error What it has thrown on that occasion, if it has.
   */
  left(error?: unknown): void;
}

/** Sends the items of an async iterable, until it ends or nobody wants them any more. */
export class ItemPump {
  readonly #iterable: AsyncIterable<unknown>;
  readonly #credit: Credit;
  readonly #owner: ItemPumpOwner;
  #iterator: AsyncIterator<unknown> | undefined;
  #isStopped = false;
  /** What the present item counts, if it was tried already. */
  #neededBytes = 0;
  /** What the iterator says to being told that no more is wanted. */
  #returned: Promise<unknown> | undefined;
  /** Goes on when there is credit. */
  #resume: (() => void) | undefined;

  /**
   * @param iterable Its iterator is asked for one item at a time.
   * @param credit What may be sent.
   * @param owner Sends them.
   */
  constructor(iterable: AsyncIterable<unknown>, credit: Credit, owner: ItemPumpOwner) {
    this.#iterable = iterable;
    this.#credit = credit;
    this.#owner = owner;
  }

  /** Begins to send. */
  start(): void {
    this.#run().then(undefined, (error) => {
      if (this.#isStopped) return this.#owner.left(error);
      this.#isStopped = true;
      this.#owner.failed(error);
    });
  }

  /** There may be credit, or room in the buffer. */
  resume(): void {
    this.#resume?.();
  }

  /** No more items are wanted: the iterator is told at once. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#returned = this.#return();
    this.#returned?.catch(() => {}); // waited for below, perhaps never
    this.#resume?.();
  }

  async #run(): Promise<void> {
    const owner = this.#owner;
    if (!this.#isStopped) {
      const iterator = this.#iterator = this.#iterable[Symbol.asyncIterator]();
      while (!this.#isStopped) {
        const result = await iterator.next();
        if (this.#isStopped) break;
        if (result.done) {
          this.#isStopped = true;
          return owner.ended();
        }
        if (!this.#send(result.value)) await this.#sendLater(result.value);
      }
    }
    await this.#returned;
    owner.left();
  }

  #send(value: unknown): boolean {
    const credit = this.#credit;
    const { mostBytes } = credit;
    if (mostBytes === 0 || mostBytes < this.#neededBytes || this.#owner.isFull) return false;
    let bytes: number;
    try {
      bytes = this.#owner.send(value, mostBytes);
    } catch (error) {
      this.#return()?.catch(() => {});
      throw error;
    }
    this.#neededBytes = bytes < 0 ? -bytes : 0;
    if (bytes < 0) return false;
    credit.spend(bytes);
    return true;
  }

  async #sendLater(value: unknown): Promise<void> {
    do {
      await new Promise<void>((resolve) => this.#resume = resolve);
      this.#resume = undefined;
    } while (!this.#isStopped && !this.#send(value));
  }

  /** Tells the iterator that no more is wanted. What it throws at once is rejected with. */
  #return(): Promise<unknown> | undefined {
    const iterator = this.#iterator;
    if (iterator?.return === undefined) return undefined;
    try {
      return Promise.resolve(iterator.return());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/**
 * Tells an iterable that nobody will read it.
 *
 * @param iterable As a handler has returned it.
 * @returns Resolves when it has ended; what it throws is dropped.
 */
export async function leaveUnread(iterable: AsyncIterable<unknown>): Promise<void> {
  try {
    await iterable[Symbol.asyncIterator]().return?.();
  } catch {
    // Nobody has asked for what it does.
  }
}
