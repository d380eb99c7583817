/** The fleet: one dial per server, who comes and goes, broadcasts. */

import process from "node:process";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type Discovery, MultiServerDiscovery } from "../discovery.ts";

import type { RpcError } from "../errors.ts";
import { FailMode } from "../fleet/fail_mode.ts";
import { SelectMode } from "../selector.ts";
import { XClient } from "../xclient.ts";
import type { XClientEvent, XClientOptions } from "../fleet/options.ts";
import { type Node, withNodes } from "./support/fleet.ts";
import {
  assertFails,
  assertFailure,
  between,
  failure,
  inWorld,
  RawServer,
  settled,
  type Site,
  type World,
} from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";

interface Fleet {
  world: World;
  sites: Site[];
  addresses: string[];
  discovery: MultiServerDiscovery;
  xclient: XClient;
}

/** A fleet of so many servers, and a client that begins with the first. */
function withFleet(
  count: number,
  body: (fleet: Fleet) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  return inWorld(async (world) => {
    const sites: Site[] = [];
    for (let n = 0; n < count; n++) sites.push(await world.serve(`s${n}`));
    const addresses = sites.map(({ address }) => address);
    const discovery = new MultiServerDiscovery(addresses, { random: () => 0 });
    const { network, clock } = world;
    const mode = SelectMode.RoundRobin;
    // One try, so that each test sees what became of it.
    const given = { network, clock, random: () => 0, mode, maxAttempts: 1, ...options };
    const xclient = new XClient(discovery, given);
    await body({ world, sites, addresses, discovery, xclient });
    await xclient.close();
    for (const address of addresses) assertEquals(network.connections(address), 0);
  });
}

Deno.test("round robin: one server after the other", () =>
  withFleet(3, async ({ xclient, sites }) => {
    for (let n = 0; n < 6; n++) xclient.call("Gate.Wait", n).catch(() => {});
    await settled();
    assertEquals(sites.map(({ gate }) => gate.begun.map(({ args }) => args)), [
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
  }));

Deno.test("random: as chance decides", () => {
  const random = seededRandom(3);
  const model = seededRandom(3);
  return withFleet(3, async ({ xclient, sites }) => {
    const expected: number[][] = [[], [], []];
    for (let n = 0; n < 30; n++) {
      xclient.call("Gate.Wait", n).catch(() => {});
      expected[Math.floor(model() * 3)].push(n);
    }
    await settled();
    assertEquals(sites.map(({ gate }) => gate.begun.map(({ args }) => args)), expected);
  }, { mode: SelectMode.Random, random });
});

/** What a function throws. */
function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

Deno.test("an unknown mode is refused when the client is made", () => {
  const error = thrownBy(() => new XClient([], { mode: "best" as SelectMode }));
  assertFailure(error, { code: "invalid_argument", message: "random, round_robin" });
});

Deno.test("a list of addresses in place of a discovery", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const options = { network, clock, mode: SelectMode.RoundRobin, random: () => 0 };
    const sites = [await world.serve("a"), await world.serve("b")];
    const list = Object.freeze(sites.map(({ address }) => address));
    const xclient = new XClient(list, options);
    for (let n = 0; n < 4; n++) assertEquals(await xclient.call("Gate.Echo", n), n);
    assertEquals(sites.map(({ server }) => server.connections), [1, 1]);
    await xclient.close();
    const none = new XClient([], options);
    await assertFails(none.call("Gate.Echo"), { message: "no available servers" });
    await none.close();
    const wrong = thrownBy(() => new XClient([list[0], "tcp@nowhere"], options));
    assertFailure(wrong, { code: "invalid_argument", message: "tcp@nowhere" });
  }));

Deno.test("any object that has getAll is a source, also one that answers at once", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { network, clock } = world;
    for (const list of [[address], Promise.resolve([address])]) {
      const xclient = new XClient({ getAll: () => list }, { network, clock });
      assertEquals(await xclient.call("Gate.Echo", 1), 1);
      assertEquals(await xclient.broadcast("Gate.Echo", 2), 2);
      await xclient.close();
    }
  }));

