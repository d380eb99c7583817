/** How a server's process ends without losing a call: the recipe in docs/restarts.md. */

import process from "node:process";
import type { Server } from "@geerpc/xclient";

/** What a shutdown needs to know. */
export interface Shutdown {
  /** Takes the server out of the list: closes its `Heartbeat`, or lets its readiness probe fail. */
  deregister?(): Promise<void> | void;
  /** How long clients may take to learn of that, in milliseconds. */
  noticeMs: number;
  /** How long running calls may take to end, in milliseconds. */
  graceMs: number;
}

/** Ends the process on SIGTERM and SIGINT; a second signal leaves calls no time. */
export function shutDownOnSignal(server: Server, shutdown: Shutdown): void {
  let isEnding = false;
  const end = async () => {
    if (isEnding) return await server.close({ graceMs: 0 });
    isEnding = true;
    // 1. No client begins to use this server any more. If the list can't be reached, go on.
    await Promise.resolve(shutdown.deregister?.()).catch(console.error);
    // 2. It still serves everyone who has not heard of that yet.
    await new Promise((resolve) => setTimeout(resolve, shutdown.noticeMs));
    // 3. Clients are told to send new calls elsewhere, and running calls end.
    await server.close({ graceMs: shutdown.graceMs });
    process.exit(0);
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}
