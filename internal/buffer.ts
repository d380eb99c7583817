/**
 * Buffers that are reused: how they grow, which are worth keeping, and how chunks are put together.
 *
 * @module
 */

/** Up to this size a buffer is always kept. */
const ALWAYS_KEPT_BYTES = 64 * 1024;
/** Above this size a buffer is never kept. */
const MAX_KEPT_BYTES = 1024 * 1024;
/** Between the two it is kept while at least one in so many of its bytes was used. */
const MIN_USE = 8;
/** The first buffer for what arrives in several chunks. */
const FIRST_BUFFER_BYTES = 256;
const NO_BYTES = new Uint8Array(0);

/**
 * Replaces a full buffer by a larger one.
 *
 * @param buffer The full buffer.
 * @param used How many of its bytes are copied.
 * @param needed How many bytes the new one must hold.
 * @returns A buffer at least twice as large: growing bit by bit would copy too often.
 */
export function grow(
  buffer: Uint8Array,
  used: number,
  needed: number,
): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, buffer.length * 2));
  larger.set(used === buffer.length ? buffer : buffer.subarray(0, used));
  return larger;
}

/**
 * Whether a buffer is worth keeping for reuse. A connection that carries large
 * messages would spend its time on allocation otherwise; one that carried a
 * single large message must not hold its buffer for good.
 *
 * @param buffer A buffer that is empty again.
 * @param used How many of its bytes were used.
 */
export function isWorthKeeping(buffer: Uint8Array, used: number): boolean {
  const { length } = buffer;
  return length <= ALWAYS_KEPT_BYTES ||
    (length <= MAX_KEPT_BYTES && length <= used * MIN_USE);
}

/**
 * Puts together what arrives in several chunks. However small they are, each byte is copied a few
 * times at most. Whoever looks for an end in it goes on where the last search has stopped, or small
 * chunks would each search everything.
 */
export class ChunkBuffer {
  #bytes = NO_BYTES;
  #length = 0;

  /** How many bytes it holds. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds bytes behind those that it holds.
   *
   * @param chunk The bytes; they are copied.
   */
  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      this.#bytes = grow(this.#bytes, this.#length, Math.max(length, FIRST_BUFFER_BYTES));
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /**
   * Shows the bytes that it holds.
   *
   * @param to How many of them at most. Default: all.
   * @returns The bytes, which are not copied.
   */
  view(to: number = this.#length): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, Math.min(to, this.#length));
  }

  /** Takes all that it holds. The bytes are valid until more are added. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.view();
    if (!isWorthKeeping(this.#bytes, this.#length)) this.#bytes = NO_BYTES;
    this.#length = 0;
    return bytes;
  }
}

/**
 * Some bytes behind others.
 *
 * @param one The first.
 * @param other What follows them.
 * @returns A copy of both.
 */
export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}

/** What hands over bytes in pieces, each valid until the next. */
interface Pieces {
  take(): Uint8Array;
  takeNext?(): Uint8Array | undefined;
}

/**
 * All that is to be taken.
 *
 * @param pieces Where from.
 * @returns A copy, in one piece.
 */
export function takenWhole(pieces: Pieces): Uint8Array {
  const whole = new ChunkBuffer();
  for (
    let piece: Uint8Array | undefined = pieces.take();
    piece !== undefined;
    piece = pieces.takeNext?.()
  ) whole.add(piece);
  return whole.take();
}
