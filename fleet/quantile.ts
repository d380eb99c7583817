/**
 * A quantile of reply times in bounded memory. A hedge is sent at the 95th
 * percentile.
 *
 * @module
 */

/** How many buckets a doubling of the time has: a quantile is at most 9 % off. */
const BUCKETS_PER_DOUBLING = 8;
const BUCKETS = 256;
/** Shorter times all count in the first bucket. */
const SHORTEST_MS = 0.01;
/** After so many reply times all counts are halved, so that old ones fade. */
const HALVE_EVERY = 1000;
/** With fewer reply times there is no quantile. */
const MIN_OBSERVED = 20;

function bucketOf(tookMs: number): number {
  const doublings = Math.log2(Math.max(tookMs, SHORTEST_MS) / SHORTEST_MS);
  return Math.min(Math.ceil(doublings * BUCKETS_PER_DOUBLING), BUCKETS - 1);
}

/** A quantile of reply times, counted in buckets whose bounds grow exponentially. */
export class Quantile {
  readonly #share: number;
  readonly #counts: number[] = new Array(BUCKETS).fill(0);
  #total = 0;
  #sinceHalved = 0;
  /** The last reply time and its bucket: replies that come together mostly took equally long. */
  #lastMs = -1;
  #lastBucket = 0;

  /** @param share 0.95 for the 95th percentile. */
  constructor(share: number) {
    this.#share = share;
  }

  /**
   * Counts a reply time.
   *
   * @param tookMs Milliseconds.
   */
  observe(tookMs: number): void {
    if (tookMs !== this.#lastMs) {
      this.#lastMs = tookMs;
      this.#lastBucket = bucketOf(tookMs);
    }
    this.#counts[this.#lastBucket]++;
    this.#total++;
    if (++this.#sinceHalved < HALVE_EVERY) return;
    this.#sinceHalved = 0;
    this.#total = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      this.#total += this.#counts[bucket] /= 2;
    }
  }

  /** The quantile, in milliseconds; `undefined` until 20 reply times are known. */
  get valueMs(): number | undefined {
    if (this.#total < MIN_OBSERVED) return undefined;
    let above = this.#total * (1 - this.#share);
    let bucket = this.#counts.length - 1;
    while (bucket > 0 && (above -= this.#counts[bucket]) >= 0) bucket--;
    return SHORTEST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING);
  }
}
