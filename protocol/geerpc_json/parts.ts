/**
 * Reads the raw bytes that come beside a line.
 *
 * @module
 */

import type { RpcCode } from "../../errors.ts";
import type { Limits } from "../codec.ts";
import { overLimit } from "../json.ts";
import type { ReceivedParts } from "./values/decode.ts";

/** So much memory is taken for a part before its bytes have come; more as they do. */
const FIRST_BYTES = 256 * 1024;
/** How much larger the memory gets then. */
const GROWTH = 4;
const NO_BYTES = new Uint8Array(0);
/** What the place of a part takes in a body at least. */
const PLACE_LENGTH = '{"$":["text",0]}'.length;

/**
 * Why what comes beside a body is skipped, if it is.
 *
 * @param text The body.
 * @param lengths How many bytes each piece has.
 * @param limits The largest message.
 * @returns The code, and what the body is: over the limit, or without places for all of them.
 */
export function refusalOfParts(
  text: string,
  lengths: readonly number[],
  limits: Limits,
): { readonly code: RpcCode; readonly what: string } | undefined {
  let bytes = text.length;
  for (const length of lengths) bytes += length;
  if (bytes > limits.maxMessageBytes) {
    return { code: "resource_exhausted", what: overLimit(limits) };
  }
  if (lengths.length * PLACE_LENGTH <= text.length) return undefined;
  return { code: "data_loss", what: `too short for its ${lengths.length} parts` };
}

/**
 * Reads pieces of known lengths. If all of them lie in one chunk nothing is copied; else each is
 * copied once, into memory of its own, which is just as long in the end.
 */
export class PartsReader {
  readonly #lengths: readonly number[];
  readonly #isWanted: boolean;
  /** How many bytes have not come. */
  #left = 0;
  /** The parts that have begun, in memory of their own. */
  readonly #parts: Uint8Array[] = [];
  /** How much of the last one there is. */
  #filled = 0;
  #received: ReceivedParts | undefined;

  /**
   * @param lengths How many bytes each piece has.
   * @param isWanted Whether they are kept at all.
   */
  constructor(lengths: readonly number[], isWanted: boolean) {
    this.#lengths = lengths;
    this.#isWanted = isWanted;
    for (const length of lengths) this.#left += length;
    if (isWanted && this.#left === 0) this.#received = this.#viewsOf(NO_BYTES, 0);
  }

  /** Whether all of them have come. */
  get isComplete(): boolean {
    return this.#left === 0;
  }

  /** What has come, if it is complete and wanted. Valid as long as the last chunk is. */
  get received(): ReceivedParts | undefined {
    return this.#received;
  }

  /**
   * Reads more.
   *
   * @param chunk The bytes that arrived.
   * @param from Where to begin in them.
   * @returns The position behind what was read.
   */
  read(chunk: Uint8Array, from: number): number {
    const length = Math.min(this.#left, chunk.length - from);
    if (this.#isWanted && length > 0) {
      if (length === this.#left && this.#parts.length === 0) {
        this.#received = this.#viewsOf(chunk, from);
      } else this.#copy(chunk.subarray(from, from + length));
    }
    this.#left -= length;
    if (this.#left === 0 && this.#parts.length > 0) this.#finish();
    return from + length;
  }

  #viewsOf(chunk: Uint8Array, from: number): ReceivedParts {
    let at = from;
    const parts = this.#lengths.map((length) => chunk.subarray(at, at += length));
    return { parts, areOwn: false };
  }

  #copy(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#parts.length === 0 || this.#filled === this.#lengths[this.#parts.length - 1]) {
        this.#filled = 0;
        this.#parts.push(new Uint8Array(Math.min(this.#lengths[this.#parts.length], FIRST_BYTES)));
        continue; // it may have no bytes
      }
      const place = this.#parts.length - 1;
      const length = this.#lengths[place];
      if (this.#filled === this.#parts[place].length) {
        const larger = new Uint8Array(Math.min(length, this.#filled * GROWTH));
        larger.set(this.#parts[place]);
        this.#parts[place] = larger;
      }
      const part = this.#parts[place];
      const copied = Math.min(part.length - this.#filled, bytes.length - at);
      part.set(bytes.subarray(at, at + copied), this.#filled);
      this.#filled += copied;
      at += copied;
    }
  }

  #finish(): void {
    while (this.#parts.length < this.#lengths.length) this.#parts.push(new Uint8Array(0));
    this.#received = { parts: this.#parts, areOwn: true };
  }
}
