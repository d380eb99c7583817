/** One server in Go, called by Go's own client and by ours: `net/rpc` in gob and in JSON. */

import { dial } from "@geerpc/xclient";
import { gob } from "@geerpc/xclient/gob";
import { GoCaller, GoProgram } from "./go_peer.ts";
import { callsPerSecond } from "./load.ts";
import type { Subject } from "./rounds.ts";

const IN_FLIGHT = [1, 64];

/** What is compared with what, at 64 in flight. */
export const GO_RATIOS: readonly [one: string, other: string, inFlight: number][] = [
  ["Client to Go, gob", "Go to Go, gob", 64],
  ["Client to Go, JSON", "Go to Go, JSON", 64],
];

const arithSchema = gob.service({
  Sum: { args: gob.struct({ A: gob.safeInt, B: gob.safeInt }), reply: gob.safeInt },
});

/**
 * Starts Go's server and both clients.
 *
 * @param peers Ends them.
 * @returns What to measure; nothing where there is no Go.
 */
export async function goSubjects(peers: AsyncDisposableStack): Promise<Subject[]> {
  const program = await GoProgram.build();
  if (program === undefined) {
    console.log("there is no Go here: its net/rpc is left out");
    return [];
  }
  peers.use(program);
  const server = peers.use(await program.serve());
  const [inGob, inJson] = server.address.split(" ");
  const theirGob = peers.use(await GoCaller.start(program, "gob", inGob));
  const theirJson = peers.use(await GoCaller.start(program, "json", inJson));
  const ourGob = peers.use(await dial(inGob, { protocol: "netrpc/gob" }));
  const ourJson = peers.use(await dial(inJson, { protocol: "netrpc/json" }));
  const arith = ourGob.service("Arith", arithSchema);
  const callGob = () => arith.Sum({ A: 1, B: 2 });
  const callJson = () => ourJson.call("Arith.Sum", { A: 1, B: 2 });
  return IN_FLIGHT.flatMap((inFlight) => [
    {
      name: "Go to Go, gob",
      inFlight,
      run: (ms: number) => theirGob.callsPerSecond(inFlight, ms),
    },
    {
      name: "Client to Go, gob",
      inFlight,
      run: (ms: number) => callsPerSecond(callGob, 3, inFlight, ms),
    },
    {
      name: "Go to Go, JSON",
      inFlight,
      run: (ms: number) => theirJson.callsPerSecond(inFlight, ms),
    },
    {
      name: "Client to Go, JSON",
      inFlight,
      run: (ms: number) => callsPerSecond(callJson, 3, inFlight, ms),
    },
  ]);
}
