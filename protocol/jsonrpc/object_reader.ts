/**
 * Splits a stream of bytes into JSON objects, wherever they stand: one a line, several a line, or
 * each over many lines.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import { ASCII, isSpace } from "../ascii.ts";
import { foreign } from "../foreign.ts";
import { isLongerThan } from "../json.ts";

const {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} = ASCII;

/** How many characters of the two ends of an object over the limit are kept, for its id. */
const HEAD_LENGTH = 256;
const TAIL_LENGTH = 64;
/** So many parts become one: a list of single characters would take eight times their memory. */
const MOST_PARTS = 1024;

/** For chunks that do not end within a character, which is faster. */
const wholeDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Where {@linkcode ObjectReader} delivers objects. An error that it throws ends the reading. */
export interface ObjectSink {
  /**
   * The fast path: a line that begins with an object stands in `text` from `from` to `to`, its
   * newline not included. What is behind `to` must not be searched: there may be much of it, and
   * each line would search it again.
   *
   * @returns `false` if it is not one message in the form that Go writes: its objects are found
   * brace by brace then.
   */
  line(text: string, from: number, to: number): boolean;
  /** An object, by its braces and brackets alone: it may be malformed. */
  object(text: string): void;
  /** An object is over the limit. It was skipped while it arrived; these are its two ends. */
  tooLong(head: string, tail: string): void;
}

/** Splits a stream into JSON objects, and holds no more of one than the limit. */
export class ObjectReader {
  readonly #maxBytes: number;
  readonly #splitDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Whether the last chunk may have ended within a character. */
  #isSplit = false;
  /** The beginning of an object whose end has not arrived. */
  readonly #parts: string[] = [];
  /** How many of these are many that have become one. */
  #joined = 0;
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #skipping = false;
  #head = "";
  #tail = "";

  /** @param maxBytes The longest object in UTF-8. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the stream is between two objects. */
  get atBoundary(): boolean {
    return this.#depth === 0;
  }

  /** The beginning of the unfinished object, for an error message. */
  get unfinished(): string {
    return this.#skipping ? this.#head : this.#parts[0] ?? "";
  }

  /**
   * Adds bytes of the stream.
   *
   * @param chunk The bytes that arrived.
   * @param sink Where the objects in them go.
   * @throws {RpcError} `data_loss` where something other than an object begins.
   */
  push(chunk: Uint8Array, sink: ObjectSink): void {
    const text = this.#decode(chunk);
    let newline = -1;
    let isLineStart = false;
    for (let at = 0; at < text.length;) {
      if (this.#depth === 0) {
        const code = text.charCodeAt(at);
        if (isSpace(code)) {
          at++;
          continue;
        }
        if (code !== OPEN_BRACE) {
          const what = foreign(text.slice(at), "netrpc/json");
          throw new RpcError("data_loss", `expected a JSON object, got ${what}`);
        }
        if (newline < at) {
          newline = text.indexOf("\n", at);
          if (newline < 0) newline = text.length;
          isLineStart = true;
        }
        // Once a line: of many objects on one line each would cost as much as the whole line.
        const fits = isLineStart && newline < text.length &&
          (newline - at) * 3 <= this.#maxBytes;
        isLineStart = false;
        if (fits && sink.line(text, at, newline)) {
          at = newline + 1;
          continue;
        }
      }
      at = this.#scan(text, at, sink);
    }
  }

  #decode(chunk: Uint8Array): string {
    if (chunk.length === 0) return "";
    const endsWhole = chunk[chunk.length - 1] < 128;
    if (endsWhole && !this.#isSplit) return wholeDecoder.decode(chunk);
    this.#isSplit = !endsWhole;
    return this.#splitDecoder.decode(chunk, { stream: true });
  }

  /** Reads on to the end of the object or of the text, and returns the position behind it. */
  #scan(text: string, from: number, sink: ObjectSink): number {
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let at = from;
    while (at < text.length) {
      const code = text.charCodeAt(at++);
      if (inString) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) inString = false;
      } else if (code === QUOTE) inString = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
      else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) break;
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    const part = from === 0 && at === text.length ? text : text.slice(from, at);
    if (depth === 0) this.#finish(part, sink);
    else this.#keep(part);
    return at;
  }

  #keep(part: string): void {
    if (this.#skipping) {
      this.#tail = (this.#tail + part.slice(-TAIL_LENGTH)).slice(-TAIL_LENGTH);
      return;
    }
    this.#parts.push(part);
    this.#length += part.length;
    if (this.#length <= this.#maxBytes) {
      if (this.#parts.length - this.#joined < MOST_PARTS) return;
      const joined = this.#parts.splice(this.#joined).join("");
      this.#joined = this.#parts.push(joined);
      return;
    }
    this.#skipping = true;
    const text = this.#takeParts();
    this.#head = text.slice(0, HEAD_LENGTH);
    this.#tail = text.slice(-TAIL_LENGTH);
  }

  #takeParts(): string {
    const text = this.#parts.join("");
    this.#parts.length = this.#joined = 0;
    return text;
  }

  #finish(part: string, sink: ObjectSink): void {
    if (this.#skipping) {
      const head = this.#head;
      const tail = (this.#tail + part.slice(-TAIL_LENGTH)).slice(-TAIL_LENGTH);
      this.#skipping = false;
      this.#head = this.#tail = "";
      this.#length = 0;
      return sink.tooLong(head, tail);
    }
    let text = part;
    if (this.#parts.length > 0) {
      this.#parts.push(part);
      text = this.#takeParts();
      this.#length = 0;
    }
    if (isLongerThan(text, this.#maxBytes)) {
      sink.tooLong(text.slice(0, HEAD_LENGTH), text.slice(-TAIL_LENGTH));
    } else sink.object(text);
  }
}
