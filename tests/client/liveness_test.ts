/** A plain client finds out that its connection is dead, on every protocol. */

import { assertEquals } from "@std/assert";
import type { ServerOptions } from "../../server.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { watch } from "../support/fleet.ts";
import { assertFailure, inWorld, settled, type World } from "../support/helpers.ts";

const ASKING: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

async function serve(world: World, protocol: Protocol, options: ServerOptions = {}) {
  const { server, gate } = await world.serve("a", options);
  const { address } = await server.listen("memory@b", { network: world.network, protocol });
  return { address, gate };
}

for (const protocol of ASKING) {
  Deno.test(`${protocol}: a call that waits in silence is given up as unavailable`, () =>
    inWorld(async (world) => {
      const { address, gate } = await serve(world, protocol);
      const client = await world.dial(address, { protocol });
      await client.call("Gate.Echo", 0); // the server loads its codec, and shows that it is ours
      const slow = watch(client.call("Gate.Wait", "slow"));
      await world.clock.advance(60_000);
      assertEquals(slow.state, "pending"); // the server lives, and takes its time
      gate.begun[0].end.resolve("done");
      await settled();
      assertEquals(slow.value, "done");
      world.network.forget(address);
      const lost = watch(client.call("Gate.Echo", 1));
      await world.clock.advance(9_900);
      assertEquals(lost.state, "pending");
      await world.clock.advance(1100);
      assertFailure(lost.error, {
        code: "unavailable",
        execution: "unknown",
        address,
        serviceMethod: "Gate.Echo",
        message: `Gate.Echo at ${address}: no sign of life for 10`,
      });
      assertEquals(client.available, false);
      world.network.cut(address);
    }));

  Deno.test(`${protocol}: an idle connection that is dead is found out`, () =>
    inWorld(async (world) => {
      const { address } = await serve(world, protocol);
      const client = await world.dial(address, { protocol });
      await client.call("Gate.Echo", 0); // the server loads its codec, and shows that it is ours
      await world.clock.advance(100_000);
      assertEquals(client.available, true);
      world.network.forget(address);
      await world.clock.advance(60_000);
      assertEquals(client.available, false);
      world.network.cut(address);
    }));
}

for (const protocol of ASKING) {
  Deno.test(`${protocol}: a server whose calls all hang lives, and is not given up`, () =>
    inWorld(async (world) => {
      const { address, gate } = await serve(world, protocol, {
        maxInFlight: 1,
        maxWaitMs: Infinity,
      });
      const client = await world.dial(address, { protocol });
      await client.call("Gate.Echo", 0);
      const calls = [1, 2].map((n) => watch(client.call("Gate.Wait", n)));
      await world.clock.advance(100_000);
      assertEquals(calls.map(({ state }) => state), ["pending", "pending"]);
      gate.begun[0].end.resolve(1);
      await gate.untilBegun(2);
      gate.begun[1].end.resolve(2);
      await settled();
      assertEquals(calls.map(({ value }) => value), [1, 2]);
      await client.close();
    }));
}

Deno.test("geerpc/gob, not known to be ours: repeated timeouts in silence end the connection", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { protocol: "geerpc/gob" });
    const patient = watch(client.call("Gate.Wait", 2)); // nothing is ever heard
    await gate.untilBegun(1);
    world.network.forget(address);
    for (const n of [3, 4]) watch(client.call("Gate.Echo", n, { timeoutMs: 100 }));
    await world.clock.advance(11_000);
    assertFailure(patient.error, { code: "unavailable", message: "no sign of life for 10" });
    world.network.cut(address);
  }));

Deno.test("geerpc/gob: a call without a deadline does not wait for ever", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address, {
      protocol: "geerpc/gob",
      liveness: { muteMs: 60_000 },
    });
    world.network.forget(address);
    const call = watch(client.call("Gate.Echo", 1));
    await world.clock.advance(60_000);
    assertEquals(call.state, "pending");
    await world.clock.advance(1000);
    assertFailure(call.error, { code: "unavailable", message: "no sign of life for 60" });
    world.network.cut(address);
  }));

Deno.test("a question for a sign of life is no call: inFlight and close do not count it", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address, { maxInFlight: 1 });
    await client.call("Gate.Echo", 0);
    world.network.setFaults(address, { held: true });
    await world.clock.advance(30_500);
    assertEquals([client.inFlight, client.available], [0, true]);
    const call = watch(client.call("Gate.Echo", 1));
    await settled();
    assertEquals(call.state, "pending"); // it is not one too many
    world.network.setFaults(address);
    await settled();
    assertEquals(call.value, 1);
    world.network.setFaults(address, { held: true });
    await world.clock.advance(31_000);
    const closed = watch(client.close({ graceMs: 5000 }));
    await settled();
    assertEquals(closed.state, "resolved");
    world.network.setFaults(address);
  }));
