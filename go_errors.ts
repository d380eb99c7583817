/**
 * What an error text of a Go server says about the call, where the protocol
 * has no other place to say it.
 *
 * @module
 */

import type { RpcCode } from "./errors.ts";
import { rejectedBy } from "./geerpc.ts";

/** What a server's error text means. */
export interface Verdict {
  /** The code. */
  readonly code: RpcCode;
  /** Whether the call ran. */
  readonly execution: "answered" | "rejected";
}

/** How our own server refuses a call while it drains. */
export const DRAINING = "rpc server: the server is draining and takes no new calls";

/** What it means if nothing else is said of a call that did not run. */
export const REJECTED: Verdict = { code: "unimplemented", execution: "rejected" };

const OTHERS: readonly (readonly [string, Verdict])[] = [
  ["rpc: can't find service ", REJECTED],
  ["rpc: can't find method ", REJECTED],
  ["rpc: service/method request ill-formed", REJECTED],
  ["rpc server: request handle timeout", { code: "deadline_exceeded", execution: "answered" }],
  [DRAINING, { code: "unavailable", execution: "rejected" }],
];
const OWN_ERROR: Verdict = { code: "unknown", execution: "answered" };

/**
 * What an error text says, in the words of Go's `net/rpc` and GeeRPC.
 *
 * @param text The error of a reply.
 * @returns `unimplemented`, `rejected` for an unknown service or method; a
 * handler's own error is `unknown`, `answered`.
 */
export function verdictOf(text: string): Verdict {
  if (!text.startsWith("rpc")) return OWN_ERROR;
  if (rejectedBy(text)) return REJECTED;
  return OTHERS.find(([start]) => text.startsWith(start))?.[1] ?? OWN_ERROR;
}

/**
 * Why a method was not found, in the words of Go's `net/rpc`, by which its
 * clients know it.
 *
 * @param message The same in GeeRPC's words.
 * @param serviceMethod What was called.
 * @returns Go's text; the message itself if it says something else.
 */
export function asNetRpc(message: string, serviceMethod: string): string {
  for (const what of ["can't find service", "can't find method"]) {
    if (message.startsWith(`rpc server: ${what}`)) return `rpc: ${what} ${serviceMethod}`;
  }
  return message.startsWith("rpc server: service/method request ill-formed")
    ? message.replace("rpc server: ", "rpc: ")
    : message;
}
