/**
 * How long to wait before the next attempt: the one formula for calls, dials,
 * sources and registrations.
 *
 * @module
 */

/** Exponential backoff with jitter. */
export interface Backoff {
  /** The first wait, in milliseconds, before jitter. */
  readonly firstMs: number;
  /** The longest wait, in milliseconds, before jitter. */
  readonly maxMs: number;
  /** How many times longer each wait is than the one before. Default 2. */
  readonly factor?: number;
  /**
   * The share of a wait that is waited: at random from `least` to `least + range`.
   * Default 0.5 and 0.5. Full jitter, after the AWS Architecture Blog, is 0 and 1.
   */
  readonly jitter?: Jitter;
}

/** Bounds of a random share. */
export interface Jitter {
  /** The smallest share. */
  readonly least: number;
  /** The most that is added to it at random. */
  readonly range: number;
}

const HALF: Jitter = { least: 0.5, range: 0.5 };
/** By then a wait has long been the longest, and larger powers overflow. */
const MAX_EXPONENT = 64;

/**
 * Calculates the next wait.
 *
 * @param backoff First and longest wait, growth and jitter.
 * @param failures How many waits there were before: 0 for the first one.
 * @param random A random number, from 0 to below 1.
 * @returns The wait, in milliseconds.
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const { firstMs, maxMs, factor = 2, jitter: { least, range } = HALF } = backoff;
  const grown = firstMs * factor ** Math.min(failures, MAX_EXPONENT);
  return Math.min(grown, maxMs) * (least + range * random);
}
