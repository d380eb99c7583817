/** The snapshot of the endpoints, and the events. */

import { assert, assertEquals } from "@std/assert";
import type { XClientEvent } from "../fleet/options.ts";
import { assertFailure, failure, settled } from "./support/helpers.ts";
import { withNodes } from "./support/fleet.ts";
import { uncaughtIn } from "./support/uncaught.ts";

Deno.test("endpoints: a frozen snapshot of the live figures", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [false, false]);
    a.behaviour = "hold";
    const call = xclient.call("Work.Do", 1);
    await pass(30);
    b.behaviour = "broken";
    await failure(xclient.call("Work.Do", 2));
    const snapshot = xclient.endpoints();
    const same = {
      weight: 1,
      effectiveWeight: 1,
      zone: "",
      connected: true,
      health: "healthy",
      stalled: false,
      reportedLoad: 0,
    } as const;
    assertEquals(snapshot, [
      {
        ...same,
        address: a.address,
        inFlight: 1,
        oldestAgeMs: 30,
        reportedAgeMs: 30,
        latencyMs: 0,
        successes: 0,
        failures: 0,
        refused: 0,
      },
      {
        ...same,
        address: b.address,
        inFlight: 0,
        oldestAgeMs: 0,
        reportedAgeMs: 0,
        latencyMs: 1000,
        successes: 0,
        failures: 1,
        refused: 0,
      },
    ]);
    assert(Object.isFrozen(snapshot) && snapshot.every(Object.isFrozen));
    await pass(12);
    a.held[0].resolve("a");
    await call;
    assertEquals([snapshot[0].inFlight, xclient.endpoints()[0].inFlight], [1, 0]);
    assertEquals([xclient.endpoints()[0].successes, xclient.endpoints()[0].latencyMs], [1, 42]);
    world.network.cut(a.address);
    await settled();
    assertEquals(xclient.endpoints()[0].connected, false);
  }));

Deno.test("endpoints: weights come from the addresses, and may change", () =>
  withNodes(1, async ({ xclient, discovery, nodes: [a] }) => {
    for (const weight of [3, 0.5]) {
      await discovery.update([`${a.address}?weight=${weight}`]);
      await xclient.call("Work.Do");
      assertEquals(xclient.endpoints()[0].weight, weight);
    }
    assertEquals(a.site.server.connections, 1);
  }));

Deno.test("events of each server, in order", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], events, list, pass }) => {
    world.network.setFaults(b.address, { refuse: true });
    await xclient.call("Work.Do", 1);
    await xclient.call("Work.Do", 1);
    assertEquals(events, ["joined a", "joined b", "connected a", "unreachable b"]);
    events.length = 0;
    world.network.setFaults(b.address);
    await pass(1300);
    await xclient.call("Work.Do", 1);
    await settled();
    world.network.cut(b.address);
    await settled();
    await list([a]);
    await settled();
    assertEquals(events, ["connected b", "disconnected b", "left b"]);
  }));

Deno.test("events come a microtask after the fact, when all is up to date", () =>
  withNodes(1, async ({ client, nodes: [a] }) => {
    const told: [type: string, listed: number][] = [];
    const xclient = client({
      onEvent: ({ type }) => told.push([type, xclient.endpoints().length]),
    });
    const call = xclient.call("Work.Do", 1);
    assertEquals([xclient.endpoints().length, told], [1, []]);
    await Promise.resolve();
    assertEquals(told, [["joined", 1]]);
    assertEquals(await call, a.name);
    assertEquals(told, [["joined", 1], ["connected", 1]]);
  }));

Deno.test("an event names its cause, and can't be changed", () =>
  withNodes(1, async ({ client, world, nodes: [a] }) => {
    const told: XClientEvent[] = [];
    const xclient = client({ maxAttempts: 1, onEvent: (event) => told.push(event) });
    world.network.setFaults(a.address, { refuse: true });
    await failure(xclient.call("Work.Do", 1));
    const { type, address, cause } = told[1];
    assertEquals([type, address], ["unreachable", a.address]);
    assertFailure(cause, { code: "unavailable", address: a.address });
    assert(told.every(Object.isFrozen));
  }));

// Bun's test runner lets no program have what is not caught.
const ignore = "Bun" in globalThis;
Deno.test("callbacks that throw break nothing but themselves", { ignore }, async () => {
  const thrown = await uncaughtIn(() =>
    withNodes(2, async ({ client, world, nodes: [a, b] }) => {
      const xclient = client({
        onEvent: () => {
          throw new Error("onEvent");
        },
        isFailure: () => {
          throw new Error("isFailure");
        },
      });
      assertEquals(await xclient.call("Work.Do", 1), "a");
      b.behaviour = "broken";
      assertFailure(await failure(xclient.call("Work.Do", 1)), { code: "unavailable" });
      assertEquals(xclient.endpoints()[1].failures, 1); // judged as by default
      world.network.cut(a.address);
      await settled();
      b.behaviour = "echo";
      assertEquals(await xclient.call("Work.Do", 1), "b");
      assertEquals(b.site.server.connections, 1);
    })
  );
  const texts = thrown.map((error) => (error as Error).message);
  assertEquals([...new Set(texts)].sort(), ["isFailure", "onEvent"]);
});
