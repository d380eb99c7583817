/**
 * An argument that comes item by item: it can be sent once.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import type { Settler } from "../pending_calls.ts";
import { isAsyncIterable } from "./stream.ts";

/**
 * Stands before the caller's iterable. Each attempt takes from it while it goes on; once an item was
 * taken, no further attempt can have it. The caller's iterator is ended with the call, and before
 * that only if its items are lost anyway.
 */
export class OnceArgs implements AsyncIterable<unknown> {
  readonly #source: AsyncIterable<unknown>;
  #iterator: AsyncIterator<unknown> | undefined;
  #isTaken = false;
  #isOver = false;

  /** @param source The caller's iterable. */
  constructor(source: AsyncIterable<unknown>) {
    this.#source = source;
  }

  /** Whether an item was taken, or asked for. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** The items, for one attempt. One that comes behind another that has taken some gets an error. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    let isOver = false;
    const areGone = this.#isTaken;
    return {
      next: async () => {
        if (areGone) throw itemsAreGone();
        if (isOver || this.#isOver) return { done: true, value: undefined };
        this.#isTaken = true;
        this.#iterator ??= this.#source[Symbol.asyncIterator]();
        const result = await this.#iterator.next();
        if (result.done) this.#isOver = true;
        return result;
      },
      return: () => {
        isOver = true;
        if (this.#isTaken) this.end();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** The call is over: so are the caller's items. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#iterator === undefined) return;
    // Its own code, which may throw, or never end: the call is not concerned.
    try {
      this.#iterator.return?.()?.then(undefined, () => {});
    } catch { /* likewise */ }
  }
}

/**
 * The error of a call that would be sent again, and whose argument's items were sent already.
 *
 * @param serviceMethod `Service.Method`, if it is known.
 */
export function itemsAreGone(serviceMethod?: string): RpcError {
  const what = "items of the argument were sent already, and can't be sent again";
  const message = serviceMethod === undefined ? what : `${serviceMethod}: ${what}`;
  return new RpcError("failed_precondition", message, { serviceMethod, execution: "unknown" });
}

/**
 * An argument as it is sent: one that comes item by item, once.
 *
 * @param args The caller's argument.
 */
export function sentOnce(args: unknown): unknown {
  return isAsyncIterable(args) && !(args instanceof OnceArgs) ? new OnceArgs(args) : args;
}

/** The call is over: the caller's items are wanted no more, if its argument has some. */
export function endItems(args: unknown): void {
  if (args instanceof OnceArgs) args.end();
}

/** Whether items of an argument were sent, which can't be sent again. */
export function areItemsGone(args: unknown): boolean {
  return args instanceof OnceArgs && args.isTaken;
}

/** Learns how a call ended, and ends the caller's items with it. */
export class ItemsSettler implements Settler {
  /**
   * @param args The argument.
   * @param settler Learns it, too.
   */
  constructor(readonly args: OnceArgs, readonly settler: Settler) {}

  resolve(value: unknown): void {
    this.args.end();
    this.settler.resolve(value);
  }

  reject(error: unknown): void {
    this.args.end();
    this.settler.reject(error);
  }
}
