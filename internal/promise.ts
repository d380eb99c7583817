/**
 * What may be there at once or later.
 *
 * @module
 */

/**
 * Whether a value is a promise, the platform's or any other.
 *
 * @param value Any value.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/**
 * Goes on with a value: in the same turn if it is there, so that what needs no
 * waiting costs no promise.
 *
 * @param value The value, or a promise of it.
 * @param next What is done with it.
 * @returns What that returns; a promise of it if the value had to be waited for.
 */
export function whenThere<T, R>(
  value: T | PromiseLike<T>,
  next: (value: T) => R | PromiseLike<R>,
): R | PromiseLike<R> {
  return isPromise(value) ? Promise.resolve(value as PromiseLike<T>).then(next) : next(value as T);
}

/**
 * A promise that settles once: a `then` of a program's own may throw, or call back twice.
 *
 * @param result Anything; what is no promise is what the promise resolves to.
 */
export function settlingOnce(result: unknown): Promise<unknown> {
  const promise = Promise.resolve(result); // the same, if it is one of the platform's
  if (promise.then === Promise.prototype.then) return promise;
  return new Promise((resolve) => resolve(promise));
}