Deno.test("what is neither a list nor has getAll is a TypeError that says what is expected", () => {
  for (const wrong of ["tcp@a:1", undefined, null, 5, {}, { getAll: [] }, () => {}]) {
    const error = thrownBy(() => new XClient(wrong as string[]));
    assert(error instanceof TypeError, String(error));
    assert(error.message.includes("list of addresses") && error.message.includes("getAll"));
  }
  const numbers = thrownBy(() => new XClient([5] as unknown as string[]));
  assertFailure(numbers, { code: "invalid_argument", message: "not a string" });
});

Deno.test("no servers", () =>
  withFleet(0, async ({ xclient, discovery, world }) => {
    const wanted = {
      code: "unavailable",
      execution: "not_sent",
      message: "no available servers",
    } as const;
    await assertFails(xclient.call("Gate.Echo"), wanted);
    await assertFails(xclient.broadcast("Gate.Echo"), wanted);
    const { address } = await world.serve("late");
    await discovery.update([address]);
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
  }));

Deno.test("a closed client", () =>
  withFleet(2, async ({ xclient }) => {
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await Promise.all([xclient.close(), xclient.close()]);
    const wanted = { code: "canceled", execution: "not_sent", message: "closed" } as const;
    await assertFails(xclient.call("Gate.Echo"), wanted);
    await assertFails(xclient.broadcast("Gate.Echo"), wanted);
    await xclient[Symbol.asyncDispose]();
  }));

Deno.test("calls at once share one dial, and one connection afterwards", () =>
  withFleet(1, async ({ xclient, world, addresses: [address], sites: [{ server }] }) => {
    let dials = 0;
    const connect = world.network.connect.bind(world.network);
    world.network.connect = (...args) => {
      dials++;
      return connect(...args);
    };
    const calls = Array.from({ length: 50 }, (_, n) => xclient.call("Gate.Echo", n));
    assertEquals(await Promise.all(calls), calls.map((_, n) => n));
    assertEquals(await xclient.call("Gate.Echo", 51), 51);
    assertEquals([dials, server.connections, world.network.connections(address)], [1, 1, 1]);
  }));

Deno.test("a dial that hangs keeps no other server waiting", () =>
  withFleet(2, async ({ xclient, world, addresses }) => {
    world.network.setFaults(addresses[0], { unroutable: true });
    const hanging = failure(xclient.call("Gate.Echo", 0));
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await world.clock.advance(10_000);
    assertFailure(await hanging, { code: "unavailable", address: addresses[0] });
  }));

Deno.test("a dial that fails fails who shared it; the next call dials anew", () =>
  withFleet(1, async ({ xclient, world, addresses: [address] }) => {
    world.network.setFaults(address, { refuse: true });
    const wanted = { code: "unavailable", execution: "not_sent", address } as const;
    await Promise.all(
      [1, 2].map((n) =>
        assertFails(xclient.call("Gate.Echo", n), { ...wanted, serviceMethod: "Gate.Echo" })
      ),
    );
    world.network.setFaults(address);
    assertEquals(await xclient.call("Gate.Echo", 3), 3);
  }));

Deno.test("a deadline counts the dial", () =>
  withFleet(1, async ({ xclient, world, addresses: [address], sites: [{ gate }] }) => {
    world.network.setFaults(address, { delayMs: 30 });
    const tooShort = failure(xclient.call("Gate.Wait", 1, { timeoutMs: 29 }));
    const long = failure(xclient.call("Gate.Wait", 2, { timeoutMs: 100 }));
    await world.clock.advance(29);
    assertFailure(await tooShort, {
      code: "TimeoutError",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Wait",
    });
    await world.clock.advance(70);
    let isOver = false;
    long.then(() => isOver = true);
    await settled();
    assert(!isOver);
    assertEquals(gate.begun.map(({ args }) => args), [2]);
    await world.clock.advance(1);
    assertFailure(await long, { code: "TimeoutError", execution: "unknown", address });
    await world.clock.advance(100);
    assertEquals(gate.aborted.length, 1);
    world.network.setFaults(address);
  }));

Deno.test("a timeout that is no number is a RangeError, dialled or not", () =>
  withFleet(1, async ({ xclient }) => {
    for (let time = 0; time < 2; time++) {
      const error = await failure(xclient.call("Gate.Echo", 1, { timeoutMs: NaN }));
      assert(error instanceof RangeError, String(error));
      assertEquals(await xclient.call("Gate.Echo", 1), 1);
    }
    assert(
      await failure(xclient.broadcast("Gate.Echo", 1, { timeoutMs: NaN })) instanceof RangeError,
    );
  }));

