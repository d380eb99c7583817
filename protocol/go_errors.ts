/**
 * What an error text of a Go server says about the call, where the protocol
 * has no other place to say it.
 *
 * @module
 */

import { receivedCode, type RpcCode } from "../errors.ts";

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
const REJECTED: Verdict = { code: "unimplemented", execution: "rejected" };

const LATE: Verdict = { code: "deadline_exceeded", execution: "answered" };
const DRAINS: Verdict = { code: "unavailable", execution: "rejected" };
const OWN_ERROR: Verdict = { code: "unknown", execution: "answered" };

/**
 * What an error text says, in the words of Go's `net/rpc` and GeeRPC. Only what
 * names the very call counts as a refusal: a handler may pass on what it heard
 * of a server that it called itself.
 *
 * @param text The error of a reply.
 * @param serviceMethod What was called.
 * @returns `unimplemented`, `rejected` for an unknown service or method; a
 * handler's own error is `unknown`, `answered`.
 */
export function verdictOf(text: string, serviceMethod: string): Verdict {
  if (!text.startsWith("rpc")) return OWN_ERROR;
  if (text === DRAINING) return DRAINS;
  if (text.startsWith("rpc server: request handle timeout")) return LATE;
  const dot = serviceMethod.lastIndexOf(".");
  switch (text) {
    case `rpc: can't find service ${serviceMethod}`:
    case `rpc: can't find method ${serviceMethod}`:
    case `rpc: service/method request ill-formed: ${serviceMethod}`:
    case `rpc server: can't find service ${serviceMethod.slice(0, Math.max(dot, 0))}`:
    case `rpc server: can't find method ${serviceMethod.slice(dot + 1)}`:
    case `rpc server: service/method request ill-formed: ${serviceMethod}`:
      return REJECTED;
  }
  return OWN_ERROR;
}

/**
 * What the header of a failed reply says. A server of ours says it in fields of
 * their own; the words count only where these are missing.
 *
 * @param header The reply's.
 * @param serviceMethod What was called.
 */
export function verdictIn(
  header: { readonly Error: string; readonly Code?: unknown; readonly Rejected?: unknown },
  serviceMethod: string,
): Verdict {
  const { Error, Code, Rejected } = header;
  const isOurs = typeof Code === "string" && Code !== "";
  if (Rejected !== true && !isOurs) return verdictOf(Error, serviceMethod);
  const { code, execution } = Rejected === true ? REJECTED : OWN_ERROR;
  return { code: receivedCode(Code, code), execution };
}

function soundsRejected(text: string, serviceMethod: string): boolean {
  return verdictOf(text, serviceMethod).execution === "rejected";
}

/**
 * Whether a reply has to tell the code of an error. A code, whatever it is, says
 * that the words are not all there is to go by.
 *
 * @param code The code.
 * @param message The error.
 * @param serviceMethod What was called.
 * @returns `false` for a handler's own error that sounds like nothing else.
 */
export function mustTellCode(code: RpcCode, message: string, serviceMethod: string): boolean {
  return code !== "unknown" || soundsRejected(message, serviceMethod);
}

/**
 * An error in words by which clients of `net/rpc` know what it means, since
 * these are all they have.
 *
 * @param message The error.
 * @param serviceMethod What was called.
 * @param rejected Whether the call did not run.
 * @returns Go's text for a method that was not found; a handler's error with
 * something before it if it would be taken for that; else the message itself.
 */
export function asNetRpc(message: string, serviceMethod: string, rejected: boolean): string {
  if (!rejected) {
    return soundsRejected(message, serviceMethod) ? `the handler failed: ${message}` : message;
  }
  for (const what of ["can't find service", "can't find method"]) {
    if (message.startsWith(`rpc server: ${what}`)) return `rpc: ${what} ${serviceMethod}`;
  }
  return message.startsWith("rpc server: service/method request ill-formed")
    ? message.replace("rpc server: ", "rpc: ")
    : message;
}
