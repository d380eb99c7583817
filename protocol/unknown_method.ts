/**
 * What a call of a method that the server does not have does to the connection.
 *
 * Go's `net/rpc` reads the argument and answers with an error, so such a call is a safe way to ask
 * whether the server is alive. Go's GeeRPC answers without reading the argument, which it then takes
 * for the next header. With gob that breaks the stream; with JSON the argument is answered as if it
 * were a call. Never call an unknown method of a GeeRPC server on purpose.
 *
 * @module
 */

import { refusesSomeMethod, type Verdict } from "./go_errors.ts";

/** A method that no server has: on `netrpc/*` its refusal proves that the server is alive. */
export const PING_METHOD = "XClient.Ping";

/** Why a `geerpc/gob` connection takes no more calls. */
export const STREAM_LOST =
  "the server does not know a method that was called, and may have lost the stream";

/**
 * Whether a reply on `geerpc/gob` means that the server has left the argument in the stream. Our
 * own server reads it, and says so by the fields that Go's does not have.
 *
 * @param header The header of the reply.
 * @param verdict What it means.
 * @returns `true` if the connection is about to break.
 */
export function leavesArgumentUnread(
  header: { readonly Code?: string; readonly Rejected?: boolean },
  verdict: Verdict,
): boolean {
  return verdict.execution === "rejected" && header.Rejected === false && header.Code === "";
}

/**
 * Whether a reply on `geerpc/json` is the answer of Go's server to an argument that it took for a
 * header: it has `Seq` 0, which no call has. The connection can be used on.
 *
 * @param header The header of the reply.
 * @returns `true` if the reply is to be dropped.
 */
export function answersUnreadArgument(
  header: { readonly Seq: number; readonly Error: string },
): boolean {
  return header.Seq === 0 && refusesSomeMethod(header.Error);
}
