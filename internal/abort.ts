/**
 * Follows `AbortSignal`s with one listener for each, however many share it.
 *
 * @module
 */

/** Something that an abort ends. */
export interface Abortable {
  /** Called once, with the signal's reason. */
  abort(reason: unknown): void;
}

const targetsOf = new Map<AbortSignal, Set<Abortable>>();

/**
 * Aborts `target` when `signal` aborts. A signal that a thousand calls, dials
 * or sources share has one listener, and none once the last of them is
 * released: Node warns of a leak from eleven listeners on.
 *
 * @param signal If it has aborted already, the target is aborted at once.
 * @param target Aborted once, unless it is released before.
 */
export function abortWith(signal: AbortSignal, target: Abortable): void {
  if (signal.aborted) return target.abort(signal.reason);
  const targets = targetsOf.get(signal);
  if (targets !== undefined) {
    targets.add(target);
    return;
  }
  targetsOf.set(signal, new Set([target]));
  signal.addEventListener("abort", onAbort);
}

/**
 * Undoes {@linkcode abortWith}. Does nothing if it was not called, or the signal has aborted.
 *
 * @param signal The signal that the target follows.
 * @param target What is not to be aborted any more.
 */
export function releaseFrom(signal: AbortSignal, target: Abortable): void {
  const targets = targetsOf.get(signal);
  if (targets?.delete(target) && targets.size === 0) forget(signal);
}

function onAbort(event: Event): void {
  const signal = event.target as AbortSignal;
  const targets = targetsOf.get(signal);
  forget(signal);
  for (const target of targets ?? []) target.abort(signal.reason);
}

function forget(signal: AbortSignal): void {
  targetsOf.delete(signal);
  signal.removeEventListener("abort", onAbort);
}
