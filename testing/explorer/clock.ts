/**
 * The explorer's clock: it moves when it is told to, and can jump.
 *
 * @module
 */

import type { Clock, Timer } from "../../clock.ts";
import { DueQueue } from "../../internal/due_queue.ts";

class ExplorerTimer implements Timer {
  waiting = false;

  constructor(
    readonly queue: DueQueue<ExplorerTimer>,
    readonly dueAt: number,
    readonly order: number,
    readonly callback: () => void,
  ) {}

  cancel(): void {
    this.queue.remove(this);
  }
}

function isBefore(one: ExplorerTimer, other: ExplorerTimer): boolean {
  return one.dueAt < other.dueAt || one.dueAt === other.dueAt && one.order < other.order;
}

/** More timers than this in one step of a plan: something sets timers in a circle. */
const MOST_TIMERS = 100_000;

/** A clock for one run of a plan. */
export class ExplorerClock implements Clock {
  readonly #timers = new DueQueue(isBefore);
  #nowMs = 0;
  #order = 0;
  /** Each jump: what was due within it can't have happened on time. */
  readonly #jumps: { readonly fromMs: number; readonly toMs: number }[] = [];

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const dueAt = this.#nowMs + Math.max(0, delayMs);
    const timer = new ExplorerTimer(this.#timers, dueAt, this.#order++, callback);
    this.#timers.add(timer);
    return timer;
  }

  /**
   * Moves on to a time. Timers are called one after the other, each at its
   * time; what is on its way ends before, between and after them.
   *
   * @param untilMs Until when; the present for what is on its way only.
   */
  async advanceTo(untilMs: number): Promise<void> {
    const endMs = Math.max(untilMs, this.#nowMs);
    await settle();
    for (let count = 0;; count++) {
      const due = this.#timers.takeDue(endMs);
      if (due === undefined) break;
      if (count >= MOST_TIMERS) throw new Error(`${MOST_TIMERS} timers until ${endMs} ms`);
      this.#nowMs = Math.max(this.#nowMs, due.dueAt);
      due.callback();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /**
   * Goes on without calling timers, as for a process that stands still. Those
   * that have become due are called at the next `advanceTo`, all at the new time.
   *
   * @param ms How far.
   */
  jump(ms: number): void {
    const fromMs = this.#nowMs;
    this.#nowMs += ms;
    this.#jumps.push({ fromMs, toMs: this.#nowMs });
  }

  /**
   * The earliest time at which something that was due then could happen.
   *
   * @param dueAtMs When it was due.
   * @returns The same, or the end of a jump over it.
   */
  reachable(dueAtMs: number): number {
    let atMs = dueAtMs;
    for (const { fromMs, toMs } of this.#jumps) if (fromMs <= atMs && atMs < toMs) atMs = toMs;
    return atMs;
  }
}

/** The run's clock as one client has it: it knows which timers are that client's. */
export class CountedClock implements Clock {
  /** How many of its timers are set. */
  timers = 0;
  readonly #clock: Clock;

  /** @param clock The run's clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    let isSet = true;
    const end = () => {
      if (isSet) this.timers--;
      isSet = false;
    };
    this.timers++;
    const timer = this.#clock.setTimer(delayMs, () => {
      end();
      callback();
    });
    return {
      cancel: () => {
        end();
        timer.cancel();
      },
    };
  }
}

const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
const nextTurn: (callback: () => void) => unknown = setImmediate ??
  ((callback) => setTimeout(callback, 0));

/** All microtasks end before the next turn of the loop, which costs two microseconds. */
export function settle(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}
