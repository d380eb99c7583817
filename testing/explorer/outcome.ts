/**
 * What an error says, in the words of a history.
 *
 * @module
 */

import { type Execution, RpcError, TimeoutError } from "../../errors.ts";

/** How a call, or the listening to its receipts, ended. */
export type Outcome =
  | { readonly ok: true; readonly reply: unknown }
  | { readonly ok: false; readonly error: unknown };

/** A code, `TimeoutError`, or the name of what is none of the library's errors. */
export function kindOf(error: unknown): string {
  if (error instanceof RpcError) return error.code;
  if (error instanceof TimeoutError) return "TimeoutError";
  return error instanceof Error ? error.name : typeof error;
}

/** What is certain about a failed call; nothing, if the error is none of the library's. */
export function executionOf(error: unknown): Execution | undefined {
  return error instanceof RpcError || error instanceof TimeoutError ? error.execution : undefined;
}

/** An error in a line. */
export function errorLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const execution = executionOf(error);
  return `${kindOf(error)}${execution === undefined ? "" : `, ${execution}`}: ${message}`
    .replace(/\s+/g, " ").slice(0, 240);
}
