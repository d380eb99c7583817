/**
 * Overload: half as many calls again as the servers can do.
 *
 * @module
 */

import type { ServerOptions } from "../server.ts";
import { MEASURED, type Scenario } from "./scenario.ts";

function overload(name: string, server: Omit<ServerOptions, "clock">, inTurn: boolean): Scenario {
  return {
    ...MEASURED,
    name: inTurn ? `${name}, in turn` : name,
    title: "150 % load",
    clients: [20],
    policies: ["shortest_expected_delay"],
    load: 1.5,
    durationMs: 35_000,
    fleet: { server, firstComeFirstServed: inTurn, delayMs: 0.25 },
  };
}

/** With a server as it is by default, with one that has a limit, and one that finds its own. */
export const OVERLOADS: readonly Scenario[] = [false, true].flatMap((inTurn) => [
  overload("no limit", {}, inTurn),
  overload("limit of 8", { maxConcurrent: 8 }, inTurn),
  overload("adaptive limit", { maxConcurrent: "adaptive" }, inTurn),
]);

/** Those with a limit. */
export const LIMITED: readonly Scenario[] = OVERLOADS.filter(({ fleet }) =>
  fleet?.server?.maxConcurrent !== undefined
);
