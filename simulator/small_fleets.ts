/**
 * Small fleets, and such as are mixed of servers of several speeds.
 *
 * @module
 */

import { MEASURED, type Scenario } from "./scenario.ts";

/**
 * A small fleet some of whose servers are many times slower than the others. The load is a tenth of
 * what the others can do, so that nearly always a server is chosen by its speed, not by its queue.
 * Nobody gives up: what is shown is the policy alone, without the ejection of servers that are too
 * late.
 *
 * @param fast How many servers are fast.
 * @param slow How many are how many times slower.
 * @param clients How many clients make the calls.
 */
function smallFleet(
  fast: number,
  slow: readonly (readonly [count: number, times: number])[],
  clients: number,
): Scenario {
  const each = slow.flatMap(([count, times]) => Array.from({ length: count }, () => times));
  const servers = fast + each.length;
  return {
    ...MEASURED,
    name: [fast, ...slow.map(([count, times]) => `${count} ×${times}`)].join("+"),
    title: `${fast} fast, the others slower by so many times`,
    servers,
    clients: [clients],
    faulty: each.length,
    load: 0.1 * fast / servers,
    deadlineMs: Infinity,
    durationMs: 185_000, // so that there are some thousand calls, in spite of the low load
    script(fleet) {
      each.forEach((times, place) => fleet.servers[place].setFaults({ slow: times }));
    },
  };
}

/** Half of their servers may be slow, or most of them. */
export const SMALL_FLEETS: readonly Scenario[] = [
  smallFleet(1, [[1, 100]], 1),
  smallFleet(1, [[2, 100]], 1),
  smallFleet(1, [[3, 100]], 1),
  smallFleet(1, [[1, 10]], 1),
  smallFleet(1, [[2, 10]], 1),
  smallFleet(1, [[3, 10]], 1),
  smallFleet(3, [[1, 10]], 1),
  smallFleet(2, [[2, 10]], 4),
  smallFleet(2, [[2, 100]], 4),
  smallFleet(2, [[1, 10], [1, 100]], 4),
  smallFleet(4, [[2, 10], [2, 100]], 4),
];
