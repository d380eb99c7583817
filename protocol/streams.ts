/**
 * What a codec has to do with streams: calls whose argument or answer comes item by item.
 *
 * @module
 */

import type { RpcCode } from "../errors.ts";

/** How the stream of a call begins. */
export interface StreamExtras {
  /** Whether it may be answered by many items. */
  readonly isAnswered: boolean;
  /** Whether its argument comes in items. */
  readonly hasArgs: boolean;
  /** How many items its caller takes before it says more. */
  readonly windowItems: number;
  /** How many bytes of them. */
  readonly windowBytes: number;
  /** Whether its caller may take more later. */
  readonly mayGrow?: boolean;
}

/** What each direction of a stream begins with, where nobody has said otherwise. */
export const FIRST_WINDOW = { windowItems: 1024, windowBytes: 262_144 } as const;

/** The most items or bytes that an end may say it takes, which is as good as no limit. */
export const MOST_CREDIT: number = 2 ** 50;

/** A call whose argument or answer comes item by item, as the codec of either end sees it. */
export interface ItemStream {
  /**
   * An item has come.
   *
   * @throws {RpcError} If the other end had no credit for it.
   */
  item(value: unknown, bytes: number): void;
  /** An item has come that can't be decoded. */
  failItem(code: RpcCode, what: string, cause?: unknown): void;
  /** The other end has sent its last item. */
  end(): void;
  /** So many more items and bytes may be sent. */
  credit(items: number, bytes: number): void;
  /** The other end wants no more items. */
  unwanted(): void;
}

/** What both halves of a protocol that has streams can say about them. */
export interface ItemCodec {
  /**
   * Adds an item of a stream. What throws, or is too large, adds nothing.
   *
   * @param mostBytes How large it may be.
   * @returns What it counts; the same below 0 if that is more than it may, and it was not added.
   * @throws {RpcError} As for an argument or a reply.
   */
  item(seq: number, value: unknown, mostBytes: number): number;
  /** Adds that so many more items and bytes may be sent. */
  credit(seq: number, items: number, bytes: number): void;
}

/** What a client can say of streams. */
export interface ClientItems extends ItemCodec {
  /** Adds that the argument has ended. */
  end(seq: number): void;
}

/** What a server can say of streams. */
export interface ServerItems extends ItemCodec {
  /** Adds that all items have been sent. */
  end(seq: number, serviceMethod: string): void;
  /** Adds that no more items of the argument are wanted. */
  unwanted(seq: number): void;
}
