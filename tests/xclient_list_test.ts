/** A fleet whose list of servers changes, or has to be asked for. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { type Discovery, MultiServerDiscovery } from "../discovery.ts";
import { SelectMode } from "../selector.ts";
import { XClient } from "../xclient.ts";
import { assertFails, assertFailure, failure, inWorld, settled } from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";
import { withFleet } from "./support/fleet.ts";

Deno.test("a server that leaves the list finishes its calls, then its connection is closed", () =>
  withFleet(2, async ({ xclient, discovery, addresses, sites, world }) => {
    const calls = [0, 1].map((n) => xclient.call("Gate.Wait", n));
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    await discovery.update([addresses[1]]);
    await settled();
    assertEquals(world.network.connections(addresses[0]), 1);
    assertEquals(await Promise.all([2, 3].map((n) => xclient.call("Gate.Echo", n))), [2, 3]);
    sites[0].gate.begun[0].end.resolve("finished");
    assertEquals(await calls[0], "finished");
    await settled();
    assertEquals(addresses.map((address) => world.network.connections(address)), [0, 1]);
    sites[1].gate.begun[0].end.resolve("stayed");
    assertEquals(await calls[1], "stayed");
  }));

Deno.test("a server that leaves while it is idle is closed without a call being made", () =>
  withFleet(1, async ({ xclient, discovery, addresses: [address], world }) => {
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await discovery.update([]);
    await settled();
    assertEquals(world.network.connections(address), 0);
  }));

Deno.test("a server that leaves while it is dialled serves the waiting calls, then is closed", () =>
  withFleet(1, async ({ xclient, discovery, addresses: [address], world }) => {
    world.network.setFaults(address, { delayMs: 10 });
    const call = xclient.call("Gate.Echo", 1);
    await discovery.update([]);
    await world.clock.advance(100);
    assertEquals(await call, 1);
    world.network.setFaults(address);
    await settled();
    assertEquals(world.network.connections(address), 0);
  }));

Deno.test("a server that leaves and comes back while a call runs there", () =>
  withFleet(1, async ({ xclient, discovery, addresses: [address], sites: [{ gate }], world }) => {
    const running = xclient.call("Gate.Wait");
    await gate.untilBegun(1);
    await discovery.update([]);
    await settled();
    await discovery.update([address]);
    assertEquals(await xclient.call("Gate.Echo", 2), 2);
    assertEquals(world.network.connections(address), 2);
    gate.begun[0].end.resolve("finished");
    assertEquals(await running, "finished");
    await settled();
    assertEquals(world.network.connections(address), 1);
    assertEquals(await xclient.call("Gate.Echo", 3), 3);
  }));

Deno.test("a server that stays in the list keeps its connection, also with other metadata", () =>
  withFleet(2, async ({ xclient, discovery, addresses, sites }) => {
    await xclient.broadcast("Gate.Echo", 1);
    await discovery.update([addresses[1] + "?weight=3", addresses[0], addresses[0] + "?zone=b"]);
    await settled();
    await xclient.broadcast("Gate.Echo", 2);
    assertEquals(sites.map(({ server }) => server.connections), [1, 1]);
  }));

Deno.test("round robin stays in turn while the list changes, at random", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  return inWorld(async (world) => {
    for (const name of names) await world.serve(name);
    for (let seed = 1; seed <= 10; seed++) {
      const random = seededRandom(seed);
      const discovery = new MultiServerDiscovery([], { random: () => 0 });
      const { network, clock } = world;
      const mode = SelectMode.RoundRobin;
      const xclient = new XClient(discovery, { network, clock, random: () => 0, mode });
      /** The model: the servers in the order in which they are due. */
      let turn: string[] = [];
      let list: string[] = [];
      for (let step = 0; step < 60; step++) {
        if (random() < 0.3) {
          const next = names.filter(() => random() < 0.6).map((name) => `memory@${name}`);
          if (random() < 0.5) next.reverse();
          const due = turn.find((address) => next.includes(address)) ?? next[0];
          list = next;
          turn = [...list.slice(list.indexOf(due)), ...list.slice(0, list.indexOf(due))];
          await discovery.update(list);
        }
        const marked = { step, seed };
        const call = xclient.call("Gate.Echo", marked);
        if (list.length === 0) {
          await assertFails(call, { code: "unavailable", message: "no available servers" });
          continue;
        }
        await call;
        const controller = new AbortController();
        // Who would be next is asked by a call that is aborted on its way.
        const asked = failure(xclient.call("Gate.Wait", marked, { signal: controller.signal }));
        const expected = turn[1 % turn.length];
        const site = world.sites.find(({ address }) => address === expected)!;
        await site.gate.untilBegun(1);
        assertEquals(site.gate.begun[0].args, marked);
        site.gate.begun.length = 0;
        controller.abort();
        await asked;
        for (let n = 0; n < 2; n++) turn.push(turn.shift()!);
      }
      await xclient.close();
      await settled();
    }
  });
});

