/**
 * Policies that look at load and reply times.
 *
 * @module
 */

import type { EndpointView, PickContext, Random, Selector } from "./types.ts";

/** How fast what was known of a server that is not asked fades, in milliseconds. */
const DECAY_MS = 10_000;

/** Two distinct servers at random; the better by `cost` is taken. */
function betterOfTwo<T extends EndpointView>(
  candidates: readonly T[],
  random: Random,
  cost: (candidate: T) => number,
): T | undefined {
  const { length } = candidates;
  if (length < 2) return candidates[0];
  const one = Math.floor(random() * length);
  let other = Math.floor(random() * (length - 1));
  if (other >= one) other++;
  return cost(candidates[one]) <= cost(candidates[other]) ? candidates[one] : candidates[other];
}

function load({ inFlight, weight }: EndpointView): number {
  return (inFlight + 1) / weight;
}

/**
 * Of two at random, the one with fewer calls in flight for its weight.
 * Source: the power of two choices (Mitzenmacher); Envoy, gRPC A48, Finagle.
 */
export class LeastLoadedSelector implements Selector {
  readonly subsets = true;
  readonly #random: Random;

  /** @param random Where it takes chance from. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(candidates: readonly T[]): T | undefined {
    return betterOfTwo(candidates, this.#random, load);
  }
}

/**
 * Of two at random, the one with the lower reply time × load, where a slower
 * reply counts at once and a faster one bit by bit. Source: Finagle's
 * `PeakEwma`, tower, linkerd.
 */
export class PeakEwmaSelector implements Selector {
  readonly subsets = true;
  readonly #random: Random;

  /** @param random Where it takes chance from. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(candidates: readonly T[], { nowMs }: PickContext): T | undefined {
    return betterOfTwo(candidates, this.#random, (candidate) => {
      const { peakMs, updatedAtMs, inFlight } = candidate;
      // One that has never answered and is busy is not known to be fast.
      if (peakMs === 0 && inFlight > 0) return Infinity;
      return peakMs * Math.exp((updatedAtMs - nowMs) / DECAY_MS) * load(candidate);
    });
  }
}

/** How much slower than the others a server must be before it is avoided for it. */
const SLOW = 1.5;
/** How often the others' reply time is looked at, in milliseconds. */
const MEDIAN_EVERY_MS = 100;

/**
 * Of all, the one that should answer first: calls in flight for its weight,
 * times how much slower than the median it is: by its replies, or by the age
 * of the oldest call that it has not answered. Ties are broken at random.
 * Source: our own; `docs/balancing.md` has the simulation.
 */
export class ShortestExpectedDelaySelector implements Selector {
  readonly subsets = true;
  readonly #random: Random;
  #candidates: readonly EndpointView[] | undefined;
  #medianMs = 0;
  #medianAtMs = -Infinity;

  /** @param random Where ties take chance from. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(candidates: readonly T[], { nowMs }: PickContext): T | undefined {
    if (nowMs - this.#medianAtMs >= MEDIAN_EVERY_MS || candidates !== this.#candidates) {
      this.#candidates = candidates;
      this.#medianAtMs = nowMs;
      this.#medianMs = medianLatency(candidates);
    }
    const medianMs = this.#medianMs;
    const slowMs = medianMs > 0 ? medianMs * SLOW : Infinity;
    let best: T | undefined;
    let least = Infinity;
    let ties = 1;
    for (let place = 0; place < candidates.length; place++) {
      const candidate = candidates[place];
      const { inFlight } = candidate;
      let expectedMs = candidate.latencyMs;
      if (expectedMs >= slowMs) {
        expectedMs *= Math.exp((candidate.updatedAtMs - nowMs) / DECAY_MS);
      }
      if (inFlight > 0) {
        const ageMs = nowMs - candidate.oldestAtMs;
        if (ageMs > expectedMs) expectedMs = ageMs;
      }
      let delay = (inFlight + 1) / candidate.weight;
      if (expectedMs >= slowMs) delay *= expectedMs / medianMs;
      if (delay < least) {
        best = candidate;
        least = delay;
        ties = 1;
      } else if (delay === least && this.#random() * ++ties < 1) {
        best = candidate;
      }
    }
    return best;
  }
}

function medianLatency(candidates: readonly EndpointView[]): number {
  const known: number[] = [];
  for (const { latencyMs } of candidates) if (latencyMs > 0) known.push(latencyMs);
  known.sort((one, other) => one - other);
  return known.length === 0 ? 0 : known[known.length >> 1];
}
