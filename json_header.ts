/**
 * The header of `geerpc/json`, a line of JSON before each body.
 *
 * @module
 */

import { excerpt } from "./codec.ts";
import { RpcError } from "./errors.ts";
import { standsAt } from "./json_flat.ts";
import type { Lines } from "./json_lines.ts";

/** A header, from either side; every field but these three is an extension of ours. */
export interface Header {
  ServiceMethod: string;
  Seq: number;
  Error: string;
  Timeout?: number;
  Meta?: Record<string, string>;
  Cancel?: boolean;
  Drain?: boolean;
  Ping?: boolean;
  Code?: string;
  Rejected?: boolean;
}

const NEWLINE = 10;
const QUOTE = 34;
const ZERO = 48;
const NINE = 57;
const BACKSLASH = 92;
/** Fifteen digits are always a safe integer. */
const MOST_DIGITS = 15;
/** How many names a reader knows again, a power of two. */
const NAMES = 32;
/** How many starts are kept; no client calls more methods often. */
const MOST_STARTS = 1000;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const START = encoder.encode('{"ServiceMethod":"');
const SEQ = encoder.encode('","Seq":');
const NO_MORE = encoder.encode("}\n");
const NO_ERROR = encoder.encode(',"Error":""}\n');

/** How the header of a call ends that has no more to say. */
export const CALL_END: Uint8Array = NO_MORE;
/** How the header of a reply ends. */
export const REPLY_END: Uint8Array = NO_ERROR;

/**
 * The usual header, read without making a text or an object of it: service
 * method, Seq and nothing else. Anything unusual is left to
 * {@linkcode parseHeader}.
 */
export class UsualHeader {
  /** Its number. */
  seq = 0;
  #nameFrom = 0;
  #nameTo = 0;
  #nameHash = 0;
  /** Names that were read before, each where its hash says. */
  readonly #names: ({ bytes: Uint8Array; name: string } | undefined)[] = [];

  /**
   * Reads a line.
   *
   * @param lines What has come.
   * @param from Where the line begins.
   * @returns Where the next line begins; 0 if this is no usual header.
   */
  read({ bytes }: Lines, from: number): number {
    if (!standsAt(bytes, from, START)) return 0;
    let at = this.#nameFrom = from + START.length;
    let hash = 0;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      if (byte === BACKSLASH || byte === NEWLINE) return 0;
      hash = hash * 31 + byte | 0;
    }
    this.#nameTo = at;
    this.#nameHash = hash;
    if (!standsAt(bytes, at, SEQ)) return 0;
    const digits = at += SEQ.length;
    let seq = 0;
    for (let byte = bytes[at]; byte >= ZERO && byte <= NINE; byte = bytes[++at]) {
      seq = seq * 10 + byte - ZERO;
    }
    if (at === digits || at - digits > MOST_DIGITS) return 0;
    this.seq = seq;
    if (standsAt(bytes, at, NO_MORE)) return at + NO_MORE.length;
    return standsAt(bytes, at, NO_ERROR) ? at + NO_ERROR.length : 0;
  }

  /**
   * The service method of the header that was read last.
   *
   * @param lines Where it was read.
   */
  serviceMethod({ bytes }: Lines): string {
    const [from, to] = [this.#nameFrom, this.#nameTo];
    const slot = this.#nameHash & (NAMES - 1);
    const known = this.#names[slot];
    if (known?.bytes.length === to - from && standsAt(bytes, from, known.bytes)) return known.name;
    const name = { bytes: bytes.slice(from, to), name: decoder.decode(bytes.subarray(from, to)) };
    this.#names[slot] = name;
    return name.name;
  }
}

/**
 * Reads any header.
 *
 * @param line All of it, without its newline.
 * @returns With the three fields that every header has.
 * @throws {RpcError} `data_loss` if it is none.
 */
export function parseHeader(line: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw broken(`expected a header of geerpc/json, got ${excerpt(line)}`);
  }
  const header = value as Partial<Header> | null;
  if (typeof header !== "object" || header === null) {
    throw broken(`expected a header of geerpc/json, got ${excerpt(line)}`);
  }
  const { ServiceMethod = "", Seq = 0, Error = "" } = header;
  if (
    typeof ServiceMethod !== "string" || typeof Error !== "string" ||
    !Number.isSafeInteger(Seq) || Seq < 0
  ) {
    throw broken(`a header of geerpc/json with a wrong field: ${excerpt(line)}`);
  }
  return { ...header, ServiceMethod, Seq, Error };
}

function broken(what: string): RpcError {
  return new RpcError("data_loss", what);
}

/** How headers begin, up to their Seq, by service method. */
export class HeaderStarts {
  readonly #starts = new Map<string, Uint8Array>();

  /** The beginning of a method's headers. */
  get(serviceMethod: string): Uint8Array {
    let start = this.#starts.get(serviceMethod);
    if (start === undefined) {
      start = encoder.encode(`{"ServiceMethod":${JSON.stringify(serviceMethod)},"Seq":`);
      if (this.#starts.size < MOST_STARTS) this.#starts.set(serviceMethod, start);
    }
    return start;
  }
}