/** A source without `current` and `watch`: it is asked for each call. */
class Asked implements Discovery {
  asked = 0;
  list: string[] | Promise<string[]>;
  constructor(list: string[] | Promise<string[]>) {
    this.list = list;
  }
  refresh = () => Promise.resolve();
  update = () => Promise.resolve();
  get = () => Promise.reject(new Error("not used"));
  getAll = async () => {
    this.asked++;
    return [...await this.list];
  };
}

Deno.test("a discovery that has to be asked: in turn; once it has answered, its failures change nothing", () =>
  inWorld(async (world) => {
    const sites = [await world.serve("a"), await world.serve("b")];
    const discovery = new Asked(sites.map(({ address }) => address));
    const { network, clock } = world;
    const mode = SelectMode.RoundRobin;
    const reason = new Error("no answer");
    discovery.list = Promise.reject(reason);
    const xclient = new XClient(discovery, { network, clock, random: () => 0, mode });
    assertStrictEquals(await failure(xclient.call("Gate.Echo")), reason);
    assertStrictEquals(await failure(xclient.broadcast("Gate.Echo")), reason);
    discovery.list = sites.map(({ address }) => address);
    for (let n = 0; n < 4; n++) xclient.call("Gate.Wait", n).catch(() => {});
    await settled();
    assertEquals(sites.map(({ gate }) => gate.begun.map(({ args }) => args)), [[0, 2], [1, 3]]);
    assertEquals(discovery.asked, 6);
    discovery.list = Promise.reject(reason);
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    assertEquals(await xclient.broadcast("Gate.Echo", 1), 1);
    discovery.list = [sites[0].address];
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    assertEquals(xclient.endpoints().map(({ address }) => address), [sites[0].address]);
    await xclient.close();
    assertEquals(discovery.asked, 9);
  }));

Deno.test("close while the discovery is asked: nothing is dialled", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const { network, clock } = world;
    let answer = (_list: string[]) => {};
    const discovery = new Asked(new Promise((resolve) => answer = resolve));
    const xclient = new XClient(discovery, { network, clock });
    const call = failure(xclient.call("Gate.Echo"));
    await xclient.close();
    answer([address]);
    assertFailure(await call, { code: "canceled", execution: "not_sent" });
    assertEquals(server.connections, 0);
  }));

Deno.test("a list with a wrong address rejects calls, and never throws at once", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { network, clock } = world;
    const discovery = { ...new Asked([]), current: ["nonsense"] } as Discovery & {
      current: string[];
    };
    const xclient = new XClient(discovery, { network, clock });
    for (let n = 0; n < 2; n++) {
      await assertFails(xclient.call("Gate.Echo"), {
        code: "invalid_argument",
        address: "nonsense",
      });
      await assertFails(xclient.broadcast("Gate.Echo"), { code: "invalid_argument" });
    }
    discovery.current = [address];
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await xclient.close();
  }));
