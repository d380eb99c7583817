/** `maxConcurrent` under calls, cancels, ends and lost connections by chance: what holds whatever comes. */

import { assert, assertEquals } from "@std/assert";
import type { Client } from "../../client.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { seededRandom } from "../../testing.ts";
import { between, failure, inWorld, settled } from "../support/helpers.ts";

const LIMIT = 3;
const CLIENTS = 4;

/** A call that was made, and what became of it. */
interface Made {
  readonly controller: AbortController;
  readonly client: number;
  outcome?: "done" | "failed";
}

for (const [seed, protocol] of PROTOCOLS.entries()) {
  Deno.test(`${protocol}: no more than the limit run, none waits while there is room, all are counted`, () =>
    inWorld(async (world) => {
      const random = seededRandom(seed);
      const { network, clock } = world;
      const { server, gate } = await world.serve("a", {
        maxConcurrent: LIMIT,
        maxWaitMs: 1e9, // nothing is refused for the time that it takes
        maxWaiting: 40,
      });
      const { address } = await server.listen("memory@b", { network, protocol });
      const dial = async () => {
        const client = await world.dial(address, { protocol });
        await failure(client.call("Gate.None")); // answered at once: from here on both ends have loaded
        return client;
      };
      const clients: Client[] = [];
      for (let count = 0; count < CLIENTS; count++) clients.push(await dial());
      const calls: Made[] = [];
      let [done, refused, failed] = [0, 0, 0];
      const call = (client: number) => {
        const made: Made = { controller: new AbortController(), client };
        const { signal } = made.controller;
        calls.push(made);
        clients[client].call("Gate.Wait", calls.length, { signal }).then(() => {
          made.outcome = "done";
          done++;
        }, (error) => {
          made.outcome = "failed";
          if (error?.code === "resource_exhausted") refused++;
          else failed++;
        });
      };
      const running = () => gate.begun.length;
      const end = () => {
        const [{ end }] = gate.begun.splice(between(random, 0, running() - 1), 1);
        if (random() < 0.8) end.resolve("done");
        else end.reject(new Error("failed"));
      };
      let mostWaiting = 0;
      for (let step = 0; step < 600; step++) {
        const what = random();
        const client = between(random, 0, CLIENTS - 1);
        if (what < 0.45) {
          // Now and then many at once, of one client.
          for (let count = random() < 0.1 ? 15 : 1; count > 0; count--) call(client);
        } else if (what < 0.85) {
          if (running() > 0) end();
        } else if (what < 0.97) {
          const open = calls.filter(({ outcome }) => outcome === undefined);
          if (open.length > 0) open[between(random, 0, open.length - 1)].controller.abort();
        } else {
          await clients[client].close();
          clients[client] = await dial();
        }
        await settled();
        await clock.advance(protocol === "geerpc/json" ? 0 : 200); // a client is found to be gone
        assert(server.running <= LIMIT, `step ${step}: ${server.running} run`);
        assertEquals(server.running, running(), `step ${step}`);
        if (server.waiting > 0) assertEquals(server.running, LIMIT, `step ${step}`);
        assert(server.waiting <= 40, `step ${step}: ${server.waiting} wait`);
        mostWaiting = Math.max(mostWaiting, server.waiting);
      }
      const figures = { done, refused, failed, mostWaiting };
      assert(done > 100 && refused > 0 && failed > 0 && mostWaiting > 20, JSON.stringify(figures));
      while (server.running > 0) {
        end();
        await settled();
      }
      assertEquals([server.running, server.waiting], [0, 0]);
      // Of some, the caller had given up by the time that it would have heard of it.
      const counted = server.figures().refused.maxWaiting;
      assert(counted >= refused && counted <= refused + failed, `${counted} of ${refused}`);
      assert(calls.every(({ outcome }) => outcome !== undefined), "a call was never answered");
      await Promise.all(clients.map((client) => client.close()));
      await clock.advance(1300);
    }));
}
