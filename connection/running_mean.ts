/**
 * The mean of numbers as they come.
 *
 * @module
 */

/** A mean: of all numbers while they are few, then of the last ones above all. */
export class RunningMean {
  readonly #memory: number;
  #value = 0;
  #count = 0;

  /** @param memory Beyond so many numbers, each counts as one in so many. Default: all count alike. */
  constructor(memory = Infinity) {
    this.#memory = memory;
  }

  /** The mean; 0 while there is none. */
  get value(): number {
    return this.#value;
  }

  /** How many numbers there were. */
  get count(): number {
    return this.#count;
  }

  /** Adds a number. */
  add(number: number): void {
    this.#count++;
    this.#value += (number - this.#value) / Math.min(this.#count, this.#memory);
  }

  /** Forgets them all. */
  clear(): void {
    this.#value = this.#count = 0;
  }
}
