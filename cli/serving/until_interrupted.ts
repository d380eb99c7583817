/**
 * Waits until the person has had enough.
 *
 * @module
 */

/**
 * @param signal Aborts then.
 * @returns Resolves then.
 */
export function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
