/**
 * Hashing: the same server for the same key, in every process, and as few
 * changes as can be when servers come and go.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { atLeast } from "../internal/validate.ts";
import type { EndpointView, PickContext, Selector } from "./types.ts";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A 32-bit hash of a text: FNV-1a over its UTF-16 units, then murmur3's
 * finaliser. The same in every process and runtime.
 *
 * @param text Any text.
 * @returns An unsigned 32-bit integer.
 */
export function hashText(text: string): number {
  let hash = FNV_OFFSET;
  for (let place = 0; place < text.length; place++) {
    hash = Math.imul(hash ^ text.charCodeAt(place), FNV_PRIME);
  }
  return mix(hash);
}

function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Two hashes as one, in which each bit of both counts. The other has been mixed once more. */
function combine(one: number, mixed: number): number {
  return mix(Math.imul(one, 0x9e3779b1) ^ mixed);
}

/**
 * Rendezvous hashing: every server draws a number from the key and its own
 * address, and the best draw wins, so that a server's leaving moves its own
 * keys alone. Weights tilt the draw. Source: Thaler and Ravishankar; the
 * bounded load is Mirrokni, Thorup and Zadimoghaddam's.
 */
export class ConsistentHashSelector implements Selector {
  readonly #boundedLoad: number;
  #candidates: readonly EndpointView[] | undefined;
  #weights = new Float64Array(0);
  /** Whether all weigh the same: the order is that of the draws then. */
  #isEven = true;
  /** The hash of each address, mixed once more. */
  #hashes = new Uint32Array(0);

  /**
   * @param boundedLoad How many times the mean of calls in flight a server may have.
   * @throws {RangeError} If that is less than 1: not all could have the mean.
   */
  constructor(boundedLoad: number) {
    this.#boundedLoad = atLeast(1, "boundedLoad", boundedLoad);
  }

  pick<T extends EndpointView>(candidates: readonly T[], { key }: PickContext): T | undefined {
    if (key === undefined) {
      const message = "consistent_hash needs the call's option key: what the call is about";
      throw new RpcError("invalid_argument", message, { execution: "not_sent" });
    }
    if (candidates !== this.#candidates) this.#change(candidates);
    const mostInFlight = this.#mostInFlight(candidates);
    const weights = this.#weights;
    const isEven = this.#isEven;
    const hashes = this.#hashes;
    const keyHash = hashText(key);
    let best = 0;
    let highest = -Infinity;
    for (let place = 0; place < hashes.length; place++) {
      if (mostInFlight < Infinity && candidates[place].inFlight >= mostInFlight) continue;
      const draw = (combine(keyHash, hashes[place]) + 0.5) / 2 ** 32;
      let score = draw;
      if (!isEven) {
        // The logarithm is never above `draw - 1`, and so is needed for few servers.
        if ((draw - 1) / weights[place] <= highest) continue;
        score = Math.log(draw) / weights[place];
      }
      if (score > highest) {
        highest = score;
        best = place;
      }
    }
    return candidates[best];
  }

  #change(candidates: readonly EndpointView[]): void {
    this.#candidates = candidates;
    this.#weights = Float64Array.from(candidates, ({ weight }) => weight);
    this.#isEven = this.#weights.every((weight) => weight === this.#weights[0]);
    this.#hashes = Uint32Array.from(candidates, ({ address }) => mix(hashText(address)));
  }

  #mostInFlight(candidates: readonly EndpointView[]): number {
    if (this.#boundedLoad === Infinity) return Infinity;
    let sum = 1; // the call that is picked for
    for (const { inFlight } of candidates) sum += inFlight;
    return Math.ceil(this.#boundedLoad * sum / candidates.length);
  }
}

/**
 * A client's own part of a large fleet: the servers that its seed draws
 * highest. A server's coming or going changes one of them at the most, and
 * many clients with seeds of their own spread over all. Source: gRPC A68.
 *
 * @param candidates The whole fleet.
 * @param seed The client's own number.
 * @param size How many.
 * @returns `size` of them, in the order of the list; all if there are no more.
 */
export function subsetOf<T extends EndpointView>(
  candidates: readonly T[],
  seed: number,
  size: number,
): readonly T[] {
  if (candidates.length <= size) return candidates;
  const draws = candidates.map(({ address }) => combine(seed, mix(hashText(address))));
  const ranked = draws.map((_, place) => place).sort((one, other) => draws[other] - draws[one]);
  return ranked.slice(0, size).sort((one, other) => one - other).map((place) => candidates[place]);
}
