/**
 * The error of a handler whose reply is not what its schema says. The caller
 * learns no more than that: what is wrong may quote the reply.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../errors.ts";

/** Known to every copy of this package: an ES module and a CommonJS module may each have loaded one. */
const BAD_REPLY = Symbol.for("@geerpc/xclient/bad_reply");

/**
 * Makes the error.
 *
 * @param message What is wrong, for the server's own ears.
 * @returns The error for the caller, whose cause is the one for the server.
 */
export function badReply(message: string): RpcError {
  const error = new RpcError(
    "internal",
    "rpc server: the reply is refused: it is not what the method's schema says; " +
      "the server's onError is told what is wrong",
    { execution: "answered", cause: new TypeError(message) },
  );
  return Object.defineProperty(error, BAD_REPLY, { value: true });
}

/**
 * Makes the error of an item of a stream that can't be sent.
 *
 * @param code Why.
 * @param message Why, for the caller.
 * @param cause What the server's own ears are told.
 */
export function badItem(code: RpcCode, message: string, cause: unknown): RpcError {
  const error = new RpcError(code, message, { execution: "answered", cause });
  return Object.defineProperty(error, BAD_REPLY, { value: true });
}

/**
 * Whether an error is one of these.
 *
 * @param error Any error of ours.
 */
export function isBadReply(error: RpcError): boolean {
  return BAD_REPLY in error;
}
