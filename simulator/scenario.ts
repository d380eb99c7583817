/**
 * What a scenario is.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import type { XClientOptions } from "../fleet/options.ts";
import type { FakeFleet, FakeFleetOptions, FakeServer } from "../testing.ts";
import type { Policy } from "./policies.ts";

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
  /** With which policies. Default: all. */
  readonly policies?: readonly Policy[];
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
  /** How the fleet differs from one that is no time away, with one core that calls share. */
  readonly fleet?: Pick<FakeFleetOptions, "server" | "firstComeFirstServed" | "delayMs">;
  /** Options of all clients. */
  readonly client?: XClientOptions;
  /** In which zones servers and clients are. Default: there are none. */
  readonly zones?: Zones;
  /** Sets faults, and timers for later ones. */
  script(fleet: FakeFleet, clock: Clock): void;
}

/** Who is in which zone. */
export interface Zones {
  /** Whether clients are told which zone is theirs. Without that, zones are only counted. */
  readonly areTold: boolean;
  /** The zone of a server. */
  ofServer(server: FakeServer): string;
  /** The zone of a client: of the first of them by 0, and so on. */
  ofClient(client: number): string;
}

/** What most scenarios have in common: a fleet of twenty is measured for a minute. */
export const MEASURED = {
  servers: 20,
  clients: [1, 20],
  faulty: 1,
  load: 0.7,
  deadlineMs: 1000,
  durationMs: 65_000,
  warmUpMs: 5000,
  seed: 1,
  script() {},
};

/**
 * Does something again and again.
 *
 * @param clock Where the time comes from.
 * @param ms How often, in milliseconds; the first time after that, too.
 * @param act What to do.
 * @returns The timer of the first time.
 */
export function every(clock: Clock, ms: number, act: () => void): Timer {
  return clock.setTimer(ms, () => {
    act();
    every(clock, ms, act);
  });
}
