/**
 * How values without parts are read: as a schema says, or as the type of the stream suggests.
 *
 * @module
 */

import type { GobCursor } from "./cursor.ts";
import type { OpaqueShape, Shape, ShapeOf } from "./schema.ts";
import {
  bytesToBigInt,
  bytesToDate,
  bytesToInstant,
  looksLikeBigInt,
  looksLikeTime,
} from "./values.ts";
import { misfit } from "./wire.ts";
import type { WireType } from "./wire_types.ts";
import { isTime, type PlainChoices, type Read } from "./zero.ts";

/** Reads a type of the stream without parts, for which there is no schema. */
export function plainScalar(type: WireType, choices: PlainChoices): Read | undefined {
  switch (type.kind) {
    case "bool":
      return (cursor) => cursor.bool();
    case "int":
      return (cursor) => cursor.int();
    case "uint":
      return (cursor) => cursor.uint();
    case "float":
      return (cursor) => cursor.float();
    case "string":
    case "textMarshaler":
      return (cursor) => cursor.string();
    case "bytes":
      return (cursor) => cursor.blob();
    case "complex":
      return (cursor) => ({ real: cursor.float(), imaginary: cursor.float() });
    case "gobEncoder":
    case "binaryMarshaler":
      return plainOpaque(type, choices);
  }
}

function plainOpaque(type: WireType, choices: PlainChoices): Read {
  let looksLikeIt: (bytes: Uint8Array) => boolean;
  let convert: (bytes: Uint8Array) => unknown;
  if (isTime(type)) {
    looksLikeIt = looksLikeTime;
    convert = choices.time === "date" ? bytesToDate : bytesToInstant;
  } else if (type.kind === "gobEncoder" && type.name === "Int") {
    looksLikeIt = looksLikeBigInt;
    convert = bytesToBigInt;
  } else return (cursor) => cursor.blob();
  // The name has no package: a program's own type may have it as well. Once a value shows that it is
  // another type, no value of it is converted any more.
  let isAnother = false;
  return (cursor) => {
    const bytes = cursor.blob();
    if (isAnother) return bytes;
    if (!looksLikeIt(bytes)) {
      isAnother = true;
      return bytes;
    }
    try {
      return convert(bytes);
    } catch {
      return bytes; // beyond what a Date can represent
    }
  };
}

/** Reads a value without parts as a schema says, where that is more than the type says. */
export function fittedScalar(shape: Shape): Read | undefined {
  switch (shape.kind) {
    case "int":
    case "uint":
      return fittedInteger(shape);
    case "float32":
      return fittedFloat32;
    case "complex64":
      return (cursor) => ({ real: fittedFloat32(cursor), imaginary: fittedFloat32(cursor) });
    case "opaque":
      return fittedOpaque(shape);
  }
}

function fittedInteger(shape: ShapeOf<"int" | "uint">): Read {
  const signed = shape.kind === "int";
  if (shape.always === "either") {
    return signed ? (cursor) => cursor.int() : (cursor) => cursor.uint();
  }
  const lowest = signed ? -(2 ** (shape.bits - 1)) : 0;
  const highest = signed ? 2 ** (shape.bits - 1) - 1 : 2 ** shape.bits - 1;
  return (cursor) => {
    const value = signed ? cursor.int() : cursor.uint();
    if (typeof value === "bigint" || value < lowest || value > highest) {
      throw misfit(
        `${cursor.where()}: ${value} received where the schema says ${shape.kind} of ` +
          `${shape.bits} bits`,
      );
    }
    return value;
  };
}

function fittedFloat32(cursor: GobCursor): number {
  const value = cursor.float();
  const rounded = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    throw misfit(`${cursor.where()}: ${value} received where the schema says float32`);
  }
  return rounded;
}

function fittedOpaque(shape: OpaqueShape): Read {
  return (cursor) => {
    const bytes = cursor.blob();
    try {
      return shape.decode(bytes);
    } catch (error) {
      const name = shape.name || shape.wire;
      throw misfit(`${cursor.where()}: ${name} can't be decoded: ${error}`, error);
    }
  };
}
