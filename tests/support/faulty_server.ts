/**
 * A server of the test of faulty networks, for Deno and Node. Its first line is its addresses by
 * protocol, as JSON. It ends with its standard input.
 */

import process from "node:process";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { Server } from "../../server.ts";
import { arith, arithSchema } from "../interop/services.ts";

const server = new Server();
server.register("Arith", arith, { schema: arithSchema });
const addresses: Record<string, string> = {};
for (const protocol of PROTOCOLS) {
  addresses[protocol] = (await server.listen("tcp@127.0.0.1:0", { protocol })).address;
}
console.log(JSON.stringify(addresses));
process.stdin.resume().on("end", () => process.exit(0));
