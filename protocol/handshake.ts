/**
 * GeeRPC's handshake: the option, one JSON object that the client sends first and the server does
 * not answer.
 *
 * @module
 */

import { ChunkBuffer } from "../internal/buffer.ts";
import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";
import { ASCII, skipSpaces } from "./ascii.ts";
import { foreign } from "./foreign.ts";

const { CLOSE_BRACE, OPEN_BRACE } = ASCII;

/** What a GeeRPC client asks for in its handshake. */
export interface GeeRpcOption {
  /** The encoding of everything after the handshake. */
  readonly codecType: "application/json" | "application/gob";
  /** How long the server lets each call of this connection run, in milliseconds; 0: no limit. */
  readonly handleTimeoutMs: number;
  /** Whether the client knows our extensions, those that the server has to answer first. */
  readonly isExtended: boolean;
}

const MAGIC_NUMBER = 0x3bef5c;
const NANOSECONDS_PER_MS = 1e6;
/** Our extensions, by their version. Go's decoder ignores the field. */
const EXTENSIONS = 1;

/** The first read of a Go server takes up to so many bytes, and loses those behind the option. */
const GO_FIRST_READ_BYTES = 512;

/** Go's durations end at 292 years: a longer one is sent as no limit. */
const LONGEST_DURATION_MS = 9e12;

/** An option that has not ended by then is not one. */
const MAX_OPTION_BYTES = 4096;

/**
 * Writes the handshake. The option is padded on the left so that it ends exactly where the first
 * read of a Go server ends: the server would lose requests that arrive in that read.
 *
 * @param codecType The encoding of everything after the handshake.
 * @param handleTimeoutMs How long the server lets each call run, in milliseconds; 0: no limit.
 * @returns 512 characters, the last of which is the closing brace.
 */
export function encodeOption(
  codecType: GeeRpcOption["codecType"],
  handleTimeoutMs: number,
): string {
  return JSON.stringify({
    MagicNumber: MAGIC_NUMBER,
    CodecType: codecType,
    ConnectTimeout: 0,
    HandleTimeout: handleTimeoutMs < LONGEST_DURATION_MS
      ? Math.round(handleTimeoutMs * NANOSECONDS_PER_MS)
      : 0,
    Ext: codecType === "application/json" ? EXTENSIONS : undefined,
  }).padStart(GO_FIRST_READ_BYTES);
}

/** Reads the handshake from a stream, and loses nothing of what follows it. */
export class OptionReader {
  readonly #buffer = new ChunkBuffer();
  /** Where the option begins, or the spaces before it end. */
  #start = 0;
  /** How far its end was looked for. */
  #searched = 0;

  /**
   * Adds bytes of the stream.
   *
   * @param chunk The bytes that arrived.
   * @returns The option and the bytes behind it; `undefined` if more bytes are needed.
   * @throws {RpcError} `data_loss` if it is not a GeeRPC handshake, `unimplemented` for an
   * encoding other than JSON and gob.
   */
  push(chunk: Uint8Array): { option: GeeRpcOption; rest: Uint8Array } | undefined {
    this.#buffer.add(chunk);
    const bytes = this.#buffer.view(MAX_OPTION_BYTES);
    this.#start = skipSpaces(bytes, this.#start);
    const begins = this.#start === bytes.length || bytes[this.#start] === OPEN_BRACE;
    // The option has no objects and no braces in strings: its first closing brace ends it.
    const end = begins ? bytes.indexOf(CLOSE_BRACE, this.#searched) + 1 : 0;
    this.#searched = bytes.length;
    if (end > 0) {
      const text = new TextDecoder().decode(bytes.subarray(0, end));
      return { option: parseOption(text), rest: this.#buffer.view().subarray(end) };
    }
    if (begins && bytes.length < MAX_OPTION_BYTES) return undefined;
    const text = new TextDecoder().decode(bytes).trimStart();
    throw new RpcError(
      "data_loss",
      `expected a GeeRPC handshake, got ${foreign(text, "geerpc/json")}`,
    );
  }
}

function parseOption(text: string): GeeRpcOption {
  let option: Record<string, unknown>;
  try {
    option = JSON.parse(text);
  } catch (cause) {
    const message = `expected a GeeRPC handshake, got ${foreign(text.trim(), "geerpc/json")}`;
    throw new RpcError("data_loss", message, { cause });
  }
  const { MagicNumber, CodecType, HandleTimeout = 0, Ext } = option;
  if (MagicNumber !== MAGIC_NUMBER) {
    const message = `rpc server: invalid magic number ${MagicNumber}; expected ${MAGIC_NUMBER}` +
      (MagicNumber === undefined
        ? ` of a GeeRPC handshake, got ${foreign(text.trim(), "geerpc/json")}`
        : "");
    throw new RpcError("data_loss", message);
  }
  if (CodecType !== "application/json" && CodecType !== "application/gob") {
    throw new RpcError(
      "unimplemented",
      `rpc server: invalid codec type ${excerpt(String(CodecType))}; ` +
        "expected application/json or application/gob",
    );
  }
  const handleTimeoutMs = typeof HandleTimeout === "number" && HandleTimeout > 0
    ? HandleTimeout / NANOSECONDS_PER_MS
    : 0;
  const isExtended = CodecType === "application/json" && Ext === EXTENSIONS;
  return { codecType: CodecType, handleTimeoutMs, isExtended };
}
