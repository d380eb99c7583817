/**
 * A clock that moves only when it is told to.
 *
 * @module
 */

import type { Clock, Timer } from "./clock.ts";

/** How few timers are not worth sweeping. */
const SMALL_HEAP = 64;

class FakeTimer implements Timer {
  waiting = true;

  constructor(
    readonly dueAt: number,
    readonly order: number,
    readonly callback: () => void,
    readonly onCancel: () => void,
  ) {}

  cancel(): void {
    if (!this.waiting) return;
    this.waiting = false;
    this.onCancel();
  }

  isBefore(other: FakeTimer): boolean {
    return this.dueAt < other.dueAt || this.dueAt === other.dueAt && this.order < other.order;
  }
}

/**
 * A clock that stands still until it is advanced: hand it over as the option
 * `clock`, and no test waits for real time.
 *
 * @example A deadline without waiting for it
 * ```ts
 * import { assert } from "@std/assert";
 * import { dial, Server } from "@geerpc/xclient";
 * import { FakeClock, MemoryNetwork } from "@geerpc/xclient/testing";
 *
 * const clock = new FakeClock();
 * const network = new MemoryNetwork({ clock });
 * const server = new Server({ clock });
 * server.register("Never", { Answer: () => new Promise(() => {}) });
 * await server.listen("memory@a", { network });
 *
 * const client = await dial("memory@a", { network, clock });
 * const call = client.call("Never.Answer", null, { timeoutMs: 60_000 });
 * const outcome = call.catch((error) => error.name);
 * await clock.advance(60_000);
 * assert(await outcome === "TimeoutError");
 *
 * await client.close();
 * await server.close({ graceMs: 0 });
 * ```
 */
export class FakeClock implements Clock {
  #heap: FakeTimer[] = [];
  #live = 0;
  #now: number;
  #order = 0;

  /**
   * Makes a clock.
   *
   * @param startMs What it shows at first.
   */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  /** How many timers are set: 0 when nothing has been left behind. */
  get timers(): number {
    return this.#live;
  }

  /**
   * What the clock shows.
   *
   * @returns Milliseconds.
   */
  now(): number {
    return this.#now;
  }

  /**
   * Calls back once, when the clock has been advanced so far.
   *
   * @param delayMs From now.
   * @param callback What to call.
   * @returns The timer.
   */
  setTimer(delayMs: number, callback: () => void): Timer {
    const dueAt = this.#now + Math.max(0, delayMs);
    const timer = new FakeTimer(dueAt, this.#order++, callback, this.#cancelled);
    this.#live++;
    this.#push(timer);
    return timer;
  }

  /**
   * Moves the clock on. Timers that become due are called one after the other,
   * each at its time; what is already on its way ends before, between and after
   * them.
   *
   * @param ms How far; 0 only lets end what is on its way.
   * @returns Resolves when the clock shows the new time.
   * @throws {RangeError} If `ms` is negative or not a number.
   *
   * @example
   * ```ts
   * import { assert } from "@std/assert";
   * import { FakeClock } from "@geerpc/xclient/testing";
   *
   * const clock = new FakeClock();
   * const seen: number[] = [];
   * clock.setTimer(20, () => seen.push(clock.now()));
   * clock.setTimer(10, () => seen.push(clock.now()));
   * await clock.advance(30);
   * assert(seen.join() === "10,20" && clock.now() === 30);
   * ```
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`can't advance a clock by ${ms} ms`);
    const end = this.#now + ms;
    await settle();
    for (let due = this.#due(end); due !== undefined; due = this.#due(end)) {
      this.#now = Math.max(this.#now, due.dueAt);
      due.callback();
      await settle();
    }
    this.#now = end;
  }

  /** Takes out the timer that is next, if it is due by then; of two at once, the older. */
  #due(end: number): FakeTimer | undefined {
    while (this.#heap.length > 0) {
      const first = this.#heap[0];
      if (first.waiting && first.dueAt > end) return undefined;
      this.#pop();
      if (!first.waiting) continue;
      first.waiting = false;
      this.#live--;
      return first;
    }
    return undefined;
  }

  readonly #cancelled = (): void => {
    this.#live--;
    if (this.#heap.length <= SMALL_HEAP || this.#live * 2 >= this.#heap.length) return;
    const kept = this.#heap.filter((timer) => timer.waiting);
    this.#heap = [];
    for (const timer of kept) this.#push(timer);
  };

  #push(timer: FakeTimer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].isBefore(timer)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].isBefore(heap[child])) child++;
      if (last.isBefore(heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

/** Runtimes that have it turn their loop a hundred times faster with it than with a timer. */
const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
const nextTurn: (callback: () => void) => unknown = setImmediate ??
  ((callback) => setTimeout(callback, 0));

/** Every microtask that is on its way ends before the next turn of the loop. */
function settle(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}
