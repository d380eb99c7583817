/**
 * Zones: calls stay in the caller's own while it has room, and go to the others
 * for what it lacks. Source: Envoy's priority levels, with two of them: the
 * caller's zone, and all others.
 *
 * @module
 */

import type { Random } from "../selector.ts";
import type { Endpoint } from "./endpoint.ts";
import { ZoneLoad } from "./zone_load.ts";

/** A zone that has lost some of its servers still takes all calls if it had so many times what it needs. Source: Envoy. */
const OVERPROVISIONING = 1.4;
/**
 * A side that gets few calls, or none, gets one so often, and one of so many at
 * most: else nobody would know how fast its endpoints are, and whether they are well again.
 */
const PROBE_EVERY_MS = 500;
const PROBE_CALLS = 50;
/** So much more rarely where most are not well: a call that fails there may not be repeated. */
const RARELY = 10;

/** Which calls leave the caller's zone. */
export class Zones {
  readonly #own: string;
  readonly #random: Random;
  readonly #load = new ZoneLoad();
  /** The part of the calls that stays. */
  #staying = 1;
  /** The part of a call that has to leave, summed up. */
  #toLeave: number | undefined;
  #hasRoom = false;
  /** Whether calls are given to endpoints of the own zone and to others, and it makes a difference. */
  #applies = false;
  /** When the side that gets fewer calls got the last one, and how many the other one has got since. */
  #probedAtMs = -Infinity;
  #unprobed = 0;
  /** How many times more rarely than else it gets one. */
  #rarely = 1;

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
   * @param endpoints Those that calls may be given to.
   * @param nowMs The present time.
   */
  update(endpoints: readonly Endpoint[], nowMs: number): void {
    const own = endpoints.filter((endpoint) => this.isOwn(endpoint));
    const others = endpoints.filter((endpoint) => !this.isOwn(endpoint));
    const here = weightsOf(own, nowMs);
    const elsewhere = weightsOf(others, nowMs);
    const ownRoom = roomOf(here);
    const room = ownRoom + roomOf(elsewhere);
    this.#hasRoom = own.length > 0 && others.length > 0 && room >= 1;
    // Without zones, so many would leave: to send away more can't be right.
    const most = elsewhere.well / (here.well + elsewhere.well || 1);
    const slow = this.#load.update(own, others, most, nowMs);
    const lacking = 1 - (this.#hasRoom ? ownRoom : ownRoom / (room || 1));
    this.#staying = 1 - Math.min(most, Math.max(lacking, slow));
    const { well, listed } = this.#staying < 0.5 ? here : elsewhere;
    this.#rarely = well * 2 < listed ? RARELY : 1;
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

  /**
   * Whether the next call leaves.
   *
   * @param nowMs The present time.
   */
  leaves(nowMs: number): boolean {
    if (!this.#applies) return false;
    let leaves = false;
    if (this.#staying < 1) {
      this.#toLeave = (this.#toLeave ?? this.#random()) + 1 - this.#staying;
      leaves = this.#toLeave >= 1;
      if (leaves) this.#toLeave--;
    }
    const probe = this.#staying >= 0.5;
    if (leaves !== probe) {
      if (++this.#unprobed < PROBE_CALLS * this.#rarely) return leaves;
      if (nowMs - this.#probedAtMs < PROBE_EVERY_MS * this.#rarely) return leaves;
    }
    this.#unprobed = 0;
    this.#probedAtMs = nowMs;
    return probe;
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

/** The weights of some endpoints: all, and what counts now of those that are well. */
interface Weights {
  listed: number;
  well: number;
}

function weightsOf(endpoints: readonly Endpoint[], nowMs: number): Weights {
  const weights = { listed: 0, well: 0 };
  for (const endpoint of endpoints) {
    weights.listed += endpoint.listedWeight;
    if (isWell(endpoint, nowMs)) weights.well += endpoint.weight;
  }
  return weights;
}

/** For which part of all calls they have room. */
function roomOf({ listed, well }: Weights): number {
  return listed === 0 ? 0 : Math.min(1, OVERPROVISIONING * well / listed);
}
