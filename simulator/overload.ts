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

/** Servers that limit how many calls run: to so many, or to what they find out to be best. */
export const LIMITED: readonly Scenario[] = [false, true].flatMap((inTurn) => [
  overload("limit of 8", { maxConcurrent: 8 }, inTurn),
  overload("adaptive limit", { maxConcurrent: "adaptive" }, inTurn),
]);

/** The same with a server as it is by default. */
export const OVERLOADS: readonly Scenario[] = [
  overload("no limit", {}, false),
  overload("no limit", {}, true),
  ...LIMITED,
];
