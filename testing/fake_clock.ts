/**
 * A clock that moves only when it is told to.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { DueQueue, type Waiting } from "../internal/due_queue.ts";

class FakeTimer implements Timer, Waiting {
  waiting = false;

  constructor(
    readonly queue: DueQueue<FakeTimer>,
    readonly dueAt: number,
    readonly order: number,
    readonly callback: () => void,
  ) {}

  cancel(): void {
    this.queue.remove(this);
  }
}

/** Of two that are due at once, the older is the first. */
function isBefore(one: FakeTimer, other: FakeTimer): boolean {
  return one.dueAt < other.dueAt || one.dueAt === other.dueAt && one.order < other.order;
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
  readonly #timers = new DueQueue(isBefore);
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
    return this.#timers.size;
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
    const timer = new FakeTimer(this.#timers, dueAt, this.#order++, callback);
    this.#timers.add(timer);
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
    const next = () => this.#timers.takeDue(end);
    for (let due = next(); due !== undefined; due = next()) {
      this.#now = Math.max(this.#now, due.dueAt);
      due.callback();
      await settle();
    }
    this.#now = Math.max(this.#now, end); // another advance may have gone further
  }

  /**
   * Moves the clock on at once and calls no timer, as for a process that stands
   * still. Timers that have become due are called by the next `advance`, late.
   *
   * @param ms How far.
   * @throws {RangeError} If `ms` is negative or not a number.
   *
   * @example
   * ```ts
   * import { assert } from "@std/assert";
   * import { FakeClock } from "@geerpc/xclient/testing";
   *
   * const clock = new FakeClock();
   * const seen: number[] = [];
   * clock.setTimer(10, () => seen.push(clock.now()));
   * clock.jump(500);
   * assert(seen.length === 0);
   * await clock.advance(0);
   * assert(seen.join() === "500");
   * ```
   */
  jump(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a clock can't jump by ${ms} ms`);
    this.#now += ms;
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
