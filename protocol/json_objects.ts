/**
 * JSON objects cut out of a stream of bytes that may stand in any way: one a
 * line, several a line, or each over many lines.
 *
 * @module
 */

import { isLongerThan } from "./codec.ts";
import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** How much of an object over the limit is kept: enough to tell whose it is. */
const HEAD_LENGTH = 256;
const TAIL_LENGTH = 64;

const wholeDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What {@linkcode ObjectReader} calls. What it throws ends the reading. */
export interface ObjectSink {
  /**
   * A line that begins with an object stands in `text` from `from` to `to`,
   * without its newline.
   *
   * @returns `false` if it is not one message of the usual form: it is cut by
   * the book then.
   */
  line(text: string, from: number, to: number): boolean;
  /** An object, as far as its braces and brackets say; it may be malformed. */
  object(text: string): void;
  /** An object was over the limit. It was skipped as it came; its ends are these. */
  tooLong(head: string, tail: string): void;
}

/** Cuts a stream of bytes into JSON objects, and holds no more than the limit allows. */
export class ObjectReader {
  readonly #maxBytes: number;
  readonly #tornDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Whether the last chunk may have ended within a character. */
  #torn = false;
  /** The beginning of an object whose end has not come. */
  readonly #parts: string[] = [];
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #skipping = false;
  #head = "";
  #tail = "";

  /** @param maxBytes The longest object. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether no object has begun that has not ended. */
  get atBoundary(): boolean {
    return this.#depth === 0;
  }

  /** The beginning of the object that has not ended, for an error message. */
  get unfinished(): string {
    return this.#skipping ? this.#head : this.#parts[0] ?? "";
  }

  /**
   * Reads on.
   *
   * @param chunk What has come.
   * @param sink What is told of each object.
   * @throws {RpcError} `data_loss` if something else than an object begins.
   */
  push(chunk: Uint8Array, sink: ObjectSink): void {
    const text = this.#decode(chunk);
    let newline = -1;
    for (let at = 0; at < text.length;) {
      if (this.#depth === 0) {
        const code = text.charCodeAt(at);
        if (code === NEWLINE || code === SPACE || code === RETURN || code === TAB) {
          at++;
          continue;
        }
        if (code !== OPEN_BRACE) {
          throw new RpcError("data_loss", `expected a JSON object, got ${excerpt(text.slice(at))}`);
        }
        if (newline < at) newline = text.indexOf("\n", at);
        if (newline < 0) newline = text.length;
        const fits = newline < text.length && (newline - at) * 3 <= this.#maxBytes;
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
    if (endsWhole && !this.#torn) return wholeDecoder.decode(chunk);
    this.#torn = !endsWhole;
    return this.#tornDecoder.decode(chunk, { stream: true });
  }

  /** Goes on to the end of the object, or of the text. */
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
    if (this.#length <= this.#maxBytes) return;
    this.#skipping = true;
    const text = this.#parts.join("");
    this.#head = text.slice(0, HEAD_LENGTH);
    this.#tail = text.slice(-TAIL_LENGTH);
    this.#parts.length = 0;
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
      text = this.#parts.join("");
      this.#parts.length = 0;
      this.#length = 0;
    }
    if (isLongerThan(text, this.#maxBytes)) {
      sink.tooLong(text.slice(0, HEAD_LENGTH), text.slice(-TAIL_LENGTH));
    } else sink.object(text);
  }
}
