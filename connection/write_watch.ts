/**
 * Notices writes that make no progress: the peer does not read.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** How many times within the limit it is looked: a stall is noticed up to a part of it later. */
const LOOKS = 4;
/** When it is looked for the first time: mostly there has been progress by then. */
const FIRST_LOOK_MS = 1000;

/** A write has made no progress for too long. */
export class WriteStalled extends Error {}

/** What a {@linkcode WriteWatch} looks at. */
export interface WriteWatchOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** How long without progress is a stall, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a write is under way. */
  isWriting(): boolean;
  /** Called with the error if one has stalled. */
  onStall(error: WriteStalled): void;
}

/**
 * Looks from time to time whether writes have made progress, on one timer for
 * many of them: setting one for each write would cost more than the write.
 */
export class WriteWatch {
  readonly #options: WriteWatchOptions;
  #timer: Timer | undefined;
  /** How many times progress was made. */
  #count = 0;
  #countSeen = 0;
  /** When progress was seen for the last time. */
  #sinceMs = 0;

  /** @param options Clock, limit and what learns of a stall. */
  constructor(options: WriteWatchOptions) {
    this.#options = options;
  }

  /** A write is under way that the peer may not read. */
  start(): void {
    if (this.#timer === undefined) this.#arm();
  }

  /** Something was written. */
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
    if (!this.#options.isWriting()) return;
    if (this.#count !== this.#countSeen) return this.#arm();
    if (clock.now() - this.#sinceMs < timeoutMs) return this.#lookLater();
    this.#options.onStall(new WriteStalled(`the peer has read nothing for ${timeoutMs} ms`));
  }
}