Deno.test("a server that restarts gets a new client", () =>
  withFleet(1, async ({ xclient, world, addresses: [address], sites: [{ server }] }) => {
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await server.close({ graceMs: 0 });
    await settled();
    await assertFails(xclient.call("Gate.Echo", 2), {
      code: "unavailable",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
    });
    const again = await world.serve("s0");
    assertEquals(await xclient.call("Gate.Echo", 3), 3);
    assertEquals(again.server.connections, 1);
  }));

Deno.test("a connection that is cut fails its calls, and the next call has a new one", () =>
  withFleet(1, async ({ xclient, world, addresses: [address], sites: [{ gate, server }] }) => {
    const call = failure(xclient.call("Gate.Wait"));
    await gate.untilBegun(1);
    world.network.cut(address);
    assertFailure(await call, {
      code: "unavailable",
      execution: "unknown",
      address,
      serviceMethod: "Gate.Wait",
    });
    assertEquals(await xclient.call("Gate.Echo", 2), 2);
    assertEquals(server.connections, 1);
  }));

Deno.test("a server that drains: running calls end, new ones get a new connection", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const { network, clock } = world;
    const xclient = new XClient(new MultiServerDiscovery(["memory@raw"]), { network, clock });
    const first = xclient.call("S.First");
    const before = await raw.accept();
    await before.untilLines(2);
    await before.write('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
    await settled();
    const second = xclient.call("S.Second");
    const after = await raw.accept();
    await after.untilLines(2);
    await after.reply(1, "second");
    assertEquals(await second, "second");
    await before.reply(1, "first");
    assertEquals(await first, "first");
    await before.ended;
    assert(!after.isOver);
    await xclient.close();
    await raw.close();
  }));

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

