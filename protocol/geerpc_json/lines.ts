/**
 * Splits a stream of bytes into lines, and the raw bytes behind some of them, in whatever chunks it
 * arrives.
 *
 * @module
 */

import { ChunkBuffer } from "../../internal/buffer.ts";
import { ASCII } from "../ascii.ts";
import { PartsReader, type Use } from "./parts.ts";
import type { ReceivedParts } from "./values/decode.ts";

const { NEWLINE } = ASCII;

/** For so many chunks behind raw bytes more of them are expected. */
const CHUNKS_ONE_BY_ONE = 32;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Whole lines, read one after the other as bytes or as text. */
export class Lines {
  /** All of them, each with its newline. */
  readonly bytes: Uint8Array;
  #at = 0;
  #end: number;
  #text: string | undefined;
  #textFrom = 0;

  /** @param bytes Whole lines: the last byte is a newline. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#end = bytes.length;
  }

  /** The position of the next line. */
  get at(): number {
    return this.#at;
  }

  /** Whether there is another line. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** What follows is no line: there are no more here. */
  end(): void {
    this.#end = this.#at;
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

/** Where {@linkcode LineReader} delivers what it reads. An error that it throws ends the reading. */
export interface LineSink {
  /** Lines have arrived. They are valid during the call. */
  lines(lines: Lines): void;
  /** A line is over the limit. It is skipped while it arrives, and never held. */
  tooLong(): void;
  /** The raw bytes that {@linkcode LineReader.expect} was told of have arrived. */
  raw(parts: ReceivedParts): void;
}

/** Splits a stream into lines. A line that spans several chunks is put together first. */
export class LineReader {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not arrived. */
  readonly #start = new ChunkBuffer();
  #skipping = false;
  /** The raw bytes that come next, if any do. */
  #parts: PartsReader | undefined;
  /** How many chunks are read one line at a time: raw bytes are not searched for newlines. */
  #oneByOne = 0;

  /** @param maxBytes The longest line, without its newline. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the stream is between two lines. */
  get atBoundary(): boolean {
    return this.#start.length === 0 && !this.#skipping && this.#parts === undefined;
  }

  /** The beginning of the unfinished line, for an error message. */
  get unfinished(): string {
    return decoder.decode(this.#start.view(80));
  }

  /**
   * Raw bytes follow: behind the line that was read last, or behind one that is too long. Called
   * while that is delivered.
   *
   * @param lengths How many there are, piece by piece.
   * @param lines The lines that are being read, if one was read.
   * @param use What becomes of them. Those that are skipped are not delivered.
   */
  expect(lengths: readonly number[], lines: Lines | undefined, use: Use): void {
    this.#oneByOne = CHUNKS_ONE_BY_ONE;
    this.#parts = new PartsReader(lengths, use, this.#start);
    lines?.end();
  }

  /**
   * Adds bytes of the stream.
   *
   * @param chunk The bytes that arrived.
   * @param sink Where what is in them goes.
   */
  push(chunk: Uint8Array, sink: LineSink): void {
    if (this.#oneByOne > 0) this.#oneByOne--;
    for (let at = 0; at < chunk.length || this.#parts?.isComplete;) {
      at = this.#skipping
        ? this.#skipLine(chunk, at)
        : this.#parts !== undefined
        ? this.#readRaw(this.#parts, chunk, at, sink)
        : this.#oneByOne > 0
        ? this.#readLine(chunk, at, sink)
        : this.#readLines(chunk, at, sink);
    }
  }

  /** Reads what is behind a position up to the last newline. Returns how far it has come. */
  #readLines(chunk: Uint8Array, at: number, sink: LineSink): number {
    const { length } = chunk;
    const rest = at === 0 ? chunk : chunk.subarray(at);
    const end = chunk[length - 1] === NEWLINE ? rest.length : rest.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(rest, length, sink);
    const started = this.#start.length;
    if (started + end > this.#maxBytes + 1) {
      this.#oneByOne ||= 1; // for the rest of this chunk, or it would be searched for each line
      return this.#readLine(chunk, at, sink);
    }
    let bytes = end === rest.length ? rest : rest.subarray(0, end);
    if (started > 0) {
      this.#start.add(bytes); // a copy is faster than a search for where the first line ends
      bytes = this.#start.take();
    }
    const lines = new Lines(bytes);
    sink.lines(lines);
    if (this.#parts !== undefined) return at + lines.at - started;
    return end < rest.length ? this.#keep(rest.subarray(end), length, sink) : length;
  }

  #readLine(chunk: Uint8Array, at: number, sink: LineSink): number {
    const next = chunk.indexOf(NEWLINE, at) + 1;
    if (next === 0) return this.#keep(chunk.subarray(at), chunk.length, sink);
    let bytes = chunk.subarray(at, next);
    if (this.#start.length + bytes.length > this.#maxBytes + 1) {
      this.#start.take();
      sink.tooLong();
      return next;
    }
    if (this.#start.length > 0) {
      this.#start.add(bytes);
      bytes = this.#start.take();
    }
    sink.lines(new Lines(bytes));
    return next;
  }

  /** Keeps the beginning of a line. */
  #keep(bytes: Uint8Array, end: number, sink: LineSink): number {
    if (this.#start.length + bytes.length <= this.#maxBytes + 1) this.#start.add(bytes);
    else {
      this.#skipping = true;
      this.#start.take();
      sink.tooLong();
    }
    return end;
  }

  #skipLine(chunk: Uint8Array, at: number): number {
    const end = chunk.indexOf(NEWLINE, at);
    if (end < 0) return chunk.length;
    this.#skipping = false;
    return end + 1;
  }

  #readRaw(parts: PartsReader, chunk: Uint8Array, at: number, sink: LineSink): number {
    const end = parts.read(chunk, at);
    if (!parts.isComplete) return end;
    this.#parts = undefined;
    if (parts.received !== undefined) sink.raw(parts.received);
    return end;
  }
}
