/**
 * Writes what both directions of `geerpc/gob` and `netrpc/gob` are: a stream of gob in which
 * headers and bodies alternate.
 *
 * @module
 */

import type { Limits } from "../codec.ts";
import { isWorthKeeping } from "../../internal/buffer.ts";
import { RpcError } from "../../errors.ts";
import { type AnyGobSchema, gob, GobEncoder, GobSchema, GobWriter } from "../../gob.ts";
import { isOptional } from "../../gob/schema.ts";
import type { AnySchema } from "../../internal/schema.ts";
import { ABSENT } from "./headers.ts";
import { LearntFloats } from "./learnt_floats.ts";

const FIRST_BUFFER_BYTES = 1024;

/** The body of an error and of a ping: Go's `struct{}`. */
const EMPTY = gob.struct({});
const EMPTY_VALUE = {};

/** Gathers pairs that leave in one write, in one buffer while another is being written. */
export class PairWriter<Header extends { readonly ServiceMethod: string }> {
  readonly #encoder: GobEncoder;
  readonly #headerSchema: GobSchema<unknown, Header>;
  readonly #floats: LearntFloats;
  #writer = new GobWriter(FIRST_BUFFER_BYTES);
  #taken = new GobWriter(FIRST_BUFFER_BYTES);

  /**
   * @param limits The largest message and the deepest nesting.
   * @param headerSchema The type of the headers.
   */
  constructor(limits: Limits, headerSchema: GobSchema<unknown, Header>) {
    this.#encoder = new GobEncoder(limits);
    this.#floats = new LearntFloats(this.#encoder);
    this.#headerSchema = headerSchema;
  }

  /** How many bytes have been added since the last {@linkcode PairWriter.take}. */
  get length(): number {
    return this.#writer.length;
  }

  /** Adds bytes in front of the stream: the handshake. */
  addRaw(bytes: Uint8Array): void {
    this.#writer.raw(bytes);
  }

  /**
   * Adds a header and a body. What throws adds nothing.
   *
   * @param header The header.
   * @param body The body.
   * @param schema The type of the body, if it is known.
   * @throws {RpcError} `invalid_argument` for a body that can't be encoded or a schema that is
   * not gob's, `resource_exhausted` for a body over a limit.
   */
  add(header: NoInfer<Header>, body: unknown, schema: AnySchema | undefined): void {
    const bodySchema = gobSchema(schema);
    if ((body === undefined || body === null) && mayBeAbsent(bodySchema)) {
      return this.#add(header, EMPTY_VALUE, ABSENT);
    }
    if (bodySchema !== undefined) return this.#add(header, body, bodySchema);
    const inferred = this.#encoder.inferred(body);
    const learnt = this.#floats.typeOf(header.ServiceMethod, inferred);
    try {
      this.#add(header, body, learnt);
    } catch (error) {
      if (learnt === inferred) throw error;
      this.#add(header, body, inferred); // a bigint, which is no float
    }
  }

  #add(header: Header, body: unknown, schema: AnyGobSchema): void {
    this.#encoder.encodePairTo(
      this.#writer,
      header,
      this.#headerSchema,
      body,
      schema as GobSchema,
    );
  }

  /**
   * A call was answered with an error, which may be that the server has no float where one was sent.
   *
   * @param serviceMethod The method.
   * @param text The error.
   */
  refused(serviceMethod: string, text: string): void {
    this.#floats.refused(serviceMethod, text);
  }

  /**
   * Adds a header and Go's `struct{}`.
   *
   * @param header The header.
   * @param schema Its type. Default: that of all headers.
   */
  addEmpty(header: NoInfer<Header>, schema = this.#headerSchema): void {
    this.#encoder.encodePairTo(this.#writer, header, schema, EMPTY_VALUE, EMPTY);
  }

  /** Takes all that was added since the last time. It is valid until the next call. */
  take(): Uint8Array {
    const full = this.#writer;
    const { bytes, length } = this.#taken;
    this.#writer = isWorthKeeping(bytes, length) ? this.#taken : new GobWriter(FIRST_BUFFER_BYTES);
    this.#writer.clear();
    this.#taken = full;
    return full.view();
  }
}

/** Whether there may be no value: where no schema says that there is one. */
function mayBeAbsent(schema: AnyGobSchema | undefined): boolean {
  return schema === undefined || isOptional(schema);
}

/**
 * Checks that a schema is one of gob's.
 *
 * @param schema The schema that the user gave, if any.
 * @returns The same.
 * @throws {RpcError} `invalid_argument` if it is another object.
 */
export function gobSchema(schema: AnySchema | undefined): AnyGobSchema | undefined {
  if (schema === undefined || schema instanceof GobSchema) return schema;
  throw new RpcError("invalid_argument", "the schema is none of gob's: make it with gob.struct, …");
}
