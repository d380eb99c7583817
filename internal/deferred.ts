/**
 * A promise that is settled from outside. `Promise.withResolvers` does the same,
 * but Node 20 lacks it, and the npm package is to change no globals.
 *
 * @module
 */

/** A promise, and what settles it. */
export interface Deferred<T> {
  /** The promise. */
  readonly promise: Promise<T>;
  /** Fulfils it. */
  resolve(value: T): void;
  /** Rejects it. */
  reject(reason: unknown): void;
}

/**
 * Makes a promise that is settled from outside.
 *
 * @returns The promise, and what settles it.
 */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
