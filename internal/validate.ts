/**
 * Checks of numbers that users give as options. A wrong one is refused by
 * name, before anything begins.
 *
 * @module
 */

/**
 * Checks that a number is not below a bound.
 *
 * @param least The bound.
 * @param name The option's name, for the message.
 * @param value The option's value.
 * @returns The value, unchanged.
 * @throws {RangeError} If the value is below the bound, or `NaN`.
 */
export function atLeast(least: number, name: string, value: number): number {
  if (value >= least) return value;
  throw new RangeError(`${name} must be at least ${least}, got ${value}`);
}

/**
 * Checks that a number is above 0, as a duration has to be.
 *
 * @param name The option's name, for the message.
 * @param value The option's value; `Infinity` is allowed.
 * @returns The value, unchanged.
 * @throws {RangeError} If the value is 0 or below, or `NaN`.
 */
export function aboveZero(name: string, value: number): number {
  if (value > 0) return value;
  throw new RangeError(`${name} must be above 0, got ${value}`);
}

/**
 * Checks that a number counts something.
 *
 * @param name The option's name, for the message.
 * @param value The option's value; `Infinity` is allowed.
 * @param least The bound. Default 1.
 * @returns The value, unchanged.
 * @throws {RangeError} If the value is not a whole number, or below the bound.
 */
export function count(name: string, value: number, least = 1): number {
  if (value >= least && (Number.isInteger(value) || value === Infinity)) return value;
  throw new RangeError(`${name} must be a whole number of at least ${least}, got ${value}`);
}

/**
 * Checks that a text is one of some names.
 *
 * @param name The option's name, for the message.
 * @param value The option's value.
 * @param names What it may be; `undefined` among them if it may be left out.
 * @returns The value, unchanged.
 * @throws {RangeError} If it is none of the names.
 */
export function oneOf<T>(name: string, value: T, names: readonly T[]): T {
  if (names.includes(value)) return value;
  const all = names.filter((one) => one !== undefined).map((one) => JSON.stringify(one));
  throw new RangeError(`${name} must be one of ${all.join(", ")}, got ${JSON.stringify(value)}`);
}
