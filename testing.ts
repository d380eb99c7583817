/**
 * What tests of programs that use this library want: a network in memory and
 * a clock that only moves when it is told to.
 *
 * @module
 */

import type { Clock, Timer } from "./clock.ts";

export { type MemoryFaults, MemoryNetwork, type MemoryNetworkOptions } from "./transport_memory.ts";

interface FakeTimer extends Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
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
  readonly #timers = new Set<FakeTimer>();
  #now: number;
  #order = 0;

  /**
   * Makes a clock that stands still.
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
    const timer: FakeTimer = {
      dueAt: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      cancel: () => void this.#timers.delete(timer),
    };
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
    for (let due = this.#due(end); due !== undefined; due = this.#due(end)) {
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.dueAt);
      due.callback();
      await settle();
    }
    this.#now = end;
  }

  /** The timer that is next, if it is due by then; of two at once, the older. */
  #due(end: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > end) continue;
      if (
        first === undefined || timer.dueAt < first.dueAt ||
        timer.dueAt === first.dueAt && timer.order < first.order
      ) first = timer;
    }
    return first;
  }
}

/** Every microtask that is on its way ends before the next task begins. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
