/**
 * A rolling restart: one server after the other leaves and comes back cold.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { XClientOptions } from "../fleet/options.ts";
import type { FakeFleet } from "../testing.ts";
import { every, MEASURED, type Scenario } from "./scenario.ts";

/** How often the next server leaves, in milliseconds. */
const LEAVES_EVERY_MS = 3000;
/** How long a server is gone, in milliseconds. */
const GONE_MS = 1000;
/** For how long a server is cold when it is back, in milliseconds. */
const COLD_MS = 5000;
/** How many times slower a cold server is. */
const COLD = 3;

async function restart(fleet: FakeFleet, clock: Clock): Promise<void> {
  const [server] = fleet.servers; // those that come back are last
  await fleet.remove(server);
  clock.setTimer(GONE_MS, async () => {
    const back = await fleet.add(server.address);
    back.setFaults({ slow: COLD });
    clock.setTimer(COLD_MS, () => back.setFaults());
  });
}

function restarts(name: string, client: XClientOptions): Scenario {
  return {
    ...MEASURED,
    name,
    title: "70 % load",
    policies: ["weighted_round_robin", "least_loaded", "shortest_expected_delay", "oracle"],
    client,
    script(fleet, clock) {
      every(clock, LEAVES_EVERY_MS, () => void restart(fleet, clock));
    },
  };
}

/** With clients that give a server its whole share at once, and such that give it bit by bit. */
export const RESTARTS: readonly Scenario[] = [
  restarts("whole share at once", {}),
  restarts("slow start of 10 s", { slowStartMs: 10_000 }),
];
