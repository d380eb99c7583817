/**
 * Balancing: which of the servers is to get the next call.
 *
 * @module
 */

import { RpcError } from "./errors.ts";

/** The balancing policies, by name. */
export const SelectMode = {
  /** Any server, each as likely as the others. */
  Random: "random",
  /** One after the other, from a random start. */
  RoundRobin: "round_robin",
} as const;

/** The name of a balancing policy. */
export type SelectMode = (typeof SelectMode)[keyof typeof SelectMode];

/** A server that may be picked. */
export interface Candidate {
  /** What tells it from the others. */
  readonly address: string;
}

/** A balancing policy. */
export interface Selector {
  /**
   * Picks a server for one call.
   *
   * @param candidates The servers there are; the same array until they change.
   * @returns One of them, or `undefined` if there are none.
   */
  pick<T extends Candidate>(candidates: readonly T[]): T | undefined;
}

/** A source of randomness: `Math.random` or a seeded one. At least 0, below 1. */
export type Random = () => number;

class RandomSelector implements Selector {
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }
  pick<T extends Candidate>(candidates: readonly T[]): T | undefined {
    return candidates[Math.floor(this.#random() * candidates.length)];
  }
}

class RoundRobinSelector implements Selector {
  readonly #random: Random;
  #candidates: readonly Candidate[] | undefined;
  #next = 0;
  constructor(random: Random) {
    this.#random = random;
  }
  pick<T extends Candidate>(candidates: readonly T[]): T | undefined {
    if (candidates !== this.#candidates) this.#change(candidates);
    if (this.#next >= candidates.length) this.#next = 0;
    return candidates[this.#next++];
  }
  /** Goes on with the first server that was due before and is still there. */
  #change(candidates: readonly Candidate[]): void {
    const before = this.#candidates ?? [];
    this.#candidates = candidates;
    const places = new Map(candidates.map(({ address }, place) => [address, place]));
    for (let turn = 0; turn < before.length; turn++) {
      const due = before[(this.#next + turn) % before.length];
      const place = places.get(due.address);
      if (place !== undefined) {
        this.#next = place;
        return;
      }
    }
    this.#next = Math.floor(this.#random() * candidates.length);
  }
}

/**
 * Makes a selector for a mode.
 *
 * @param mode The policy.
 * @param random Where it takes chance from. Default `Math.random`.
 * @returns A new selector, with a state of its own.
 * @throws {RpcError} `invalid_argument` for an unknown mode, naming those there are.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { createSelector, SelectMode } from "@geerpc/xclient";
 *
 * const selector = createSelector(SelectMode.RoundRobin, () => 0);
 * const servers = [{ address: "tcp@a:1" }, { address: "tcp@b:1" }];
 * assert(selector.pick(servers) === servers[0]);
 * assert(selector.pick(servers) === servers[1]);
 * ```
 */
export function createSelector(mode: SelectMode, random: Random = Math.random): Selector {
  switch (mode) {
    case SelectMode.Random:
      return new RandomSelector(random);
    case SelectMode.RoundRobin:
      return new RoundRobinSelector(random);
    default: {
      const modes = Object.values(SelectMode).join(", ");
      const message = `unknown select mode ${JSON.stringify(mode)}; expected ${modes}`;
      throw new RpcError("invalid_argument", message, { execution: "not_sent" });
    }
  }
}
