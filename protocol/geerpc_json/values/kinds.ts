/**
 * What the two halves of the encoding of values have in common: the kinds of bytes, and the limits.
 *
 * @module
 */

/** A text of so many UTF-16 units is sent beside the line. */
export const LONG_TEXT = 4096;
/** No more decimal digits are written and read as one integer: the work grows faster than they do. */
export const MOST_DIGITS = 65_536;
/** The body that is nothing. */
export const UNDEFINED = '{"$":["undefined"]}';
/** Values that are nested deeper no peer of ours accepts, whatever its limits. */
export const MOST_DEPTH = 1000;

/** What makes bytes to what they were: an `ArrayBuffer` itself, or a view of all of it. */
interface BytesKind {
  /** How many bytes one item takes. */
  readonly itemBytes: number;
  /** Makes it of memory that is its own. */
  make(buffer: ArrayBuffer): unknown;
}

interface TypedArrays {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): unknown;
}

/** The kinds of bytes by the name on the wire. */
export const BYTES_KINDS: ReadonlyMap<string, BytesKind> = new Map([
  ["ArrayBuffer", { itemBytes: 1, make: (buffer) => buffer }],
  ["DataView", { itemBytes: 1, make: (buffer) => new DataView(buffer) }],
  ...[
    "Uint8Array",
    "Uint8ClampedArray",
    "Int8Array",
    "Uint16Array",
    "Int16Array",
    "Uint32Array",
    "Int32Array",
    "BigUint64Array",
    "BigInt64Array",
    "Float16Array", // not every engine has it
    "Float32Array",
    "Float64Array",
  ].flatMap((name): [string, BytesKind][] => {
    const kind = (globalThis as unknown as Record<string, TypedArrays | undefined>)[name];
    if (kind === undefined) return [];
    return [[name, { itemBytes: kind.BYTES_PER_ELEMENT, make: (buffer) => new kind(buffer) }]];
  }),
]);

/** Whether this machine has the lowest byte of a number first, as the wire has. */
export const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Turns the bytes of every item around, for machines that have the highest byte first.
 *
 * @param bytes The items; changed in place.
 * @param itemBytes How many bytes one takes.
 * @returns The same.
 */
export function turnItems(
  bytes: Uint8Array<ArrayBuffer>,
  itemBytes: number,
): Uint8Array<ArrayBuffer> {
  for (let at = 0; at < bytes.length; at += itemBytes) {
    bytes.subarray(at, at + itemBytes).reverse();
  }
  return bytes;
}
