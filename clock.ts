/**
 * Time, as something that is handed in: the system's clock by default, a fake
 * one in tests and in the simulator.
 *
 * @module
 */

import { DueQueue, type Waiting } from "./internal/due_queue.ts";

/** A timer that has been set. */
export interface Timer {
  /** Ends the timer: its callback is not called any more. */
  cancel(): void;
}

/** Where a client, a server or a policy takes the time from. */
export interface Clock {
  /** Milliseconds since a fixed point; never goes back. */
  now(): number;
  /**
   * Calls back once.
   *
   * @param delayMs From now; at most 2^31 − 1 is waited for.
   * @param callback What to call.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #id: ReturnType<typeof setTimeout>;
  constructor(delayMs: number, callback: () => void) {
    this.#id = setTimeout(callback, Math.min(delayMs, LONGEST_TIMER_MS));
  }
  cancel(): void {
    clearTimeout(this.#id);
  }
}

/** The system's monotonic clock and timers. */
export const systemClock: Clock = {
  now: (): number => performance.now(),
  setTimer: (delayMs: number, callback: () => void): Timer => new SystemTimer(delayMs, callback),
};

/**
 * A clock that is read once a turn: asking the system's costs a tenth of a
 * call, and all that happens between two microtasks happens at the same time.
 */
export class TurnClock {
  readonly #clock: Clock;
  #nowMs = 0;
  #isFresh = false;

  /** @param clock The clock that is read. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds, on the clock's scale. */
  now(): number {
    if (this.#isFresh) return this.#nowMs;
    this.#isFresh = true;
    queueMicrotask(this.#fade);
    return this.#nowMs = this.#clock.now();
  }

  readonly #fade = (): void => {
    this.#isFresh = false;
  };
}

/** What waits in {@linkcode Deadlines}. */
export interface Expiring extends Waiting {
  /** Called once, when it is due. */
  expire(): void;
}

/**
 * Many deadlines on one timer. Setting a timer costs more than a whole call,
 * so calls share one.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queue = new DueQueue<Expiring>((one, other) => one.dueAt < other.dueAt);
  #timer: Timer | undefined;
  #timerAt = Infinity;

  /** @param clock Where the time comes from. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Waits for `entry.dueAt`.
   *
   * @param entry Its `expire` is called when it is due, unless it is removed.
   */
  add(entry: Expiring): void {
    this.#queue.add(entry);
    if (entry.dueAt < this.#timerAt) this.#arm(entry.dueAt);
  }

  /**
   * Waits for it no more. Costs next to nothing, also for one that never was
   * added or has expired.
   *
   * @param entry What need not expire any more.
   */
  remove(entry: Expiring): void {
    this.#queue.remove(entry);
  }

  /** Ends the timer. What still waits is not called. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#queue.clear();
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    const delayMs = Math.max(0, at - this.#clock.now());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    const now = this.#clock.now();
    for (let due = this.#queue.takeDue(now); due !== undefined; due = this.#queue.takeDue(now)) {
      due.expire();
    }
    const { first } = this.#queue;
    if (first !== undefined && first.dueAt < this.#timerAt) this.#arm(first.dueAt);
  }
}
