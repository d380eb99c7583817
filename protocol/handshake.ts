/**
 * GeeRPC's handshake: the option, one JSON object that the client sends first and the server does
 * not answer.
 *
 * @module
 */

import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";
import { ASCII } from "./ascii.ts";
import { foreign } from "./foreign.ts";

const { CLOSE_BRACE } = ASCII;

/** What a GeeRPC client asks for in its handshake. */
export interface GeeRpcOption {
  /** The encoding of everything after the handshake. */
  readonly codecType: "application/json" | "application/gob";
  /** How long the server lets each call of this connection run, in milliseconds; 0: no limit. */
  readonly handleTimeoutMs: number;
}

const MAGIC_NUMBER = 0x3bef5c;
const NANOSECONDS_PER_MS = 1e6;

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
  }).padStart(GO_FIRST_READ_BYTES);
}

/** Reads the handshake from a stream, and loses nothing of what follows it. */
export class OptionReader {
  #bytes = new Uint8Array(0);

  /**
   * Adds bytes of the stream.
   *
   * @param chunk The bytes that arrived.
   * @returns The option and the bytes behind it; `undefined` if more bytes are needed.
   * @throws {RpcError} `data_loss` if it is not a GeeRPC handshake, `unimplemented` for an
   * encoding other than JSON and gob.
   */
  push(chunk: Uint8Array): { option: GeeRpcOption; rest: Uint8Array } | undefined {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    // The option has no objects and no braces in strings: its first closing brace ends it.
    const end = bytes.subarray(0, MAX_OPTION_BYTES).indexOf(CLOSE_BRACE) + 1;
    const text = new TextDecoder().decode(bytes.subarray(0, end || MAX_OPTION_BYTES));
    const start = text.trimStart();
    if (start !== "" && !start.startsWith("{") || end === 0 && bytes.length >= MAX_OPTION_BYTES) {
      throw new RpcError(
        "data_loss",
        `expected a GeeRPC handshake, got ${foreign(start, "geerpc/json")}`,
      );
    }
    if (end === 0) return undefined;
    return { option: parseOption(text), rest: bytes.subarray(end) };
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
  const { MagicNumber, CodecType, HandleTimeout = 0 } = option;
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
  return { codecType: CodecType, handleTimeoutMs };
}
