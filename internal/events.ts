/**
 * How every part tells what has happened: one shape, one moment, one way to fail.
 *
 * @module
 */

import { queueMicrotask } from "./platform.ts";

/**
 * Tells a listener of an event: frozen, and in a microtask of its own, when all that
 * belongs to the fact is done. A listener that throws disturbs nothing here: what it
 * throws is an uncaught error of the program.
 *
 * @param listener The user's; without one nothing is done.
 * @param event What has happened: a plain object with a `type`. It is frozen.
 */
export function tell<Event extends { readonly type: string }>(
  listener: ((event: Event) => void) | undefined,
  event: Event,
): void {
  if (listener === undefined) return;
  Object.freeze(event);
  queueMicrotask(() => listener(event));
}
