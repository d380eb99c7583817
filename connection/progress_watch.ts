/**
 * Notices that nothing has moved for some time: a peer that does not read, or
 * a connection that nobody uses.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** What a {@linkcode ProgressWatch} looks at. */
export interface ProgressWatchOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** How long without progress is a stall, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether progress is expected at all; if not, nobody looks until the next start. */
  isExpected(): boolean;
  /** Called when there was none for that time; nobody looks any more. */
  onStall(): void;
}

/** How many times within the limit it is looked: a stall is noticed up to a part of it later. */
const LOOKS = 4;
/** When it is looked for the first time: mostly there has been progress by then. */
const FIRST_LOOK_MS = 1000;

/**
 * Looks from time to time whether there has been progress, on one timer for
 * many steps of it: setting one for each write or read would cost more than
 * the step.
 */
export class ProgressWatch {
  readonly #options: ProgressWatchOptions;
  #timer: Timer | undefined;
  /** How many times progress was made. */
  #count = 0;
  #countSeen = 0;
  /** When progress was seen for the last time. */
  #sinceMs = 0;

  /** @param options Clock, limit and what learns of a stall. */
  constructor(options: ProgressWatchOptions) {
    this.#options = options;
  }

  /** Progress is expected from now on. */
  start(): void {
    if (this.#timer === undefined) this.#arm();
  }

  /** Something has moved. */
  progress(): void {
    this.#count++;
  }

  /** Looks no more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Begins to wait for progress. */
  #arm(): void {
    this.#countSeen = this.#count;
    this.#sinceMs = this.#options.clock.now();
    this.#lookLater(FIRST_LOOK_MS);
  }

  #lookLater(mostMs = Infinity): void {
    const { clock, timeoutMs } = this.#options;
    this.#timer = clock.setTimer(Math.min(timeoutMs / LOOKS, mostMs), () => this.#look());
  }

  #look(): void {
    const { clock, timeoutMs } = this.#options;
    this.#timer = undefined;
    if (!this.#options.isExpected()) return;
    if (this.#count !== this.#countSeen) return this.#arm();
    if (clock.now() - this.#sinceMs < timeoutMs) return this.#lookLater();
    this.#options.onStall();
  }
}
