/**
 * Many deadlines on one timer.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { DueQueue, type Waiting } from "./due_queue.ts";

/** An entry of {@linkcode Deadlines}. */
export interface Expiring extends Waiting {
  /** Called once, when `dueAt` has come, unless the entry was removed before. */
  expire(): void;
}

/**
 * Calls entries when they are due, all on a single timer: setting one of the
 * platform's timers costs more than a whole call. If the timer fires late, the
 * event loop goes round once before they are called: a reply that has arrived in
 * time is read first, and its entry removed.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queue = new DueQueue<Expiring>((one, other) => one.dueAt < other.dueAt);
  #timer: Timer | undefined;
  #timerAt = Infinity;
  /** What was due by then has passed, once all that lies there has been read. */
  #passedMs: number | undefined;

  /** @param clock Where the time comes from; entries are due on its scale. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Adds an entry.
   *
   * @param entry Its `expire` is called at `entry.dueAt`; soon if that has passed.
   */
  add(entry: Expiring): void {
    this.#queue.add(entry);
    if (entry.dueAt < this.#timerAt) this.#arm(entry.dueAt);
  }

  /**
   * Removes an entry; its `expire` is not called any more. Costs next to
   * nothing, even if the entry was never added or has expired.
   *
   * @param entry What need not expire any more.
   */
  remove(entry: Expiring): void {
    this.#queue.remove(entry);
  }

  /** Removes all entries and cancels the timer. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#passedMs = undefined;
    this.#queue.clear();
  }

  #arm(at: number): void {
    if (this.#passedMs !== undefined) return; // looks again in a moment
    this.#timer?.cancel();
    this.#timerAt = at;
    const delayMs = Math.max(0, at - this.#clock.now());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    // A timer that is late: this process stood still, and what ends these may lie there unread.
    const { first: next } = this.#queue;
    if (this.#passedMs === undefined && next !== undefined && next.dueAt < this.#clock.now()) {
      this.#passedMs = this.#clock.now();
      this.#timer = this.#clock.setTimer(0, () => this.#fire());
      return;
    }
    const now = this.#passedMs ?? this.#clock.now();
    this.#passedMs = undefined;
    for (let due = this.#queue.takeDue(now); due !== undefined; due = this.#queue.takeDue(now)) {
      due.expire();
    }
    const { first } = this.#queue;
    if (first !== undefined && first.dueAt < this.#timerAt) this.#arm(first.dueAt);
  }
}
