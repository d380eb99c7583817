/**
 * Splits a stream of bytes into lines, in whatever chunks it arrives.
 *
 * @module
 */

import { ChunkBuffer } from "../../internal/buffer.ts";
import { ASCII } from "../ascii.ts";

const { NEWLINE } = ASCII;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Whole lines, read one after the other as bytes or as text. */
export class Lines {
  /** All of them, each with its newline. */
  readonly bytes: Uint8Array;
  #at = 0;
  #text: string | undefined;
  #textFrom = 0;

  /** @param bytes Whole lines: the last byte is a newline. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The position of the next line. */
  get at(): number {
    return this.#at;
  }

  /** Whether there is another line. */
  get more(): boolean {
    return this.#at < this.bytes.length;
  }

  /**
   * Goes on to the next line, after this one was read as bytes.
   *
   * @param at The position behind the newline.
   */
  advanceTo(at: number): void {
    this.#at = at;
  }

  /**
   * Takes the next line as text.
   *
   * @returns The line, with or without its newline: it is not copied to cut that off.
   */
  text(): string {
    const bytes = this.bytes;
    const at = this.#at;
    if (this.#text === undefined) {
      this.#text = decoder.decode(at === 0 ? bytes : bytes.subarray(at));
      this.#textFrom = at;
    }
    const text = this.#text;
    // With as many characters as bytes all is ASCII, and a string is searched faster.
    if (text.length === bytes.length - this.#textFrom) {
      const from = at - this.#textFrom;
      const to = text.indexOf("\n", from);
      this.#at += to + 1 - from;
      return from === 0 && to === text.length - 1 ? text : text.slice(from, to);
    }
    const to = bytes.indexOf(NEWLINE, at);
    this.#at = to + 1;
    return decoder.decode(bytes.subarray(at, to));
  }

  /** Skips the next line. */
  skip(): void {
    this.#at = this.bytes.indexOf(NEWLINE, this.#at) + 1;
  }
}

/** Where {@linkcode LineReader} delivers lines. An error that it throws ends the reading. */
export interface LineSink {
  /** Lines have arrived. They are valid during the call. */
  lines(lines: Lines): void;
  /** A line is over the limit. It is skipped while it arrives, and never held. */
  tooLong(): void;
}

/** Splits a stream into lines. A line that spans several chunks is put together first. */
export class LineReader {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not arrived. */
  readonly #start = new ChunkBuffer();
  #skipping = false;

  /** @param maxBytes The longest line, without its newline. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the stream is between two lines. */
  get atBoundary(): boolean {
    return this.#start.length === 0 && !this.#skipping;
  }

  /** The beginning of the unfinished line, for an error message. */
  get unfinished(): string {
    return decoder.decode(this.#start.view(80));
  }

  /**
   * Adds bytes of the stream.
   *
   * @param chunk The bytes that arrived.
   * @param sink Where the lines in them go.
   */
  push(chunk: Uint8Array, sink: LineSink): void {
    const { length } = chunk;
    const end = chunk[length - 1] === NEWLINE ? length : chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(chunk, sink);
    const whole = end === length ? chunk : chunk.subarray(0, end);
    if (this.atBoundary) this.#deliver(whole, sink);
    else this.#deliverStarted(whole, sink);
    if (end < length) this.#keep(chunk.subarray(end), sink);
  }

  #deliver(bytes: Uint8Array, sink: LineSink): void {
    const most = this.#maxBytes + 1;
    if (bytes.length <= most) return sink.lines(new Lines(bytes));
    for (let from = 0; from < bytes.length;) {
      const next = bytes.indexOf(NEWLINE, from) + 1;
      if (next - from > most) sink.tooLong();
      else sink.lines(new Lines(bytes.subarray(from, next)));
      from = next;
    }
  }

  /** Reads the end of the line that has begun, and lines behind it. */
  #deliverStarted(whole: Uint8Array, sink: LineSink): void {
    if (this.#start.length + whole.length <= this.#maxBytes + 1 && !this.#skipping) {
      this.#start.add(whole); // a copy is faster than a search for where the first line ends
      return this.#deliver(this.#start.take(), sink);
    }
    const end = whole.indexOf(NEWLINE) + 1;
    if (!this.#skipping) this.#keep(whole.subarray(0, end), sink);
    const skipped = this.#skipping;
    this.#skipping = false;
    if (!skipped) this.#deliver(this.#start.take(), sink);
    if (end < whole.length) this.#deliver(whole.subarray(end), sink);
  }

  #keep(bytes: Uint8Array, sink: LineSink): void {
    if (this.#skipping) return;
    if (this.#start.length + bytes.length <= this.#maxBytes + 1) return this.#start.add(bytes);
    this.#skipping = true;
    this.#start.take();
    sink.tooLong();
  }
}
