/**
 * JSON whose integers are bigints where numbers would round them. It needs an engine whose JSON gives
 * and takes the source text of numbers.
 *
 * @module
 */

/** A text without so many digits in a row has no such integer. */
const LARGE = /\d{16}/;
const INTEGER = /^-?\d+$/;
/** To read more digits as one integer takes long; such a one is not JSON for us. */
const MOST_DIGITS = 65_536;

interface SourceJson {
  rawJSON(text: string): unknown;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
}

const json = JSON as unknown as SourceJson;

/**
 * Reads JSON.
 *
 * @param text The text.
 * @returns The value, whose integers beyond ±(2^53 − 1) are bigints.
 * @throws {SyntaxError} If it is not JSON, or an integer has more than 65,536 digits.
 */
export function parseBigints(text: string): unknown {
  if (!LARGE.test(text)) return JSON.parse(text);
  return json.parse(text, (_, value, { source }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    if (source === undefined || !INTEGER.test(source)) return value;
    if (source.length > MOST_DIGITS) throw new SyntaxError(`${source.length} digits of an integer`);
    return BigInt(source);
  });
}

/**
 * Writes a value in which there are bigints.
 *
 * @param value The value.
 * @returns The text, with bigints as integers; `undefined` if it can't be written.
 */
export function stringifyBigints(value: unknown): string | undefined {
  try {
    return JSON.stringify(
      value,
      (_, member) => typeof member === "bigint" ? json.rawJSON(String(member)) : member,
    );
  } catch {
    return undefined; // what is wrong with it is found by who has asked
  }
}
