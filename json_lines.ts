/**
 * Lines cut out of a stream of bytes, however it comes.
 *
 * @module
 */

const NEWLINE = 10;
/** How far a loop looks for the end of a line before it asks the engine. */
const NEAR_BYTES = 32;
/** How large a buffer is kept when its line is done. */
const KEPT_BYTES = 64 * 1024;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Some whole lines: bytes, and text where it is asked for. */
export class Lines {
  /** All of them, each with its newline. */
  readonly bytes: Uint8Array;
  #text: string | undefined;

  /** @param bytes They end with a newline. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * Where a line ends.
   *
   * @param from Where it begins.
   * @returns Where its newline stands.
   */
  endOf(from: number): number {
    const { bytes } = this;
    const near = Math.min(from + NEAR_BYTES, bytes.length);
    for (let at = from; at < near; at++) if (bytes[at] === NEWLINE) return at;
    return bytes.indexOf(NEWLINE, near);
  }

  /**
   * A part of the text.
   *
   * @param from Where it begins, in bytes.
   * @param to Where it ends, in bytes.
   */
  text(from: number, to: number): string {
    const text = this.#text ??= decoder.decode(this.bytes);
    // If there are as many characters as bytes, each is one.
    if (text.length === this.bytes.length) return text.slice(from, to);
    return decoder.decode(this.bytes.subarray(from, to));
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
   * @param sink What is told of the lines.
   */
  push(chunk: Uint8Array, sink: LineSink): void {
    const { length } = chunk;
    const end = chunk[length - 1] === NEWLINE ? length : chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(chunk, sink);
    let from = 0;
    if (!this.atBoundary) {
      from = chunk.indexOf(NEWLINE) + 1;
      this.#finish(chunk.subarray(0, from), sink);
    }
    if (from < end) {
      this.#whole(from === 0 && end === length ? chunk : chunk.subarray(from, end), sink);
    }
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

  #finish(lineEnd: Uint8Array, sink: LineSink): void {
    if (!this.#skipping) this.#keep(lineEnd, sink);
    const bytes = this.#start.subarray(0, this.#startLength);
    const skipped = this.#skipping;
    this.#skipping = false;
    this.#startLength = 0;
    if (bytes.length > KEPT_BYTES) this.#start = new Uint8Array(0);
    if (!skipped) sink.lines(new Lines(bytes));
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
