/**
 * What all of GeeRPC's encodings share: the handshake, and its error texts.
 *
 * @module
 */

import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";

/** What a GeeRPC client opens with. */
export interface GeeRpcOption {
  /** The encoding of what follows. */
  readonly codecType: "application/json" | "application/gob";
  /** What the server gives each call of this connection, in milliseconds; 0: no limit. */
  readonly handleTimeoutMs: number;
}

const MAGIC_NUMBER = 0x3bef5c;
const NANOSECONDS_PER_MS = 1e6;

/** A Go server's first read takes so many bytes, and loses what follows the option in it. */
const GO_FIRST_READ = 512;

/** Go's durations end at 292 years. So much and more is no limit. */
const LONGEST_DURATION_MS = 9e12;

/** A longer option is no option. */
const LONGEST_OPTION = 4096;

/**
 * The handshake: the option, padded on the left so that it ends where a Go
 * server's first read ends. What follows in the same write is not lost then.
 *
 * @param codecType The encoding of what follows.
 * @param handleTimeoutMs What the server is to give each call; 0: no limit.
 * @returns 512 characters.
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
  }).padStart(GO_FIRST_READ);
}

/** Reads the handshake out of a stream, and loses nothing of what follows it. */
export class OptionReader {
  #bytes = new Uint8Array(0);

  /**
   * Reads on.
   *
   * @param chunk What has come.
   * @returns The option and the bytes behind it, or nothing yet.
   * @throws {RpcError} `data_loss` if it is no GeeRPC handshake, `unimplemented`
   * for a codec that is none of ours.
   */
  push(chunk: Uint8Array): { option: GeeRpcOption; rest: Uint8Array } | undefined {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    // The option is a flat object: its first closing brace ends it, since no
    // string in it holds one.
    const end = bytes.subarray(0, LONGEST_OPTION).indexOf(125) + 1;
    const text = new TextDecoder().decode(bytes.subarray(0, end || LONGEST_OPTION));
    const start = text.trimStart();
    if (start !== "" && !start.startsWith("{") || end === 0 && bytes.length >= LONGEST_OPTION) {
      throw new RpcError("data_loss", `expected a GeeRPC handshake, got ${excerpt(start)}`);
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
    const message = `expected a GeeRPC handshake, got ${excerpt(text.trim())}`;
    throw new RpcError("data_loss", message, { cause });
  }
  const { MagicNumber, CodecType, HandleTimeout = 0 } = option;
  if (MagicNumber !== MAGIC_NUMBER) {
    const message = `rpc server: invalid magic number ${MagicNumber}; expected ${MAGIC_NUMBER}`;
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

const REJECTIONS = [
  "rpc server: can't find service",
  "rpc server: can't find method",
  "rpc server: service/method request ill-formed",
];

/**
 * Whether an error text is a GeeRPC server's word that the call did not run.
 *
 * @param text The error of a reply.
 * @returns `true` for an unknown service or method.
 */
export function rejectedBy(text: string): boolean {
  return text.startsWith("rpc server: ") && REJECTIONS.some((start) => text.startsWith(start));
}

const UNITS: readonly (readonly [string, number])[] = [["h", 3.6e6], ["m", 6e4]];

/**
 * A duration as Go writes it: `1s`, `1.5s`, `250ms`, `1m30s`.
 *
 * @param ms Milliseconds.
 * @returns Go's text.
 */
export function goDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1e-3) return `${+(ms * 1e6).toFixed(0)}ns`;
  if (ms < 1) return `${+(ms * 1e3).toFixed(3)}µs`;
  if (ms < 1000) return `${+ms.toFixed(6)}ms`;
  let text = "";
  let rest = ms;
  for (const [unit, size] of UNITS) {
    const whole = Math.floor(rest / size);
    if (whole > 0 || text !== "") text += `${whole}${unit}`;
    rest -= whole * size;
  }
  return `${text}${+(rest / 1000).toFixed(9)}s`;
}
