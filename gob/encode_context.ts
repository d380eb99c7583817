/**
 * Where an encoder is in the value that it writes: the writer, and the path for error messages.
 *
 * @module
 */

import { ValuePath } from "./value_path.ts";
import type { GobWriter } from "./writer.ts";

/** The state that all plans of one encoder share while a value is written. */
export class EncodeContext extends ValuePath {
  #writer: GobWriter;

  /**
   * @param writer Where values are written unless {@linkcode EncodeContext.beginAt} says otherwise.
   * @param maxDepth The deepest nesting that is allowed.
   */
  constructor(writer: GobWriter, maxDepth: number) {
    super(maxDepth);
    this.#writer = writer;
  }

  /** Where the value is written. */
  get writer(): GobWriter {
    return this.#writer;
  }

  /** Begins a value. */
  beginAt(writer: GobWriter, value: unknown): void {
    this.#writer = writer;
    this.begin(value);
  }

  /** The error for a part that has another type than the schema says. */
  wrong(value: unknown, expected: string): Error {
    return this.failure(`${describe(value)} is not ${expected}`);
  }
}

/** What a value is, for error messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object") {
    return Array.isArray(value) ? "an array" : "an object";
  }
  if (typeof value === "number" || typeof value === "bigint") {
    return `the ${typeof value} ${value}`;
  }
  return `a ${typeof value}`;
}

/** Whether a value may be a slice or an array. */
export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) ||
    (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
