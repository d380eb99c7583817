/**
 * A histogram of latencies: buckets that grow with the value, so that each is known to 3 %.
 *
 * @module
 */

/** So many buckets for each doubling. */
const PARTS = 32;

/** Counts latencies, in milliseconds. */
export class Histogram {
  /** By bucket; most are empty. */
  readonly #counts: number[] = [];
  #count = 0;
  #sumMs = 0;
  #leastMs = Infinity;
  #mostMs = 0;

  /** Counts one. */
  add(ms: number): void {
    const bucket = bucketOf(ms);
    while (this.#counts.length <= bucket) this.#counts.push(0);
    this.#counts[bucket]++;
    this.#count++;
    this.#sumMs += ms;
    this.#leastMs = Math.min(this.#leastMs, ms);
    this.#mostMs = Math.max(this.#mostMs, ms);
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** 0 if there are none. */
  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** The shortest; 0 if there are none. */
  get leastMs(): number {
    return this.#count === 0 ? 0 : this.#leastMs;
  }

  /** The longest. */
  get mostMs(): number {
    return this.#mostMs;
  }

  /**
   * So many percent of all took no longer.
   *
   * @param percent From 0 to 100.
   * @returns Milliseconds: the end of the bucket, but never more than the longest.
   */
  percentileMs(percent: number): number {
    // Without this 99.9 % of 1,000 would be 999.0000000000001, and so the 1,000th.
    let left = Math.max(1, Math.ceil(this.#count * percent / 100 - 1e-9));
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket];
      if (left <= 0) return Math.min(this.#mostMs, endOf(bucket));
    }
    return this.#mostMs;
  }

  /**
   * The shape in a few bars.
   *
   * @param most How many bars there are at most.
   * @returns Where each ends, and how many it has; those without any in between too.
   */
  bars(most: number): { readonly endMs: number; readonly count: number }[] {
    if (this.#count === 0) return [];
    const first = bucketOf(this.#leastMs);
    const last = this.#counts.length - 1;
    const each = Math.ceil((last - first + 1) / most);
    const bars: { endMs: number; count: number }[] = [];
    for (let begin = first; begin <= last; begin += each) {
      const count = this.#counts.slice(begin, begin + each).reduce((sum, one) => sum + one, 0);
      bars.push({ endMs: Math.min(this.#mostMs, endOf(begin + each - 1)), count });
    }
    return bars;
  }
}

/** Below a microsecond all is one bucket. */
function bucketOf(ms: number): number {
  const us = ms * 1000;
  return us <= 1 ? 0 : Math.ceil(Math.log2(us) * PARTS);
}

function endOf(bucket: number): number {
  return 2 ** (bucket / PARTS) / 1000;
}
