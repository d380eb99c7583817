/**
 * Every protocol of a client against every protocol of a server: where they differ, the call fails
 * at once, by what arrives and not by a time limit, and the error says which protocol it may be.
 */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../client.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import type { Protocol } from "../protocol/codec.ts";
import { Server } from "../server.ts";
import { FakeClock, MemoryNetwork } from "../testing.ts";
import { XClient } from "../xclient.ts";
import { failure } from "./support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

/** At our server the handshake of GeeRPC says the encoding. */
function understand(client: Protocol, server: Protocol): boolean {
  return client === server || client.startsWith("geerpc/") && server.startsWith("geerpc/");
}

/** What an error has to say of what came: the server's protocol, or how the client's looked to it. */
function assertExplains(
  error: unknown,
  client: Protocol,
  server: Protocol,
  isWhole: boolean,
): void {
  assert(error instanceof RpcError, String(error));
  const { message, code } = error;
  const pair = `${client} → ${server}: ${message}`;
  assertEquals(code, "data_loss", pair);
  assert(message.includes("memory@a"), pair);
  const expected = server.startsWith("geerpc/") ? "GeeRPC handshake" : server;
  assert(message.includes(expected), pair);
  if (!isWhole) return; // of a few bytes it can't be told
  const seen = client.startsWith("geerpc/")
    ? "MagicNumber"
    : client === "netrpc/json"
    ? '"method'
    : "gob";
  assert(message.includes(seen), pair);
}

for (const server of PROTOCOLS) {
  for (const client of PROTOCOLS) {
    Deno.test(`a client of ${client} at a server of ours that speaks ${server}`, async () => {
      // Nothing moves this clock: no error may depend on time.
      const clock = new FakeClock();
      for (const chunkBytes of [undefined, 1, 7]) {
        const network = new MemoryNetwork({ clock, chunkBytes });
        const host = new Server({ clock });
        const calls: unknown[] = [];
        host.register("Echo", { It: (args: unknown) => (calls.push(args), args) });
        await host.listen("memory@a", { network, protocol: server });

        for (const args of [{ A: 1 }, 7, "x".repeat(500), undefined]) {
          const plain = await dial("memory@a", { network, clock, protocol: client });
          if (understand(client, server)) {
            if (args !== undefined) assertEquals(await plain.call("Echo.It", args), args);
          } else {
            assertExplains(
              await failure(plain.call("Echo.It", args)),
              client,
              server,
              chunkBytes === undefined,
            );
            assertEquals(plain.available, false);
          }
          await plain.close();
        }

        if (!understand(client, server)) {
          const xclient = new XClient(new MultiServerDiscovery(["memory@a"]), {
            network,
            clock,
            protocol: client,
          });
          for (let call = 0; call < 6; call++) {
            assertExplains(
              await failure(xclient.call("Echo.It", { A: 1 })),
              client,
              server,
              chunkBytes === undefined,
            );
          }
          const [endpoint] = xclient.endpoints();
          assert(endpoint.health !== "healthy", JSON.stringify(endpoint));
          assertEquals([endpoint.connected, endpoint.successes], [false, 0]);
          await xclient.close();
          assertEquals(calls, []);
        }
        await host.close();
      }
    });
  }
}
