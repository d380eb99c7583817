/**
 * Text that is gathered as bytes.
 *
 * @module
 */

import { grow, isWorthKeeping } from "../internal/buffer.ts";

const encoder = new TextEncoder();

/** What the first text takes at least. A connection that has written nothing holds nothing. */
const SMALLEST_BYTES = 512;
const NOTHING = new Uint8Array(0);
/** Up to here a loop is faster than a call of the encoder. */
const SHORT_LENGTH = 128;
/** Up to here a loop is faster than a copy by the engine. */
const SHORT_BYTES = 16;
/** More digits than a whole number of 31 bits has. */
const MOST_DIGITS = 10;

/** Text that gathers as UTF-8, and leaves in one piece. */
export class TextWriter {
  /** One buffer gathers while the other is being written. */
  #bytes = NOTHING;
  #other = NOTHING;
  #length = 0;

  /** How many bytes have gathered. */
  get length(): number {
    return this.#length;
  }

  /** Adds text. */
  append(text: string): void {
    const { length } = text;
    if (length > SHORT_LENGTH) return this.#encode(text);
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

  /** Adds a whole number in digits. */
  appendInteger(value: number): void {
    if (value < 0 || (value | 0) !== value) return this.append(String(value));
    this.#reserve(MOST_DIGITS);
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
   * Takes back what has been added behind a place.
   *
   * @param length What `length` was there.
   */
  cut(length: number): void {
    this.#length = length;
  }

  /**
   * All that has been added since the last time.
   *
   * @returns Valid until the next call.
   */
  take(): Uint8Array {
    const taken = this.#bytes;
    const { length } = this;
    this.#bytes = this.#other;
    this.#other = isWorthKeeping(taken, length) ? taken : NOTHING;
    this.#length = 0;
    return taken.subarray(0, length);
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
    this.#bytes = grow(this.#bytes, this.#length, Math.max(length, SMALLEST_BYTES));
  }
}
