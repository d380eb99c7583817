/**
 * Whether a handler has returned at once or later.
 *
 * @module
 */

/**
 * Whether something is to be waited for, as `await` judges.
 *
 * @param value What a handler has returned.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
