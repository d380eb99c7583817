/**
 * How much a server has to do, over all of its connections.
 *
 * @module
 */

/** Counts the calls that run and those that wait. */
export class ServerLoad {
  #running = 0;
  #waiting = 0;

  /** How many handlers have not ended, those of calls that were given up included. */
  get running(): number {
    return this.#running;
  }

  /** How many calls were read and wait to run. */
  get waiting(): number {
    return this.#waiting;
  }

  /** So many handlers more have begun; fewer if it is below 0. */
  began(handlers: number): void {
    this.#running += handlers;
  }

  /** So many calls more wait; fewer if it is below 0. */
  queued(calls: number): void {
    this.#waiting += calls;
  }
}
