/**
 * The policy `consistent_hash`.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { combine, hashText, mix } from "./hash.ts";
import type { EndpointView, PickContext, Selector } from "./types.ts";

/**
 * The same endpoint for the same key, in every process, by rendezvous hashing:
 * key and address together give each endpoint a score, and the highest wins,
 * so that an endpoint that leaves moves its own keys only. Scores are
 * weighted. Source: Thaler and Ravishankar; the bounded load is Mirrokni,
 * Thorup and Zadimoghaddam's.
 */
export class ConsistentHashSelector implements Selector {
  readonly #boundedLoad: number;
  #endpoints: readonly EndpointView[] | undefined;
  #weights = new Float64Array(0);
  /** Whether all weights are equal: scores need no logarithm then. */
  #isEven = true;
  /** The hash of each address, mixed once more. */
  #hashes = new Uint32Array(0);

  /**
   * @param boundedLoad How many times the mean of calls in flight an endpoint may have: at
   * least 1, or not all could have the mean.
   */
  constructor(boundedLoad: number) {
    this.#boundedLoad = boundedLoad;
  }

  pick<T extends EndpointView>(endpoints: readonly T[], { key }: PickContext): T | undefined {
    if (key === undefined) {
      const message = "consistent_hash needs the call's option key: what the call is about";
      throw new RpcError("invalid_argument", message, { execution: "not_sent" });
    }
    if (endpoints !== this.#endpoints) this.#change(endpoints);
    const mostInFlight = this.#mostInFlight(endpoints);
    const weights = this.#weights;
    const isEven = this.#isEven;
    const hashes = this.#hashes;
    const keyHash = hashText(key);
    let best = 0;
    let highest = -Infinity;
    for (let place = 0; place < hashes.length; place++) {
      if (mostInFlight < Infinity && endpoints[place].inFlight >= mostInFlight) continue;
      const draw = (combine(keyHash, hashes[place]) + 0.5) / 2 ** 32; // above 0, below 1
      let score = draw;
      if (!isEven) {
        // `log(draw)` is at most `draw - 1`, so few endpoints need a logarithm.
        if ((draw - 1) / weights[place] <= highest) continue;
        score = Math.log(draw) / weights[place];
      }
      if (score > highest) {
        highest = score;
        best = place;
      }
    }
    return endpoints[best];
  }

  #change(endpoints: readonly EndpointView[]): void {
    this.#endpoints = endpoints;
    this.#weights = Float64Array.from(endpoints, ({ weight }) => weight);
    this.#isEven = this.#weights.every((weight) => weight === this.#weights[0]);
    this.#hashes = Uint32Array.from(endpoints, ({ address }) => mix(hashText(address)));
  }

  #mostInFlight(endpoints: readonly EndpointView[]): number {
    if (this.#boundedLoad === Infinity) return Infinity;
    let sum = 1; // the call that this pick is for
    for (const { inFlight } of endpoints) sum += inFlight;
    return Math.ceil(this.#boundedLoad * sum / endpoints.length);
  }
}
