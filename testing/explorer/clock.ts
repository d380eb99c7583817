/**
 * The explorer's clock: it moves when it is told to, and can jump.
 *
 * @module
 */

import type { Clock, Timer } from "../../clock.ts";
import { FakeClock } from "../fake_clock.ts";

/** More timers than this within one step of a plan: something sets them in a circle. */
const MOST_TIMERS = 100_000;

/** The clock of one run: a fake one that knows when it stood still. */
export class ExplorerClock extends FakeClock {
  /** Each jump: what was due within it can't have happened on time. */
  readonly #jumps: { readonly fromMs: number; readonly toMs: number }[] = [];
  #set = 0;

  override setTimer(delayMs: number, callback: () => void): Timer {
    if (++this.#set > MOST_TIMERS) throw new Error(`${MOST_TIMERS} timers until ${this.now()} ms`);
    return super.setTimer(delayMs, callback);
  }

  /** Moves on to a time, unless it is over; what is on its way ends in any case. */
  advanceTo(untilMs: number): Promise<void> {
    this.#set = 0;
    return this.advance(Math.max(0, untilMs - this.now()));
  }

  override jump(ms: number): void {
    const fromMs = this.now();
    super.jump(ms);
    this.#jumps.push({ fromMs, toMs: this.now() });
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
