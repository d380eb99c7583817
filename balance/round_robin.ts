/**
 * The policy `round_robin`.
 *
 * @module
 */

import type { EndpointView, Random, Selector } from "./types.ts";

/** One endpoint after the other, from a random start; keeps its place when the list changes. */
export class RoundRobinSelector implements Selector {
  readonly #random: Random;
  #endpoints: readonly EndpointView[] | undefined;
  #next = 0;

  /** @param random Picks the start, so that many clients do not go in step. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[]): T | undefined {
    if (endpoints !== this.#endpoints) this.#change(endpoints);
    if (this.#next >= endpoints.length) this.#next = 0;
    return endpoints[this.#next++];
  }

  /** Goes on with the first endpoint in the old order, from the next one on, that is still listed. */
  #change(endpoints: readonly EndpointView[]): void {
    const before = this.#endpoints ?? [];
    this.#endpoints = endpoints;
    const places = new Map(endpoints.map(({ address }, place) => [address, place]));
    for (let turn = 0; turn < before.length; turn++) {
      const { address } = before[(this.#next + turn) % before.length];
      const place = places.get(address);
      if (place !== undefined) {
        this.#next = place;
        return;
      }
    }
    this.#next = Math.floor(this.#random() * endpoints.length);
  }
}
