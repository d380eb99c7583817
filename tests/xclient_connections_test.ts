/** The connections of a client of a fleet: dials, losses, draining. */

import { assert, assertEquals } from "@std/assert";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import { FailMode } from "../fleet/fail_mode.ts";
import type { XClientEvent } from "../fleet/options.ts";
import { SelectMode } from "../selector.ts";
import { Server } from "../server.ts";
import type { Network } from "../transport.ts";
import { XClient } from "../xclient.ts";
import {
  assertFails,
  assertFailure,
  between,
  failure,
  inWorld,
  RawServer,
  settled,
} from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";
import { type Node, withFleet, withNodes } from "./support/fleet.ts";

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

Deno.test("a dial that fails fails the calls that shared it; the next call dials anew", () =>
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

Deno.test("a server that restarts gets a new client", () =>
  withFleet(1, async ({ xclient, world, addresses: [address], sites: [{ server }] }) => {
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    await server.close({ graceMs: 0 });
    await settled();
    const lost = failure(xclient.call("Gate.Echo", 2));
    await world.clock.advance(300); // the only endpoint there is, which drained, has some time
    assertFailure(await lost, {
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
    await clock.advance(300); // the only endpoint there is, which drains, has some time
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

Deno.test("the protocol of an address counts more than the option, in a mixed fleet too", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const server = new Server({ clock });
    server.register("Gate", { Echo: (args: unknown) => args });
    await server.listen("memory@net", { network, protocol: "netrpc/json" });
    const { address } = await world.serve("gee");
    const list = ["memory@net?protocol=netrpc/json", address];
    const mode = SelectMode.RoundRobin;
    const xclient = new XClient(list, { network, clock, mode, protocol: "geerpc/gob" });
    for (let n = 0; n < 4; n++) assertEquals(await xclient.call("Gate.Echo", "x"), "x");
    assertEquals(xclient.endpoints().map(({ successes }) => successes), [2, 2]);
    const client = await world.dial(list[0], { protocol: "geerpc/json" });
    assertEquals(await client.call("Gate.Echo", "x"), "x");
    await client.close();
    await xclient.close();
    await server.close();
  }));

for (const wrong of ["memory@c?protocol=grpc", "tcp@nowhere:1"]) {
  Deno.test(`${wrong} among good servers is passed over: no call fails`, () =>
    inWorld(async (world) => {
      const { network, clock } = world;
      for (const mode of Object.values(SelectMode)) {
        const sites = [await world.serve("a"), await world.serve("b")];
        await world.serve("c");
        // A network that has no such scheme, as the machine's has no memory.
        const picky: Network = {
          listen: network.listen.bind(network),
          connect: (endpoint, options) => {
            if (endpoint.scheme === "memory") return network.connect(endpoint, options);
            const { address } = endpoint;
            const what = new RpcError("invalid_argument", `${address}: what is that?`, {
              address,
              execution: "not_sent",
            });
            return Promise.reject(what);
          },
        };
        const told: unknown[] = [];
        const onEvent = ({ type, cause }: XClientEvent) => {
          if (type === "unreachable") told.push((cause as RpcError).code);
        };
        const list = [wrong, ...sites.map(({ address }) => address)];
        const options = { network: picky, clock, mode, random: seededRandom(3), onEvent };
        const xclient = new XClient(list, options);
        for (let n = 0; n < 300; n++) {
          assertEquals(await xclient.call("Gate.Echo", n, { key: `${n}` }), n);
        }
        assertEquals(told, ["invalid_argument"], mode);
        await xclient.close();
        for (const { server } of world.sites) await server.close();
      }
    }));
}

Deno.test("wrong entries alone: the call says at once what is wrong", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    for (const failMode of Object.values(FailMode)) {
      const list = ["memory@a?protocol=grpc", "memory@b?protocol=soap"];
      const xclient = new XClient(list, { network, clock, failMode });
      await assertFails(xclient.call("Gate.Echo"), {
        code: "invalid_argument",
        execution: "not_sent",
        message: "unknown protocol",
      });
      await xclient.close();
    }
  }));

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
  }, { liveness: { idleMs: Infinity } }));

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
