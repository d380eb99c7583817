/**
 * A server of the restart test: `restart_server PROTOCOL [REGISTRY]`. It is
 * started ahead of time and listens when a line of its standard input says
 * where. On SIGTERM it ends as docs/restarts.md says.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { shutDownOnSignal } from "../../examples/graceful_shutdown.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { type Heartbeat, register } from "../../registry.ts";
import { Server } from "../../server.ts";

const [protocol, registry] = process.argv.slice(2);
let ran = 0;
let heartbeat: Heartbeat | undefined;
const server = new Server();
server.register("Work", {
  Do(id: number): number | Promise<number> {
    if (ran++ === 0) console.log("called");
    if (id % 16 > 0) return id;
    return new Promise((resolve) => setTimeout(() => resolve(id), 2));
  },
});
// No time for notice: clients that have not heard of the list yet are the harder case.
shutDownOnSignal(server, {
  deregister: () => heartbeat?.close(),
  noticeMs: 0,
  graceMs: 5000,
});
process.on("exit", () => console.log(`ran ${ran}`));

console.log("loaded");
for await (const line of createInterface({ input: process.stdin })) {
  const { address } = await server.listen(line, { protocol: protocol as Protocol });
  if (registry !== undefined) heartbeat = await register(registry, address);
  console.log(`listening ${address}`);
}
process.exit(1); // the test has ended
