/**
 * The header of `geerpc/json`, a line of JSON before each body.
 *
 * @module
 */

import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";
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
/** How many starts a reader knows again; a power of two. */
const STARTS = 16;
/** Longer names are not kept. */
const LONGEST_NAME = 256;
/** How many starts a writer keeps; nobody calls more methods often. */
const MOST_STARTS = 1000;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

const BEFORE_NAME = encoder.encode('{"ServiceMethod":"');
const BEFORE_SEQ = encoder.encode('","Seq":');

/** How the header of a call ends that has no more to say. */
export const CALL_END: Uint8Array = encoder.encode("}\n");
/** How the header of a reply ends that is no error. */
export const REPLY_END: Uint8Array = encoder.encode(',"Error":""}\n');

/** How headers of one method begin, up to their Seq. */
interface Start {
  readonly serviceMethod: string;
  readonly bytes: Uint8Array;
}

const NO_METHOD: Start = {
  serviceMethod: "",
  bytes: encoder.encode('{"ServiceMethod":"","Seq":'),
};

/**
 * The usual header, read without making a text or an object of it: service
 * method, Seq and nothing else. Anything unusual is left to
 * {@linkcode parseHeader}.
 */
export class UsualHeader {
  /** Its number. */
  seq = 0;
  /** The start of the last one: the next is the same, more often than not. */
  #start = NO_METHOD;
  /** Starts that were read before, each where its name's hash says. */
  readonly #starts: (Start | undefined)[] = [];

  /** Its service method. */
  get serviceMethod(): string {
    return this.#start.serviceMethod;
  }

  /**
   * Reads the next line.
   *
   * @param lines What has come.
   * @returns `false` if it is no usual header: it is still the next line then.
   */
  read(lines: Lines): boolean {
    const { bytes, at: from } = lines;
    if (!standsAt(bytes, from, this.#start.bytes) && !this.#learn(bytes, from)) return false;
    const digits = from + this.#start.bytes.length;
    let at = digits;
    let seq = 0;
    for (let byte = bytes[at]; byte >= ZERO && byte <= NINE; byte = bytes[++at]) {
      seq = seq * 10 + byte - ZERO;
    }
    if (at === digits || at - digits > MOST_DIGITS) return false;
    if (bytes[digits] === ZERO && at > digits + 1) return false; // 007 is no JSON
    this.seq = seq;
    const end = bytes[at] === CALL_END[0] ? CALL_END : REPLY_END;
    if (!standsAt(bytes, at, end)) return false;
    lines.at = at + end.length;
    return true;
  }

  #learn(bytes: Uint8Array, from: number): boolean {
    if (!standsAt(bytes, from, BEFORE_NAME)) return false;
    const nameFrom = from + BEFORE_NAME.length;
    let at = nameFrom;
    let hash = 0;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      if (byte === BACKSLASH || byte === NEWLINE || at - nameFrom > LONGEST_NAME) return false;
      hash = hash * 31 + byte | 0;
    }
    if (!standsAt(bytes, at, BEFORE_SEQ)) return false;
    const length = at + BEFORE_SEQ.length - from;
    const slot = hash & (STARTS - 1);
    const known = this.#starts[slot];
    if (known?.bytes.length === length && standsAt(bytes, from, known.bytes)) {
      this.#start = known;
    } else {
      const serviceMethod = decoder.decode(bytes.subarray(nameFrom, at));
      this.#start = { serviceMethod, bytes: bytes.slice(from, from + length) };
      this.#starts[slot] = this.#start;
    }
    return true;
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
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
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
      const isWorthIt = this.#starts.size < MOST_STARTS && start.length <= LONGEST_NAME;
      if (isWorthIt) this.#starts.set(serviceMethod, start);
    }
    return start;
  }
}
