/**
 * What the two sides of a stream are to each other: the connection, which brings items, and the one
 * who has opened the stream, who takes them.
 *
 * @module
 */

export type { StreamIterator, StreamOptions } from "../../internal/service.ts";

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
