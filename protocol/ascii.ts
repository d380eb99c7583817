/**
 * Bytes of JSON that is read without turning it into text first: the characters that matter, and
 * how a known run of bytes and a whole number are recognised.
 *
 * @module
 */

/**
 * The characters that matter. A module takes those it needs as its own constants,
 * `const { QUOTE } = ASCII`: V8 compiles those into a loop over bytes, and loads
 * imported ones anew at each byte, which took half as long again.
 */
export const ASCII = {
  TAB: 9,
  NEWLINE: 10,
  CARRIAGE_RETURN: 13,
  SPACE: 32,
  QUOTE: 34,
  COMMA: 44,
  MINUS: 45,
  ZERO: 48,
  NINE: 57,
  COLON: 58,
  OPEN_BRACKET: 91,
  BACKSLASH: 92,
  CLOSE_BRACKET: 93,
  OPEN_BRACE: 123,
  CLOSE_BRACE: 125,
  /** A number of so many digits is always a safe integer. */
  MAX_DIGITS: 15,
} as const;

const { CARRIAGE_RETURN, MAX_DIGITS, NEWLINE, NINE, SPACE, TAB, ZERO } = ASCII;

/**
 * Whether the bytes at a position are those expected.
 *
 * @param bytes What to look at.
 * @param at The position of the first byte to compare.
 * @param expected The bytes that should be there.
 * @returns `true` if all of them are.
 */
export function startsWithAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}

/** Whether a byte is what JSON allows between its tokens. */
export function isSpace(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === CARRIAGE_RETURN || byte === TAB;
}

/**
 * Goes over spaces.
 *
 * @param bytes What to look at.
 * @param from Where to begin.
 * @returns The position of the first byte that is no space; the length if there is none.
 */
export function skipSpaces(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

/** Reads whole numbers from 0 on, as JSON writes them. */
export class DigitsReader {
  /** The number that was read last. */
  value = 0;

  /**
   * Reads a number.
   *
   * @param bytes What to read from.
   * @param from The position of the first digit.
   * @returns The position behind the last digit. 0 if there is no number that JSON allows (it has
   * no leading zeros), or one of more than 15 digits.
   */
  read(bytes: Uint8Array, from: number): number {
    let at = from;
    let value = 0;
    for (let byte = bytes[at]; byte >= ZERO && byte <= NINE; byte = bytes[++at]) {
      value = value * 10 + byte - ZERO;
    }
    const digits = at - from;
    if (digits === 0 || digits > MAX_DIGITS) return 0;
    if (bytes[from] === ZERO && digits > 1) return 0; // 007 is no JSON
    this.value = value;
    return at;
  }
}
