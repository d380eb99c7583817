/**
 * The path to the part of a value that is being looked at, for error messages and for the limit on
 * nesting.
 *
 * @module
 */

import { findCycle } from "./values.ts";
import { formatPath, misfit, type PathStep, tooMuch } from "./wire.ts";

/** A path from the top of a value, which goes down into it and up again. */
export class ValuePath {
  /** The deepest nesting that is allowed. */
  readonly maxDepth: number;
  readonly #path: PathStep[] = [];
  #depth = 0;
  #top: unknown;

  /** @param maxDepth The deepest nesting that is allowed. */
  constructor(maxDepth: number) {
    this.maxDepth = maxDepth;
  }

  /** How many more levels the value may have. */
  get depthLeft(): number {
    return this.maxDepth - this.#depth;
  }

  /** Begins a value. */
  begin(value: unknown): void {
    this.#top = value;
    this.#depth = 0;
  }

  /** Lets go of the value. */
  end(): void {
    this.#top = undefined;
  }

  /**
   * Goes one level down: into a struct, a list, a map or an interface.
   *
   * @throws {RpcError} `resource_exhausted` if that is too deep, `invalid_argument` if it is so
   * because the value contains itself.
   */
  enter(): void {
    if (this.#depth >= this.maxDepth) throw this.#tooDeep();
    this.#depth++;
  }

  /** Names the part of the open level that comes next. */
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

  #tooDeep(): Error {
    const steps = findCycle(this.#top, this.#path, this.#depth);
    if (steps < 0) return tooMuch(`a value is nested deeper than maxDepth, ${this.maxDepth}`);
    this.#depth = steps;
    return this.failure("the value contains itself");
  }
}
