/**
 * Hashes that are the same in every process and on every runtime.
 *
 * @module
 */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** 2^32 divided by the golden ratio: spreads the bits of what it multiplies. */
const GOLDEN_RATIO = 0x9e3779b1;

/**
 * A 32-bit hash of a text: FNV-1a over its UTF-16 units, then murmur3's finaliser.
 *
 * @param text Any text.
 * @returns An unsigned 32-bit integer.
 */
export function hashText(text: string): number {
  let hash = FNV_OFFSET;
  for (let place = 0; place < text.length; place++) {
    hash = Math.imul(hash ^ text.charCodeAt(place), FNV_PRIME);
  }
  return mix(hash);
}

/**
 * Murmur3's finaliser: each bit of the result depends on every bit of the hash.
 *
 * @param hash A 32-bit integer.
 * @returns An unsigned 32-bit integer.
 */
export function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * One hash of two, which depends on every bit of both.
 *
 * @param one A hash.
 * @param mixed Another hash, to which {@linkcode mix} has been applied once more.
 * @returns An unsigned 32-bit integer.
 */
export function combine(one: number, mixed: number): number {
  return mix(Math.imul(one, GOLDEN_RATIO) ^ mixed);
}
