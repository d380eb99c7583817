/**
 * Time, as something that is handed in: the system's clock by default, a fake
 * one in tests and in the simulator.
 *
 * @module
 */

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
export interface Expiring {
  /** When it is due, on the clock's scale. Not changed while it waits. */
  dueAt: number;
  /** Whether it still waits: set by `add`, cleared by `remove` and on expiry. */
  waiting: boolean;
  /** Called once, when it is due. */
  expire(): void;
}

/** How few entries are not worth sweeping. */
const SMALL_HEAP = 64;

/**
 * Many deadlines on one timer. Setting a timer costs more than a whole call,
 * so calls share one: a heap ordered by time, from which a finished call is
 * not removed but only marked, and swept out later.
 */
export class Deadlines {
  readonly #clock: Clock;
  #heap: Expiring[] = [];
  #live = 0;
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
    entry.waiting = true;
    this.#live++;
    this.#push(entry);
    if (entry.dueAt < this.#timerAt) this.#arm(entry.dueAt);
  }

  /**
   * Waits for it no more. Costs next to nothing, also for one that never was
   * added or has expired.
   *
   * @param entry What need not expire any more.
   */
  remove(entry: Expiring): void {
    if (!entry.waiting) return;
    entry.waiting = false;
    this.#live--;
    if (this.#heap.length > SMALL_HEAP && this.#live * 2 < this.#heap.length) {
      const kept = this.#heap.filter((one) => one.waiting);
      this.#heap = [];
      for (const one of kept) this.#push(one);
    }
  }

  /** Ends the timer. What still waits is not called. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#heap = [];
    this.#live = 0;
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
    while (this.#heap.length > 0) {
      const first = this.#heap[0];
      if (first.waiting && first.dueAt > now) break;
      this.#pop();
      if (!first.waiting) continue;
      first.waiting = false;
      this.#live--;
      first.expire();
    }
    if (this.#heap.length > 0 && this.#heap[0].dueAt < this.#timerAt) {
      this.#arm(this.#heap[0].dueAt);
    }
  }

  #push(entry: Expiring): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].dueAt <= entry.dueAt) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length && heap[child + 1].dueAt < heap[child].dueAt
      ) child++;
      if (heap[child].dueAt >= last.dueAt) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
