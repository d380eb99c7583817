/** Collects errors that nothing catches, as those that a program's own callbacks throw. */

import process from "node:process";

/**
 * Runs a test's body, and keeps its uncaught errors from ending the process.
 *
 * @param body The body. It waits until the errors have come.
 * @returns The errors, in order.
 */
export async function uncaughtIn(body: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  if ("Deno" in globalThis) {
    const listener = (event: Event) => {
      event.preventDefault();
      errors.push((event as ErrorEvent).error);
    };
    globalThis.addEventListener("error", listener);
    try {
      await body();
    } finally {
      globalThis.removeEventListener("error", listener);
    }
    return errors;
  }
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error));
  try {
    await body();
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  return errors;
}
