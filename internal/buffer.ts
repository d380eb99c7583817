/**
 * Buffers that are used again and again: how they grow, and which are kept.
 *
 * @module
 */

/** Up to here a buffer is kept however little of it is used. */
const ALWAYS_KEPT_BYTES = 64 * 1024;
/** Beyond this it is let go however much. */
const MOST_KEPT_BYTES = 1024 * 1024;
/** Between the two it is kept while at least one part in so many is used. */
const USED_PART = 8;

/**
 * A larger buffer in place of one that is full.
 *
 * @param buffer What is full.
 * @param used How many bytes of it are to be carried over.
 * @param needed How many it must hold.
 * @returns Twice as large at least, or all that goes through it is copied too often.
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
 * Whether to use a buffer again: a connection that carries large messages would
 * spend its time on fresh ones, one that carried a single one must not hold it for good.
 *
 * @param buffer What is empty again.
 * @param used How many bytes of it were used.
 */
export function isWorthKeeping(buffer: Uint8Array, used: number): boolean {
  const { length } = buffer;
  return length <= ALWAYS_KEPT_BYTES ||
    (length <= MOST_KEPT_BYTES && length <= used * USED_PART);
}
