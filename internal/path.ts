/**
 * How error messages name a part of a value, as `.items[3]["first name"]`.
 *
 * @module
 */

const IDENTIFIER = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;

/**
 * One step of a path, from a value to a part of it.
 *
 * @param key The part's name or its place in a list.
 * @returns The step, with what leads to it.
 */
export function pathStep(key: PropertyKey): string {
  if (typeof key !== "string") return `[${String(key)}]`;
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
