/**
 * The scenarios: what happens to the servers of a run.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import type { FakeFleet } from "../testing.ts";

/** A scenario. */
export interface Scenario {
  /** Its name in tables. */
  readonly name: string;
  /** What happens, in a few words. */
  readonly title: string;
  /** How many servers there are. */
  readonly servers: number;
  /** With how many clients it is run, each in a run of its own. */
  readonly clients: readonly number[];
  /** How many of the servers, the first ones, have the faults whose calls are counted. */
  readonly faulty: number;
  /** The share of the time in which a server of normal speed works: 0.7 for 70 %. */
  readonly load: number;
  /** The deadline of a call, in milliseconds. */
  readonly deadlineMs: number;
  /** For how long calls are made, in milliseconds. */
  readonly durationMs: number;
  /** For how long calls are not counted at first, in milliseconds. */
  readonly warmUpMs: number;
  /** Seeds the calls that are made. */
  readonly seed: number;
  /** Sets faults, and timers for later ones. */
  script(fleet: FakeFleet, clock: Clock): void;
}

const MEASURED = {
  servers: 20,
  clients: [1, 20],
  faulty: 1,
  deadlineMs: 1000,
  durationMs: 65_000,
  warmUpMs: 5000,
  seed: 1,
};

/** All servers are equal. */
export const A70: Scenario = {
  name: "A70",
  title: "all alike, 70 % load",
  load: 0.7,
  ...MEASURED,
  script() {},
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
  ...A70,
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
  ...A70,
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
  ...A70,
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
  ...A70,
  name: "outage",
  title: "every server fails every call for 20 s",
  durationMs: 30_000,
  warmUpMs: 0,
  script(fleet, clock) {
    clock.setTimer(OUTAGE_FROM_MS, () => fleet.setFaults({ error: "rejected" }));
    clock.setTimer(OUTAGE_TO_MS, () => fleet.setFaults());
  },
};

/**
 * A small fleet some of whose servers are many times slower than the others.
 * The load is a tenth of what the others can do, so that
 * nearly always a server is chosen by its speed, not by its queue. Nobody gives up: what is shown is
 * the policy alone, without the ejection of servers that are too late.
 */
function smallFleet(fast: number, slow: number, times: number, clients: number): Scenario {
  const servers = fast + slow;
  return {
    ...A70,
    name: `${fast}+${slow} ×${times}`,
    title: `${fast} fast, ${slow} ${times} times slower`,
    servers,
    clients: [clients],
    faulty: slow,
    load: 0.1 * fast / servers,
    deadlineMs: Infinity,
    script(fleet) {
      for (const server of fleet.servers.slice(0, slow)) server.setFaults({ slow: times });
    },
  };
}

/** Small fleets: half of their servers, or most of them, may be slow. */
export const SMALL_FLEETS: readonly Scenario[] = [
  smallFleet(1, 1, 100, 1),
  smallFleet(1, 2, 100, 1),
  smallFleet(1, 3, 100, 1),
  smallFleet(3, 1, 10, 1),
  smallFleet(2, 2, 10, 4),
];

/** All scenarios. */
export const SCENARIOS: readonly Scenario[] = [
  A70,
  A90,
  B70,
  C70,
  BLACK_HOLE,
  RECOVERY,
  OUTAGE,
  ...SMALL_FLEETS,
];

function every(clock: Clock, ms: number, act: () => void): Timer {
  return clock.setTimer(ms, () => {
    act();
    every(clock, ms, act);
  });
}
