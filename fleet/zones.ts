/**
 * Zones: calls stay in the caller's own while it has room, and go to the others
 * for what it lacks. Source: Envoy's priority levels, with two of them: the
 * caller's zone, and all others.
 *
 * @module
 */

import type { Random } from "../selector.ts";
import type { Endpoint } from "./endpoint.ts";

/** A zone that has lost some of its servers still takes all calls if it had so many times what it needs. Source: Envoy. */
const OVERPROVISIONING = 1.4;
/** A zone whose servers all fail gets this part of the calls, which show when they are well again. */
const LEAST_SHARE = 0.01;

/** Which calls leave the caller's zone. */
export class Zones {
  readonly #own: string;
  readonly #random: Random;
  /** The part of the calls that stays. */
  #staying = 1;
  /** The part of a call that has to leave, summed up. */
  #toLeave: number | undefined;
  #hasRoom = false;
  /** Whether calls are given to endpoints of the own zone and to others, and it makes a difference. */
  #applies = false;

  /**
   * @param own The caller's zone.
   * @param random Where the first call that leaves comes from, so that many clients do not go in step.
   */
  constructor(own: string, random: Random) {
    this.#own = own;
    this.#random = random;
  }

  /** Whether those of its endpoints that are well have room for all calls: then the others are ignored. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /**
   * Whether an endpoint is in the caller's zone.
   *
   * @param endpoint The endpoint.
   */
  isOwn({ zone }: Endpoint): boolean {
    return zone === this.#own;
  }

  /**
   * Finds out how many calls have to leave.
   *
   * @param endpoints All that are listed.
   * @param nowMs The present time.
   */
  update(endpoints: readonly Endpoint[], nowMs: number): void {
    const here = { listed: 0, well: 0 };
    const elsewhere = { listed: 0, well: 0 };
    for (const endpoint of endpoints) {
      const side = this.isOwn(endpoint) ? here : elsewhere;
      side.listed += endpoint.listedWeight;
      if (isWell(endpoint, nowMs)) side.well += endpoint.weight;
    }
    const own = roomOf(here);
    const others = roomOf(elsewhere);
    this.#hasRoom = here.listed > 0 && elsewhere.listed > 0 && own + others >= 1;
    const staying = this.#hasRoom ? own : own / (own + others || 1);
    this.#staying = Math.max(staying, LEAST_SHARE);
  }

  /**
   * Divides the endpoints that calls are given to.
   *
   * @param best The endpoints.
   * @param isPanic Whether so many fail that all are used: those of the own zone then are no better.
   * @returns Those for calls that stay, and for calls that leave: none, if all calls may go to all.
   */
  divide(best: readonly Endpoint[], isPanic: boolean): (readonly Endpoint[])[] {
    const own = best.filter((endpoint) => this.isOwn(endpoint));
    this.#applies = !isPanic && own.length > 0 && own.length < best.length;
    if (!this.#applies) return [best, []];
    return [own, best.filter((endpoint) => !this.isOwn(endpoint))];
  }

  /** Whether the next call leaves. */
  leaves(): boolean {
    if (this.#staying === 1 || !this.#applies) return false;
    this.#toLeave ??= this.#random();
    this.#toLeave += 1 - this.#staying;
    if (this.#toLeave < 1) return false;
    this.#toLeave--;
    return true;
  }

  /**
   * Where a further attempt is made: in the caller's zone if there is an endpoint
   * that is well, else elsewhere.
   *
   * @param some Endpoints that may be tried.
   * @param nowMs The present time.
   * @returns Some of them, or all.
   */
  prefer(some: readonly Endpoint[], nowMs: number): readonly Endpoint[] {
    if (!this.#applies) return some;
    const own = some.filter((endpoint) => this.isOwn(endpoint) && isWell(endpoint, nowMs));
    if (own.length > 0) return own;
    const others = some.filter((endpoint) => !this.isOwn(endpoint));
    return others.length > 0 ? others : some;
  }
}

function isWell(endpoint: Endpoint, nowMs: number): boolean {
  return endpoint.isFit(nowMs) && endpoint.health.state(nowMs) === "healthy";
}

/** Which part of all calls a zone has room for. */
function roomOf({ listed, well }: { listed: number; well: number }): number {
  return listed === 0 ? 0 : Math.min(1, OVERPROVISIONING * well / listed);
}
