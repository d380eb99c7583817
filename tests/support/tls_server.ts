/**
 * A server on mutual TLS, as a process of its own. Arguments: the files of its
 * certificate, its key, and the authority of its clients. It prints its address
 * and runs until its input ends.
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { type CallContext, Server } from "../../server.ts";

const [cert, key, ca] = process.argv.slice(2).map((path) => readFileSync(path, "utf-8"));
const server = new Server();
server.register("Who", { Am: (_: unknown, { peer }: CallContext) => peer?.subject ?? "nobody" });
const listener = await server.listen("tls@127.0.0.1:0", {
  tls: { cert, key, clientCaCerts: [ca] },
});
console.log(listener.address);
process.stdin.on("end", () => server.close({ graceMs: 0 }));
process.stdin.resume();
