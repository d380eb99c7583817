/**
 * The power of two choices, which `least_loaded` and `peak_ewma` share.
 *
 * @module
 */

import type { EndpointView, Random } from "./types.ts";

/**
 * The better of two distinct endpoints at random. Nearly as good as the best
 * of all, and many clients do not all run to the same one.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
 *
 * @param endpoints What there is to pick from.
 * @param random Source of randomness, read twice.
 * @param cost The lower, the better.
 * @returns `undefined` if there are no endpoints.
 */
export function betterOfTwo<T extends EndpointView>(
  endpoints: readonly T[],
  random: Random,
  cost: (endpoint: T) => number,
): T | undefined {
  const { length } = endpoints;
  if (length < 2) return endpoints[0];
  const one = Math.floor(random() * length);
  let other = Math.floor(random() * (length - 1));
  if (other >= one) other++;
  return cost(endpoints[one]) <= cost(endpoints[other]) ? endpoints[one] : endpoints[other];
}

/**
 * The load of an endpoint if it got one more call.
 *
 * @param endpoint Its calls in flight and its weight.
 */
export function loadOf({ inFlight, weight }: EndpointView): number {
  return (inFlight + 1) / weight;
}