Deno.test("a server that leaves while it is dialled serves who waits, then is closed", () =>
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

Deno.test("who stays in the list keeps the connection, also with other metadata", () =>
  withFleet(2, async ({ xclient, discovery, addresses, sites }) => {
    await xclient.broadcast("Gate.Echo", 1);
    await discovery.update([addresses[1] + "?weight=3", addresses[0], addresses[0] + "?zone=b"]);
    await settled();
    await xclient.broadcast("Gate.Echo", 2);
    assertEquals(sites.map(({ server }) => server.connections), [1, 1]);
  }));

Deno.test("close ends dials, calls and those who are leaving", () =>
  withFleet(3, async ({ xclient, discovery, addresses, sites, world }) => {
    world.network.setFaults(addresses[2], { unroutable: true });
    const calls = [0, 1, 2].map((n) => failure(xclient.call("Gate.Wait", n)));
    await Promise.all(sites.slice(0, 2).map(({ gate }) => gate.untilBegun(1)));
    await discovery.update(addresses.slice(1));
    await xclient.close();
    const [left, ran, dialled] = await Promise.all(calls);
    const wanted = { code: "canceled", serviceMethod: "Gate.Wait" } as const;
    assertFailure(left, { ...wanted, execution: "unknown", address: addresses[0] });
    assertFailure(ran, { ...wanted, execution: "unknown", address: addresses[1] });
    assertFailure(dialled, { ...wanted, execution: "not_sent", address: addresses[2] });
    await settled();
    assertEquals(sites.slice(0, 2).map(({ gate }) => gate.aborted.length), [1, 1]);
  }));

Deno.test("close with a grace lets calls end", () =>
  withFleet(2, async ({ xclient, sites: [{ gate }] }) => {
    const call = xclient.call("Gate.Wait");
    await gate.untilBegun(1);
    const closing = xclient.close({ graceMs: 1000 });
    await assertFails(xclient.call("Gate.Echo"), { code: "canceled" });
    gate.begun[0].end.resolve("ended");
    assertEquals(await call, "ended");
    await closing;
  }));

Deno.test("abort before, during the dial, and after sending", () =>
  withFleet(1, async ({ xclient, sites: [{ gate }] }) => {
    const reason = new Error("enough");
    const aborted = AbortSignal.abort(reason);
    assertStrictEquals(await failure(xclient.call("Gate.Wait", 0, { signal: aborted })), reason);
    for (const sent of [false, true]) {
      const controller = new AbortController();
      const call = failure(xclient.call("Gate.Wait", 1, { signal: controller.signal }));
      if (sent) await gate.untilBegun(1);
      controller.abort(reason);
      assertStrictEquals(await call, reason);
    }
    await settled();
    assertEquals([gate.begun.length, gate.aborted.length], [1, 1]);
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
  }));

Deno.test("broadcast: every server is asked, the reply is that of the first to answer", () =>
  withFleet(3, async ({ xclient, sites }) => {
    const reply = xclient.broadcast("Gate.Wait", { all: true }, { meta: { a: "b" } });
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    for (const { gate } of sites) {
      assertEquals([gate.begun[0].args, gate.begun[0].ctx.meta.a], [{ all: true }, "b"]);
    }
    let isOver = false;
    reply.then(() => isOver = true);
    sites[2].gate.begun[0].end.resolve("first");
    await settled();
    sites[0].gate.begun[0].end.resolve("second");
    await settled();
    assert(!isOver); // all must succeed
    sites[1].gate.begun[0].end.resolve("third");
    assertEquals(await reply, "first");
    assertEquals(sites.map(({ gate }) => gate.aborted.length), [0, 0, 0]);
  }));

Deno.test("broadcast: the first reply may be undefined or null", () =>
  withFleet(2, async ({ xclient }) => {
    assertEquals(await xclient.broadcast("Gate.Echo", null), null);
  }));

Deno.test("broadcast: the first failure cancels the others, whose handlers see it", () =>
  withFleet(3, async ({ xclient, sites, addresses }) => {
    const outcome = failure(xclient.broadcast("Gate.Wait", 1));
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    sites[0].gate.begun[0].end.resolve("fine");
    await settled();
    sites[1].gate.begun[0].end.reject(new Error("disk full"));
    const error = await outcome;
    assertFailure(error, {
      code: "unknown",
      execution: "answered",
      address: addresses[1],
      serviceMethod: "Gate.Wait",
    });
    assertEquals(error.message, "disk full");
    await sites[2].gate.untilAborted(1);
    assertEquals(sites.map(({ gate }) => gate.aborted.length), [0, 0, 1]);
    assertEquals(await xclient.broadcast("Gate.Echo", "goes on"), "goes on");
  }));

Deno.test("broadcast: a server that can't be reached is named, the others are cancelled", () =>
  withFleet(3, async ({ xclient, sites, addresses, world }) => {
    await xclient.broadcast("Gate.Echo", 1);
    await sites[1].server.close({ graceMs: 0 });
    await settled();
    const outcome = xclient.broadcast("Gate.Wait", 1);
    await assertFails(outcome, {
      code: "unavailable",
      execution: "not_sent",
      address: addresses[1],
      serviceMethod: "Gate.Wait",
    });
    await settled();
    for (const { gate } of [sites[0], sites[2]]) {
      assertEquals(gate.begun.length, gate.aborted.length);
    }
    await world.clock.advance(500);
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("broadcast: a timeout names the servers that are missing, and cancels them", () =>
  withFleet(3, async ({ xclient, sites, addresses, world }) => {
    const outcome = failure(xclient.broadcast("Gate.Wait", 1, { timeoutMs: 60_000 }));
    await Promise.all(sites.map(({ gate }) => gate.untilBegun(1)));
    sites[1].gate.begun[0].end.resolve("in time");
    await world.clock.advance(60_000);
    const error = await outcome;
    assertFailure(error, {
      code: "TimeoutError",
      execution: "unknown",
      serviceMethod: "Gate.Wait",
      message: `Gate.Wait: no reply within 60000 ms from ${addresses[0]}, ${addresses[2]}`,
    });
    await settled();
    assertEquals(sites.map(({ gate }) => gate.aborted.length), [1, 0, 1]);
  }));

Deno.test("broadcast: very long timeouts do not pass at once", () =>
  withFleet(2, async ({ xclient }) => {
    for (const timeoutMs of [2 ** 31, 2 ** 33, 1e300, Infinity]) {
      assertEquals(await xclient.broadcast("Gate.Echo", 1, { timeoutMs }), 1);
    }
  }));

Deno.test("broadcast: an abort rejects with the signal's reason, and cancels all", () =>
  withFleet(2, async ({ xclient, sites }) => {
    const timeout = new DOMException("the caller's own", "TimeoutError");
    for (const reason of [new Error("enough"), timeout, "text", { any: "value" }]) {
      const before = sites.map(({ gate }) => gate.aborted.length);
      const controller = new AbortController();
      const { signal } = controller;
      const outcome = failure(xclient.broadcast("Gate.Wait", 1, { signal }));
      await Promise.all(sites.map(({ gate }, n) => gate.untilBegun(before[n] + 1)));
      controller.abort(reason);
      assertStrictEquals(await outcome, reason);
      await settled();
      assertEquals(sites.map(({ gate }) => gate.aborted.length), before.map((n) => n + 1));
      const late = xclient.broadcast("Gate.Wait", 1, { signal });
      assertStrictEquals(await failure(late), reason);
    }
  }));

Deno.test("broadcast: each server's reply is its own value", () =>
  withFleet(2, async ({ xclient }) => {
    const args = { list: [1] };
    const one = await xclient.broadcast<typeof args>("Gate.Echo", args);
    const two = await xclient.broadcast<typeof args>("Gate.Echo", args);
    one.list.push(2);
    assertEquals([two, args], [{ list: [1] }, { list: [1] }]);
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

Deno.test("a typed view of a fleet's service", () =>
  withFleet(2, async ({ xclient }) => {
    interface Echo {
      Echo(args: number): number;
    }
    const gate = xclient.service<Echo>("Gate");
    const reply: number = await gate.Echo(5, { timeoutMs: 1000 });
    assertEquals(reply, 5);
    assertStrictEquals(await Promise.resolve(gate), gate);
  }));

Deno.test("protocol in the address's metadata", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { network, clock } = world;
    const discovery = new MultiServerDiscovery([`${address}?protocol=geerpc/json`]);
    const xclient = new XClient(discovery, { network, clock });
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await discovery.update(["memory@b?protocol=soap"]);
    await assertFails(xclient.call("Gate.Echo"), { code: "invalid_argument", message: '"soap"' });
    await xclient.close();
  }));

Deno.test("a broadcast to 30 servers, and 30 at once under one signal, warn of nothing", async () => {
  const warnings: string[] = [];
  const warn = (warning: Error) => void warnings.push(String(warning));
  process.on("warning", warn);
  await withFleet(30, async ({ xclient }) => {
    const { signal } = new AbortController();
    await xclient.broadcast("Gate.Echo", 1, { signal, timeoutMs: 60_000 });
    const many = Array.from({ length: 30 }, () => xclient.broadcast("Gate.Echo", 1, { signal }));
    await Promise.all(many);
  });
  await settled();
  process.off("warning", warn);
  assertEquals(warnings, []);
});

Deno.test("10,000 calls at once over three servers", () =>
  withFleet(3, async ({ xclient, world }) => {
    const { signal } = new AbortController();
    const calls = Array.from(
      { length: 10_000 },
      (_, n) => xclient.call("Gate.Echo", n, { signal, timeoutMs: 1000 }),
    );
    const replies = await Promise.all(calls);
    assert(replies.every((reply, n) => reply === n));
    await world.clock.advance(1000);
    assertEquals(world.clock.timers, 0);
  }));

// Live figures, events, draining.

Deno.test("endpoints: a frozen snapshot of the live figures", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    assertEquals(xclient.endpoints(), []);
    a.behaviour = "hold";
    const call = xclient.call("Work.Do", 1);
    await pass(30);
    b.behaviour = "broken";
    await failure(xclient.call("Work.Do", 2));
    const snapshot = xclient.endpoints();
    const same = { weight: 1, connected: true, health: "healthy", stalled: false } as const;
    assertEquals(snapshot, [
      {
        ...same,
        address: a.address,
        inFlight: 1,
        oldestAgeMs: 30,
        latencyMs: 0,
        successes: 0,
        failures: 0,
      },
      {
        ...same,
        address: b.address,
        inFlight: 0,
        oldestAgeMs: 0,
        latencyMs: 1000,
        successes: 0,
        failures: 1,
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

Deno.test("events tell the story of each server", () =>
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

Deno.test("callbacks that throw break nothing but themselves", async () => {
  const thrown: unknown[] = [];
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (callback) =>
    queueMicrotask(() => {
      try {
        callback();
      } catch (error) {
        thrown.push(error);
      }
    });
  try {
    await withNodes(2, async ({ client, world, nodes: [a, b] }) => {
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
    });
  } finally {
    globalThis.queueMicrotask = queueMicrotask;
  }
  const texts = thrown.map((error) => (error as Error).message);
  assertEquals([...new Set(texts)].sort(), ["isFailure", "onEvent"]);
});

Deno.test("the default policy sends calls where they are answered soonest", () =>
  withNodes(3, async ({ world, discovery, nodes: [a, b, c], pass }) => {
    const { network, clock } = world;
    const xclient = new XClient(discovery, { network, clock, random: seededRandom(1) });
    a.behaviour = b.behaviour = c.behaviour = "hold";
    const calls = Array.from({ length: 30 }, (_, n) => xclient.call("Work.Do", n));
    await settled();
    assertEquals([a.came, b.came, c.came], [10, 10, 10]); // evenly, while all are alike
    await pass(10);
    for (const { held } of [b, c]) for (const end of held.splice(0)) end.resolve("done");
    await settled();
    await pass(90); // a has not answered for ten times as long
    b.behaviour = c.behaviour = "echo";
    for (let n = 0; n < 50; n++) assert(await xclient.call("Work.Do", n) !== "a");
    for (const end of a.held) end.resolve("a");
    await Promise.all(calls);
    await xclient.close();
  }));

Deno.test("a draining server gets no new calls, finishes those it has, and no call fails", async () => {
  for (const mode of Object.values(SelectMode)) {
    await withNodes(4, async ({ client, nodes, pass, serve }) => {
      const random = seededRandom(9);
      const xclient = client({ mode, random });
      const calls: Promise<unknown>[] = [];
      const live = [...nodes];
      let closing: Promise<void> | undefined;
      let drained: { node: Node; came: number } | undefined;
      for (let step = 0; step < 240; step++) {
        for (const node of live) node.behaviour = random() < 0.5 ? "hold" : "echo";
        for (let n = between(random, 1, 12); n > 0; n--) {
          calls.push(xclient.call("Work.Do", `${step} ${n}`, { key: `${step} ${n}` }));
        }
        const place = Math.floor(step / 60);
        if (step % 60 === 20) {
          const node = live[place];
          closing = node.site.server.close({ graceMs: 60_000 });
          await settled();
          await settled();
          drained = { node, came: node.came };
        }
        if (random() < 0.5) await pass(between(random, 0, 10));
        for (const { held } of live) {
          for (const end of held.splice(0, between(random, 0, 9))) end.resolve("held");
        }
        if (step % 60 === 40) {
          assertEquals(drained!.node.came, drained!.came);
          for (const end of drained!.node.held.splice(0)) end.resolve("held");
          await settled();
          await pass(300);
          await closing;
          live[place] = await serve(drained!.node.name); // the new version of it
        }
      }
      await settled();
      for (const { held } of live) for (const end of held.splice(0)) end.resolve("held");
      await Promise.all(calls);
      const ran = [...new Set([...nodes, ...live])].flatMap((node) => node.ran);
      assertEquals([ran.length, new Set(ran).size], [calls.length, calls.length]);
    });
  }
});

Deno.test("close: no timer, no connection and no dial is left, whatever is under way", () =>
  withNodes(4, async ({ client, nodes, world, pass }) => {
    const xclient = client({ random: () => 0.99 });
    nodes[0].behaviour = "hold";
    nodes[1].behaviour = "reject";
    world.network.setFaults(nodes[2].address, { unroutable: true });
    const options = { idempotent: true, failMode: FailMode.Failbackup, timeoutMs: 60_000 };
    nodes[3].behaviour = "hold";
    const calls = Array.from(
      { length: 80 },
      (_, n) => failure(xclient.call("Work.Do", n, options)),
    );
    await pass(20);
    await xclient.close();
    assertEquals(world.clock.timers, 0);
    for (const { address } of nodes) assertEquals(world.network.connections(address), 0);
    const codes = (await Promise.all(calls)).map((error) => (error as RpcError).code);
    assertEquals([...new Set(codes)].sort(), ["canceled"]);
    world.network.setFaults(nodes[2].address);
  }));
