/** What our ends tell each other of load, beside peers in Go: nothing changes for those. */

import { assert, assertEquals } from "@std/assert";
import { deferred } from "../../internal/deferred.ts";
import { nextTurn } from "../../internal/platform.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { type GoAddresses, withGoClients, withGoServers } from "./peer.ts";
import { arith, arithSchema, typesSchema } from "./services.ts";

const SERVERS: readonly (readonly [keyof GoAddresses, Protocol])[] = [
  ["gob", "netrpc/gob"],
  ["json", "netrpc/json"],
  ["gee", "geerpc/gob"],
  ["gee", "geerpc/json"],
  ["geeGob", "geerpc/gob"],
  ["http", "geerpc/json"],
];

withGoServers("a fleet of a server in Go and one of ours that tells its load", async (go) => {
  let asked = 0;
  const server = new Server({ load: () => ++asked % 2 === 0 ? 50 : 3 });
  server.register("Arith", arith, { schema: arithSchema });
  const ours = await server.listen("tcp@127.0.0.1:0");
  try {
    for (const [place, protocol] of SERVERS) {
      const kind = `${place} ${protocol}`;
      const xclient = new XClient([`${go[place]}?protocol=${protocol}`, ours.address]);
      const { Slow } = xclient.service("Arith", arithSchema);
      for (let wave = 0; wave < 30; wave++) {
        const calls = Array.from({ length: 10 }, () => Slow(5));
        assertEquals(await Promise.all(calls), Array(10).fill(5), kind);
      }
      const [theirs, mine] = xclient.endpoints();
      assertEquals([theirs.reportedLoad, theirs.reportedAgeMs], [undefined, undefined], kind);
      assert(mine.reportedLoad === 3 || mine.reportedLoad === 50, kind);
      assertEquals([theirs.failures, mine.failures, theirs.stalled], [0, 0, false], kind);
      assertEquals(theirs.successes + mine.successes, 300, kind);
      assert(theirs.successes > 0 && mine.successes > 0, kind);
      await xclient.close();
    }
  } finally {
    await server.close();
  }
});

const CLIENTS: readonly (readonly [kind: string, protocol: Protocol | undefined])[] = [
  ["tcp/gob", "netrpc/gob"],
  ["tcp/json", "netrpc/json"],
  ["tcp/gee-gob", undefined],
  ["tcp/gee-json", undefined],
  ["http/gee-gob", undefined],
];

withGoClients("Go's clients of a server that has much to do, and says so to ours", async (peer) => {
  for (const [kind, protocol] of CLIENTS) {
    const results: Record<string, unknown>[] = [];
    for (const isBusy of [false, true]) {
      const server = new Server();
      server.register("Arith", arith, { schema: arithSchema });
      server.register("Types", { Echo: (value) => value }, { schema: typesSchema });
      const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
      const beside = await server.listen("tcp@127.0.0.1:0");
      const other = new XClient([beside.address]);
      const end = deferred<number>();
      server.register("Hold", { Wait: () => end.promise });
      const calls = Array.from({ length: isBusy ? 20 : 0 }, () => other.call("Hold.Wait"));
      while (server.running < calls.length) await new Promise<void>((resolve) => nextTurn(resolve));
      results.push(await peer.call(kind, address.slice(address.indexOf("@") + 1)));
      end.resolve(1);
      await Promise.all(calls);
      await other.close();
      await server.close();
    }
    assertEquals(results[1], results[0], kind);
    assertEquals(results[0].right, 200, kind);
  }
});
