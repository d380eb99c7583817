/**
 * Our server, on Deno and on Node: `server.ts PROTOCOL LISTENERS`. Its first
 * line says where it listens. Commands: `memory`.
 */

import process from "node:process";
import { type CallContext, type Protocol, Server } from "@geerpc/xclient";
import { arithSchema } from "./arith.ts";
import { answerLines } from "./measured.ts";
import { memory } from "./memory.ts";

const [protocol, listeners] = process.argv.slice(2);
const server = new Server();
server.register("Arith", {
  Sum: (args: { A: number; B: number }) => args.A + args.B,
  Echo: (text: string) => text,
}, { schema: arithSchema });
server.register("Slow", {
  /** Ends when the client gives it up. */
  Wait: (_args: unknown, { signal }: CallContext) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    ),
  /** Fails after a while. */
  Fail: async (ms: number) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    throw new Error("this one fails");
  },
});

const addresses: string[] = [];
for (let index = 0; index < Number(listeners); index++) {
  const options = { protocol: protocol as Protocol };
  addresses.push((await server.listen("tcp@127.0.0.1:0", options)).address);
}
console.log(addresses.join(" "));
await answerLines(memory);
