/**
 * Which part of a large fleet a client uses.
 *
 * @module
 */

import { combine, hashText, mix } from "./hash.ts";
import type { EndpointView } from "./types.ts";

/**
 * A client's subset of a large fleet: the endpoints that rank highest for its
 * seed. An endpoint that comes or goes changes one of them at most, and many
 * clients, each with a seed of its own, spread evenly. Source: gRPC A68.
 *
 * @param endpoints The whole fleet.
 * @param seed The client's own number.
 * @param size How many endpoints a subset has.
 * @returns `size` of them, in the order of the list; all if there are no more.
 */
export function subsetOf<T extends EndpointView>(
  endpoints: readonly T[],
  seed: number,
  size: number,
): readonly T[] {
  if (endpoints.length <= size) return endpoints;
  const ranks = endpoints.map(({ address }) => combine(seed, mix(hashText(address))));
  const ranked = ranks.map((_, place) => place).sort((one, other) => ranks[other] - ranks[one]);
  return ranked.slice(0, size).sort((one, other) => one - other).map((place) => endpoints[place]);
}
