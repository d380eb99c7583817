/**
 * The bytes of gob as they are read: the counterpart of the writer, with every bound checked. This
 * file is one class.
 *
 * @module
 */

import type { RpcError } from "../errors.ts";
import { isWorthKeeping } from "../internal/buffer.ts";
import { formatPath, malformed, MAX_FIELDS, type PathStep, tooMuch } from "./wire.ts";

// How many parts a value may have for each of its bytes. An empty struct is one byte, and may leave
// out many fields.
const PARTS_PER_BYTE = 33;
/** What takes the engine as much memory and time as four small objects counts for as many parts. */
export const HEAVY_PARTS = 4;
// Go refuses a message of this length or more, too: the bytes are not gob, and the end of such a
// message would never come.
const NO_MESSAGE_BYTES = 2 ** 33;
const TWO_TO_32 = 0x1_0000_0000;
// A string of fewer bytes is read faster by a loop than by the platform's decoder.
const SHORT_STRING = 48;
// A byte order mark is part of the string, as it is in Go.
const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** All that are empty are the same: nothing in it can be changed, and making one takes long. */
export const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);
const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);
const asciiText: string[] = Array.from(
  { length: 128 },
  (_, code) => String.fromCharCode(code),
);

/**
 * Holds what has arrived of a stream, and reads from one message of it, never past its end. It
 * keeps the path to the part that is being read, and counts the parts that take more memory than bytes.
 */
export class GobCursor {
  /** The deepest nesting that is read. */
  readonly maxDepth: number;
  /** The longest message that is read. */
  readonly maxMessageBytes: number;
  /** The most parts that any value may have. */
  readonly #mostParts: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #limit = 0;
  #position = 0;
  #end = 0;
  #continues = false;
  #excessive = 0;
  #depth = 0;
  readonly #path: PathStep[] = [];
  /** How many zeros were filled in that were not on the wire, and objects made of few bytes. */
  #parts = 0;
  /** The most that `#parts` may become in this value. */
  #maxParts = 0;

  /**
   * @param maxDepth The deepest nesting that is read.
   * @param maxMessageBytes The longest message that is read.
   */
  constructor(maxDepth: number, maxMessageBytes: number) {
    this.maxDepth = maxDepth;
    this.maxMessageBytes = maxMessageBytes;
    this.#mostParts = Math.ceil(maxMessageBytes / 4);
  }

  /** The position of the next byte to read. */
  get position(): number {
    return this.#position;
  }

  /** The end of the message that is being read. */
  get end(): number {
    return this.#end;
  }

  /** The end of what has arrived. */
  get limit(): number {
    return this.#limit;
  }

  /** The length of the message that was not opened because it is too long; else 0. */
  get excessive(): number {
    return this.#excessive;
  }

  /** How many structs, slices, arrays, maps and interfaces are open. */
  get depth(): number {
    return this.#depth;
  }

