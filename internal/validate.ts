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
