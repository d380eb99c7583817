/** Certain calls of servers in Go: nothing more is on the wire, and a lost connection is as ever. */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { systemNetwork } from "../../net/network.ts";
import type { Protocol } from "../../protocol/codec.ts";
import type { Network, Transport } from "../../transport.ts";
import { assertFails } from "../support/helpers.ts";
import { withGoServers } from "./peer.ts";
import { arithSchema } from "./services.ts";

/** The machine's network, where what is written is taken down. */
class RecordedNetwork implements Network {
  readonly opened: Transport[] = [];
  written = "";
  readonly listen: Network["listen"] = (...args) => systemNetwork.listen(...args);

  async connect(...args: Parameters<Network["connect"]>): Promise<Transport> {
    const inner = await systemNetwork.connect(...args);
    this.opened.push(inner);
    return {
      remote: inner.remote,
      start: (receiver) => inner.start(receiver),
      write: (bytes) => {
        this.written += new TextDecoder("latin1").decode(bytes);
        return inner.write(bytes);
      },
      close: () => inner.close(),
    };
  }
}

withGoServers("a certain call of a server in Go is as any other", async (addresses) => {
  const kinds: readonly (readonly [string, Protocol])[] = [
    [addresses.gob, "netrpc/gob"],
    [addresses.json, "netrpc/json"],
    [addresses.gee, "geerpc/gob"],
    [addresses.gee, "geerpc/json"],
  ];
  for (const [address, protocol] of kinds) {
    const network = new RecordedNetwork();
    const client = await dial(address, { protocol, network, defaults: { certain: true } });
    const service = client.service("Arith", arithSchema);
    const calls = Array.from({ length: 50 }, (_, n) => service.Sum({ A: n, B: 1 }));
    assertEquals(await Promise.all(calls), Array.from({ length: 50 }, (_, n) => n + 1));
    const slow = service.Slow(60_000);
    const lost = assertFails(slow, { code: "unavailable", execution: "unknown" });
    while (!network.written.includes("Slow")) await service.Sum({ A: 1, B: 1 });
    await service.Sum({ A: 1, B: 1 });
    network.opened[0].close();
    await lost;
    assert(!/"(Id|Ack|Recall)"/.test(network.written), protocol);
    assertEquals([network.opened.length, client.inFlight], [1, 0], protocol);
    await client.close();
  }
});