  /**
   * Adds bytes that arrived. They are copied.
   *
   * @param chunk The bytes.
   * @param keptFrom The first byte that is still needed.
   * @returns By how much all positions have become smaller, to make room.
   */
  append(chunk: Uint8Array, keptFrom: number): number {
    let shift = 0;
    if (keptFrom > 0 && keptFrom === this.#limit) {
      if (!isWorthKeeping(this.#bytes, this.#limit)) this.#bytes = new Uint8Array(0);
      shift = this.#limit;
      this.#limit = 0;
    }
    if (this.#limit + chunk.length > this.#bytes.length) {
      shift += this.#makeRoom(chunk.length, keptFrom - shift);
    }
    this.#bytes.set(chunk, this.#limit);
    this.#limit += chunk.length;
    return shift;
  }

  #makeRoom(count: number, keptFrom: number): number {
    const kept = this.#limit - keptFrom;
    const needed = kept + count;
    // Moving is worth it only if it leaves room, or small chunks would each move everything.
    if (needed * 2 <= this.#bytes.length) {
      this.#bytes.copyWithin(0, keptFrom, this.#limit);
    } else {
      const larger = new Uint8Array(Math.max(1024, needed * 2));
      larger.set(this.#bytes.subarray(keptFrom, this.#limit));
      this.#bytes = larger;
    }
    this.#limit = kept;
    return keptFrom;
  }

  /**
   * Goes to a place in a message, at the top of a value.
   *
   * @param position The next byte to read.
   * @param end The end of the message.
   * @param continues Whether the value may go on in the messages that follow.
   */
  seek(position: number, end: number, continues: boolean): void {
    this.#position = position;
    this.#end = end;
    this.#continues = continues;
    this.#depth = 0;
  }

  /**
   * Opens a value to decode it.
   *
   * @param start Its first byte.
   * @param end The end of its first message.
   * @param bytes How long it is: the more, the more parts may it have.
   */
  openValue(start: number, end: number, bytes: number): void {
    this.#position = start;
    this.#end = end;
    this.#depth = 0;
    this.#parts = 0;
    this.#maxParts = Math.min(MAX_FIELDS + bytes * PARTS_PER_BYTE, this.#mostParts);
  }

  /** The path to the part that is being read, for error messages. */
  where(): string {
    return formatPath(this.#path, this.#depth);
  }

  /** Goes one level down, into an object. */
  enter(): void {
    if (this.#depth >= this.maxDepth) throw this.tooDeep();
    this.#depth++;
    if (++this.#parts > this.#maxParts) throw this.#tooManyParts();
  }

  /** Names the part of the open level that is read next. */
  step(step: PathStep): void {
    this.#path[this.#depth - 1] = step;
  }

  /** Goes one level up. */
  leave(): void {
    this.#depth--;
  }

  /** The error for a value that is nested too deep. */
  tooDeep(): RpcError {
    return tooMuch(`a value is nested deeper than maxDepth, ${this.maxDepth}`);
  }

  /** The error for a message, or a value in several, of so many bytes. */
  tooLong(what: string, bytes: number): RpcError {
    return tooMuch(`${what} of ${bytes} bytes, beyond maxMessageBytes, ${this.maxMessageBytes}`);
  }

  /** Counts values that take more memory than bytes of the message. */
  fill(count: number): void {
    this.#parts += count;
    if (this.#parts > this.#maxParts) throw this.#tooManyParts();
  }

  #tooManyParts(): RpcError {
    return tooMuch(
      `a value has more than ${this.#maxParts} parts, such as zero fields that are left out, for ` +
        "so few bytes (maxMessageBytes)",
    );
  }

  /** Reads an unsigned integer: a number where it is a safe one, else a bigint. */
  uint(): number | bigint {
    const first = this.#position < this.#end ? this.#bytes[this.#position] : this.#short();
    if (first < 128) {
      this.#position++;
      return first;
    }
    return this.#longUint(first);
  }

  #longUint(first: number): number | bigint {
    const count = 256 - first;
    if (count > 8) throw malformed(`an integer of ${count} bytes`);
    let at = this.#position + 1;
    const end = at + count;
    if (end > this.#end) this.#short();
    const bytes = this.#bytes;
    this.#position = end;
    let high = 0;
    let low = 0;
    while (end - at > 4) high = (high << 8) | bytes[at++];
    while (at < end) low = (low << 8) | bytes[at++];
    high >>>= 0;
    low >>>= 0;
    if (high < 0x20_0000) return high * TWO_TO_32 + low;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** Reads a signed integer: a number where it is a safe one, else a bigint. */
  int(): number | bigint {
    const value = this.uint();
    if (typeof value === "number") {
      return value % 2 === 0 ? value / 2 : -(value - 1) / 2 - 1;
    }
    const half = value >> 1n;
    const signed = (value & 1n) === 0n ? half : ~half;
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  /** Reads a count of things: an unsigned integer that must be a safe one. */
  count(): number {
    const value = this.uint();
    if (typeof value === "bigint") throw malformed(`a count of ${value}`);
    return value;
  }

  /**
   * Reads how many fields further the next one of a struct is. The end of the message ends a struct
   * as a 0 does, as in Go, which sends nothing at all for a nil pointer at the top.
   */
  delta(): number {
    return this.#position < this.#end ? this.count() : 0;
  }

  /** Whether the message has no more bytes. */
  get isAtEnd(): boolean {
    return this.#position === this.#end;
  }

  /** Reads the count of the elements of a slice, an array or a map. */
  elements(bytesEach: number): number {
    const count = this.count();
    // Every element takes a byte or more. Where elements may be in later messages nothing is
    // known yet; then memory grows only as they are read.
    if (count * bytesEach > this.#end - this.#position && !this.#continues) {
      throw malformed(`${count} elements in ${this.#end - this.#position} bytes`);
    }
    return count;
  }

  /** Reads a floating-point number. */
  float(): number {
    const first = this.#position < this.#end ? this.#bytes[this.#position] : this.#short();
    if (first === 0) {
      this.#position++;
      return 0;
    }
    floatView.setUint32(0, 0);
    floatView.setUint32(4, 0);
    if (first < 128) {
      floatBytes[7] = first;
      this.#position++;
    } else {
      const count = 256 - first;
      if (count > 8) throw malformed(`a float of ${count} bytes`);
      const start = this.#position + 1;
      if (start + count > this.#end) this.#short();
      for (let index = 0; index < count; index++) {
        floatBytes[8 - count + index] = this.#bytes[start + index];
      }
      this.#position = start + count;
    }
    return floatView.getFloat64(0, true);
  }

  /** Reads a boolean. */
  bool(): boolean {
    return this.uint() !== 0;
  }

  /** Reads a length and skips as many bytes; returns where they begin. */
  #run(): number {
    const length = this.count();
    const start = this.#position;
    if (length > this.#end - start) {
      throw malformed(`${length} bytes where ${this.#end - start} are left`);
    }
    this.#position = start + length;
    return start;
  }

  /** Reads a string. What is not UTF-8 becomes U+FFFD. */
  string(): string {
    const start = this.#run();
    const bytes = this.#bytes;
    const end = this.#position;
    if (end - start < SHORT_STRING) {
      let text = "";
      let at = start;
      for (; at < end; at++) {
        const code = bytes[at];
        if (code > 127) break;
        text += asciiText[code];
      }
      if (at === end) return text;
    }
    return utf8Decoder.decode(bytes.subarray(start, end));
  }

  /** Reads a run of bytes; returns a copy. */
  blob(): Uint8Array<ArrayBuffer> {
    const start = this.#run();
    if (this.#position === start) return NO_BYTES;
    this.fill(HEAVY_PARTS);
    return this.#bytes.slice(start, this.#position);
  }

  /** Skips a run of bytes; returns its length. */
  skipBlob(): number {
    const start = this.#run();
    return this.#position - start;
  }

  /**
   * Opens the message that begins at a position.
   *
   * @returns As {@linkcode GobCursor.nextMessage}.
   */
  openMessage(start: number): boolean {
    this.#end = start;
    return this.nextMessage();
  }

  /**
   * Opens the message that begins where the last one ended.
   *
   * @returns `false` if not all of it has arrived, or if it is longer than `maxMessageBytes`: then
   * `excessive` is its length, and `position` is behind the length.
   */
  nextMessage(): boolean {
    const start = this.#end;
    this.#excessive = 0;
    if (start >= this.#limit) return false;
    const first = this.#bytes[start];
    let body = start + 1;
    let size = first;
    if (first >= 128) {
      const width = 256 - first;
      if (width > 8) throw malformed(`a message length of ${width} bytes`);
      body += width;
      if (body > this.#limit) return false;
      size = 0;
      for (let at = start + 1; at < body; at++) {
        size = size * 256 + this.#bytes[at];
      }
    }
    if (size > this.maxMessageBytes) {
      if (size >= NO_MESSAGE_BYTES) throw malformed(`a message of ${size} bytes`);
      this.#excessive = size;
      this.#position = body;
      return false;
    }
    if (body + size > this.#limit) return false;
    this.#position = body;
    this.#end = body + size;
    return true;
  }

  #short(): never {
    throw malformed("a value goes past the end of its message");
  }
}
