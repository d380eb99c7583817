/**
 * What the error texts of Go's servers mean, where the protocol has no field that says it: one
 * table, read when a reply has failed and written from when a server of ours answers in Go's words.
 *
 * @module
 */

import { receivedCode, type RpcCode } from "../errors.ts";
import type { Failure, ReplySink } from "./codec.ts";

/** What the error of a reply means. */
export interface Verdict {
  /** The kind of error. */
  readonly code: RpcCode;
  /** `rejected`: the call did not run. `answered`: it ran, or may have. */
  readonly execution: "answered" | "rejected";
}

/** How our own server refuses a call while it drains. */
export const DRAINING = "rpc server: the server is draining and takes no new calls";

/** Its last word on a connection, behind the replies to all that has run, where it has only texts. */
export const ENDED = "rpc server: the server has ended; a call without a reply has not run";

/**
 * The number of a reply that answers no call: clients of ours, of `net/rpc` and
 * of GeeRPC drop it. With {@linkcode DRAINING} it tells all of a client that the
 * server drains, where the protocol has no message of its own for that.
 */
export const NO_CALL = Number.MAX_SAFE_INTEGER;

/**
 * How our own server begins to say that it has not run a call because it has too much to do. On
 * protocols that carry no more than a text, this is what tells it from an error of the handler's.
 */
export const NOT_RUN = "rpc server: the call did not run: ";

/**
 * How our own server begins to say that it has not run a call because of who has made it, on
 * protocols that carry no more than a text.
 */
const OF_THE_CALLER: readonly { readonly text: string; readonly verdict: Verdict }[] = [
  {
    text: "rpc server: unauthenticated: ",
    verdict: { code: "unauthenticated", execution: "rejected" },
  },
  {
    text: "rpc server: permission denied: ",
    verdict: { code: "permission_denied", execution: "rejected" },
  },
];

const TURNED_AWAY: Verdict = { code: "resource_exhausted", execution: "rejected" };
const REFUSED: Verdict = { code: "unimplemented", execution: "rejected" };
const DRAINS: Verdict = { code: "unavailable", execution: "rejected" };
const TIMED_OUT: Verdict = { code: "deadline_exceeded", execution: "answered" };
const HANDLERS_ERROR: Verdict = { code: "unknown", execution: "answered" };

/** What the texts of GeeRPC's server and of `net/rpc` begin with. */
const GEERPC = "rpc server: ";
const NET_RPC = "rpc: ";

/** GeeRPC's answer to a call that ran longer than the handshake allows begins so. */
const TIMEOUT = `${GEERPC}request handle timeout`;

/** A text by which Go's servers refuse a call of an unknown service or method. */
interface Refusal {
  readonly text: string;
  /** Which part of the called name follows in GeeRPC's text; in that of `net/rpc` all of it. */
  readonly namedByGeeRpc: (serviceMethod: string) => string;
}

const REFUSALS: readonly Refusal[] = [
  {
    text: "can't find service ",
    namedByGeeRpc: (name) => name.slice(0, Math.max(name.lastIndexOf("."), 0)),
  },
  {
    text: "can't find method ",
    namedByGeeRpc: (name) => name.slice(name.lastIndexOf(".") + 1),
  },
  { text: "service/method request ill-formed: ", namedByGeeRpc: (name) => name },
];

/** The refusal that a text of GeeRPC's server is, whatever method it names. */
function refusalOfGeeRpc(text: string): Refusal | undefined {
  return text.startsWith(GEERPC)
    ? REFUSALS.find((refusal) => text.startsWith(refusal.text, GEERPC.length))
    : undefined;
}

/** Whether a text refuses this very method. A handler may pass on the refusal of another one. */
function refuses(text: string, serviceMethod: string): boolean {
  return REFUSALS.some((refusal) =>
    text === NET_RPC + refusal.text + serviceMethod ||
    text === GEERPC + refusal.text + refusal.namedByGeeRpc(serviceMethod)
  );
}

/**
 * Whether an error text is the refusal of a method by GeeRPC's server, whatever the method.
 *
 * @param text The error of a reply.
 * @returns `true` for an unknown service or method.
 */
export function refusesSomeMethod(text: string): boolean {
  return refusalOfGeeRpc(text) !== undefined;
}

/**
 * What an error text means, in the words of Go's `net/rpc` and GeeRPC.
 *
 * @param text The error of a reply.
 * @param serviceMethod The method that was called: only a text that names it is a refusal.
 * @returns `unimplemented`, `rejected` for an unknown service or method; `unauthenticated` or
 * `permission_denied`, `rejected` for a caller who may not; `unknown`, `answered` for an error of the
 * handler's own.
 */
