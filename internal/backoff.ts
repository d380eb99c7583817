/**
 * How long to wait before another try: the one formula for calls, dials,
 * sources and registrations.
 *
 * @module
 */

/** Waits that grow from failure to failure. */
export interface Backoff {
  /** The first wait, in milliseconds, before chance has its say. */
  readonly firstMs: number;
  /** The longest wait, likewise. */
  readonly maxMs: number;
  /** How much longer each wait is than the one before. Default 2. */
  readonly factor?: number;
  /**
   * What chance makes of a wait: at least `least` of it, at most `least + range`.
   * Default 0.5 and 0.5. Full jitter, after the AWS Architecture Blog, is 0 and 1.
   */
  readonly jitter?: Jitter;
}

/** A random share of a wait. */
export interface Jitter {
  /** The smallest share. */
  readonly least: number;
  /** What chance adds to it, at most. */
  readonly range: number;
}

const HALF: Jitter = { least: 0.5, range: 0.5 };
/** Beyond this a wait has long been the longest, and powers overflow. */
const MAX_EXPONENT = 64;

/**
 * The next wait.
 *
 * @param backoff First and longest wait, growth and jitter.
 * @param failures How many tries have failed before the last one: 0 for the first wait.
 * @param random At least 0, below 1.
 * @returns Milliseconds.
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const { firstMs, maxMs, factor = 2, jitter: { least, range } = HALF } = backoff;
  const grown = firstMs * factor ** Math.min(failures, MAX_EXPONENT);
  return Math.min(grown, maxMs) * (least + range * random);
}
