/**
 * Which call is being served where the program is now, by `AsyncLocalStorage`:
 * only where a server was asked to keep track of it. One for the whole process,
 * as it is what the platform keeps for each chain of promises.
 *
 * @module
 */

import type { CallContext } from "./services.ts";

/** What we use of the platform's `AsyncLocalStorage`. */
interface Storage {
  run<Result>(context: CallContext, handle: () => Result): Result;
  getStore(): CallContext | undefined;
}

let storage: Storage | undefined;

/** Loads the platform's part, once. Servers wait for it before they listen. */
export async function loadAsyncContext(): Promise<void> {
  if (storage !== undefined) return;
  const { AsyncLocalStorage } = await import("node:async_hooks");
  storage ??= new AsyncLocalStorage<CallContext>();
}

/**
 * Serves a call, so that {@linkcode currentCall} knows it in all that is done for it.
 *
 * @param context The call.
 * @param handle Serves it.
 * @returns What that returns.
 */
export function serveWithin<Result>(context: CallContext, handle: () => Result): Result {
  return storage === undefined ? handle() : storage.run(context, handle);
}

/** The call that is being served here; `undefined` if there is none, or no server keeps track. */
export function currentCall(): CallContext | undefined {
  return storage?.getStore();
}
