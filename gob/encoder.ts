/**
 * Values to gob streams: messages, and before them the definitions of the types that they need.
 *
 * @module
 */

import { EncodeContext } from "./encode_context.ts";
import { EncodePlans } from "./encode_plans.ts";
import { GobInference } from "./inference.ts";
import type { FloatPlace } from "./inferred_types.ts";
import type { AnyGobSchema, GobSchema } from "./schema.ts";
import { TypeTable } from "./type_table.ts";
import {
  DEFAULT_MAX_DEPTH,
  DEFAULT_MAX_MESSAGE_BYTES,
  mostDefinitionBytes,
  tooMuch,
} from "./wire.ts";
import { GobWriter } from "./writer.ts";

/** Options of {@linkcode GobEncoder}. */
export interface GobEncoderOptions {
  /**
   * The longest message in bytes. All type definitions of the stream together may take a quarter
   * of it, or 64 KiB if that is more.
   * @default {4194304}
   */
  maxMessageBytes?: number;
  /** How deep values may be nested. @default {100} */
  maxDepth?: number;
}

/**
 * Encodes values to one gob stream. A type is defined before the first value that needs it, and not
 * again: all that one encoder makes must reach the same decoder, in the same order.
 *
 * @example Values on a connection
 * ```ts
 * import { gob, GobDecoder, GobEncoder } from "@geerpc/xclient/gob";
 *
 * const point = gob.struct({ X: gob.int32, Y: gob.int32 }, { name: "Point" });
 * const encoder = new GobEncoder();
 * const first = encoder.encode({ X: 22, Y: 33 }, point);
 * const second = encoder.encode({ X: 1, Y: 0 }, point);
 * console.log(first.length, second.length); // 40 6
 *
 * const decoder = new GobDecoder();
 * decoder.push(first);
 * console.log(decoder.next(point)?.value); // { X: 22, Y: 33 }
 * ```
 */
export class GobEncoder {
  readonly #maxMessageBytes: number;
  readonly #inference: GobInference;
  readonly #types: TypeTable;
  readonly #context: EncodeContext;
  readonly #plans: EncodePlans;
  readonly #own = new GobWriter();

  /**
   * Creates an encoder for a new stream.
   *
   * @param options The limits.
   */
  constructor(options: GobEncoderOptions = {}) {
    const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = options;
    this.#maxMessageBytes = maxMessageBytes;
    this.#inference = new GobInference(maxDepth);
    this.#types = new TypeTable(mostDefinitionBytes(maxMessageBytes));
    this.#context = new EncodeContext(this.#own, maxDepth);
    this.#plans = new EncodePlans(this.#types, this.#context);
  }

  /**
   * Encodes a value.
   *
   * Without a schema the type is inferred from the value: a safe integer is an `int`, any other
   * number a `float64`, a bigint an `int`, or a `uint` beyond int64, a string a `string`, a boolean
   * a `bool`, a `Uint8Array` a `[]byte`, a `Date` a `time.Time`, an array a slice, a `Map` a map,
   * and an object a struct. Fields that are null, undefined or empty arrays are left out. Go
   * ignores fields that don't begin with a capital letter.
   *
   * Send objects that are used as dictionaries as `Map`s: as structs, each new set of keys is a new
   * type. A stream has at most 10,000 types, and a struct at most 4,096 fields.
   *
   * @param value The value.
   * @param schema Its type. Default: inferred.
   * @returns The message, and before it the definitions of the types that are new.
   * @throws {RpcError} `invalid_argument` if the value can't be sent or doesn't fit the schema; the
   * error's message has the path to the part that is wrong. `resource_exhausted` if it exceeds a
   * limit. Either way only this value fails: the encoder can be used on.
   *
   * @example
   * ```ts
   * import { gob, GobEncoder } from "@geerpc/xclient/gob";
   *
   * const encoder = new GobEncoder();
   * encoder.encode({ A: 7, B: 8 }); // a struct of two ints
   * encoder.encode({ A: 7, B: 8 }, gob.struct({ A: gob.uint8, B: gob.float }));
   * ```
   */
  encode<I = unknown>(
    value: NoInfer<I>,
    schema?: GobSchema<unknown, I>,
  ): Uint8Array<ArrayBuffer> {
    this.#own.clear();
    this.encodeTo(this.#own, value, schema);
    return this.#own.copy();
  }

  /**
   * Appends a value to a writer, so that many values can leave in one write.
   *
   * @param writer The writer. If the call throws, it is as it was before.
   * @param value The value.
   * @param schema Its type. Default: inferred, as by {@linkcode GobEncoder.encode}.
   * @throws {RpcError} As {@linkcode GobEncoder.encode}.
   */
  encodeTo<I = unknown>(
    writer: GobWriter,
    value: NoInfer<I>,
    schema?: GobSchema<unknown, I>,
  ): void {
    const start = writer.length;
    this.#plans.begin();
    try {
      this.#message(writer, value, schema);
    } catch (error) {
      throw this.#undo(writer, start, error);
    }
  }

  /**
   * Appends a header and a body, or neither of them if one can't be encoded.
   *
   * @param writer The writer. If the call throws, it is as it was before.
   * @param header The header.
   * @param headerSchema The header's type.
   * @param body The body.
   * @param bodySchema The body's type. Default: inferred.
   * @throws {RpcError} As {@linkcode GobEncoder.encode}.
   */
  encodePairTo<H, B = unknown>(
    writer: GobWriter,
    header: NoInfer<H>,
    headerSchema: GobSchema<unknown, H>,
    body: NoInfer<B>,
    bodySchema?: GobSchema<unknown, B>,
  ): void {
    const start = writer.length;
    this.#plans.begin();
    try {
      this.#message(writer, header, headerSchema);
      this.#message(writer, body, bodySchema);
    } catch (error) {
      throw this.#undo(writer, start, error);
    }
  }

  /**
   * The type that a value without a schema is sent as.
   *
   * @internal
   * @param value The value.
   * @throws {RpcError} `invalid_argument` if it can't be sent.
   */
  inferred(value: unknown): AnyGobSchema {
    return this.#inference.schemaOf(value);
  }

  /**
   * An inferred type with floats in place of integers where a peer is known to have floats.
   *
   * @internal
   * @param schema The type.
   * @param place Where it has floats.
   */
  withFloats(schema: AnyGobSchema, place: FloatPlace): AnyGobSchema {
    return this.#inference.withFloats(schema, place);
  }

  /** Takes back what a failed call has written and defined. */
  #undo(writer: GobWriter, start: number, error: unknown): unknown {
    writer.cut(start);
    this.#plans.undo();
    this.#context.end();
    return error;
  }

  #message(
    writer: GobWriter,
    value: unknown,
    schema: AnyGobSchema | undefined,
  ): void {
    this.#types.definitions.clear();
    const plan = this.#plans.definedPlanOf(schema ?? this.#inference.schemaOf(value));
    this.#context.beginAt(writer, value);
    const before = writer.length;
    const start = writer.begin();
    writer.uint(plan.id * 2);
    if (plan.single) writer.byte(0);
    plan.write(value);
    if (writer.length - start > this.#maxMessageBytes) {
      throw tooMuch(
        `a message of ${writer.length - start} bytes, beyond maxMessageBytes, ` +
          `${this.#maxMessageBytes}`,
      );
    }
    writer.end(start);
    if (this.#types.definitions.length > 0) {
      writer.insert(before, this.#types.definitions.view());
    }
    this.#context.end();
  }
}
