/** Closes and aborts at bad moments. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { MultiServerDiscovery } from "../../discovery.ts";
import { XClient } from "../../xclient.ts";
import { assertFailure, failure, inWorld } from "../support/helpers.ts";

Deno.test("close during a dial: its calls fail, nothing stays open", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const { address, gate } = await world.serve("a");
    network.setFaults(address, { delayMs: 100 });
    const xclient = new XClient(new MultiServerDiscovery([address]), { network, clock });
    const waiters = [1, 2].map((n) => failure(xclient.call("Gate.Wait", n)));
    await clock.advance(50);
    await xclient.close();
    for (const error of await Promise.all(waiters)) {
      assertFailure(error, {
        code: "canceled",
        execution: "not_sent",
        address,
        serviceMethod: "Gate.Wait",
      });
    }
    await clock.advance(1000);
    assertEquals(network.connections(address), 0);
    assertEquals(gate.begun.length, 0);
  }));

Deno.test("close with calls in flight: each fails, the server's handlers are aborted", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const sent = [1, 2].map((n) => failure(client.call("Gate.Wait", n, { timeoutMs: 1000 })));
    await gate.untilBegun(2);
    const unsent = failure(client.call("Gate.Wait", 3));
    await client.close();
    const wanted = { code: "canceled", address, serviceMethod: "Gate.Wait" } as const;
    for (const error of await Promise.all(sent)) {
      assertFailure(error, { ...wanted, execution: "unknown" });
    }
    assertFailure(await unsent, { ...wanted, execution: "not_sent" });
    await gate.untilAborted(2);
    assertEquals(gate.begun.length, 2);
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("abort during a dial: the other waiter's dial goes on", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const { address, server } = await world.serve("a");
    network.setFaults(address, { delayMs: 100 });
    const xclient = new XClient(new MultiServerDiscovery([address]), { network, clock });
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = failure(xclient.call("Gate.Echo", 1, { signal: controller.signal }));
    const other = xclient.call("Gate.Echo", 2);
    await clock.advance(50);
    controller.abort(reason);
    assertStrictEquals(await aborted, reason);
    await clock.advance(1000);
    assertEquals(await other, 2);
    assertEquals(server.connections, 1);
    network.setFaults(address);
    await xclient.close();
  }));

Deno.test("abort during a dial: dial() itself rejects with the reason and leaves nothing", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    world.network.setFaults(address, { delayMs: 100 });
    const controller = new AbortController();
    const outcome = failure(world.dial(address, { signal: controller.signal }));
    await world.clock.advance(50);
    const reason = { any: "reason" };
    controller.abort(reason);
    assertStrictEquals(await outcome, reason);
    await world.clock.advance(1000);
    assertEquals(server.connections, 0);
    assertStrictEquals(
      await failure(world.dial(address, { signal: AbortSignal.abort(reason) })),
      reason,
    );
  }));
