/**
 * Reads the raw bytes that come beside a line.
 *
 * @module
 */

import type { ChunkBuffer } from "../../internal/buffer.ts";
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
 * @param text The body, with or without its newline.
 * @param lengths How many bytes each piece has.
 * @param limits The largest message.
 * @returns The code, and what the body is: over the limit, or without places for all of them.
 */
export function refusalOfParts(
  text: string,
  lengths: readonly number[],
  limits: Limits,
): { readonly code: RpcCode; readonly what: string } | undefined {
  const bodyLength = text.endsWith("\n") ? text.length - 1 : text.length;
  let bytes = bodyLength;
  for (const length of lengths) bytes += length;
  if (bytes > limits.maxMessageBytes) {
    return { code: "resource_exhausted", what: overLimit(limits) };
  }
  if (lengths.length * PLACE_LENGTH <= bodyLength) return undefined;
  return { code: "data_loss", what: `too short for its ${lengths.length} parts` };
}

/**
 * What becomes of raw bytes:
 *
 * - `kept`: they are part of a value, in memory of their own.
 * - `read`: they are texts, and in memory that is used again.
 * - `skipped`: they are never held.
 */
export type Use = "kept" | "read" | "skipped";

/**
 * What becomes of what comes beside a body that is accepted.
 *
 * @param text The body.
 */
export function useOfParts(text: string): Use {
  return text.includes('["bytes",') ? "kept" : "read";
}

/**
 * Reads pieces of known lengths. If all of them lie in one chunk nothing is copied; else each is
 * copied once.
 */
export class PartsReader {
  readonly #lengths: readonly number[];
  readonly #use: Use;
  readonly #scratch: ChunkBuffer;
  /** How many bytes have not come. */
  #left = 0;
  /** The parts that have begun, in memory of their own. */
  readonly #parts: Uint8Array[] = [];
  /** How much of the last one there is. */
  #filled = 0;
  #received: ReceivedParts | undefined;

  /**
   * @param lengths How many bytes each piece has.
   * @param use What becomes of them.
   * @param scratch Empty memory to put texts together in.
   */
  constructor(lengths: readonly number[], use: Use, scratch: ChunkBuffer) {
    this.#lengths = lengths;
    this.#use = use;
    this.#scratch = scratch;
    for (const length of lengths) this.#left += length;
    if (use !== "skipped" && this.#left === 0) this.#received = this.#viewsOf(NO_BYTES, 0);
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
    this.#left -= length;
    if (length > 0 && this.#use !== "skipped") this.#take(chunk, from, length);
    return from + length;
  }

  #take(chunk: Uint8Array, from: number, length: number): void {
    const isAll = this.#left === 0;
    if (isAll && this.#parts.length === 0 && this.#scratch.length === 0) {
      this.#received = this.#viewsOf(chunk, from);
      return;
    }
    const bytes = chunk.subarray(from, from + length);
    if (this.#use === "kept") {
      this.#copy(bytes);
      if (isAll) this.#finish();
    } else {
      this.#scratch.add(bytes);
      if (isAll) this.#received = this.#viewsOf(this.#scratch.take(), 0);
    }
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
