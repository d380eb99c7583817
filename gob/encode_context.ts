/**
 * Where an encoder is in the value that it writes: the writer, and the path for error messages.
 *
 * @module
 */

import { findCycle } from "./values.ts";
import { formatPath, misfit, type PathStep, tooMuch } from "./wire.ts";
import type { GobWriter } from "./writer.ts";

/** The state that all plans of one encoder share while a value is written. */
export class EncodeContext {
  /** The deepest nesting that is allowed. */
  readonly maxDepth: number;
  readonly #path: PathStep[] = [];
  #writer: GobWriter;
  #depth = 0;
  #top: unknown;

  /**
   * @param writer Any writer, until {@linkcode EncodeContext.begin} gives another.
   * @param maxDepth The deepest nesting that is allowed.
   */
  constructor(writer: GobWriter, maxDepth: number) {
    this.#writer = writer;
    this.maxDepth = maxDepth;
  }

  /** Where the value is written. */
  get writer(): GobWriter {
    return this.#writer;
  }

  /** How many more levels the value may have. */
  get depthLeft(): number {
    return this.maxDepth - this.#depth;
  }

  /** Begins a value. */
  begin(writer: GobWriter, value: unknown): void {
    this.#writer = writer;
    this.#top = value;
    this.#depth = 0;
  }

  /** Lets go of the value. */
  end(): void {
    this.#top = undefined;
  }

  /** Goes one level down: into a struct, a list, a map or an interface. */
  enter(): void {
    if (this.#depth >= this.maxDepth) throw this.#tooDeep();
    this.#depth++;
  }

  /** Names the part of the open level that is written next. */
  step(step: PathStep): void {
    this.#path[this.#depth - 1] = step;
  }

  /** Goes one level up. */
  leave(): void {
    this.#depth--;
  }

  /** The error for a part that can't be sent; its message says where it is. */
  failure(message: string, cause?: unknown): Error {
    return misfit(`${formatPath(this.#path, this.#depth)}: ${message}`, cause);
  }

  /** The error for a part that has another type than the schema says. */
  wrong(value: unknown, expected: string): Error {
    return this.failure(`${describe(value)} is not ${expected}`);
  }

  #tooDeep(): Error {
    const steps = findCycle(this.#top, this.#path, this.#depth);
    if (steps < 0) return tooMuch(`a value is nested deeper than maxDepth, ${this.maxDepth}`);
    this.#depth = steps;
    return this.failure("the value contains itself");
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
