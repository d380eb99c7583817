/**
 * What a stream of another protocol looks like: both ends look at how it begins, so that a wrong
 * protocol is an error that names the right one, and no connection that waits for ever.
 *
 * @module
 */

import { receivedCode, type RpcCode, RpcError } from "../errors.ts";
import { excerpt } from "../internal/excerpt.ts";
import { ASCII, isSpace, startsWithAt } from "./ascii.ts";
import type { Protocol } from "./codec.ts";

const { OPEN_BRACE, OPEN_BRACKET } = ASCII;

/** The beginnings by which a protocol is known, as text. */
const LOOKS: readonly (readonly [RegExp, string])[] = [
  [/^\s*\{\s*"MagicNumber"/, "geerpc/json or geerpc/gob"],
  [/^\s*\{\s*"(?:ServiceMethod|Seq)"/, "geerpc/json"],
  [/^\s*\{\s*"(?:method|params|id|result|error|jsonrpc)"/, "netrpc/json"],
];
const GOB = "netrpc/gob or geerpc/gob";

/** How much of a text is looked at. A handshake has up to 512 spaces before it. */
const LOOKED_AT = 600;

/**
 * Quotes what a peer has sent where it is not what was expected.
 *
 * @param text What it has sent, as text.
 * @param own The protocol that is spoken here.
 * @returns The first 60 characters, in quotes, and which other protocol they look like, if any.
 */
export function foreign(text: string, own: Protocol): string {
  const start = text.slice(0, LOOKED_AT);
  const look = LOOKS.find(([pattern]) => pattern.test(start))?.[1] ??
    (looksLikeGob(start) ? GOB : undefined);
  const quote = excerpt(text.trimStart());
  return look === undefined || look.includes(own) ? quote : `${quote} (it looks like ${look})`;
}

/**
 * What may be wrong if a connection ends before the server has said anything: servers in Go end it
 * so if they are spoken to in another protocol.
 *
 * @param own The protocol that is spoken here.
 * @returns The end of an error message.
 */
export function mayBeAnother(own: Protocol): string {
  const others = own === "geerpc/json"
    ? "GeeRPC in Go speaks geerpc/gob, net/rpc speaks netrpc/gob"
    : "set the option protocol, or ?protocol= in the address";
  return `; it had said nothing: its protocol may be another than ${own} (${others})`;
}

/** What the first bytes of a connection are: HTTP, JSON of some kind, gob, or none of these. */
export type Beginning = "http" | "json" | "gob" | "other";

/** No gob stream has a smaller second byte: its first message defines a type, whose id is negative. */
const LEAST_SECOND_BYTE = 0x7f;
/** From here on a byte says how many bytes of a length follow. */
const LEAST_WIDTH = 0xf8;

/**
 * Tells by two bytes how a connection begins. They are enough: in a stream of gob the second byte is
 * none of JSON or HTTP.
 *
 * @param bytes What has arrived.
 * @returns `undefined` while too few bytes have arrived.
 */
export function beginningOf(bytes: Uint8Array): Beginning | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = bytes;
  if (isCapital(first) && isCapital(second)) return "http";
  if (first >= LEAST_WIDTH || first <= 127 && second >= LEAST_SECOND_BYTE) return "gob";
  return first === OPEN_BRACE || first === OPEN_BRACKET || isSpace(first) ? "json" : "other";
}

const OPTION_START = new TextEncoder().encode('{"MagicNumber"');
/** Whoever sends more spaces than this sends no handshake. */
const MOST_SPACES = 4096;

/**
 * Whether JSON begins with GeeRPC's option.
 *
 * @param bytes What has arrived.
 * @param at How many spaces it begins with.
 * @returns `undefined` while too few bytes have arrived.
 */
export function beginsWithOption(bytes: Uint8Array, at: number): boolean | undefined {
  const arrived = bytes.length - at;
  if (arrived >= OPTION_START.length) return startsWithAt(bytes, at, OPTION_START);
  if (at > MOST_SPACES || !startsWithAt(bytes, at, OPTION_START.subarray(0, arrived))) return false;
  return undefined;
}

/**
 * What a server says in JSON or HTTP to a client that expects gob.
 *
 * @param text The beginning of the stream.
 * @returns The error of its first message, if that is one of GeeRPC; `undefined` while it has not all
 * arrived.
 */
export function answerIn(text: string): { error?: RpcError } | undefined {
  const end = text.indexOf("\n") + 1;
  try {
    const answer = JSON.parse(text.slice(0, end || text.length));
    const { Error } = answer;
    if (typeof Error !== "string" || Error === "") return {};
    return { error: refusedConnection(Error, answer, "data_loss") };
  } catch {
    return end > 0 || text.startsWith("HTTP") ? {} : undefined;
  }
}

/**
 * The error of a connection that the server has refused, in a message of JSON that belongs to no call.
 *
 * @param text Why.
 * @param answer What else it says: `Rejected` if no call of the connection has run or will.
 * @param absent The code if it says none, or could not know that this is an answer of JSON.
 */
export function refusedConnection(
  text: string,
  { Code, Rejected }: { readonly Code?: unknown; readonly Rejected?: unknown },
  absent: RpcCode,
): RpcError {
  const isRejected = Rejected === true;
  const code = isRejected ? receivedCode(Code, absent) : absent;
  const execution = isRejected ? "rejected" : "unknown";
  return new RpcError(code, `the server refused the connection: ${text}`, { execution });
}

/**
 * Whether a stream begins with the definition of a struct in gob: its length, a negative type id, and
 * the field of structs. What is no text may have become U+FFFD.
 */
function looksLikeGob(text: string): boolean {
  return text.charCodeAt(1) >= LEAST_SECOND_BYTE && text.slice(2, 8).includes("\x03\x01");
}

function isCapital(byte: number): boolean {
  return byte >= 65 && byte <= 90;
}
