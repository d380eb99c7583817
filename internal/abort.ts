/**
 * One listener for each `AbortSignal`, however many calls share it.
 *
 * @module
 */

/** What an abort ends. */
export interface Abortable {
  /** Called once, with the signal's reason. */
  abort(reason: unknown): void;
}

/**
 * Who is to be told when a signal aborts. A signal that a thousand calls
 * share bears one listener, and none when the last of them has ended.
 */
export class AbortListeners {
  readonly #bySignal = new Map<AbortSignal, Set<Abortable>>();

  /**
   * Tells `target` when `signal` aborts.
   *
   * @param signal One that has not aborted.
   * @param target Told once.
   */
  add(signal: AbortSignal, target: Abortable): void {
    const targets = this.#bySignal.get(signal);
    if (targets !== undefined) {
      targets.add(target);
      return;
    }
    this.#bySignal.set(signal, new Set([target]));
    signal.addEventListener("abort", this);
  }

  /**
   * Tells it no more.
   *
   * @param signal The signal it was added for.
   * @param target What was added.
   */
  remove(signal: AbortSignal, target: Abortable): void {
    const targets = this.#bySignal.get(signal);
    if (targets?.delete(target) && targets.size === 0) this.#drop(signal);
  }

  /** For the platform: a signal has aborted. */
  handleEvent(event: Event): void {
    const signal = event.target as AbortSignal;
    const targets = this.#bySignal.get(signal);
    this.#drop(signal);
    for (const target of targets ?? []) target.abort(signal.reason);
  }

  #drop(signal: AbortSignal): void {
    this.#bySignal.delete(signal);
    signal.removeEventListener("abort", this);
  }
}
