/**
 * Gob streams to values: messages are found in whatever chunks arrive, definitions are kept, and
 * each value is read once it is there as a whole.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { GobCursor } from "./cursor.ts";
import { DecodePlans } from "./decode_plans.ts";
import type { AnyGobSchema, GobSchema } from "./schema.ts";
import { GobWalk, readSingle } from "./walk.ts";
import { DEFAULT_MAX_DEPTH, DEFAULT_MAX_MESSAGE_BYTES, malformed } from "./wire.ts";
import { type WireType, WireTypes } from "./wire_types.ts";
import type { Read } from "./zero.ts";

/** The most bytes that an integer takes. */
const LONGEST_INTEGER = 9;

/** Options of {@linkcode GobDecoder}. */
export interface GobDecoderOptions {
  /**
   * The longest message, the most bytes of one value that is spread over messages, and the most
   * bytes of all type definitions together. Zero fields may be left out of one value, 4,096 and 32
   * more for each of its bytes, but no more than a quarter of this. @default {4194304}
   */
  maxMessageBytes?: number;
  /** How deep values may be nested. @default {100} */
  maxDepth?: number;
  /** What a `time.Time` becomes where no schema says it. @default {"date"} */
  time?: "date" | "instant";
  /** What a map with string keys becomes where no schema says it. @default {"map"} */
  maps?: "map" | "object";
}

/**
 * Decodes one gob stream, however its bytes are cut.
 *
 * @example Chunks in, values out
 * ```ts
 * import { encode, gob, GobDecoder } from "@geerpc/xclient/gob";
 *
 * const schema = gob.struct({ A: gob.safeInt, B: gob.safeInt });
 * const bytes = encode({ A: 7, B: 0 }, schema);
 *
 * const decoder = new GobDecoder();
 * decoder.push(bytes.subarray(0, 9));
 * console.log(decoder.next(schema)); // undefined: more bytes are needed
 * decoder.push(bytes.subarray(9));
 * console.log(decoder.next(schema)?.value); // { A: 7, B: 0 }
 * ```
 */
export class GobDecoder {
  readonly #cursor: GobCursor;
  readonly #types: WireTypes;
  readonly #plans: DecodePlans;
  readonly #walk: GobWalk;
  /** The reader that each type was last read with at the top. */
  readonly #readers = new Map<
    WireType,
    { schema: AnyGobSchema | undefined; read: Read }
  >();
  readonly #nextMessage: () => boolean;
  #failure: unknown;
  /** The first byte that is not consumed. */
  #start = 0;
  /** The value that comes next, once its first message is there. */
  #type: WireType | undefined;
  #isWhole = false;
  #bodyStart = 0;
  #bodyEnd = 0;
  #valueEnd = 0;
  /** Why the value that comes next can't be taken: it is too long. */
  #excess: RpcError | undefined;
  /** How many bytes of it are still to be dropped, as they come. */
  #toDrop = 0;
  /** Where the walk over a value stopped for want of its next message. */
  #walkPosition = 0;
  #walkEnd = 0;

