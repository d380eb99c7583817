/**
 * The DNS TTL: how long an answer may be used before DNS is asked again.
 *
 * @module
 */

/** Below this, even a minimum of 0 would ask DNS without a pause. */
const LEAST_MS = 100;
/** Up to this share is added at random, so that a fleet does not ask all at once. */
const JITTER = 0.1;

/** The options that bound a TTL. */
export interface TtlOptions {
  /** The shortest wait, in milliseconds. Default 5,000; never less than 100. */
  readonly minTtlMs?: number;
  /** The longest wait, in milliseconds. Default 300,000. */
  readonly maxTtlMs?: number;
  /** The TTL of records that have none, in milliseconds. Default 30,000. */
  readonly defaultTtlMs?: number;
}

/** The bounds of a TTL. */
export class TtlBounds {
  /** The shortest wait, in milliseconds. */
  readonly minMs: number;
  readonly #maxMs: number;
  readonly #defaultMs: number;

  /**
   * @param options The bounds, checked.
   */
  constructor({ minTtlMs = 5000, maxTtlMs = 300_000, defaultTtlMs = 30_000 }: TtlOptions) {
    this.minMs = Math.max(LEAST_MS, minTtlMs);
    this.#maxMs = maxTtlMs;
    this.#defaultMs = defaultTtlMs;
  }

  /**
   * How long an answer may be used: the shortest TTL of its records, within the
   * bounds, and up to a tenth longer.
   *
   * @param records The records; a TTL is in seconds, and `undefined` where the
   * resolver reports none.
   * @param random At least 0, below 1.
   * @returns Milliseconds.
   */
  waitMs(records: readonly { readonly ttl?: number }[], random: number): number {
    const reported = records.flatMap(({ ttl }) => ttl === undefined ? [] : ttl * 1000);
    const ttlMs = reported.length === 0 ? this.#defaultMs : Math.min(...reported);
    return Math.max(this.minMs, Math.min(ttlMs, this.#maxMs)) * (1 + random * JITTER);
  }
}
