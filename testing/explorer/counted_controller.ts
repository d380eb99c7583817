/**
 * An `AbortController` whose listeners are counted.
 *
 * @module
 */

/** A signal that knows how many listen to it. */
export class CountedController extends AbortController {
  /** How many listen. */
  listeners = 0;

  constructor() {
    super();
    const { signal } = this;
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    const known = new Set<unknown>();
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      known.add(args[1]);
      this.listeners = known.size;
      add.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      known.delete(args[1]);
      this.listeners = known.size;
      remove.apply(signal, args);
    };
  }
}

/** How many still listen to signals that have not aborted. */
export function listenersOf(controllers: readonly CountedController[]): number {
  let count = 0;
  for (const { signal, listeners } of controllers) if (!signal.aborted) count += listeners;
  return count;
}
