/**
 * The values of fields that are not on the wire because they are zero.
 *
 * @module
 */

import { type GobCursor, HEAVY_PARTS, NO_BYTES } from "./cursor.ts";
import { type AnyGobSchema, type Shape, shapeOf, targetOf } from "./schema.ts";
import { zeroDate, zeroInstant } from "./values.ts";
import type { WireKind, WireType } from "./wire_types.ts";

/** Reads one value. */
export type Read = (cursor: GobCursor) => unknown;

/** What values without a schema become. */
export interface PlainChoices {
  readonly time: "date" | "instant";
  readonly maps: "map" | "object";
}

/** Reads null, from no bytes. */
export const readNull: Read = () => null;

const readFalse: Read = () => false;
const readZero: Read = () => 0;
const readEmptyString: Read = () => "";
const readNoBytes: Read = () => NO_BYTES;
const readEmptyList: Read = () => [];
const readComplex = heavy(() => ({ real: 0, imaginary: 0 }));
const readEmptyMap = heavy(() => new Map());
const readEmptyObject = heavy(() => ({}));
const readZeroDate = heavy(zeroDate);
const readZeroInstant = heavy(zeroInstant);

/** Makes a zero that is an object which takes more than others. */
function heavy(make: () => unknown): Read {
  return (cursor) => {
    cursor.fill(HEAVY_PARTS - 1); // the field itself has been counted
    return make();
  };
}

/** The zero of a type whose kind says all; `undefined` for the others. */
function zeroOfKind(
  kind: WireKind | Shape["kind"],
  maps: "map" | "object",
): Read | undefined {
  switch (kind) {
    case "bool":
      return readFalse;
    case "int":
    case "uint":
    case "float":
    case "float32":
      return readZero;
    case "string":
      return readEmptyString;
    case "bytes":
      return readNoBytes;
    case "complex":
    case "complex64":
      return readComplex;
    case "slice":
      return readEmptyList;
    case "map":
      return maps === "map" ? readEmptyMap : readEmptyObject;
  }
}

/** Whether a type is `time.Time`, by its name. */
export function isTime(type: WireType): boolean {
  return type.kind === "gobEncoder" && type.name === "Time";
}

/** Makes the zero value of a type of the stream, where there is no schema. */
export function plainZero(type: WireType, choices: PlainChoices): Read {
  if (isTime(type)) return choices.time === "date" ? readZeroDate : readZeroInstant;
  // Go sends structs and arrays even if they are zero: one that is missing was a nil pointer.
  return zeroOfKind(type.kind, choices.maps) ?? readNull;
}

/**
 * Makes the zero value of a schema. A struct inside of itself is null.
 *
 * @param schema The schema.
 * @param open The structs and arrays that it is inside of.
 */
export function zeroOf(
  schema: AnyGobSchema,
  open: readonly AnyGobSchema[],
): Read {
  if (shapeOf(schema).kind === "optional") return readNull;
  const target = targetOf(schema);
  if (open.includes(target)) return readNull;
  const shape = shapeOf(target);
  switch (shape.kind) {
    case "opaque":
      return heavy(() => shape.zero());
    case "array": {
      const element = zeroOf(shape.element, [...open, target]);
      return (cursor) => {
        cursor.fill(shape.length);
        return Array.from({ length: shape.length }, () => element(cursor));
      };
    }
    case "struct": {
      const fields = shape.fields.map(([name, field]) =>
        [name, zeroOf(field, [...open, target])] as const
      );
      return (cursor) => {
        cursor.fill(fields.length);
        const result: Record<string, unknown> = {};
        for (const [name, zero] of fields) result[name] = zero(cursor);
        return result;
      };
    }
  }
  return zeroOfKind(shape.kind, shape.kind === "map" ? shape.as : "map") ?? readNull;
}