export function verdictOf(text: string, serviceMethod: string): Verdict {
  if (!text.startsWith("rpc")) return HANDLERS_ERROR;
  if (text === DRAINING || text === ENDED) return DRAINS;
  if (text.startsWith(TIMEOUT)) return TIMED_OUT;
  if (text.startsWith(NOT_RUN)) return TURNED_AWAY;
  if (refuses(text, serviceMethod)) return REFUSED;
  return OF_THE_CALLER.find((one) => text.startsWith(one.text))?.verdict ?? HANDLERS_ERROR;
}

/**
 * What the header of a failed reply means. A server of ours says it in the fields `Code` and
 * `Rejected`; the text counts only where they are missing.
 *
 * @param header The header of the reply.
 * @param serviceMethod The method that was called.
 * @returns Its code, and whether the call ran.
 */
export function verdictIn(
  header: { readonly Error: string; readonly Code?: unknown; readonly Rejected?: unknown },
  serviceMethod: string,
): Verdict {
  const { Error, Code, Rejected } = header;
  const isOurs = typeof Code === "string" && Code !== "";
  if (Rejected !== true && !isOurs) return verdictOf(Error, serviceMethod);
  const { code, execution } = Rejected === true ? REFUSED : HANDLERS_ERROR;
  return { code: receivedCode(Code, code), execution };
}

/**
 * Passes on what an error says of the server: that it drains, or has ended. On
 * protocols without a message for that, it is how a client learns of it.
 *
 * @param text The error of a reply.
 * @param verdict What it means.
 * @param sink Whom to tell.
 */
export function tellOfDrain(text: string, { execution }: Verdict, sink: ReplySink): void {
  if (execution !== "rejected") return;
  if (text === DRAINING) sink.drain();
  else if (text === ENDED) sink.ended?.();
}

function soundsRejected(text: string, serviceMethod: string): boolean {
  return verdictOf(text, serviceMethod).execution === "rejected";
}

/**
 * Whether a reply needs the field `Code`. A code, whatever it is, says that the text is not all
 * there is to go by.
 *
 * @param failure The error.
 * @param serviceMethod The method that was called.
 * @returns `false` for an error of the handler's own whose text is none of Go's.
 */
export function needsCode({ code, message }: Failure, serviceMethod: string): boolean {
  return code !== "unknown" || soundsRejected(message, serviceMethod);
}

/**
 * The text of an error for clients of `net/rpc`, who have nothing but the text to go by.
 *
 * @param failure The error.
 * @param serviceMethod The method that was called.
 * @returns Go's text for a method that was refused; the handler's own error, with `the handler
 * failed: ` before it where it would be taken for a refusal; with the code before it that of a
 * call that was rejected because of its caller; else the message itself.
 */
export function netRpcText(failure: Failure, serviceMethod: string): string {
  const { code, message, rejected } = failure;
  if (!rejected) {
    return soundsRejected(message, serviceMethod) ? `the handler failed: ${message}` : message;
  }
  const refusal = refusalOfGeeRpc(message);
  if (refusal !== undefined) return NET_RPC + refusal.text + serviceMethod;
  const begin = OF_THE_CALLER.find(({ verdict }) => verdict.code === code)?.text ?? "";
  return message.startsWith(begin) ? message : begin + message;
}

/** The longest time that a server may ask for, in milliseconds: a day. */
const LONGEST_RETRY_AFTER_MS = 86_400_000;

/**
 * The field `RetryAfter` of a call that was turned away.
 *
 * @param retryAfterMs After how many milliseconds there may be room for it.
 * @returns A whole number of milliseconds, at least 1 (0 would be left out) and at most a day.
 */
export function retryAfterOf(retryAfterMs: number): number {
  return Math.min(Math.max(Math.ceil(retryAfterMs), 1), LONGEST_RETRY_AFTER_MS);
}

const RETRY_AFTER = /; retry after (\d{1,9}) ms$/;

/**
 * The end of the text by which our own server says that it has not run a call, for clients that
 * have nothing but the text to go by.
 *
 * @param retryAfterMs After how many milliseconds there may be room; `undefined` if that is not known.
 */
export function retryAfterText(retryAfterMs: number | undefined): string {
  return retryAfterMs === undefined ? "" : `; retry after ${retryAfterOf(retryAfterMs)} ms`;
}

/**
 * Reads the field `RetryAfter` of a reply, or where a protocol has none what
 * {@linkcode retryAfterText} has written.
 *
 * @param header The header of the reply.
 * @returns `undefined` if there is none of use.
 */
export function retryAfterIn(
  { RetryAfter, Error }: { readonly RetryAfter?: unknown; readonly Error: string },
): number | undefined {
  const given = RetryAfter ??
    (Error.startsWith(NOT_RUN) ? RETRY_AFTER.exec(Error)?.[1] : undefined);
  const ms = typeof given === "string" ? Number(given) : given;
  if (typeof ms !== "number" || !(ms > 0)) return undefined;
  return Math.min(ms, LONGEST_RETRY_AFTER_MS);
}
