/**
 * A timer of one call: a deadline, a backoff, a hedge, or a slow dial.
 *
 * @module
 */

import type { Expiring } from "../internal/deadlines.ts";

/** One timer in the `Deadlines` that all calls of an `XClient` share. */
export class CallTimer implements Expiring {
  /** Whether it is set: kept by the queue. */
  waiting = false;

  /**
   * @param dueAt When it expires, on the clock's scale.
   * @param expire Called then, unless it is removed before.
   */
  constructor(readonly dueAt: number, readonly expire: () => void) {}
}
