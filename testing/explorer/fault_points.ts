/**
 * What a plan has happen at points in the library's own code.
 *
 * @module
 */

import type { FaultHook, FaultPoint } from "../../internal/fault_points.ts";
import { abortWith, releaseFrom } from "../../internal/abort.ts";
import type { ExplorerClock } from "./clock.ts";
import type { History } from "./history.ts";
import type { PointStep } from "./plan.ts";

/** What may happen at each point: it waits, it fails, or either. */
export const AT_POINTS: Readonly<Record<FaultPoint, "waits" | "throws" | "both">> = {
  list_answered: "waits",
  list_watched: "waits",
  dial_begun: "both",
  dial_connected: "both",
  dial_opened: "waits",
  dial_shared: "waits",
  handshake_read: "both",
  batch_written: "both",
  reply_read: "both",
  request_read: "both",
  call_queued: "throws",
};

/** Where what fails throws at once; elsewhere what is waited for rejects. */
const SYNC: ReadonlySet<FaultPoint> = new Set(["reply_read", "request_read", "call_queued"]);

/** The points of one run. */
export class FaultPoints {
  readonly #clock: ExplorerClock;
  readonly #history: History;
  /** What happens, and how many times yet. */
  readonly #set = new Map<FaultPoint, { readonly step: PointStep; left: number }>();
  /** The points at which something has happened. */
  readonly passed = new Set<FaultPoint>();

  /**
   * @param clock The run's clock.
   * @param history Where it is taken down.
   */
  constructor(clock: ExplorerClock, history: History) {
    this.#clock = clock;
    this.#history = history;
  }

  /** Has something happen from now on, in place of what was set for that point. */
  set(step: PointStep): void {
    this.#set.set(step.point, { step, left: step.times });
  }

  /** Nothing happens any more; waits that have begun go on. */
  clear(): void {
    this.#set.clear();
  }

  readonly hook: FaultHook = (point, signal) => {
    const set = this.#set.get(point);
    if (set === undefined) return undefined;
    if (--set.left <= 0) this.#set.delete(point);
    this.passed.add(point);
    const { waitMs } = set.step;
    if (waitMs !== undefined) {
      this.#history.note("", `${point} waits for ${waitMs} ms`);
      return this.#wait(waitMs, signal);
    }
    this.#history.note("", `${point} fails`);
    const error = new Error(`fault point ${point}`);
    if (SYNC.has(point)) throw error;
    return Promise.reject(error);
  };

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        if (signal !== undefined) releaseFrom(signal, wait);
        resolve();
      };
      const timer = this.#clock.setTimer(ms, end);
      const wait = {
        abort: () => {
          timer.cancel();
          resolve();
        },
      };
      if (signal !== undefined) abortWith(signal, wait);
    });
  }
}
