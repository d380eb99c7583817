/**
 * Finds the next value in a stream that arrives in any chunks: reads the definitions before it, and
 * tells where it begins and ends. A value that is too long is dropped while it arrives.
 *
 * @module
 */

import type { RpcError } from "../errors.ts";
import type { GobCursor } from "./cursor.ts";
import { GobWalk, readSingle } from "./walk.ts";
import { malformed } from "./wire.ts";
import type { WireType, WireTypes } from "./wire_types.ts";

/** The most bytes that an integer takes. */
const MAX_INTEGER_BYTES = 9;

/** Finds the values of one stream, one after the other. */
export class ValueFinder {
  readonly #cursor: GobCursor;
  readonly #types: WireTypes;
  readonly #walk: GobWalk;
  readonly #nextMessage: () => boolean;
  /** The first byte that was not consumed. */
  #start = 0;
  /** The type of the next value, once its first message has arrived. */
  #type: WireType | undefined;
  #isWhole = false;
  #bodyStart = 0;
  #bodyEnd = 0;
  #valueEnd = 0;
  /** Why the next value can't be taken: it is too long. */
  #excess: RpcError | undefined;
  /** How many bytes are to be dropped, most of which have not arrived. */
  #toDrop = 0;
  /** Where the walk over a value stopped because its next message has not arrived. */
  #walkPosition = 0;
  #walkEnd = 0;

  /**
   * @param cursor Holds what has arrived.
   * @param types Keeps the definitions.
   */
  constructor(cursor: GobCursor, types: WireTypes) {
    this.#cursor = cursor;
    this.#types = types;
    this.#walk = new GobWalk(types, true);
    this.#nextMessage = () => {
      if (cursor.nextMessage()) return true;
      if (cursor.excessive > 0) throw cursor.tooLong("a message", cursor.excessive);
      return false;
    };
  }

  /** The position behind the last value that was taken. */
  get start(): number {
    return this.#start;
  }

  /** How many bytes have arrived and were not consumed. */
  get buffered(): number {
    return this.#cursor.limit - this.#start;
  }

  /** Whether the stream may end here. */
  get isBetween(): boolean {
    return this.buffered === 0 && this.#toDrop === 0;
  }

  /** Whether the next value has been found. */
  get hasFound(): boolean {
    return this.#isWhole;
  }

  /** The type of the next value, if it has been found. */
  get type(): WireType | undefined {
    return this.#isWhole ? this.#type : undefined;
  }

  /** Adds bytes that arrived. They are copied. */
  push(chunk: Uint8Array): void {
    const shift = this.#cursor.append(chunk, this.#start);
    if (shift === 0) return;
    this.#start -= shift;
    this.#bodyStart -= shift;
    this.#bodyEnd -= shift;
    this.#valueEnd -= shift;
    this.#walkPosition -= shift;
    this.#walkEnd -= shift;
  }

  /**
   * Looks for the next value.
   *
   * @returns Whether it has arrived as a whole, or is too long.
   * @throws {RpcError} `data_loss` if the stream is broken, `resource_exhausted` if it can't go on
   * because of a limit.
   */
  find(): boolean {
    if (!this.#isWhole) this.#isWhole = this.#search();
    return this.#isWhole;
  }

  /**
   * Opens the value that was found, to be decoded. For the finder it is consumed.
   *
   * @returns Its type.
   * @throws {RpcError} `resource_exhausted` if it is too long: then it is dropped.
   */
  open(): WireType {
    const type = this.#type!;
    const excess = this.#excess;
    this.drop();
    if (excess !== undefined) throw excess;
    this.#cursor.openValue(this.#bodyStart, this.#bodyEnd, this.#valueEnd - this.#bodyStart);
    return type;
  }

  /** Drops the value that was found. */
  drop(): void {
    this.#isWhole = false;
    this.#type = undefined;
    if (this.#excess === undefined) this.#start = this.#valueEnd;
    else this.#excess = undefined;
  }

  /** Reads definitions up to the next value, and finds where that ends. */
  #search(): boolean {
    const cursor = this.#cursor;
    if (this.#toDrop > 0 && !this.#dropArrived()) return false;
    while (this.#type === undefined) {
      if (!cursor.openMessage(this.#start)) {
        return cursor.excessive > 0 && this.#refuse(cursor.excessive);
      }
      const id = typeId(cursor);
      if (id < 0) {
        this.#types.define(-id, cursor);
        if (cursor.position !== cursor.end) {
          throw malformed("bytes behind a type definition");
        }
        this.#start = cursor.end;
        continue;
      }
      const type = this.#types.get(id);
      this.#bodyStart = cursor.position;
      this.#bodyEnd = cursor.end;
      this.#valueEnd = cursor.end;
      if (!type.holdsInterface || cursor.isAtEnd) {
        cursor.seek(cursor.position, cursor.end, false);
        this.#type = type;
        return true;
      }
      // Types that first appear in an interface are defined in the middle of the value, which then
      // goes on in further messages. Only a walk over its parts shows where it ends.
      cursor.seek(cursor.position, cursor.end, true);
      if (type.kind !== "struct") readSingle(cursor);
      this.#walk.start(type, cursor);
      this.#walkPosition = cursor.position;
      this.#walkEnd = cursor.end;
      this.#type = type;
    }
    cursor.seek(this.#walkPosition, this.#walkEnd, true);
    const ended = this.#walk.resume(cursor, this.#nextMessage);
    this.#walkPosition = cursor.position;
    this.#walkEnd = cursor.end;
    const length = cursor.end - this.#bodyStart;
    if (length > cursor.maxMessageBytes) throw cursor.tooLong("a value", length);
    if (!ended) return false;
    if (cursor.position !== cursor.end) throw malformed("bytes behind a value");
    this.#valueEnd = cursor.end;
    return true;
  }

  /**
   * Refuses a message that is too long. It can be skipped if it is a value that ends with it: after
   * a definition that was skipped nothing could be read.
   *
   * @returns `false` if its type id has not arrived.
   */
  #refuse(length: number): boolean {
    const cursor = this.#cursor;
    const body = cursor.position;
    const end = body + length;
    cursor.seek(body, Math.min(end, cursor.limit), false);
    if (cursor.end - body < Math.min(length, MAX_INTEGER_BYTES)) return false;
    const id = typeId(cursor);
    const error = cursor.tooLong("a message", length);
    if (id < 0) throw error;
    const type = this.#types.get(id);
    if (type.holdsInterface) throw error;
    this.#type = type;
    this.#excess = error;
    this.#toDrop = end - this.#start;
    return true;
  }

  /** Drops what has arrived of a value that is too long. Returns whether that was all of it. */
  #dropArrived(): boolean {
    const count = Math.min(this.#toDrop, this.buffered);
    this.#start += count;
    this.#toDrop -= count;
    return this.#toDrop === 0;
  }
}

function typeId(cursor: GobCursor): number {
  const id = cursor.int();
  if (typeof id === "bigint" || id === 0) throw malformed(`a type id of ${id}`);
  return id;
}
