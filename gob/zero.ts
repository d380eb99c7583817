/**
 * The values of what isn't on the wire because it is zero.
 *
 * @module
 */

import { ZERO_TIME_MS } from "./values.ts";
import type { GobCursor } from "./cursor.ts";
import { type AnyGobSchema, shapeOf, targetOf } from "./types.ts";
import type { WireType } from "./definitions.ts";

/** Reads one value. */
export type Read = (cursor: GobCursor) => unknown;

/** What values without a schema become. */
export interface PlainChoices {
  readonly time: "date" | "instant";
  readonly maps: "map" | "object";
}

/** Reads null, from no bytes. */
export const nothing: Read = () => null;
const zeroNumber: Read = () => 0;

function zeroTime(choices: PlainChoices): unknown {
  if (choices.time === "date") return new Date(ZERO_TIME_MS);
  return {
    epochNanoseconds: BigInt(ZERO_TIME_MS) * 1_000_000n,
    offsetSeconds: null,
  };
}

/** Whether a type is `time.Time`, by its name. */
export function isTime(type: WireType): boolean {
  return type.kind === "gobEncoder" && type.name === "Time";
}

/** Makes the zero value of a type where no schema says it. */
export function plainZero(type: WireType, choices: PlainChoices): Read {
  switch (type.kind) {
    case "bool":
      return () => false;
    case "int":
    case "uint":
    case "float":
      return zeroNumber;
    case "string":
      return () => "";
    case "bytes":
      return () => new Uint8Array(0);
    case "complex":
      return () => ({ real: 0, imaginary: 0 });
    case "slice":
      return () => [];
    case "map":
      return () => choices.maps === "map" ? new Map() : {};
    default:
      // Go sends structs and arrays even if they are zero; what is missing was a nil pointer.
      return isTime(type) ? () => zeroTime(choices) : nothing;
  }
}

/** Makes the zero value of a schema; a struct inside of itself is null. */
export function zeroOf(
  schema: AnyGobSchema,
  open: readonly AnyGobSchema[],
): Read {
  if (shapeOf(schema).kind === "optional") return nothing;
  const target = targetOf(schema);
  if (open.includes(target)) return nothing;
  const shape = shapeOf(target);
  switch (shape.kind) {
    case "bool":
      return () => false;
    case "int":
    case "uint":
    case "float":
    case "float32":
      return zeroNumber;
    case "string":
      return () => "";
    case "bytes":
      return () => new Uint8Array(0);
    case "complex":
      return () => ({ real: 0, imaginary: 0 });
    case "slice":
      return () => [];
    case "map":
      return () => shape.as === "map" ? new Map() : {};
    case "opaque":
      return () => shape.zero();
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
    default:
      return nothing;
  }
}