  /**
   * Creates a decoder for a new stream.
   *
   * @param options The limits, and what values without a schema become.
   */
  constructor(options: GobDecoderOptions = {}) {
    const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = options;
    const cursor = new GobCursor(maxDepth, maxMessageBytes);
    this.#cursor = cursor;
    this.#nextMessage = () => {
      if (cursor.nextMessage()) return true;
      if (cursor.excessive > 0) throw cursor.tooLong("a message", cursor.excessive);
      return false;
    };
    this.#types = new WireTypes(maxMessageBytes);
    this.#walk = new GobWalk(this.#types, true);
    this.#plans = new DecodePlans(this.#types, {
      time: options.time ?? "date",
      maps: options.maps ?? "map",
    });
  }

  /** How many bytes have arrived and are not part of a value that was taken. */
  get buffered(): number {
    return this.#cursor.limit - this.#start;
  }

  /**
   * Whether the stream may end here: what has arrived was taken, and nothing of a value that was
   * too long is still to come.
   */
  get isBetween(): boolean {
    return this.buffered === 0 && this.#toDrop === 0;
  }

  /**
   * Adds bytes to the stream. They are copied, so the chunk may be used again at once. Nothing is
   * decoded or refused here: take what is ready before pushing more, so that little is kept.
   *
   * @param chunk The bytes that arrived.
   */
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
   * Tells whether the next value has arrived as a whole, with the type definitions it needs.
   *
   * A value that is too long is never held: it is ready as soon as its length is known,
   * {@linkcode GobDecoder.take} refuses it, and its bytes are dropped as they come.
   *
   * @returns Whether {@linkcode GobDecoder.take} has something to take.
   * @throws {RpcError} `data_loss` if the stream is broken, `resource_exhausted` if a type
   * definition passes a limit, or a value whose end is not known in advance: one that holds
   * interfaces. All are final: every later call throws the same.
   *
   * @example A header and a body that are taken together
   * ```ts
   * import { gob, GobDecoder, GobEncoder } from "@geerpc/xclient/gob";
   *
   * const header = gob.struct({ ServiceMethod: gob.string, Seq: gob.uint });
   * const encoder = new GobEncoder();
   * const decoder = new GobDecoder();
   * decoder.push(encoder.encode({ ServiceMethod: "Arith.Sum", Seq: 1 }, header));
   * if (decoder.ready()) console.log(decoder.take(header).Seq); // 1
   * console.log(decoder.ready()); // false
   * ```
   */
  ready(): boolean {
    if (this.#isWhole) return true;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#isWhole = this.#find();
      return this.#isWhole;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Reads definitions up to the next value and finds its end. */
  #find(): boolean {
    const cursor = this.#cursor;
    if (this.#toDrop > 0 && !this.#drop()) return false;
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
      if (!type.holdsInterface) {
        cursor.seek(cursor.position, cursor.end, false);
        this.#type = type;
        return true;
      }
      // Types that first appear in an interface are defined in the middle of the value, which
      // then goes on in further messages; only its structure tells where it ends.
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
   * Refuses a message that is too long. Only a value whose type is known to end with it can be
   * passed over: without a definition, what follows can't be read.
   *
   * @returns False if its type id is not there yet.
   */
  #refuse(length: number): boolean {
    const cursor = this.#cursor;
    const body = cursor.position;
    const end = body + length;
    cursor.seek(body, Math.min(end, cursor.limit), false);
    if (cursor.end - body < Math.min(length, LONGEST_INTEGER)) return false;
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

  /** Drops what has arrived of a value that is too long; returns whether that was all of it. */
  #drop(): boolean {
    const count = Math.min(this.#toDrop, this.buffered);
    this.#start += count;
    this.#toDrop -= count;
    return this.#toDrop === 0;
  }

  /**
   * Takes the next value, which must be {@linkcode GobDecoder.ready}.
   *
   * Without a schema a value becomes what the type definitions say: structs objects, slices and
   * arrays arrays, maps `Map`s, integers numbers or, beyond the safe range, bigints, `time.Time`
   * a `Date`, `big.Int` a bigint, other types that encode themselves bytes; a nil pointer to a
   * struct or an array is null. Go gives `time.Time` and `big.Int` in arrays and maps no name;
   * those are bytes unless a schema says what they are.
   *
   * @param schema Its type.
   * @returns The value.
   * @throws {TypeError} If no value is ready.
   * @throws {RpcError} `invalid_argument` if the value doesn't fit the schema, and
   * `resource_exhausted` if it passes a limit: then only this value is lost. `data_loss` if the
   * stream is broken, which is final.
   */
  take<T = unknown>(schema?: GobSchema<T, never>): T {
    const type = this.#type;
    if (!this.#isWhole || type === undefined) {
      throw new TypeError("No value is ready to be taken: ask ready() first");
    }
    if (this.#excess !== undefined) {
      const error = this.#excess;
      this.skip();
      throw error;
    }
    const cursor = this.#cursor;
    cursor.openValue(this.#bodyStart, this.#bodyEnd, this.#valueEnd - this.#bodyStart);
    this.#isWhole = false;
    this.#type = undefined;
    this.#start = this.#valueEnd;
    try {
      const read = this.#readerOf(type, schema);
      if (type.kind !== "struct") readSingle(cursor);
      const value = read(cursor);
      if (cursor.position !== this.#valueEnd) {
        throw malformed("bytes behind a value");
      }
      return value as T;
    } catch (error) {
      if (error instanceof RpcError && error.code === "data_loss") {
        this.#failure = error;
      }
      throw error;
    }
  }

  #readerOf(type: WireType, schema: AnyGobSchema | undefined): Read {
    const last = this.#readers.get(type);
    if (last !== undefined && last.schema === schema) return last.read;
    const read = this.#plans.readerOf(type, schema);
    this.#readers.set(type, { schema, read });
    return read;
  }

  /**
   * Takes the next value if it is there.
   *
   * @param schema Its type; without it, see {@linkcode GobDecoder.take}.
   * @returns The value in an object, or undefined if more bytes are needed.
   * @throws {RpcError} As {@linkcode GobDecoder.ready} and {@linkcode GobDecoder.take}.
   */
  next<T = unknown>(schema?: GobSchema<T, never>): { value: T } | undefined {
    return this.ready() ? { value: this.take(schema) } : undefined;
  }

  /**
   * Drops the next value if it is there, without decoding it.
   *
   * @returns Whether there was one; if not, more bytes are needed.
   * @throws {RpcError} As {@linkcode GobDecoder.ready}.
   */
  skip(): boolean {
    if (!this.ready()) return false;
    this.#isWhole = false;
    this.#type = undefined;
    if (this.#excess === undefined) this.#start = this.#valueEnd;
    else this.#excess = undefined;
    return true;
  }
}

function typeId(cursor: GobCursor): number {
  const id = cursor.int();
  if (typeof id === "bigint" || id === 0) throw malformed(`a type id of ${id}`);
  return id;
}
