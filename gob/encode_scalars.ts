/**
 * How values without parts are written: numbers, booleans, strings, bytes, and types that encode
 * themselves.
 *
 * @module
 */

import type { EncodeContext } from "./encode_context.ts";
import type { Shape, ShapeOf } from "./schema.ts";
import type { GobComplex } from "./values.ts";

/** Writes a value, or fails with an error that says where it is. */
export type Write = (value: unknown) => void;

const FLOAT32_MAX = 3.4028234663852886e38;

/** Compiles a shape without parts; `undefined` for the others. */
export function compileScalar(shape: Shape, context: EncodeContext): Write | undefined {
  switch (shape.kind) {
    case "bool":
      return (value) => {
        if (typeof value !== "boolean") throw context.wrong(value, "a boolean");
        context.writer.byte(value ? 1 : 0);
      };
    case "int":
    case "uint":
      return compileInteger(shape, context);
    case "float":
      return (value) => {
        if (typeof value !== "number") throw context.wrong(value, "a number");
        context.writer.float(value);
      };
    case "float32":
      return (value) => {
        if (typeof value !== "number") throw context.wrong(value, "a number");
        writeFloat32(value, context);
      };
    case "complex":
    case "complex64": {
      const isSmall = shape.kind === "complex64";
      return (value) => {
        const { real, imaginary } = Object(value) as GobComplex;
        if (typeof real !== "number" || typeof imaginary !== "number") {
          throw context.wrong(value, "a complex number: { real, imaginary }");
        }
        for (const part of [real, imaginary]) {
          if (isSmall) writeFloat32(part, context);
          else context.writer.float(part);
        }
      };
    }
    case "string":
      return (value) => {
        if (typeof value !== "string") throw context.wrong(value, "a string");
        context.writer.string(value);
      };
    case "bytes":
      return (value) => {
        if (!(value instanceof Uint8Array)) throw context.wrong(value, "a Uint8Array");
        context.writer.blob(value);
      };
    case "opaque":
      return (value) => {
        let content: Uint8Array;
        try {
          content = shape.encode(value);
        } catch (error) {
          throw context.failure(`${shape.name || shape.wire} can't be encoded: ${error}`, error);
        }
        context.writer.blob(content);
      };
  }
}

function compileInteger(shape: ShapeOf<"int" | "uint">, context: EncodeContext): Write {
  const signed = shape.kind === "int";
  const bits = BigInt(shape.bits);
  const lowest = signed ? -(2n ** (bits - 1n)) : 0n;
  const highest = signed ? 2n ** (bits - 1n) - 1n : 2n ** bits - 1n;
  const least = Math.max(Number(lowest), Number.MIN_SAFE_INTEGER);
  const most = Math.min(Number(highest), Number.MAX_SAFE_INTEGER);
  const article = signed ? "an int" : "a uint";
  const name = shape.bits === 64 ? article : `${article} of ${shape.bits} bits`;
  return (value) => {
    if (typeof value === "number") {
      if (!(value >= least && value <= most) || Math.floor(value) !== value) {
        throw context.wrong(value, name);
      }
    } else if (typeof value !== "bigint" || value < lowest || value > highest) {
      throw context.wrong(value, name);
    }
    if (signed) context.writer.int(value);
    else context.writer.uint(value);
  };
}

function writeFloat32(value: number, context: EncodeContext): void {
  if (Math.abs(value) > FLOAT32_MAX && Number.isFinite(value)) {
    throw context.wrong(value, "in the range of a float32");
  }
  context.writer.float(Math.fround(value));
}

/** Whether a value of this shape is left out as a field of a struct, because it is Go's zero. */
export function zeroTest(shape: Shape): (value: unknown) => boolean {
  switch (shape.kind) {
    case "bool":
      return (value) => value === false;
    case "int":
    case "uint":
      return (value) => value === 0 || value === 0n;
    case "float":
      return (value) => value === 0;
    case "float32":
      return (value) => typeof value === "number" && Math.fround(value) === 0;
    case "string":
      return (value) => value === "";
    case "complex64":
      return (value) => {
        const { real, imaginary } = value as GobComplex;
        return Math.fround(real) === 0 && Math.fround(imaginary) === 0;
      };
    case "complex":
      return (value) =>
        (value as GobComplex).real === 0 &&
        (value as GobComplex).imaginary === 0;
    case "bytes":
    case "slice":
      return (value) => typeof value === "object" && (value as unknown[]).length === 0;
    default:
      return () => false;
  }
}
