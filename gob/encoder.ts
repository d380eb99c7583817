/**
 * Values to gob streams. This file is one class: what is left of it in here is how messages and type
 * definitions follow each other.
 *
 * @module
 */

import { EncodeContext } from "./encode_context.ts";
import { EncodePlans } from "./encode_plans.ts";
import { GobInference } from "./inference.ts";
import type { AnyGobSchema, GobSchema } from "./schema.ts";
import { TypeTable } from "./type_table.ts";
import { DEFAULT_MAX_DEPTH, DEFAULT_MAX_MESSAGE_BYTES, tooMuch } from "./wire.ts";
import { GobWriter } from "./writer.ts";

/** Options of {@linkcode GobEncoder}. */
export interface GobEncoderOptions {
  /**
   * The longest message that is sent, and the most bytes of all type definitions together.
   * @default {4194304}
   */
  maxMessageBytes?: number;
  /** How deep values may be nested. @default {100} */
  maxDepth?: number;
}

/**
 * Encodes values to one gob stream: type definitions go before the first value that needs them
 * and are not repeated, so everything that one encoder makes must reach one decoder, in order.
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
    this.#types = new TypeTable(maxMessageBytes);
    this.#context = new EncodeContext(this.#own, maxDepth);
    this.#plans = new EncodePlans(this.#types, this.#context);
  }

  /**
   * Encodes a value.
   *
   * Without a schema its type is guessed: a safe integer is an `int`, any other number a
   * `float64`; a bigint an `int`, or a `uint` beyond int64; strings, booleans, `Uint8Array`
   * (`[]byte`), `Date` (`time.Time`), arrays (slices), `Map`s and objects (structs) are what they
   * look like. Fields that are null, undefined or empty arrays are left out. Go ignores fields
   * that don't begin with a capital letter. Send objects that are used as dictionaries as `Map`s:
   * each new set of keys is a type, of which a stream has 10,000 at most, with 4,096 fields each.
   *
   * @param value The value.
   * @param schema Its type.
   * @returns The message, preceded by the type definitions that it is the first to need.
   * @throws {RpcError} `invalid_argument` if the value can't be sent or doesn't fit the schema;
   * the message says where. `resource_exhausted` if it passes a limit. Either way nothing
   * happened, and the encoder goes on.
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
   * Appends a value to a writer, so that many values leave in one write and none is copied.
   *
   * @param writer Where it goes. If the call fails, the writer is as it was before.
   * @param value The value.
   * @param schema Its type; without it the type is guessed, as {@linkcode GobEncoder.encode} does.
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
   * Appends a header and a body, or neither: if the body can't be encoded, the header is taken
   * back as well.
   *
   * @param writer Where they go. If the call fails, the writer is as it was before.
   * @param header The header.
   * @param headerSchema The header's type.
   * @param body The body.
   * @param bodySchema The body's type; without it the type is guessed.
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
    this.#context.begin(writer, value);
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
