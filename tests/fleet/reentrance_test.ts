/** The caller's own functions may call back in: close the client, or make calls. */

import { assert, assertEquals } from "@std/assert";
import { SelectMode, type Selector } from "../../selector.ts";
import type { XClientOptions } from "../../fleet/options.ts";
import type { XClient } from "../../xclient.ts";
import { settled } from "../support/helpers.ts";
import { type Case, watch, type Watched, withNodes } from "../support/fleet.ts";

/** Lets everything happen to a fleet that an event tells of; calls go on all the time. */
async function liveThrough({ xclient, world, nodes: [a, b, c], list, pass }: Case) {
  const calls: Watched[] = [];
  const call = (options = {}) => {
    const made = watch(xclient.call("Work.Do", 1, { timeoutMs: 50, ...options }));
    calls.push(made);
    return made;
  };
  a.behaviour = "hold";
  for (let n = 0; n < 6; n++) call({ timeoutMs: 5000 });
  await settled();
  await list([a, b, c]);
  for (let n = 0; n < 6; n++) call();
  await settled();
  await list([b, c]); // a leaves, with calls in flight
  call();
  await settled();
  world.network.cut(b.address);
  await settled();
  world.network.setFaults(c.address, { refuse: true });
  world.network.cut(c.address);
  await settled();
  for (let n = 0; n < 3; n++) call();
  await settled();
  world.network.setFaults(c.address);
  b.behaviour = "broken";
  for (let n = 0; n < 12; n++) {
    call();
    await settled();
  }
  b.behaviour = "echo";
  await pass(20_000);
  for (let n = 0; n < 4; n++) call();
  await settled();
  world.network.setFaults(b.address, { silent: true });
  for (let n = 0; n < 4; n++) call({ timeoutMs: 3000 });
  await pass(2500);
  world.network.setFaults(b.address);
  await pass(8000);
  return calls;
}

const EVENTS = [
  "joined",
  "left",
  "connected",
  "unreachable",
  "disconnected",
  "ejected",
  "restored",
  "stalled",
] as const;

for (const event of EVENTS) {
  Deno.test(`onEvent closes the client at the first "${event}": all ends, and nothing is left`, () => {
    let xclient!: XClient;
    let closed: Promise<void> | undefined;
    const options: XClientOptions = {
      onEvent: ({ type }) => {
        if (type === event) closed ??= xclient.close();
      },
    };
    return withNodes(3, async (test) => {
      xclient = test.xclient;
      await test.list(test.nodes.slice(0, 2));
      const calls = await liveThrough(test);
      assert(closed !== undefined, `there was no "${event}"`);
      await closed;
      assertEquals(calls.filter(({ state }) => state === "pending"), []);
      assertEquals(xclient.endpoints(), []);
      assertEquals(test.world.clock.timers, 0);
      for (const { address } of test.nodes) {
        assertEquals(test.world.network.connections(address), 0, address);
      }
    }, options);
  });
}

for (const what of ["pick", "random", "isFailure", "idempotent", "current"] as const) {
  Deno.test(`${what} closes the client: all ends, and nothing is left`, () => {
    let xclient!: XClient;
    let closed: Promise<void> | undefined;
    let isArmed = false;
    const close = (name: typeof what) => {
      if (isArmed && name === what) closed ??= xclient.close();
    };
    const picker: Selector = {
      subsets: true,
      pick: (all) => (close("pick"), all[0]),
    };
    const options: XClientOptions = {
      mode: what === "pick" ? picker : SelectMode.LeastLoaded,
      random: () => (close("random"), 0),
      isFailure: () => (close("isFailure"), true),
      idempotent: () => (close("idempotent"), true),
    };
    return withNodes(3, async ({ client, world, nodes, discovery, pass }) => {
      const { current } = discovery;
      if (what === "current") {
        Object.defineProperty(discovery, "current", {
          get: () => (close("current"), [...current]),
        });
      }
      xclient = client(options);
      for (let n = 0; n < 3; n++) await xclient.call("Work.Do");
      isArmed = true;
      for (const node of nodes) node.behaviour = "broken";
      const calls = Array.from({ length: 4 }, () => watch(xclient.call("Work.Do", 1)));
      await settled();
      await pass(1000);
      assert(closed !== undefined, `${what} was not called`);
      await closed;
      assertEquals(calls.filter(({ state }) => state !== "rejected"), []);
      assertEquals(world.clock.timers, 0);
      for (const { address } of nodes) assertEquals(world.network.connections(address), 0);
    });
  });
}
