/** What the tests of gob share. */

import { assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { gob, type GobSchema } from "../../gob.ts";

/** Bytes as Go prints them with `% x`. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** The bytes that {@linkcode hex} writes. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(
    text.trim().split(/\s+/),
    (digits) => parseInt(digits, 16),
  );
}

/** Asserts that it throws an RpcError with this code, whose message contains this text. */
export function refuses(code: string, text: string, run: () => unknown): void {
  const error = assertThrows(run, RpcError, text);
  assertEquals(error.code, code);
}

/** Go's `struct Point { X, Y int }`. */
export const point = gob.struct({ X: gob.safeInt, Y: gob.safeInt }, { name: "Point" });

/** What Go 1.26 sends for `Point{22, 33}`. */
export const POINT_BYTES = bytesOf(`
  1f ff 81 03 01 01 05 50 6f 69 6e 74 01 ff 82 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00
  07 ff 82 01 2c 01 42 00`);

/** An object of so many fields that no object of another name has. */
export function dictionary(name: string | number, size: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: size }, (_, index) => [`${name}_${index}`, 1]));
}

/** A struct of so many fields, all of them ints. */
export function wide(size: number): GobSchema<Record<string, number>> {
  const fields = Array.from({ length: size }, (_, index) => [`F${index}`, gob.safeInt]);
  return gob.struct(Object.fromEntries(fields)) as GobSchema as ReturnType<typeof wide>;
}
