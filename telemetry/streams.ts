/**
 * Records streams: what is recorded of a call lasts until its stream ends, and
 * the items that go through it are counted.
 *
 * @module
 */

import { type Attributes, type Context, context, type Histogram } from "@opentelemetry/api";
import { isAsyncIterable } from "../connection/streams/stream.ts";
import { ATTRIBUTE } from "./names.ts";

/** What ends with a stream. */
export interface StreamEnd {
  /** All items have come. */
  succeed(): void;
  /** It has failed. */
  fail(error: unknown): void;
  /** Its reader has left it, which is no error. */
  stop(): void;
}

/** The items that went through the two directions of one call. */
export class ItemCounts {
  #sent: number | undefined;
  #received: number | undefined;

  /**
   * Counts the items of an argument.
   *
   * @param args The argument; what does not come item by item is handed on as it is.
   * @param within What is active while they are asked for.
   * @param isSent Whether they leave here.
   */
  args(args: unknown, within: Context, isSent: boolean): unknown {
    return isAsyncIterable(args) ? recordedItems(args, within, this.#counter(isSent)) : args;
  }

  /**
   * Counts the items of an answer.
   *
   * @param stream The answer.
   * @param within What is active while they are asked for: what a handler does between two items
   * belongs to its span.
   * @param isSent Whether they leave here.
   * @param end Learns of its end.
   */
  answer(
    stream: AsyncIterable<unknown>,
    within: Context,
    isSent: boolean,
    end: StreamEnd,
  ): AsyncIterable<unknown> {
    return recordedItems(stream, within, this.#counter(isSent), end);
  }

  /** Records them, if there was a stream. */
  record(histogram: Histogram, attributes: Attributes, within: Context): void {
    const record = (items: number | undefined, direction: string) => {
      if (items === undefined) return;
      histogram.record(items, { ...attributes, [ATTRIBUTE.direction]: direction }, within);
    };
    record(this.#sent, "sent");
    record(this.#received, "received");
  }

  #counter(isSent: boolean): () => void {
    if (isSent) this.#sent = 0;
    else this.#received = 0;
    return () => {
      if (isSent) this.#sent!++;
      else this.#received!++;
    };
  }
}

function recordedItems(
  stream: AsyncIterable<unknown>,
  within: Context,
  counted: () => void,
  end?: StreamEnd,
): AsyncIterableIterator<unknown> & AsyncDisposable {
  const iterator = context.with(within, () => stream[Symbol.asyncIterator]());
  let isOver = false;
  const over = (how: () => void) => {
    if (!isOver && end !== undefined) how();
    isOver = true;
  };
  /** Leaves it: at once, as a handler may take its time to hear of it. */
  const leave = (ask: () => Promise<IteratorResult<unknown>>) => {
    const result = context.with(within, ask);
    over(() => end!.stop());
    return result;
  };
  return {
    next: () =>
      context.with(within, async () => await iterator.next()).then((result) => {
        if (result.done) over(() => end!.succeed());
        else counted();
        return result;
      }, (error) => {
        over(() => end!.fail(error));
        throw error;
      }),
    return: (value) =>
      leave(async () => await iterator.return?.(value) ?? { done: true as const, value }),
    throw: (error) =>
      leave(async () => {
        if (iterator.throw !== undefined) return await iterator.throw(error);
        await iterator.return?.();
        throw error;
      }),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return!();
    },
  };
}
