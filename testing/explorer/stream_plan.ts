/**
 * What plans say of streams.
 *
 * @module
 */

/** The name of the service that streams are read from. */
export const STREAM_SERVICE = "ExploredStreams";

/**
 * - `read`: items of one server.
 * - `all`: items of every server.
 * - `upload`: a call whose argument comes item by item.
 * - `both`: items of one server, one for each of the argument's.
 */
export type StreamKind = "read" | "all" | "upload" | "both";

/** A stream is read, or an argument sent item by item. Times are in milliseconds. */
export interface StreamStep {
  /** When. */
  readonly atMs: number;
  /** What. */
  readonly do: "stream";
  /** Tells streams apart. */
  readonly id: number;
  /** By whom. */
  readonly client: string;
  /** Which way. */
  readonly kind: StreamKind;
  /** How many items there are. */
  readonly items: number;
  /** How long whoever gives them works on each. Default 0. */
  readonly workMs?: number;
  /** How long whoever reads them works on each. Default 0. */
  readonly readMs?: number;
  /** The handler throws in place of this item. Default: of none. */
  readonly failAt?: number;
  /** The reader leaves behind so many items. Default: never. */
  readonly breakAfter?: number;
  /** The reader leaves at that time behind its start, whatever it waits for. Default: never. */
  readonly returnAfterMs?: number;
  /** When it is aborted, behind its start. Default: never. */
  readonly abortAfterMs?: number;
  /** Whether it goes on at another server, behind the last item. Default `false`. */
  readonly resume?: boolean;
  /** For `all`: whether the list is followed. Default `false`. */
  readonly follow?: boolean;
  /** As the option of a stream. */
  readonly idempotent?: boolean;
  /** As the option of a stream. */
  readonly timeoutMs?: number;
  /** As the option of a stream. */
  readonly itemTimeoutMs?: number;
  /** As the option of a stream. */
  readonly windowItems?: number;
  /** As the option of a stream. */
  readonly failMode?: string;
  /** As the option of a stream. */
  readonly maxAttempts?: number;
  /** As the option of a stream. */
  readonly key?: string;
}
