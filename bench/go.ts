/** A `net/rpc` server in Go, called by Go's own client and by ours, in gob and in JSON. */

import { dial } from "@geerpc/xclient";
import { gob } from "@geerpc/xclient/gob";
import { callsPerSecond } from "./load.ts";
import type { Subject } from "./rounds.ts";
import { Missing, type Stage } from "./stage.ts";

const IN_FLIGHT = [1, 64];

/** The ratios that are shown. */
export const GO_RATIOS: readonly [one: string, other: string, inFlight: number][] = [
  ["Client to Go, gob", "Go to Go, gob", 64],
  ["Client to Go, JSON", "Go to Go, JSON", 64],
];

const arithSchema = gob.service({
  Sum: { args: gob.struct({ A: gob.safeInt, B: gob.safeInt }), reply: gob.safeInt },
});

/**
 * Starts Go's server, its clients and ours.
 *
 * @param stage Builds and starts the Go programs, and ends them.
 * @param clients Closes our clients.
 * @returns What to measure; nothing if there is no Go.
 */
export async function goSubjects(stage: Stage, clients: AsyncDisposableStack): Promise<Subject[]> {
  let program: string;
  try {
    program = await stage.go("go");
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`Go's net/rpc is left out: ${error.message}`);
    return [];
  }
  const [inGob, inJson] = (await stage.start(program, ["serve"])).firstLine.split(" ");
  const theirGob = await stage.start(program, ["call", "gob", inGob]);
  const theirJson = await stage.start(program, ["call", "json", inJson]);
  const ourGob = clients.use(await dial(inGob, { protocol: "netrpc/gob" }));
  const ourJson = clients.use(await dial(inJson, { protocol: "netrpc/json" }));
  const arith = ourGob.service("Arith", arithSchema);
  const callGob = () => arith.Sum({ A: 1, B: 2 });
  const callJson = () => ourJson.call("Arith.Sum", { A: 1, B: 2 });
  return IN_FLIGHT.flatMap((inFlight) => {
    const subject = (name: string, run: Subject["run"]): Subject => ({ name, inFlight, run });
    return [
      subject("Go to Go, gob", (ms) => theirGob.ask<number>(`${inFlight} ${ms}`)),
      subject("Client to Go, gob", (ms) => callsPerSecond(callGob, 3, inFlight, ms)),
      subject("Go to Go, JSON", (ms) => theirJson.ask<number>(`${inFlight} ${ms}`)),
      subject("Client to Go, JSON", (ms) => callsPerSecond(callJson, 3, inFlight, ms)),
    ];
  });
}
