/**
 * Go's `encoding/gob`: what a Go program sends with `gob.Encoder` arrives as JavaScript values, and
 * the other way round.
 *
 * {@linkcode encode} and {@linkcode decode} convert one value, {@linkcode GobEncoder} and
 * {@linkcode GobDecoder} a stream of values, in which each type is defined once.
 * {@linkcode gob} has the builders of schemas, which say the Go type of a value where the value does
 * not show it: 1 may be an `int`, a `uint` or a `float64`.
 *
 * @example
 * ```ts
 * import { decode, encode, gob } from "@geerpc/xclient/gob";
 *
 * const args = gob.struct({ A: gob.int32, Ratio: gob.float, At: gob.time });
 * const bytes = encode({ A: 7, Ratio: 1, At: new Date(0) }, args);
 * console.log(decode(bytes, args).At.toISOString()); // 1970-01-01T00:00:00.000Z
 * ```
 *
 * @module
 */

import { malformed } from "./gob/wire.ts";
import type { GobSchema } from "./gob/schema.ts";
import { GobEncoder, type GobEncoderOptions } from "./gob/encoder.ts";
import { GobDecoder, type GobDecoderOptions } from "./gob/decoder.ts";

export { GobWriter } from "./gob/writer.ts";
export { type GobComplex, type GobInstant, GobNamed } from "./gob/values.ts";
export {
  gob,
  type GobBuilders,
  type GobInterfaceOptions,
  type GobMapOptions,
  type GobOpaqueOptions,
  type GobStructOptions,
} from "./gob/builders.ts";
export { type AnyGobSchema, type GobRegistry, GobSchema, type GobStandard } from "./gob/schema.ts";
export type {
  GobFields,
  GobService,
  GobStructInput,
  GobStructOutput,
  Infer,
  InferInput,
} from "./gob/schema_types.ts";
export { GobEncoder, type GobEncoderOptions } from "./gob/encoder.ts";
export { GobDecoder, type GobDecoderOptions } from "./gob/decoder.ts";

/**
 * Encodes one value, with the definitions of its types.
 *
 * @param value The value.
 * @param schema Its type. Default: inferred, as by {@linkcode GobEncoder.encode}.
 * @param options The limits. Default: 4 MiB, nesting of 100.
 * @returns A gob stream of one value.
 * @throws {RpcError} `invalid_argument` if the value can't be sent or doesn't fit the schema,
 * `resource_exhausted` if it exceeds a limit.
 *
 * @example
 * ```ts
 * import { encode, gob } from "@geerpc/xclient/gob";
 *
 * encode({ A: 7, B: 8 });
 * encode(new Map([["x", 1]]), gob.map(gob.string, gob.float));
 * ```
 */
export function encode<I = unknown>(
  value: NoInfer<I>,
  schema?: GobSchema<unknown, I>,
  options?: GobEncoderOptions,
): Uint8Array<ArrayBuffer> {
  return new GobEncoder(options).encode(value, schema);
}

/**
 * Decodes one value.
 *
 * @param bytes A gob stream of exactly one value.
 * @param schema Its type. Default: as the definitions say, see {@linkcode GobDecoder.take}.
 * @param options The limits, and what values without a schema become.
 * @returns The value.
 * @throws {RpcError} `data_loss` if the bytes are not gob, or less or more than one value;
 * `invalid_argument` if the value doesn't fit the schema; `resource_exhausted` if it exceeds a
 * limit.
 *
 * @example
 * ```ts
 * import { decode, encode, gob } from "@geerpc/xclient/gob";
 *
 * const bytes = encode({ A: 7, B: 8 });
 * console.log(decode(bytes)); // { A: 7, B: 8 }
 * console.log(decode(bytes, gob.struct({ B: gob.safeInt, C: gob.string }))); // { B: 8, C: "" }
 * ```
 */
export function decode<T = unknown>(
  bytes: Uint8Array,
  schema?: GobSchema<T, never>,
  options?: GobDecoderOptions,
): T {
  const decoder = new GobDecoder(options);
  decoder.push(bytes);
  if (!decoder.ready()) {
    throw malformed("the bytes end in the middle of a value");
  }
  const value = decoder.take(schema);
  if (decoder.buffered > 0) throw malformed("bytes behind the value");
  return value;
}
