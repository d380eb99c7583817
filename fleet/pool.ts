/**
 * Endpoints that a policy picks from: all that calls may be given to, or those
 * of a zone.
 *
 * @module
 */

import { type PickContext, type Random, SelectMode, type Selector } from "../selector.ts";
import type { ReportingSelector } from "../balance/types.ts";
import type { Endpoint } from "./endpoint.ts";
import { Turns } from "./turns.ts";

/**
 * How a policy gives an endpoint in its slow start its share:
 *
 * - `weight`: it goes by weights, call by call.
 * - `load`: it goes by the load for a weight. While there is little load, an
 *   endpoint of a lower weight gets nothing by that; so it has turns, too.
 * - `turns`: it knows no weights. The endpoint gets its turns, and nothing else.
 */
type Start = "weight" | "load" | "turns";

const STARTS: Readonly<Record<SelectMode, Start>> = {
  [SelectMode.Random]: "turns",
  [SelectMode.RoundRobin]: "turns",
  [SelectMode.WeightedRoundRobin]: "weight",
  [SelectMode.LeastLoaded]: "load",
  [SelectMode.PeakEwma]: "load",
  [SelectMode.ShortestExpectedDelay]: "load",
  [SelectMode.ConsistentHash]: "weight",
};

/** In its turn an endpoint gets a call rather than one that is as little loaded. */
const IN_TURN = 1 + 1e-9;

/** A policy, and what it picks from. */
export class Pool {
  /** The policy. */
  readonly selector: Selector & Partial<ReportingSelector>;
  readonly #newSelector: () => Selector;
  readonly #random: Random;
  readonly #start: Start;
  /** All that calls are given to. */
  #endpoints: readonly Endpoint[] = [];
  /** Those that the policy is shown: the same array as long as it holds the same. */
  #shown: readonly Endpoint[] = [];
  /** While some are in their slow start, and the policy needs it. */
  #turns: Turns | undefined;
  /** The policy for turns, so that the other one is shown the same endpoints all the time. */
  #turnSelector: Selector | undefined;

  /**
   * @param newSelector Makes the policy.
   * @param mode Its name; `undefined` for one of the caller's own, which sees weights.
   * @param random Where chance comes from.
   */
  constructor(newSelector: () => Selector, mode: SelectMode | undefined, random: Random) {
    this.selector = newSelector();
    this.#newSelector = newSelector;
    this.#random = random;
    this.#start = mode === undefined ? "weight" : STARTS[mode];
  }

  /** All that calls are given to. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Within what time reports give way to the mean of all, in milliseconds; 0 while none count. */
  get reportsFadeMs(): number {
    return this.selector.reportsFadeMs ?? 0;
  }

  /**
   * How many calls may run or wait at an endpoint without it being news. Only while reports count.
   *
   * @param endpoint The endpoint.
   * @param context Time and mean, as of a pick.
   */
  expectedAt(endpoint: Endpoint, context: PickContext): number {
    return this.selector.expectedAt!(endpoint, context);
  }

  /**
   * Takes the endpoints that calls are given to from now on.
   *
   * @param endpoints The endpoints.
   * @param haveChanged Whether weights have changed, which policies may have kept.
   */
  update(endpoints: readonly Endpoint[], haveChanged: boolean): void {
    if (!haveChanged && areSame(endpoints, this.#endpoints)) return;
    this.#endpoints = endpoints;
    const starting = this.#start === "weight" ? [] : endpoints.filter(({ share }) => share < 1);
    if (starting.length === 0) this.#turns = undefined;
    else {
      this.#turns ??= new Turns(this.#start === "load", this.#random);
      this.#turns.update(endpoints, starting);
    }
    this.#shown = [...this.#withoutTurns(endpoints)];
  }

  /**
   * Picks an endpoint.
   *
   * @param context Time and key.
   * @returns `undefined` if there is none.
   */
  pick(context: PickContext): Endpoint | undefined {
    const turns = this.#turns;
    if (turns === undefined) return this.selector.pick(this.#shown, context);
    const next = turns.next();
    if (next !== undefined && this.#takesTurn(next, context)) return next;
    const picked = this.selector.pick(this.#shown, context);
    if (picked !== undefined) turns.took(picked);
    return picked;
  }

  /**
   * Picks for a further attempt.
   *
   * @param some Endpoints that the call may go to.
   * @param context Time and key.
   * @returns `undefined` if there are none.
   */
  pickFrom(some: readonly Endpoint[], context: PickContext): Endpoint | undefined {
    return this.selector.pick(this.#withoutTurns(some), context);
  }

  /** Those that a policy is shown that knows no weights: all that have their full share. */
  #withoutTurns(some: readonly Endpoint[]): readonly Endpoint[] {
    if (this.#start !== "turns" || this.#turns === undefined) return some;
    const others = some.filter(({ share }) => share === 1);
    return others.length > 0 ? others : some;
  }

  /**
   * Whether an endpoint gets the call whose turn it is. A policy that goes by load
   * says so: if it were at its full weight, would it have the call rather than another?
   */
  #takesTurn(endpoint: Endpoint, context: PickContext): boolean {
    if (this.#start === "turns") return true;
    const others = this.#endpoints.filter((other) => other !== endpoint);
    if (others.length === 0) return true;
    const other = others[Math.floor(this.#random() * others.length)];
    this.#turnSelector ??= this.#newSelector();
    const { share } = endpoint;
    endpoint.setShare(IN_TURN);
    try {
      return this.#turnSelector.pick([endpoint, other], context) === endpoint;
    } finally {
      endpoint.setShare(share);
    }
  }
}

function areSame(some: readonly Endpoint[], others: readonly Endpoint[]): boolean {
  return some.length === others.length &&
    some.every((endpoint, place) => endpoint === others[place]);
}
