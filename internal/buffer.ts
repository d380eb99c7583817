/**
 * Buffers that are reused: how they grow, and which are worth keeping.
 *
 * @module
 */

/** Up to this size a buffer is always kept. */
const ALWAYS_KEPT_BYTES = 64 * 1024;
/** Above this size a buffer is never kept. */
const MAX_KEPT_BYTES = 1024 * 1024;
/** Between the two it is kept while at least one in so many of its bytes was used. */
const MIN_USE = 8;

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
