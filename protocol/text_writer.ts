/**
 * Gathers text as UTF-8.
 *
 * @module
 */

import { grow, isWorthKeeping } from "../internal/buffer.ts";

const encoder = new TextEncoder();

/** The first buffer. A connection that has written nothing has none. */
const FIRST_BUFFER_BYTES = 512;
const NO_BYTES = new Uint8Array(0);
/** A text of up to so many characters is written faster by a loop than by the encoder. */
const SHORT_TEXT = 128;
/** Up to so many bytes are copied faster by a loop than by the engine. */
const SHORT_BYTES = 16;
/** No whole number of 31 bits has more digits. */
const INT31_DIGITS = 10;
/** Room for a whole number of a size in memory. */
const ROOM = " ".repeat(16);

/** A buffer with so much in it is full: what follows goes into another, rather than to copy it to a larger one. */
const FULL_BYTES = 192 * 1024;
/** How large that one is. */
const NEXT_BUFFER_BYTES = 256 * 1024;
/** How many buffers are kept for reuse. */
const MOST_FREE = 4;
/** A batch that is smaller has no use for them. */
const SMALL_BATCH_BYTES = 16 * 1024;

type Bytes = Uint8Array<ArrayBuffer>;

/** A buffer with something in it. */
interface Filled {
  readonly bytes: Bytes;
  readonly length: number;
}

/** Gathers text that leaves in one write, or in several, one after the other. */
export class TextWriter {
  /** Text gathers in this buffer while others are being written. */
  #bytes = NO_BYTES;
  #length = 0;
  /** The buffers that are full. */
  #full: Filled[] = [];
  #fullBytes = 0;
  /** What was taken, but for its first buffers; the last comes first. */
  #taken: Filled[] = [];
  /** What is being written. */
  #written = NO_BYTES;
  #writtenLength = 0;
  readonly #free: Bytes[] = [];

  /** How many bytes have been added since the last {@linkcode TextWriter.take}. */
  get length(): number {
    return this.#fullBytes + this.#length;
  }

  /** A message begins: a buffer that is full gets no more. */
  begin(): void {
    if (this.#length >= FULL_BYTES) this.#fill();
  }

  /** Adds text. */
  append(text: string): void {
    const { length } = text;
    if (length > SHORT_TEXT) return this.#encode(text);
    this.#reserve(length);
    const bytes = this.#bytes;
    let end = this.#length;
    for (let at = 0; at < length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > 127) return this.#encode(text);
      bytes[end++] = unit;
    }
    this.#length = end;
  }

  /** Adds text that has been encoded already. */
  appendBytes(text: Uint8Array): void {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    const start = this.#length;
    if (length > SHORT_BYTES) bytes.set(text, start);
    else for (let at = 0; at < length; at++) bytes[start + at] = text[at];
    this.#length = start + length;
  }

  /** Adds a whole number in decimal digits. */
  appendInteger(value: number): void {
    if (value < 0 || (value | 0) !== value) return this.append(String(value));
    this.#reserve(INT31_DIGITS);
    let digits = 1;
    for (let limit = 10; limit <= value; limit *= 10) digits++;
    const bytes = this.#bytes;
    this.#length += digits;
    let rest = value;
    for (let at = this.#length - 1; digits > 0; digits--, at--) {
      const tens = (rest / 10) | 0;
      bytes[at] = 48 + rest - tens * 10;
      rest = tens;
    }
  }

  /**
   * Adds room for a whole number that is not known yet.
   *
   * @returns Where it is, for {@linkcode TextWriter.fill} before the message ends.
   */
  appendRoom(): number {
    this.append(ROOM);
    return this.#length;
  }

  /**
   * Writes a whole number into the room for it, behind spaces.
   *
   * @param end Where the room ends.
   * @param value The number.
   */
  fill(end: number, value: number): void {
    let at = end;
    for (let rest = value; rest > 0 || at === end; rest = Math.floor(rest / 10)) {
      this.#bytes[--at] = 48 + rest % 10;
    }
  }

  /**
   * Takes back what was added last.
   *
   * @param length The `length` before it was added.
   */
  cut(length: number): void {
    this.#length = length - this.#fullBytes;
  }

  /**
   * Takes all that was added since the last time.
   *
   * @returns The bytes, or the first of them: {@linkcode TextWriter.takeNext} has the others. They are
   * valid until the next call of either.
   */
  take(): Uint8Array {
    if (this.#full.length > 0) {
      this.#fill();
      this.#taken = this.#full.reverse();
      this.#full = [];
      this.#fullBytes = 0;
      return this.takeNext()!;
    }
    const bytes = this.#bytes;
    const length = this.#length;
    if (length < SMALL_BATCH_BYTES && this.#free.length > 1) this.#free.pop();
    this.#release();
    this.#bytes = this.#free.pop() ?? NO_BYTES;
    this.#length = 0;
    return this.#write(bytes, length);
  }

  /** Takes what is behind that which was taken last, if there is more. */
  takeNext(): Uint8Array | undefined {
    const next = this.#taken.pop();
    if (next === undefined) return undefined;
    this.#release();
    return this.#write(next.bytes, next.length);
  }

  #write(bytes: Bytes, length: number): Uint8Array {
    this.#written = bytes;
    this.#writtenLength = length;
    return bytes.subarray(0, length);
  }

  /** What was being written is written. */
  #release(): void {
    const bytes = this.#written;
    if (bytes.length > 0 && isWorthKeeping(bytes, this.#writtenLength)) {
      if (this.#free.length < MOST_FREE) this.#free.push(bytes);
    }
    this.#written = NO_BYTES;
  }

  /** Goes on in another buffer. */
  #fill(): void {
    this.#full.push({ bytes: this.#bytes, length: this.#length });
    this.#fullBytes += this.#length;
    this.#bytes = this.#free.pop() ?? new Uint8Array(NEXT_BUFFER_BYTES);
    this.#length = 0;
  }

  #encode(text: string): void {
    this.#reserve(text.length);
    for (let rest = text;;) {
      const { read, written } = encoder.encodeInto(rest, this.#bytes.subarray(this.#length));
      this.#length += written;
      if (read === rest.length) return;
      rest = rest.slice(read);
      this.#reserve(rest.length * 3); // no UTF-16 unit takes more bytes
    }
  }

  #reserve(more: number): void {
    const length = this.#length + more;
    if (length <= this.#bytes.length) return;
    this.#bytes = grow(this.#bytes, this.#length, Math.max(length, FIRST_BUFFER_BYTES));
  }
}
