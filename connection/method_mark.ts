/**
 * What marks a function that `method` has made: it is offered wherever it is,
 * and brings its schema.
 *
 * @module
 */

import type { MethodSchema } from "../internal/schema.ts";

/** Known to every copy of this package: an ES module and a CommonJS module may each have loaded one. */
const MARK = Symbol.for("@geerpc/xclient/method");

/**
 * Marks a function.
 *
 * @param method The function.
 * @param schema The types of argument and reply on the wire, as far as its schemas say them.
 */
export function markMethod(method: object, schema: MethodSchema): void {
  Object.defineProperty(method, MARK, { value: schema });
}

/**
 * The schema that a function was marked with.
 *
 * @param method Any function.
 * @returns `undefined` if it is not marked.
 */
export function markOf(method: object): MethodSchema | undefined {
  return (method as { [MARK]?: MethodSchema })[MARK];
}
