/**
 * What the servers of a fleet tell of their load, taken together, and when they are asked.
 *
 * @module
 */

/** How much one report moves the mean. */
const WEIGHT = 0.02;
/** Less is nothing: numbers that shrink for ever become slow to reckon with. */
const SMALLEST = 1e-6;
/** At most one ping for so many calls. */
const CALLS_PER_PING = 2;
/** How much the servers have to do for others before pings are sent, in calls. */
const WORTH_ASKING = 0.1;
/** What was told so short a time ago is fresh, as a share of the time in which it fades. */
const FRESH = 1 / 16;

/** An endpoint that may be asked for its load. */
export interface Askable {
  /** When it has told it last, in milliseconds. */
  readonly reportedAtMs: number;
  /** Whether a ping can be sent to it, and none is under way. */
  readonly isAskable: boolean;
  /** Sends it a ping. */
  ask(): void;
}

/** The mean of all reports, and the pings. */
export class Reports {
  #meanOthers = 0;
  /** How many calls have begun since the last ping. */
  #calls = 0;

  /** How many calls of other clients the servers have, in the mean of late. */
  get meanOthers(): number {
    return this.#meanOthers;
  }

  /**
   * A server has told its load.
   *
   * @param others How many of the calls there are other clients'.
   */
  observe(others: number): void {
    if (others === this.#meanOthers) return;
    const mean = this.#meanOthers + WEIGHT * (others - this.#meanOthers);
    this.#meanOthers = mean < SMALLEST ? 0 : mean;
  }

  /**
   * A call begins whose policy goes by reports. Every second one sends a ping along, to the
   * endpoint that has told nothing for longest, unless that was not long ago.
   *
   * @param endpoints Those that calls go to.
   * @param nowMs The present time.
   * @param fadeMs Within which time what they tell fades, in milliseconds.
   */
  callBegins(endpoints: readonly Askable[], nowMs: number, fadeMs: number): void {
    if (++this.#calls < CALLS_PER_PING || this.#meanOthers < WORTH_ASKING) return;
    this.#calls = 0;
    let oldest: Askable | undefined;
    let oldestAtMs = nowMs - FRESH * fadeMs;
    for (const endpoint of endpoints) {
      if (endpoint.reportedAtMs > oldestAtMs || !endpoint.isAskable) continue;
      oldest = endpoint;
      oldestAtMs = endpoint.reportedAtMs;
    }
    oldest?.ask();
  }
}
