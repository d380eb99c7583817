/**
 * Our server, for Deno and Node: `server.ts PROTOCOL LISTENERS [MAX_IN_FLIGHT]`.
 * Its first line is the addresses that it listens on. Command: `memory`.
 */

import process from "node:process";
import { type Protocol, Server } from "@geerpc/xclient";
import { arithSchema } from "./arith.ts";
import { answerLines, CHUNK_SIZE, chunksOf, numbers } from "./measured.ts";
import { memory } from "./memory.ts";
import { Slow } from "./slow.ts";

const [protocol, listeners, maxInFlight] = process.argv.slice(2);
const server = new Server({ maxInFlight: maxInFlight ? Number(maxInFlight) : undefined });
server.register("Arith", {
  Sum: (args: { A: number; B: number }) => args.A + args.B,
  Echo: (text: string) => text,
}, { schema: arithSchema });
server.register("Bytes", { Echo: (bytes: Uint8Array) => bytes });
server.register("Streams", { Items: () => numbers(), Chunks: () => chunksOf(CHUNK_SIZE) });
server.register("Slow", new Slow());

const addresses: string[] = [];
for (let index = 0; index < Number(listeners); index++) {
  const options = { protocol: protocol as Protocol };
  addresses.push((await server.listen("tcp@127.0.0.1:0", options)).address);
}
console.log(addresses.join(" "));
await answerLines(memory);
