/**
 * What the two sides of a stream are to each other: the connection, which brings items, and the one
 * who has opened the stream, who takes them.
 *
 * @module
 */

import type { CallOptions } from "../../service.ts";

/** Options of one stream. */
export interface StreamOptions extends CallOptions {
  /**
   * How long the stream may take as a whole, in milliseconds, from the first item that is asked for.
   * The server is told, and ends its handler then, too. Default: for ever.
   */
  timeoutMs?: number;
  /**
   * How long to wait for the next item at most, in milliseconds, above 0: the stream fails with a
   * `TimeoutError` then. What a reader takes for an item that has come does not count. Default:
   * for ever.
   */
  itemTimeoutMs?: number;
  /**
   * How many bytes of items are held for a reader that does not read; the server sends no more.
   * A single item may be larger. At least 1; `Infinity` for no limit. Default 262,144, which grows
   * to four times as much for a reader that keeps up with a fast stream.
   */
  windowBytes?: number;
  /**
   * How many items are held for a reader that does not read. At least 1; `Infinity` for no limit.
   * Default 1,024, which grows as `windowBytes` does.
   */
  windowItems?: number;
}

/**
 * What reads a stream: an async iterator that is cancelled when its reader leaves it, by `break`, an
 * error, `return()`, `throw()` or the end of an `await using`.
 *
 * @typeParam T The type of its items.
 */
export interface StreamIterator<T> extends AsyncDisposable {
  /** Reads the next item. Rejects once with the stream's error, behind the items that have come. */
  next(): Promise<IteratorResult<T, undefined>>;
  /** Cancels the stream; items that have come and were not read are dropped. */
  return(value?: unknown): Promise<IteratorResult<T, undefined>>;
  /** Cancels the stream, as `return()` does, and rejects with the error. */
  throw(error?: unknown): Promise<IteratorResult<T, undefined>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): StreamIterator<T>;
}

/** Where items come from, and whom to tell that they were read. */
export interface ItemSource {
  /**
   * An item has been read: as many bytes more may be sent.
   *
   * @param bytes What it counted when it came.
   */
  consumed(bytes: number): void;
}

/** A stream that was opened on a connection, as the one who has opened it sees it. */
export interface OutgoingStream extends ItemSource {
  /** Whether it has ended, in whichever way. */
  readonly isOver: boolean;
  /** Ends it; the server is told, and the sink hears nothing more. Does nothing if it has ended. */
  cancel(): void;
  /**
   * Limits it as a whole: the sink hears of a `TimeoutError` then.
   *
   * @param timeoutMs From now, in milliseconds.
   */
  limit(timeoutMs: number): void;
  /**
   * Ends it when a signal aborts: the sink hears of the reason then.
   *
   * @param signal May have aborted already.
   */
  abortOn(signal: AbortSignal): void;
}

/**
 * Where the items of a stream go. `end` or `fail` is called once, and nothing behind it. An error's
 * `execution` says what is certain: `answered` for the handler's own error, also in the middle of
 * the items; `unknown` if the connection is lost.
 */
export interface StreamSink {
  /**
   * An item has come. It counts as held until `from.consumed(bytes)` says that it was read.
   *
   * @param value The item.
   * @param bytes What it counts.
   * @param from The stream that it has come by.
   */
  item(value: unknown, bytes: number, from: ItemSource): void;
  /** The last item has come. */
  end(): void;
  /**
   * The stream has failed.
   *
   * @param error Why.
   * @param atOnce Whether items that have come and are not read are dropped: it was ended here, by
   * the caller's signal or deadline. Default `false`: the error stands behind them.
   */
  fail(error: unknown, atOnce?: boolean): void;
}

/**
 * Whether a value is to be sent or read item by item.
 *
 * @param value Any value.
 */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null &&
    (value as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] !== undefined;
}
