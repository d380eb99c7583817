/** What is left when servers and clients are closed: nothing that keeps the process alive. */

import process from "node:process";
import { connect as connectTcp } from "node:net";
import { assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial } from "../../client.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { settled } from "../support/helpers.ts";
import { tls, trust, unixPath } from "../support/transports.ts";

/** What keeps Node alive, by kind. On Deno the test's sanitizers look for it. */
function active(): string[] {
  if ("Deno" in globalThis) return [];
  return process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Pipe|Timeout/.test(kind))
    .sort();
}

for (
  const address of ["tcp@127.0.0.1:0", "tls@localhost:0", `unix@${unixPath()}`, "http@127.0.0.1:0"]
) {
  Deno.test(`${address.split("@")[0]}@: behind close nothing is left that keeps the process alive`, async () => {
    const before = active();
    const server = new Server();
    server.register("Echo", { Say: (text: string) => text, Never: () => new Promise(() => {}) });
    const listener = await server.listen(address, { tls });
    const client = await dial(listener.address, { tls: trust });
    assertEquals(await client.call("Echo.Say", "hello"), "hello");
    const never = client.call("Echo.Never", null, { timeoutMs: 3_600_000 }).catch(() => {});
    const idle = await dial(listener.address, { tls: trust });
    const xclient = new XClient([listener.address], { tls: trust });
    assertEquals(await xclient.call("Echo.Say", "hello"), "hello");
    const { port, scheme } = parseAddress(listener.address);
    const silent = scheme === "tcp" ? connectTcp(port, "127.0.0.1") : undefined;
    if (silent !== undefined) {
      await new Promise<void>((resolve) => silent.once("connect", resolve));
      silent.destroy();
    }
    await Promise.all([client.close(), idle.close(), xclient.close()]);
    await never;
    await server.close({ graceMs: 0 });
    assertEquals(server.connections, 0);
    for (let n = 0; n < 100 && active().length > before.length; n++) await settled();
    assertEquals(active(), before);
  });
}
