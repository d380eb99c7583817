/**
 * Our client and server with telemetry, for Deno and Node: `telemetry.ts serve
 * RECORDING`, `telemetry.ts call RECORDING ADDRESS`.
 */

import process from "node:process";
import { dial, Server } from "@geerpc/xclient";
import { telemetry } from "@geerpc/xclient/telemetry";
import { answerLines, answerWith, worksOf } from "./measured.ts";
import { type Recording, SHARES, startSdk } from "./otel.ts";

const [command, recording, address] = process.argv.slice(2);
const share = SHARES[recording as Recording];
if (share !== undefined) startSdk(share);
const interceptors = recording === "off" ? [] : [telemetry()];
if (command === "serve") {
  const server = new Server({ interceptors });
  server.register("Arith", {
    Sum: (args: { A: number; B: number }) => args.A + args.B,
    Echo: (text: string) => text,
  });
  console.log((await server.listen("tcp@127.0.0.1:0")).address);
  await answerLines(() => {});
} else {
  const client = await dial(address, { interceptors });
  await answerWith(worksOf(
    (A, B) => client.call("Arith.Sum", { A, B }),
    (text) => client.call("Arith.Echo", text),
  ));
}
