/**
 * The scenarios: what happens to the servers of a run.
 *
 * @module
 */

import { OVERLOADS } from "./overload.ts";
import { RIVALS } from "./policies.ts";
import { RESTARTS } from "./restarts.ts";
import { every, MEASURED, type Scenario } from "./scenario.ts";
import { SMALL_FLEETS } from "./small_fleets.ts";
import { ZONES } from "./zones.ts";

/** All servers are equal. */
export const A70: Scenario = {
  name: "A70",
  title: "all alike, 70 % load",
  ...MEASURED,
};

/** All servers are equal, and nearly busy. */
export const A90: Scenario = { ...A70, name: "A90", title: "all alike, 90 % load", load: 0.9 };

/** A tenth of the servers is slow. */
export const B70: Scenario = {
  ...A70,
  name: "B70",
  title: "a tenth 3 times slower, 70 % load",
  faulty: 2,
  script(fleet) {
    for (const server of fleet.servers.slice(0, 2)) {
      server.setFaults({ slow: 3 });
    }
  },
};

const STALL_MS = 2000;
const STALL_EVERY_MS = 8000;

/** One server after the other stalls for a while. */
export const C70: Scenario = {
  ...MEASURED,
  name: "C70",
  title: "one at a time stalls for 2 s, 70 % load",
  script(fleet, clock) {
    let turn = 0;
    every(clock, STALL_EVERY_MS, () => {
      fleet.servers[turn++ % fleet.servers.length].stall(STALL_MS);
    });
  },
};

/** One server rejects every call, much faster than the others serve theirs. */
export const BLACK_HOLE: Scenario = {
  ...MEASURED,
  name: "black hole",
  title: "one of 20 fails every call in 1 ms",
  durationMs: 60_000,
  warmUpMs: 0,
  script(fleet) {
    fleet.servers[0].setFaults({ error: "rejected", errorAfterMs: 1 });
  },
};

/** When the server of {@linkcode RECOVERY} becomes slow, and when it is healthy again. */
export const SLOW_FROM_MS = 5000;
export const SLOW_TO_MS = 25_000;

/** One server is very slow for a while. */
export const RECOVERY: Scenario = {
  ...MEASURED,
  name: "recovery",
  title: "one of 20 is 10 times slower for 20 s, then well again",
  durationMs: 50_000,
  warmUpMs: 0,
  script(fleet, clock) {
    clock.setTimer(SLOW_FROM_MS, () => fleet.servers[0].setFaults({ slow: 10 }));
    clock.setTimer(SLOW_TO_MS, () => fleet.servers[0].setFaults());
  },
};

/** When the outage of {@linkcode OUTAGE} begins, and when it is over. */
export const OUTAGE_FROM_MS = 5000;
export const OUTAGE_TO_MS = 25_000;

/** Every server rejects every call for a while. */
export const OUTAGE: Scenario = {
  ...MEASURED,
  name: "outage",
  title: "every server fails every call for 20 s",
  durationMs: 30_000,
  warmUpMs: 0,
  script(fleet, clock) {
    clock.setTimer(OUTAGE_FROM_MS, () => fleet.setFaults({ error: "rejected" }));
    clock.setTimer(OUTAGE_TO_MS, () => fleet.setFaults());
  },
};

/** The same with more clients, each of which knows less of the others. */
export const CROWDED: readonly Scenario[] = [A70, A90, B70].map((scenario) => ({
  ...scenario,
  name: `${scenario.name} crowded`,
  clients: [100],
  policies: RIVALS,
  durationMs: 45_000,
}));

/** The same with 20 clients that are a round trip of 1 ms away from all servers. */
export const FAR: Scenario = {
  ...A70,
  name: "A70 far",
  clients: [20],
  policies: RIVALS,
  durationMs: 45_000,
  fleet: { delayMs: 0.5 },
};

/** The same with 20 clients and servers whose calls wait for each other. */
export const IN_TURN: readonly Scenario[] = [A70, A90, B70].map((scenario) => ({
  ...scenario,
  name: `${scenario.name} in turn`,
  clients: [20],
  policies: RIVALS,
  durationMs: 45_000,
  fleet: { firstComeFirstServed: true },
}));

/** All scenarios. */
export const SCENARIOS: readonly Scenario[] = [
  A70,
  A90,
  B70,
  C70,
  ...CROWDED,
  FAR,
  ...IN_TURN,
  BLACK_HOLE,
  RECOVERY,
  OUTAGE,
  ...SMALL_FLEETS,
  ...OVERLOADS,
  ...RESTARTS,
  ...ZONES,
];
