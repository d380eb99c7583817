/** This process stands still past a deadline: what has arrived in time is read before it counts. */

import { assertEquals } from "@std/assert";
import type { Protocol } from "../protocol/codec.ts";
import { XClient } from "../xclient.ts";
import { watch, type Watched } from "./support/fleet.ts";
import { inWorld, settled, type World } from "./support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

/** Calls with 100 ms; the reply is there in time, but is read behind the timer of the deadline. */
async function standStill(
  { clock, network }: World,
  address: string,
  call: () => Promise<unknown>,
): Promise<Watched> {
  network.setFaults(address, { held: true });
  const watched = watch(call());
  await settled();
  const now = clock.now.bind(clock);
  clock.now = () => now() + 200; // the timers below are late
  clock.setTimer(100, () => network.setFaults(address)); // in the turn in which the deadline is seen
  await clock.advance(100);
  clock.now = now;
  await settled();
  return watched;
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: a blocked event loop turns no reply into a timeout`, () =>
    inWorld(async (world) => {
      const { server } = await world.serve("a");
      const { network, clock } = world;
      const { address } = await server.listen("memory@b", { network, protocol });
      const timeoutMs = 100;
      const client = await world.dial(address, { protocol });
      const xclient = new XClient([address], { network, clock, protocol });
      for (const ask of [client, xclient]) await ask.call("Gate.Echo", 0); // connected
      const calls: Record<string, () => Promise<unknown>> = {
        client: () => client.call("Gate.Echo", 1, { timeoutMs }),
        xclient: () => xclient.call("Gate.Echo", 1, { timeoutMs }),
        broadcast: () => xclient.broadcast("Gate.Echo", 1, { timeoutMs }),
        fork: () => xclient.fork("Gate.Echo", 1, { timeoutMs }),
        inform: async () => {
          for await (const receipt of xclient.inform("Gate.Echo", 1, { timeoutMs })) {
            return receipt.ok && receipt.reply;
          }
        },
      };
      for (const [name, call] of Object.entries(calls)) {
        const { state, value } = await standStill(world, address, call);
        assertEquals([name, state, value], [name, "resolved", 1]);
      }
      await xclient.close();
      await client.close();
    }));
}

Deno.test("a blocked event loop, and no reply: the deadline counts at once", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const { state, error } = await standStill(
      world,
      address,
      () => client.call("Gate.Wait", 1, { timeoutMs: 100 }),
    );
    assertEquals([state, (error as Error).name], ["rejected", "TimeoutError"]);
    gate.begun[0]?.end.resolve(1);
    await client.close();
  }));
