/**
 * The bytes of gob as they are written: integers, byte-reversed floats, strings, and runs of bytes
 * preceded by their length.
 *
 * @module
 */

import { grow } from "../internal/buffer.ts";

const TWO_TO_32 = 0x1_0000_0000;
// Up to here 2n and -2n-1 are exact as numbers.
const HALF_SAFE = 2 ** 51;
// A string of fewer characters is written faster by a loop than by the platform's encoder.
const SHORT_STRING = 48;
const utf8Encoder = new TextEncoder();
const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);

/**
 * A buffer that grows, to which encoders append.
 *
 * Many messages can be gathered in one writer and sent in one write: take
 * {@linkcode GobWriter.view}, hand it to the socket, and {@linkcode GobWriter.clear} the writer
 * when the socket is done with it. The memory is then used again.
 *
 * @example Two messages, one write
 * ```ts
 * import { gob, GobEncoder, GobWriter } from "@geerpc/xclient/gob";
 *
 * const encoder = new GobEncoder();
 * const writer = new GobWriter();
 * encoder.encodeTo(writer, "Arith.Sum", gob.string);
 * encoder.encodeTo(writer, 7, gob.int);
 * console.log(writer.view().length); // 17
 * writer.clear();
 * ```
 */
export class GobWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /**
   * Creates an empty writer.
   *
   * @param capacity How many bytes it can hold before it grows. Default: 512.
   */
  constructor(capacity = 512) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16));
  }

  /** The memory. Only the first {@linkcode GobWriter.length} bytes of it have been written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#length;
  }

  /**
   * What has been written, without copying. It is valid until the writer is used again.
   *
   * @returns A view into the writer's memory.
   */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * A copy of what has been written, from `start` on.
   *
   * @param start The position of the first byte to copy. Default: 0.
   * @returns A copy, which later use of the writer does not change.
   */
  copy(start = 0): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(start, this.#length);
  }

  /** Forgets what has been written and keeps the memory. */
  clear(): void {
    this.#length = 0;
  }

  /**
   * Takes back what was written last.
   *
   * @param length The {@linkcode GobWriter.length} before it was written.
   */
  cut(length: number): void {
    this.#length = length;
  }

  /**
   * Makes room for `count` more bytes.
   *
   * @param count How many bytes will be written next.
   */
  reserve(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#bytes.length) {
      this.#bytes = grow(this.#bytes, this.#length, needed);
    }
  }

  /**
   * Appends one byte.
   *
   * @param value 0 to 255.
   */
  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /**
   * Appends an unsigned integer.
   *
   * @param value A whole number from 0 to 2^54, or a bigint from 0 to 2^64-1; not checked here.
   */
  uint(value: number | bigint): void {
    if (typeof value === "number") {
      if (value < 128) this.byte(value);
      else this.#words(Math.floor(value / TWO_TO_32), value >>> 0);
    } else if (value < 128n) {
      this.byte(Number(value));
    } else {
      this.#words(Number(value >> 32n), Number(value & 0xffff_ffffn));
    }
  }

  /**
   * Appends a signed integer.
   *
   * @param value A safe integer, or a bigint that 64 bits hold; not checked here.
   */
  int(value: number | bigint): void {
    if (typeof value === "number" && value < HALF_SAFE && value > -HALF_SAFE) {
      this.uint(value < 0 ? -2 * value - 1 : 2 * value);
    } else {
      const big = BigInt(value);
      this.uint(big < 0n ? (~big << 1n) | 1n : big << 1n);
    }
  }

  /** Appends a count byte and the significant bytes of a 64-bit number, high byte first. */
  #words(high: number, low: number): void {
    this.reserve(9);
    const bytes = this.#bytes;
    let at = this.#length;
    let count = 1;
    if (high > 0) {
      count = high > 0xff_ffff ? 8 : high > 0xffff ? 7 : high > 0xff ? 6 : 5;
    } else if (low > 0xff) count = low > 0xff_ffff ? 4 : low > 0xffff ? 3 : 2;
    bytes[at++] = 256 - count;
    for (let shift = (count - 5) * 8; shift >= 0; shift -= 8) {
      bytes[at++] = high >>> shift;
    }
    for (let shift = (Math.min(count, 4) - 1) * 8; shift >= 0; shift -= 8) {
      bytes[at++] = low >>> shift;
    }
    this.#length = at;
  }

  /**
   * Appends a floating-point number: its bytes reversed, taken for an unsigned integer, so that
   * the many zero bytes of round numbers cost nothing.
   *
   * @param value Any number.
   */
  float(value: number): void {
    floatView.setFloat64(0, value, true);
    let first = 0;
    while (first < 7 && floatBytes[first] === 0) first++;
    if (first === 7 && floatBytes[7] < 128) {
      this.byte(floatBytes[7]);
      return;
    }
    this.reserve(9);
    this.#bytes[this.#length++] = 248 + first;
    while (first < 8) this.#bytes[this.#length++] = floatBytes[first++];
  }

  /**
   * Appends the text as UTF-8, preceded by its length. A lone surrogate becomes U+FFFD.
   *
   * @param text Any string.
   */
  string(text: string): void {
    const size = text.length;
    if (size < SHORT_STRING) {
      this.reserve(size + 1);
      const start = this.#length;
      const bytes = this.#bytes;
      bytes[start] = size;
      let index = 0;
      for (; index < size; index++) {
        const code = text.charCodeAt(index);
        if (code > 127) break;
        bytes[start + 1 + index] = code;
      }
      if (index === size) {
        this.#length = start + 1 + size;
        return;
      }
    }
    this.reserve(size * 3 + 1);
    const start = this.begin();
    this.#length += utf8Encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
    this.end(start);
  }

  /**
   * Appends bytes as they are.
   *
   * @param content The bytes.
   */
  raw(content: Uint8Array): void {
    this.reserve(content.length);
    this.#bytes.set(content, this.#length);
    this.#length += content.length;
  }

  /**
   * Appends bytes, preceded by their length.
   *
   * @param content The bytes.
   */
  blob(content: Uint8Array): void {
    this.uint(content.length);
    this.raw(content);
  }

  /**
   * Begins a run of bytes that is preceded by its length.
   *
   * @returns What {@linkcode GobWriter.end} needs to end it.
   */
  begin(): number {
    // One byte is kept free for the length: nearly all messages are shorter than 128 bytes.
    this.byte(0);
    return this.#length;
  }

  /**
   * Ends the run that {@linkcode GobWriter.begin} began, by filling in its length.
   *
   * @param start What {@linkcode GobWriter.begin} returned.
   */
  end(start: number): void {
    const size = this.#length - start;
    if (size < 128) {
      this.#bytes[start - 1] = size;
      return;
    }
    const extra = size > 0xff_ffff ? 4 : size > 0xffff ? 3 : size > 0xff ? 2 : 1;
    this.reserve(extra);
    this.#bytes.copyWithin(start + extra, start, this.#length);
    this.#length = start - 1;
    this.#words(0, size);
    this.#length += size;
  }

  /**
   * Inserts bytes before those that were written since a position.
   *
   * @param at The position.
   * @param content The bytes.
   */
  insert(at: number, content: Uint8Array): void {
    this.reserve(content.length);
    this.#bytes.copyWithin(at + content.length, at, this.#length);
    this.#bytes.set(content, at);
    this.#length += content.length;
  }
}
