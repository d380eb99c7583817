/**
 * What is computed from a method's name once and kept for its next call.
 *
 * @module
 */

/** A peer may make up names without end: no more than this are kept. */
const MAX_METHODS = 1000;
/** Longer names are not kept. */
const MAX_NAME_LENGTH = 256;

/** Keeps one value for each method name, for at most 1,000 names of at most 256 characters. */
export class MethodCache<T> {
  readonly #values = new Map<string, T>();
  readonly #compute: (serviceMethod: string) => T;

  /** @param compute Makes the value of a name that is not kept yet. */
  constructor(compute: (serviceMethod: string) => T) {
    this.#compute = compute;
  }

  /** The value of a method's name. */
  get(serviceMethod: string): T {
    let value = this.#values.get(serviceMethod);
    if (value === undefined) {
      value = this.#compute(serviceMethod);
      const isKept = this.#values.size < MAX_METHODS && serviceMethod.length <= MAX_NAME_LENGTH;
      if (isKept) this.#values.set(serviceMethod, value);
    }
    return value;
  }
}
