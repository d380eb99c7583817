/**
 * A clock that stands still until a test advances it.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { DueQueue, type Waiting } from "../internal/due_queue.ts";
import { nextTurn } from "../internal/platform.ts";

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

/** Timers that are due at the same time are called in the order in which they were set. */
function isBefore(one: FakeTimer, other: FakeTimer): boolean {
  return one.dueAt < other.dueAt || one.dueAt === other.dueAt && one.order < other.order;
}

/**
 * A clock that stands still until it is advanced. Give it as the option
 * `clock`, and a test waits for no real time.
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
   * Creates a clock.
   *
   * @param startMs The time that it shows at first, in milliseconds.
   */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  /** How many timers are set. 0 at the end of a test shows that none is left behind. */
  get timers(): number {
    return this.#timers.size;
  }

  /**
   * The time that the clock shows.
   *
   * @returns Milliseconds.
   */
  now(): number {
    return this.#now;
  }

  /**
   * Sets a timer, which calls back once, when the clock is advanced that far.
   *
   * @param delayMs How long from now, in milliseconds; less than 0 counts as 0.
   * @param callback What to call then.
   * @returns The timer.
   */
  setTimer(delayMs: number, callback: () => void): Timer {
    const dueAt = this.#now + Math.max(0, delayMs);
    const timer = new FakeTimer(this.#timers, dueAt, this.#order++, callback);
    this.#timers.add(timer);
    return timer;
  }

  /**
   * Advances the clock. Timers that become due are called one after the other,
   * each at its time. Promises that are already resolved run their reactions
   * before, between and after them.
   *
   * @param ms How far, in milliseconds; 0 only lets reactions of promises run.
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

/** Waits for the next turn of the event loop: all microtasks have run by then. */
function settle(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}
