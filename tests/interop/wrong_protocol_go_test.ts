/**
 * Every protocol of a client against each of Go's servers that speaks another: the call fails by
 * what the server does, not by a time limit, and the error says what may be wrong.
 */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import { RpcError } from "../../errors.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { FakeClock } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { failure } from "../support/helpers.ts";
import { type GoAddresses, withGoServers } from "./peer.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

/** What each server understands. */
const SERVERS: Readonly<Partial<Record<keyof GoAddresses, readonly Protocol[]>>> = {
  gob: ["netrpc/gob"],
  json: ["netrpc/json"],
  geeGob: ["geerpc/gob"],
};

withGoServers(
  "a wrong protocol at Go's servers: an error at once that says so",
  async (addresses) => {
    // Nothing moves this clock: no error may depend on time.
    const clock = new FakeClock();
    for (const [place, understood] of Object.entries(SERVERS)) {
      const address = addresses[place as keyof GoAddresses];
      for (const protocol of PROTOCOLS) {
        const explains = (error: unknown) => {
          assert(error instanceof RpcError, String(error));
          const { message } = error;
          const pair = `${protocol} → ${place}: ${message}`;
          assert(message.includes(address), pair);
          // Only jsonrpc answers what it does not understand; the others close the connection.
          if (/it looks like netrpc\/json/.test(message)) assertEquals(place, "json", pair);
          else assert(message.includes(`its protocol may be another than ${protocol}`), pair);
          if (protocol === "geerpc/json") assert(/netrpc\/json|GeeRPC in Go/.test(message), pair);
        };
        for (const args of [{ A: 1, B: 2 }, undefined, 7]) {
          const client = await dial(address, { protocol, clock });
          if (!understood.includes(protocol)) {
            explains(await failure(client.call("Arith.Sum", args)));
            assertEquals(client.available, false);
          } else if (typeof args === "object") {
            assertEquals(await client.call("Arith.Sum", args), 3);
          }
          await client.close();
        }
        if (understood.includes(protocol)) continue;

        const xclient = new XClient(new MultiServerDiscovery([address]), { protocol, clock });
        for (let call = 0; call < 6; call++) {
          explains(
            await failure(xclient.call("Arith.Sum", { A: 1, B: 2 }, { failMode: "failfast" })),
          );
        }
        const [endpoint] = xclient.endpoints();
        assert(
          endpoint.health !== "healthy",
          `${protocol} → ${place}: ${JSON.stringify(endpoint)}`,
        );
        assertEquals([endpoint.connected, endpoint.successes], [false, 0]);
        await xclient.close();
      }
    }
  },
);
