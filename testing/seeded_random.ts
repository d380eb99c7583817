/**
 * Randomness that is the same in each run.
 *
 * @module
 */

import type { Random } from "../balance/types.ts";

/**
 * A source of randomness for the option `random`, which gives the same numbers
 * for the same seed on every runtime. Not for secrets.
 * Source: mulberry32 (Tommy Ettinger).
 *
 * @param seed Any integer.
 * @returns A function such as `Math.random`: numbers from 0 to below 1.
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
