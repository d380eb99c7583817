/**
 * The headers of `geerpc/gob` and `netrpc/gob`, by their types and names in Go.
 *
 * @module
 */

import { gob, type GobSchema } from "../../gob.ts";

/** The name of the type of {@linkcode ABSENT}. */
export const ABSENT_NAME = "Absent";

/**
 * What stands for no argument and no reply: a struct without fields, as Go needs it. Its name, which
 * Go does not look at, tells it from an empty object.
 */
export const ABSENT: GobSchema<unknown, object> = gob.struct({}, { name: ABSENT_NAME });

/** Which of the two protocols: they differ in the handshake and in the headers. */
export type GobFamily = "geerpc" | "netrpc";

/** The header of a call. */
export interface RequestHeader {
  ServiceMethod: string;
  Seq: number;
}

/** The header of a reply. */
export interface ResponseHeader extends RequestHeader {
  Error: string;
  /** The code of the error: an extension of our own server on `geerpc/gob`. Go ignores it. */
  Code?: string;
  /** Whether the call did not run and the stream goes on: another extension. */
  Rejected?: boolean;
  /** After how many milliseconds there may be room for the call: another extension. */
  RetryAfter?: number;
}

/** The types of the headers. */
export interface Headers {
  readonly request: GobSchema<RequestHeader, ResponseHeader>;
  readonly response: GobSchema<ResponseHeader>;
  /**
   * The header of a reply with every extension: what a client reads, and a
   * server writes only where `RetryAfter` is set, so that nobody else pays for it.
   */
  readonly fullResponse: GobSchema<ResponseHeader>;
}

const REQUEST_FIELDS = { ServiceMethod: gob.string, Seq: gob.safeUint };
const RESPONSE_FIELDS = { ...REQUEST_FIELDS, Error: gob.string };
const EXTENDED_FIELDS = { ...RESPONSE_FIELDS, Code: gob.string, Rejected: gob.bool };
const ALL_FIELDS = { ...EXTENDED_FIELDS, RetryAfter: gob.safeUint };
const NET_RPC_RESPONSE = gob.struct(RESPONSE_FIELDS, { name: "Response" });

/** GeeRPC has one header for both directions, `net/rpc` has two. */
export const HEADERS: Readonly<Record<GobFamily, Headers>> = {
  geerpc: {
    request: gob.struct(RESPONSE_FIELDS, { name: "Header" }),
    response: gob.struct(EXTENDED_FIELDS, { name: "Header" }) as GobSchema as Headers["response"],
    fullResponse: gob.struct(ALL_FIELDS, { name: "Header" }) as GobSchema as Headers["response"],
  },
  netrpc: {
    request: gob.struct(REQUEST_FIELDS, { name: "Request" }),
    response: NET_RPC_RESPONSE,
    fullResponse: NET_RPC_RESPONSE,
  },
};
