/**
 * Options as plans have them: what is undefined was not given.
 *
 * @module
 */

/** An object without what is undefined; its type is the caller's to know. */
// deno-lint-ignore no-explicit-any
export function definedOf(object: Record<string, unknown>): any {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
