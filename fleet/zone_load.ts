/**
 * How many calls leave the caller's zone since its servers are slow beside the
 * others: what health does not tell is a zone with too few servers for its
 * callers, or one whose database is slow. Source: our own; `docs/balancing.md`
 * has the formula.
 *
 * @module
 */

/** What is known of an endpoint's replies. */
export interface Measured {
  /** How many reply times are known. */
  readonly replies: number;
  /** All of them together, in milliseconds. */
  readonly repliesMs: number;
}

const NOTHING: Measured = { replies: 0, repliesMs: 0 };

/** More calls leave while replies of the own zone take more than so many times as long as others. */
const TOO_SLOW = 2;
/** Fewer calls leave while they take less than so many times as long. */
const NOT_SLOW = 1.5;
/** Shorter replies are not slow, in milliseconds: the network's own chance makes as much of a difference. */
const LEAST_MS = 1;
/** The part of the calls that leaves grows by so much in a second for each time that the zone is slower, */
const GROWTH = 0.025;
/** counted up to so many times, */
const MOST_TIMES = 10;
/** and shrinks by so much in a second. */
const SHRINKAGE = 0.02;
/** Replies count for two periods, each as long as it takes for so many of them, */
const PERIOD_REPLIES = 20;
/** but not less and not more than this, in milliseconds. */
const LEAST_PERIOD_MS = 1000;
const LONGEST_PERIOD_MS = 15_000;
/** How many replies it takes to know how long they take. */
const LEAST_REPLIES = 5;

/** The replies of one side: the caller's zone, or all others. */
class Replies {
  #count = 0;
  #tookMs = 0;
  #countBefore = 0;
  #tookMsBefore = 0;
  #periodAtMs = -Infinity;

  /** How long they take in the mean, in milliseconds; `NaN` if too few are known. */
  get meanMs(): number {
    const count = this.#count + this.#countBefore;
    return count < LEAST_REPLIES ? NaN : (this.#tookMs + this.#tookMsBefore) / count;
  }

  /** Counts more of them. */
  add(count: number, tookMs: number): void {
    this.#count += count;
    this.#tookMs += tookMs;
  }

  /** Begins another period if it is time to. */
  turn(nowMs: number): void {
    const passedMs = nowMs - this.#periodAtMs;
    const isFull = passedMs >= LEAST_PERIOD_MS && this.#count >= PERIOD_REPLIES;
    if (!isFull && passedMs < LONGEST_PERIOD_MS) return;
    this.#periodAtMs = nowMs;
    this.#countBefore = this.#count;
    this.#tookMsBefore = this.#tookMs;
    this.#count = this.#tookMs = 0;
  }
}

/** How long replies of the caller's zone take beside those of all others. */
export class ZoneLoad {
  readonly #own = new Replies();
  readonly #others = new Replies();
  /** What was known of each endpoint when it was last looked at. */
  #seen = new Map<Measured, Measured>();
  #leaving = 0;
  #seenAtMs: number | undefined;

  /**
   * Takes the replies that have come.
   *
   * @param own The endpoints of the caller's zone.
   * @param others All others.
   * @param most The part of the calls that may leave at most.
   * @param nowMs The present time.
   * @returns The part of the calls that is to leave.
   */
  update(
    own: readonly Measured[],
    others: readonly Measured[],
    most: number,
    nowMs: number,
  ): number {
    const seen = new Map<Measured, Measured>();
    for (const [side, endpoints] of [[this.#own, own], [this.#others, others]] as const) {
      for (const endpoint of endpoints) {
        const { replies, repliesMs } = endpoint;
        const before = this.#seen.get(endpoint) ?? NOTHING;
        side.add(replies - before.replies, repliesMs - before.repliesMs);
        seen.set(endpoint, { replies, repliesMs });
      }
    }
    this.#seen = seen;
    const seconds = (nowMs - (this.#seenAtMs ?? nowMs)) / 1000;
    this.#seenAtMs = nowMs;
    const growth = this.#growth();
    // Where there were no calls for long, it is not known that the zone was slow all the time.
    this.#leaving += growth * (growth > 0 ? Math.min(seconds, 1) : seconds);
    this.#own.turn(nowMs);
    this.#others.turn(nowMs);
    return this.#leaving = Math.min(most, Math.max(0, this.#leaving));
  }

  /** By how much the part that leaves grows in a second. */
  #growth(): number {
    const ownMs = this.#own.meanMs;
    const times = ownMs / this.#others.meanMs;
    if (times > TOO_SLOW && ownMs > LEAST_MS) return GROWTH * Math.min(times, MOST_TIMES);
    return times > NOT_SLOW && ownMs > LEAST_MS ? 0 : -SHRINKAGE; // also if it is not known
  }
}
