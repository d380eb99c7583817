/**
 * The types that Go registers for interfaces by itself.
 *
 * @module
 */

import { gob } from "./builders.ts";
import type { AnyGobSchema, GobSchema } from "./schema.ts";

/** Go's basic types and slices of them, by the names that are sent with an interface. */
export const BASIC_TYPES: ReadonlyMap<string, AnyGobSchema> = basicTypes();

function basicTypes(): Map<string, AnyGobSchema> {
  const single: Record<string, AnyGobSchema> = {
    int: gob.int,
    int8: gob.int8,
    int16: gob.int16,
    int32: gob.int32,
    int64: gob.int64,
    uint: gob.uint,
    uint8: gob.uint8,
    uint16: gob.uint16,
    uint32: gob.uint32,
    uint64: gob.uint64,
    uintptr: gob.uint64,
    float32: gob.float32,
    float64: gob.float,
    complex64: gob.complex64,
    complex128: gob.complex,
    bool: gob.bool,
    string: gob.string,
  };
  const types = new Map(Object.entries(single));
  for (const [name, schema] of Object.entries(single)) {
    const element = schema as GobSchema<unknown, unknown>;
    types.set(`[]${name}`, name === "uint8" ? gob.bytes : gob.slice(element));
  }
  return types;
}
