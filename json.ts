/**
 * JSON as it stands on the wire: values, one a line, cut out of a stream of
 * bytes however it comes, and read with suspicion.
 *
 * @module
 */

import { excerpt, isLongerThan, type Limits } from "./codec.ts";
import { errorText, RpcError } from "./errors.ts";

const NEWLINE = 10;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What {@linkcode LineReader} calls. */
export interface LineSink {
  /** A line stands in `text` from `from` to `to`, without its newline. */
  line(text: string, from: number, to: number): void;
  /** A line was over the limit. It is skipped as it comes and never held. */
  tooLong(): void;
}

/**
 * Cuts a stream of bytes into lines. Bytes are decoded once, a whole read at
 * a time; a line that spans reads is put together first, so that no character
 * is torn.
 */
export class LineReader {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not come. */
  #start = new Uint8Array(0);
  #startLength = 0;
  #skipping = false;

  /** @param maxBytes The longest line. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether no line has begun that has not ended. */
  get atBoundary(): boolean {
    return this.#startLength === 0 && !this.#skipping;
  }

  /** The beginning of the line that has not ended, for an error message. */
  get unfinished(): string {
    return decoder.decode(this.#start.subarray(0, Math.min(this.#startLength, 80)));
  }

  /**
   * Reads on.
   *
   * @param chunk What has come.
   * @param sink What is told of each line. What it throws ends the reading.
   */
  push(chunk: Uint8Array, sink: LineSink): void {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(chunk, sink);
    let from = 0;
    if (!this.atBoundary) {
      from = chunk.indexOf(NEWLINE) + 1;
      this.#finish(chunk.subarray(0, from), sink);
    }
    if (from < end) {
      this.#lines(
        decoder.decode(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end)),
        sink,
      );
    }
    if (end < chunk.length) this.#keep(chunk.subarray(end), sink);
  }

  #lines(text: string, sink: LineSink): void {
    for (let from = 0; from < text.length;) {
      const to = text.indexOf("\n", from);
      if (
        (to - from) * 3 > this.#maxBytes && isLongerThan(text.slice(from, to), this.#maxBytes)
      ) {
        sink.tooLong();
      } else {
        sink.line(text, from, to);
      }
      from = to + 1;
    }
  }

  #finish(lineEnd: Uint8Array, sink: LineSink): void {
    if (!this.#skipping) this.#keep(lineEnd, sink);
    const bytes = this.#start.subarray(0, this.#startLength);
    const skipped = this.#skipping;
    this.#skipping = false;
    this.#startLength = 0;
    if (bytes.length > KEPT_BYTES) this.#start = new Uint8Array(0);
    if (!skipped) this.#lines(decoder.decode(bytes), sink);
  }

  #keep(bytes: Uint8Array, sink: LineSink): void {
    if (this.#skipping) return;
    const length = this.#startLength + bytes.length;
    if (length > this.#maxBytes + 1) {
      this.#skipping = true;
      this.#start = new Uint8Array(0);
      this.#startLength = 0;
      return sink.tooLong();
    }
    if (length > this.#start.length) {
      const larger = new Uint8Array(Math.max(length, this.#start.length * 2, 256));
      larger.set(this.#start.subarray(0, this.#startLength));
      this.#start = larger;
    }
    this.#start.set(bytes, this.#startLength);
    this.#startLength = length;
  }
}

/** How large a buffer is kept when its line is done. */
const KEPT_BYTES = 64 * 1024;

/**
 * Writes a value as JSON.
 *
 * @param value What to write; `undefined` becomes `null`.
 * @param limits The largest message.
 * @returns The text.
 * @throws {RpcError} `invalid_argument` if it can't be written,
 * `resource_exhausted` if it is too large.
 */
export function stringify(value: unknown, limits: Limits): string {
  let text: string | undefined;
  try {
    text = value === undefined ? "null" : JSON.stringify(value);
  } catch (cause) {
    const what = `can't be encoded as JSON: ${errorText(cause).split("\n")[0]}`;
    throw new RpcError("invalid_argument", what, { cause });
  }
  if (text === undefined) {
    throw new RpcError("invalid_argument", `can't be encoded as JSON: a ${typeof value}`);
  }
  if (isLongerThan(text, limits.maxMessageBytes)) {
    throw new RpcError("resource_exhausted", `over the limit of ${limits.maxMessageBytes} bytes`);
  }
  return text;
}

/**
 * Reads a value, with suspicion: nesting has a limit, and a key `__proto__`,
 * which could change objects that it is merged into, is refused.
 *
 * @param text The JSON text.
 * @param limits The deepest nesting.
 * @returns The value.
 * @throws {RpcError} `data_loss` if it is malformed, `invalid_argument` if refused.
 */
export function parse(text: string, limits: Limits): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RpcError("data_loss", `malformed JSON: ${excerpt(text)}`, { cause });
  }
  if (typeof value !== "object" || value === null) return value;
  // Too short to be nested too deeply, and no way to write the key: nothing to look for.
  const suspicious = text.includes("__proto__") || text.includes("\\u");
  if (suspicious || text.length > limits.maxDepth * 2) inspect(value, limits.maxDepth);
  return value;
}

/**
 * Looks a value over that was parsed as part of something larger.
 *
 * @param value What was parsed.
 * @param depthLeft How deep it may be nested.
 * @throws {RpcError} `invalid_argument` if it is nested deeper, or has a key `__proto__`.
 */
export function inspect(value: unknown, depthLeft: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depthLeft === 0) throw new RpcError("invalid_argument", "nested too deeply");
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item === "object" && item !== null) inspect(item, depthLeft - 1);
    }
    return;
  }
  for (const key in value) {
    if (key === "__proto__") {
      throw new RpcError("invalid_argument", 'a key named "__proto__" is not accepted');
    }
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "object" && item !== null) inspect(item, depthLeft - 1);
  }
}
