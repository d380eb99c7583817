/**
 * What comes at its own pace and is taken at another one.
 *
 * @module
 */

/** Values that are added as they come, and taken in the same order until the end. */
export class Arrivals<T> {
  readonly #values: T[] = [];
  #isOver = false;
  #wake = () => {};

  /** Adds one. */
  add(value: T): void {
    this.#values.push(value);
    this.#wake();
  }

  /** No more will come. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Takes all, as they come. */
  async *taken(): AsyncGenerator<T> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift()!;
      if (this.#isOver) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
