/**
 * Chance that comes out the same each time.
 *
 * @module
 */

import type { Random } from "../balance/types.ts";

/**
 * A source of randomness that gives the same numbers for the same seed, in
 * every runtime: for the option `random`. Not for secrets.
 * Source: mulberry32 (Tommy Ettinger).
 *
 * @param seed Any integer.
 * @returns A function like `Math.random`.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { seededRandom } from "@geerpc/xclient/testing";
 *
 * const one = seededRandom(7);
 * const other = seededRandom(7);
 * assert(one() === other() && one() === other());
 * ```
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
