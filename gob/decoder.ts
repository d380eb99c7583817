/**
 * Gob streams to values: each value is decoded once it has arrived as a whole, with the definitions
 * of its types.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { GobCursor } from "./cursor.ts";
import { DecodePlans } from "./decode_plans.ts";
import type { AnyGobSchema, GobSchema } from "./schema.ts";
import { ValueFinder } from "./value_finder.ts";
import { readSingle } from "./walk.ts";
import {
  DEFAULT_MAX_DEPTH,
  DEFAULT_MAX_MESSAGE_BYTES,
  malformed,
  mostDefinitionBytes,
} from "./wire.ts";
import { type WireType, WireTypes } from "./wire_types.ts";
import type { Read } from "./zero.ts";

/** Options of {@linkcode GobDecoder}. */
export interface GobDecoderOptions {
  /**
   * The longest message in bytes. It is also the limit for a value that is spread over messages.
   * All type definitions of the stream together may take a quarter of it, or 64 KiB if that is
   * more. One value may have 4,096 parts and 33 more for each of its bytes, up to a quarter of this
   * limit: zero fields that are left out, structs, lists, and, counting fourfold, maps, bytes and
   * times.
   * @default {4194304}
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
 * Decodes one gob stream, in whatever chunks it arrives.
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
  readonly #finder: ValueFinder;
  readonly #plans: DecodePlans;
  /** The reader that each type was last read with at the top. */
  readonly #readers = new Map<
    WireType,
    { schema: AnyGobSchema | undefined; read: Read }
  >();
  #failure: unknown;

  /**
   * Creates a decoder for a new stream.
   *
   * @param options The limits, and what values without a schema become.
   */
  constructor(options: GobDecoderOptions = {}) {
    const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = options;
    const { time = "date", maps = "map" } = options;
    const types = new WireTypes(mostDefinitionBytes(maxMessageBytes));
    this.#cursor = new GobCursor(maxDepth, maxMessageBytes);
    this.#finder = new ValueFinder(this.#cursor, types);
    this.#plans = new DecodePlans(types, { time, maps });
  }

  /** How many bytes have arrived and are not part of a value that was taken. */
  get buffered(): number {
    return this.#finder.buffered;
  }

  /**
   * Whether the stream may end here: every value that has begun was taken, or dropped as a whole
   * if it was too long.
   */
  get isBetween(): boolean {
    return this.#finder.isBetween;
  }

  /**
   * Adds bytes to the stream. They are copied, so the chunk may be used again at once. Nothing is
   * decoded or refused here. Take what is ready before pushing more, so that little is kept.
   *
   * @param chunk The bytes that arrived.
   */
  push(chunk: Uint8Array): void {
    this.#finder.push(chunk);
  }

  /**
   * Whether the next value has arrived as a whole, with the definitions of its types.
   *
   * A value that is too long is never held. It is ready as soon as its length is known, then
   * {@linkcode GobDecoder.take} throws, and its bytes are dropped while they arrive.
   *
   * @returns Whether there is a value to take.
   * @throws {RpcError} `data_loss` if the stream is broken; `resource_exhausted` if a limit is
   * exceeded by type definitions, or by a value that holds interfaces, whose end is not known in
   * advance. Both are final: every later call throws the same error.
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
    if (this.#finder.hasFound) return true;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#finder.find();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /**
   * Takes the next value. {@linkcode GobDecoder.ready} must have returned `true`.
   *
   * Without a schema a value becomes what the type definitions say: a struct an object, a slice or
   * an array an array, a map a `Map`, an integer a number, or a bigint beyond the safe range, a
   * `time.Time` a `Date`, a `big.Int` a bigint, and any other type that encodes itself a
   * `Uint8Array`. A nil pointer to a struct or an array is null, except for a struct at the top:
   * Go takes that for a zero struct. In arrays and maps, Go sends no
   * name for `time.Time` and `big.Int`: without a schema they are a `Uint8Array`, too.
   *
   * Go's definitions name a type without its package, so a type of the program's own that is called
   * `Time` or `Int` and encodes itself can only be told by its bytes. From the first value on that is
   * not written as Go writes those two, all values of that type are a `Uint8Array`; one before it may
   * have looked like them. A schema, as `gob.gobEncoder` makes it, leaves nothing to guess.
   *
   * @param schema Its type. Default: as the definitions say.
   * @returns The value.
   * @throws {TypeError} If no value is ready.
   * @throws {RpcError} `invalid_argument` if the value doesn't fit the schema, and
   * `resource_exhausted` if it exceeds a limit: then only this value is lost. `data_loss` if the
   * stream is broken, which is final.
   */
  take<T = unknown>(schema?: GobSchema<T, never>): T {
    const cursor = this.#cursor;
    const finder = this.#finder;
    if (!finder.hasFound) throw new TypeError("No value is ready to be taken: ask ready() first");
    const type = finder.open();
    try {
      const isNil = cursor.isAtEnd;
      if (!isNil && type.kind !== "struct") readSingle(cursor);
      const read = isNil ? this.#plans.absentReaderOf(type, schema) : this.#readerOf(type, schema);
      const value = read(cursor);
      if (cursor.position !== finder.start) throw malformed("bytes behind a value");
      return value as T;
    } catch (error) {
      if (error instanceof RpcError && error.code === "data_loss") this.#failure = error;
      throw error;
    }
  }

  /**
   * Whether the next value, which has arrived, is of a struct type of this name without fields.
   *
   * @internal
   * @param name The name that its definition gives it.
   * @returns `false` for any other value.
   */
  isEmptyStruct(name: string): boolean {
    const type = this.#finder.type;
    return type?.kind === "struct" && type.fields.length === 0 && type.name === name;
  }

  /**
   * Whether the next value, which has arrived, is of a struct type that has a field of this name.
   *
   * @internal
   * @param name The name of the field.
   */
  hasField(name: string): boolean {
    const type = this.#finder.type;
    return type?.kind === "struct" && type.fields.some((field) => field.name === name);
  }

  #readerOf(type: WireType, schema: AnyGobSchema | undefined): Read {
    const last = this.#readers.get(type);
    if (last !== undefined && last.schema === schema) return last.read;
    const read = this.#plans.readerOf(type, schema);
    this.#readers.set(type, { schema, read });
    return read;
  }

  /**
   * Takes the next value if it has arrived.
   *
   * @param schema Its type. Default: as the definitions say, see {@linkcode GobDecoder.take}.
   * @returns The value in an object, or `undefined` if more bytes are needed.
   * @throws {RpcError} As {@linkcode GobDecoder.ready} and {@linkcode GobDecoder.take}.
   */
  next<T = unknown>(schema?: GobSchema<T, never>): { value: T } | undefined {
    return this.ready() ? { value: this.take(schema) } : undefined;
  }

  /**
   * Drops the next value if it has arrived, without decoding it.
   *
   * @returns Whether there was one; if not, more bytes are needed.
   * @throws {RpcError} As {@linkcode GobDecoder.ready}.
   */
  skip(): boolean {
    if (!this.ready()) return false;
    this.#finder.drop();
    return true;
  }
}
