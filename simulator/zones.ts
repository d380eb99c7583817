/**
 * Zones, of which one has too little room for its own calls.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { FakeFleet, FakeServer } from "../testing.ts";
import { MEASURED, type Scenario } from "./scenario.ts";

/** When half of a zone is lost, in milliseconds; what happens from then on is counted. */
const LOST_AT_MS = 5000;

/** The number of a server: those that come first are in the first zone. */
function placeOf({ address }: FakeServer): number {
  return Number(address.slice(address.lastIndexOf("-") + 1)) - 1;
}

/**
 * @param name What happens.
 * @param sizes How many servers each zone has. Each has the same number of clients.
 * @param areTold Whether clients know their zone.
 * @param script What happens to the servers.
 */
function zones(
  name: string,
  sizes: readonly number[],
  areTold: boolean,
  script: (fleet: FakeFleet, clock: Clock) => void,
): Scenario {
  const names = sizes.flatMap((size, zone) => Array.from({ length: size }, () => "abc"[zone]));
  return {
    ...MEASURED,
    name: areTold ? `${name}, told` : name,
    title: "zones, 60 % load",
    clients: [10 * sizes.length],
    policies: ["least_loaded", "shortest_expected_delay", "oracle"],
    load: 0.6,
    warmUpMs: LOST_AT_MS,
    zones: {
      areTold,
      ofServer: (server) => names[placeOf(server)],
      ofClient: (client) => "abc"[client % sizes.length],
    },
    script,
  };
}

/** Half of the first zone's servers crash, and stay in the list. */
function crash(fleet: FakeFleet, clock: Clock): void {
  clock.setTimer(LOST_AT_MS, () => {
    for (const server of fleet.servers.slice(0, 5)) {
      server.setFaults({ refuse: true });
      server.cut();
    }
  });
}

/** Half of the first zone's servers leave the list. */
function leave(fleet: FakeFleet, clock: Clock): void {
  clock.setTimer(LOST_AT_MS, () => {
    for (const server of fleet.servers.slice(0, 5)) void fleet.remove(server);
  });
}

/** Zones that have room, one that loses half of its servers, and one that is too small. */
export const ZONES: readonly Scenario[] = [false, true].flatMap((areTold) => [
  zones("two zones", [10, 10], areTold, () => {}),
  zones("half a zone crashes", [10, 10], areTold, crash),
  zones("half a zone leaves", [10, 10], areTold, leave),
  zones("small zone", [3, 8, 9], areTold, () => {}),
]);
