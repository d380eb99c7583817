/**
 * The header of `geerpc/json`: one line of JSON before each body, read fast where it has nothing
 * but the usual fields, and in full otherwise.
 *
 * @module
 */

import { ASCII, DigitsReader, startsWithAt } from "../ascii.ts";
import { RpcError } from "../../errors.ts";
import { excerpt } from "../../internal/excerpt.ts";
import { foreign } from "../foreign.ts";
import type { Lines } from "./lines.ts";

const { BACKSLASH, NEWLINE, QUOTE } = ASCII;

/** A header, in either direction. The fields after the first three are our own extensions. */
export interface Header {
  ServiceMethod: string;
  Seq: number;
  Error: string;
  Timeout?: number;
  Meta?: Record<string, string>;
  Cancel?: boolean;
  Drain?: boolean;
  /** With `Drain`: nothing more is run; a call without a reply has not run. */
  Ended?: boolean;
  Ping?: boolean;
  Code?: string;
  Rejected?: boolean;
  RetryAfter?: number;
  // What follows is sent only if both ends have said that they know it: docs/protocol.md.
  /** A server's answer to a handshake with `"Ext":1`. */
  Ext?: { Instance: string; Load: number };
  /** How many calls ran or waited at the server, once this one was off. */
  Load?: number;
  /** Run the call only if no more than so many run or wait at the server. */
  Expect?: number;
  /** Names a call whose answer is to be kept. */
  Id?: string;
  /** Answers that need not be kept any more. */
  Ack?: string | string[];
  /** Asks for the answer of the call that has this `Id`. */
  Recall?: string;
  /** How many raw bytes follow the body's newline, piece by piece. */
  Parts?: number[];
  /** The body of an error is what its handler has attached. */
  Details?: boolean;
  /** The call may be answered by many items. */
  Stream?: boolean;
  /** The call's argument comes in items. */
  Args?: boolean;
  /** One item of a stream. */
  Item?: boolean;
  /** A stream has ended. */
  End?: boolean;
  /** So many more items may be sent, */
  Credit?: number;
  /** and so many bytes of them. */
  Bytes?: number;
}

/** How many prefixes a reader keeps; a power of two. */
const KEPT_PREFIXES = 16;
/** Longer names are not kept. */
const MAX_NAME_BYTES = 256;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

const NAME_START = encoder.encode('{"ServiceMethod":"');
const SEQ_START = encoder.encode('","Seq":');

/** The end of a call's header without extensions. */
export const CALL_END: Uint8Array = encoder.encode("}\n");
/** The end of a reply's header without an error and extensions. */
export const REPLY_END: Uint8Array = encoder.encode(',"Error":""}\n');

/** What the headers of one method begin with, up to the digits of `Seq`. */
interface Prefix {
  readonly serviceMethod: string;
  readonly bytes: Uint8Array;
}

const NO_METHOD: Prefix = { serviceMethod: "", bytes: headerPrefix("") };

/**
 * What the headers of a method begin with.
 *
 * @param serviceMethod The method.
 * @returns The bytes up to the digits of `Seq`.
 */
export function headerPrefix(serviceMethod: string): Uint8Array {
  return encoder.encode(`{"ServiceMethod":${JSON.stringify(serviceMethod)},"Seq":`);
}

/**
 * The fast path for headers: those with `ServiceMethod`, `Seq` and nothing else are read from
 * bytes, without making a string and an object of them. {@linkcode parseHeader} reads the others.
 */
export class FastHeaderReader {
  /** The prefix of the last header: the next has the same one more often than not. */
  #prefix = NO_METHOD;
  /** Prefixes that were read before, each at the place that the hash of its name says. */
  readonly #prefixes: (Prefix | undefined)[] = [];
  readonly #digits = new DigitsReader();

  /** `ServiceMethod` of the header that was read last. */
  get serviceMethod(): string {
    return this.#prefix.serviceMethod;
  }

  /** `Seq` of the header that was read last. */
  get seq(): number {
    return this.#digits.value;
  }

