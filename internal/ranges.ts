/**
 * What numbers among the options may be.
 *
 * @module
 */

/**
 * Checks a number that is no less than a bound.
 *
 * @param least The bound.
 * @param name The option's name.
 * @param value Its value.
 * @returns The same.
 * @throws {RangeError} If it is less, or not a number.
 */
export function atLeast(least: number, name: string, value: number): number {
  if (value >= least) return value;
  throw new RangeError(`${name} must be at least ${least}, got ${value}`);
}

/**
 * Checks a number that is more than 0, as durations are.
 *
 * @param name The option's name.
 * @param value Its value.
 * @returns The same.
 * @throws {RangeError} If it is not.
 */
export function aboveZero(name: string, value: number): number {
  if (value > 0) return value;
  throw new RangeError(`${name} must be above 0, got ${value}`);
}
