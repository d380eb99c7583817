/**
 * Functions around functions: what interceptors are, at either end of a call.
 *
 * @module
 */

import { settlingOnce } from "./promise.ts";

/** One function around others: it goes on by `next`, or does not. */
export type Layer<C> = (call: C, next: (call: C) => Promise<unknown>) => unknown;

/**
 * Takes one method of each object out of a list; a bare function stands for it.
 *
 * @param list Functions, and objects of which some have the method.
 * @param method Its name.
 * @returns The methods, in their order, each bound to its object.
 */
export function layersOf<C>(list: readonly unknown[], method: string): readonly Layer<C>[] {
  return list.flatMap((one) => {
    if (typeof one === "function") return [one as Layer<C>];
    const object = one as Record<string, Layer<C> | undefined>;
    return object[method] === undefined ? [] : [(call: C, next) => object[method]!(call, next)];
  });
}

/**
 * Tells whether a list has anything to do at present.
 *
 * @param list Functions, and objects of which some say by `isActive` whether they do.
 * @returns Asks them; all that don't say always do.
 */
export function activityOf(list: readonly unknown[]): () => boolean {
  const each = list.map((one) => one as { isActive?(): boolean });
  if (each.length === 0) return () => false;
  if (each.some(({ isActive }) => isActive === undefined)) return () => true;
  const [first] = each;
  return each.length === 1 ? () => first.isActive!() : () => each.some((one) => one.isActive!());
}

/**
 * Calls functions around each other, and the core in their midst.
 *
 * @param layers The functions, the outermost first.
 * @param call What each of them gets, and must go on with.
 * @param core What the innermost one goes on to. It throws nothing.
 * @param at The first function to call.
 * @returns What the outermost one gives. Rejects with what it throws.
 */
export function runLayers<C>(
  layers: readonly Layer<C>[],
  call: C,
  core: () => Promise<unknown>,
  at = 0,
): Promise<unknown> {
  if (at === layers.length) return core();
  const next = (given: C): Promise<unknown> => {
    const reply = given === call
      ? runLayers(layers, call, core, at + 1)
      : Promise.reject(new TypeError(NOT_THE_SAME));
    reply.catch(ignore); // one that nobody waits for must not end the process
    return reply;
  };
  try {
    return settlingOnce(layers[at](call, next));
  } catch (error) {
    return Promise.reject(error);
  }
}

const NOT_THE_SAME =
  "next must be given the very object that the interceptor was given; change its fields instead";

function ignore(): void {}
