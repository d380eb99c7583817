/**
 * Lines cut out of a stream of bytes, however it comes.
 *
 * @module
 */

import { grow, isWorthKeeping } from "../internal/buffer.ts";

const NEWLINE = 10;
/** What the beginning of a line takes at least. */
const SMALLEST_BYTES = 256;
const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Some whole lines, read one after the other: as bytes, or as text. */
export class Lines {
  /** All of them, each with its newline. */
  readonly bytes: Uint8Array;
  /** Where the next one begins. Who reads it as bytes moves this on. */
  at = 0;
  #text: string | undefined;
  #textFrom = 0;

  /** @param bytes They end with a newline. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether there is another one. */
  get more(): boolean {
    return this.at < this.bytes.length;
  }

  /**
   * The next line as text.
   *
   * @returns With its newline, or without: nothing is copied for that alone.
   */
  text(): string {
    const { bytes, at } = this;
    if (this.#text === undefined) {
      this.#text = decoder.decode(at === 0 ? bytes : bytes.subarray(at));
      this.#textFrom = at;
    }
    const text = this.#text;
    // If there are as many characters as bytes, each is one, and text is searched faster.
    if (text.length === bytes.length - this.#textFrom) {
      const from = at - this.#textFrom;
      const to = text.indexOf("\n", from);
      this.at += to + 1 - from;
      return from === 0 && to === text.length - 1 ? text : text.slice(from, to);
    }
    const to = bytes.indexOf(NEWLINE, at);
    this.at = to + 1;
    return decoder.decode(bytes.subarray(at, to));
  }

  /** Passes over the next line. */
  skip(): void {
    this.at = this.bytes.indexOf(NEWLINE, this.at) + 1;
  }
}

/** What {@linkcode LineReader} calls. What it throws ends the reading. */
export interface LineSink {
  /** Some lines have come. Valid during the call. */
  lines(lines: Lines): void;
  /** A line was over the limit. It is skipped as it comes and never held. */
  tooLong(): void;
}

/** Cuts a stream of bytes behind lines. One that spans reads is put together first. */
export class LineReader {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not come. */
  #start = NOTHING;
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
   * @param sink What is told of the lines.
   */
  push(chunk: Uint8Array, sink: LineSink): void {
    const { length } = chunk;
    const end = chunk[length - 1] === NEWLINE ? length : chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(chunk, sink);
    const whole = end === length ? chunk : chunk.subarray(0, end);
    if (this.atBoundary) this.#whole(whole, sink);
    else this.#finish(whole, sink);
    if (end < length) this.#keep(chunk.subarray(end), sink);
  }

  #whole(bytes: Uint8Array, sink: LineSink): void {
    const most = this.#maxBytes + 1;
    if (bytes.length <= most) return sink.lines(new Lines(bytes));
    for (let from = 0; from < bytes.length;) {
      const next = bytes.indexOf(NEWLINE, from) + 1;
      if (next - from > most) sink.tooLong();
      else sink.lines(new Lines(bytes.subarray(from, next)));
      from = next;
    }
  }

  /** The end of the line that has begun, and perhaps others behind it. */
  #finish(whole: Uint8Array, sink: LineSink): void {
    if (this.#startLength + whole.length <= this.#maxBytes + 1 && !this.#skipping) {
      this.#append(whole); // a copy is faster than a search for where the first line ends
      return this.#whole(this.#taken(), sink);
    }
    const end = whole.indexOf(NEWLINE) + 1;
    if (!this.#skipping) this.#keep(whole.subarray(0, end), sink);
    const skipped = this.#skipping;
    this.#skipping = false;
    if (!skipped) this.#whole(this.#taken(), sink);
    if (end < whole.length) this.#whole(whole.subarray(end), sink);
  }

  #keep(bytes: Uint8Array, sink: LineSink): void {
    if (this.#skipping) return;
    if (this.#startLength + bytes.length <= this.#maxBytes + 1) return this.#append(bytes);
    this.#skipping = true;
    this.#taken();
    sink.tooLong();
  }

  #append(bytes: Uint8Array): void {
    const length = this.#startLength + bytes.length;
    if (length > this.#start.length) {
      this.#start = grow(this.#start, this.#startLength, Math.max(length, SMALLEST_BYTES));
    }
    this.#start.set(bytes, this.#startLength);
    this.#startLength = length;
  }

  /** What has been kept, to be read at once. */
  #taken(): Uint8Array {
    const bytes = this.#start.subarray(0, this.#startLength);
    if (!isWorthKeeping(this.#start, this.#startLength)) this.#start = NOTHING;
    this.#startLength = 0;
    return bytes;
  }
}