  /**
   * Reads the next line.
   *
   * @param lines The lines that arrived.
   * @returns `false` if it is not a header of the fast path: it is still the next line then.
   */
  read(lines: Lines): boolean {
    const { bytes, at: from } = lines;
    if (!startsWithAt(bytes, from, this.#prefix.bytes) && !this.#findPrefix(bytes, from)) {
      return false;
    }
    const at = this.#digits.read(bytes, from + this.#prefix.bytes.length);
    if (at === 0) return false;
    const end = bytes[at] === CALL_END[0] ? CALL_END : REPLY_END;
    if (!startsWithAt(bytes, at, end)) return false;
    lines.advanceTo(at + end.length);
    return true;
  }

  #findPrefix(bytes: Uint8Array, from: number): boolean {
    if (!startsWithAt(bytes, from, NAME_START)) return false;
    const nameFrom = from + NAME_START.length;
    let at = nameFrom;
    let hash = 0;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      if (byte === BACKSLASH || byte === NEWLINE || at - nameFrom > MAX_NAME_BYTES) return false;
      hash = hash * 31 + byte | 0;
    }
    if (!startsWithAt(bytes, at, SEQ_START)) return false;
    const length = at + SEQ_START.length - from;
    const slot = hash & (KEPT_PREFIXES - 1);
    const kept = this.#prefixes[slot];
    if (kept?.bytes.length === length && startsWithAt(bytes, from, kept.bytes)) {
      this.#prefix = kept;
    } else {
      const serviceMethod = decoder.decode(bytes.subarray(nameFrom, at));
      this.#prefix = { serviceMethod, bytes: bytes.slice(from, from + length) };
      this.#prefixes[slot] = this.#prefix;
    }
    return true;
  }
}

/**
 * Reads any header.
 *
 * @param line The line.
 * @returns The header; the first three fields are always there.
 * @throws {RpcError} `data_loss` if it is not a header.
 */
export function parseHeader(line: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw broken(`expected a header of geerpc/json, got ${foreign(line, "geerpc/json")}`);
  }
  const header = value as Partial<Header> | null;
  if (
    typeof header !== "object" || header === null || Array.isArray(header) || isJsonRpc(header)
  ) {
    throw broken(`expected a header of geerpc/json, got ${foreign(line, "geerpc/json")}`);
  }
  const { ServiceMethod = "", Seq = 0, Error = "" } = header;
  if (
    typeof ServiceMethod !== "string" || typeof Error !== "string" ||
    !Number.isSafeInteger(Seq) || Seq < 0
  ) {
    throw broken(`a header of geerpc/json with a wrong field: ${foreign(line, "geerpc/json")}`);
  }
  return { ...header, ServiceMethod, Seq, Error };
}

/**
 * How many raw bytes follow a body, piece by piece.
 *
 * @param header The header in front of the body.
 * @returns The lengths; `undefined` if there are none.
 * @throws {RpcError} `data_loss` if they are no lengths: where the next header begins is not known.
 */
export function partsOf({ Parts }: Header): readonly number[] | undefined {
  if (Parts === undefined) return undefined;
  let bytes = 0;
  if (Array.isArray(Parts)) {
    for (const length of Parts) bytes += Number.isSafeInteger(length) && length >= 0 ? length : NaN;
  }
  if (Array.isArray(Parts) && Number.isSafeInteger(bytes)) {
    return Parts.length > 0 ? Parts : undefined;
  }
  throw broken(`a header of geerpc/json with wrong "Parts": ${excerpt(JSON.stringify(Parts))}`);
}

/** Whether it is a message of JSON-RPC: Go's server answers a handshake with errors, one a line. */
function isJsonRpc(header: object): boolean {
  return ("id" in header || "method" in header) &&
    !("Seq" in header || "ServiceMethod" in header || "Error" in header);
}

/**
 * Whether a line has nothing on it.
 *
 * @param line The line.
 * @returns `true` for a line to skip where a header is expected.
 */
export function isBlank(line: string): boolean {
  return line.trim() === "";
}

function broken(what: string): RpcError {
  return new RpcError("data_loss", what);
}
