/** Endpoints that can't be reached: passed over, and dialled again after a backoff. */

import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import { assertFailure, failure, inWorld, settled } from "../support/helpers.ts";
import { answeredBy, type Node, watch, withNodes } from "../support/fleet.ts";

Deno.test("a server that can't be reached is not picked while others can be", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], events }) => {
    world.network.setFaults(b.address, { refuse: true });
    assertEquals(await answeredBy(xclient, 9), "acacacaca");
    assertEquals([b.came, a.came + c.came], [0, 9]);
    assertEquals(events.filter((event) => event === "unreachable b").length, 1);
  }));

Deno.test("it is dialled again in the background, after 1 s, then 1.6 times longer each time", () =>
  withNodes(2, async ({ client, world, nodes: [a, b], pass }) => {
    const dials: number[] = [];
    const connect = world.network.connect.bind(world.network);
    world.network.connect = (endpoint, options) => {
      if (endpoint.address === a.address) dials.push(world.clock.now());
      return connect(endpoint, options);
    };
    const xclient = client({ random: () => 0.5 });
    world.network.setFaults(a.address, { refuse: true });
    for (let n = 0; n < 200; n++) {
      assertEquals(await xclient.call("Work.Do", n), "b");
      await pass(100);
    }
    const since = dials.map((at) => Math.round((at - dials[0]) / 100));
    assertEquals(since, [0, 10, 26, 52, 93, 159]);
    world.network.setFaults(a.address);
    for (let n = 0; n < 110; n++) {
      await xclient.call("Work.Do", n);
      await pass(100);
    }
    assertEquals(dials.length, 7);
    assert(a.came > 10 && b.came > 200);
  }));

Deno.test("an address that does not answer keeps no call waiting once others are connected", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], pass }) => {
    assertEquals(await answeredBy(xclient, 3), "abc");
    await a.site.server.close({ graceMs: 0 });
    world.network.setFaults(a.address, { unroutable: true }); // gone without a trace
    await settled();
    for (let n = 0; n < 40; n++) {
      const call = watch(xclient.call("Work.Do", n));
      await settled();
      assertEquals(call.state, "resolved");
      await pass(500); // it is being dialled all the time
    }
    assertEquals(b.came + c.came, 42);
  }));

Deno.test("no server can be reached: calls dial, and that makes the backoff no longer", () =>
  withNodes(2, async ({ client, world, nodes: [a, b], pass }) => {
    const xclient = client({ random: () => 0.5, maxAttempts: 2 });
    for (const { address } of [a, b]) world.network.setFaults(address, { refuse: true });
    for (let n = 0; n < 100; n++) {
      assertFailure(await failure(xclient.call("Work.Do", n)), {
        code: "unavailable",
        execution: "not_sent",
      });
    }
    for (const { address } of [a, b]) world.network.setFaults(address);
    assertEquals(await answeredBy(xclient, 1), "b"); // at once, not after a backoff
    await pass(1700);
    await answeredBy(xclient, 1);
    await settled();
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true]);
  }));

Deno.test("a connection that is lost is dialled at once", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], events }) => {
    assertEquals(await answeredBy(xclient, 4), "abab");
    world.network.cut(a.address);
    await settled();
    assertEquals(await answeredBy(xclient, 1), "b");
    await settled();
    assertEquals(await answeredBy(xclient, 4), "baba");
    assertEquals(events.slice(4), ["disconnected a", "connected a"]);
    assertEquals([a.came, b.came], [4, 5]);
  }));

Deno.test("a server that accepts connections and cuts them at once is dialled after a backoff", () =>
  withNodes(2, async ({ client, world, nodes: [a], pass }) => {
    const xclient = client({ random: () => 0.5 });
    assertEquals(await answeredBy(xclient, 2), "ba");
    let dials = 0;
    const connect = world.network.connect.bind(world.network);
    world.network.connect = async (endpoint, options) => {
      const transport = await connect(endpoint, options);
      if (endpoint.address === a.address) {
        dials++;
        queueMicrotask(() => world.network.cut(a.address));
      }
      return transport;
    };
    world.network.cut(a.address);
    for (let n = 0; n < 100; n++) {
      await settled();
      assertEquals(await xclient.call("Work.Do", n), "b");
      await pass(100);
    }
    assert(dials >= 3 && dials <= 6, String(dials)); // at 0, 1, 2.6, 5.2 and 9.3 s
    world.network.connect = connect;
  }));

Deno.test("most can't be reached: one that can be again ends the backoff of all, one that flaps does not", () =>
  withNodes(4, async ({ client, world, nodes: [a, ...others], pass }) => {
    const dials: string[] = [];
    const connect = world.network.connect.bind(world.network);
    world.network.connect = (endpoint, options) => {
      dials.push(endpoint.address);
      return connect(endpoint, options);
    };
    const xclient = client({ mode: { pick: ([first]) => first }, random: () => 0.5 });
    for (const { address } of others) world.network.setFaults(address, { refuse: true });
    for (let n = 0; n < 50; n++) { // 10 s, in which it is cut off ten times
      await xclient.call("Work.Do", n);
      await pass(200);
      if (n % 5 === 0) world.network.cut(a.address);
      await settled();
    }
    const perServer = others.map(({ address }) => dials.filter((dial) => dial === address).length);
    // At 0, 1, 2.6, 5.2 and 9.3 s.
    assert(perServer.every((count) => count >= 3 && count <= 5), String(perServer));
    for (const { address } of others) world.network.setFaults(address);
    world.network.setFaults(a.address, { refuse: true });
    world.network.cut(a.address);
    await settled();
    await failure(xclient.call("Work.Do", 1, { maxAttempts: 1 })); // all are away
    world.network.setFaults(a.address);
    await pass(1000);
    await xclient.call("Work.Do");
    await pass(100);
    await answeredBy(xclient, 1);
    await settled();
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true, true, true]);
  }));

Deno.test("servers that accept connections and cut them at once don't end each other's backoff", () =>
  withNodes(3, async ({ client, world, nodes: [a, b, c], pass }) => {
    const dials: string[] = [];
    const connect = world.network.connect.bind(world.network);
    world.network.connect = async (endpoint, options) => {
      dials.push(endpoint.address);
      const transport = await connect(endpoint, options);
      if (endpoint.address !== c.address) queueMicrotask(() => world.network.cut(endpoint.address));
      return transport;
    };
    const xclient = client({ random: () => 0.5 });
    for (let n = 0; n < 100; n++) { // 10 s
      assertEquals(await xclient.call("Work.Do", n), "c");
      await settled();
      await pass(100);
    }
    const count = (node: Node) => dials.filter((dial) => dial === node.address).length;
    assert(count(a) < 12 && count(b) < 12, `${count(a)} and ${count(b)} dials`);
  }));

Deno.test("a peer that sends a byte and closes is dialled after a backoff, also beside a good server", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const dials: string[] = [];
    const connect = network.connect.bind(network);
    network.connect = (endpoint, options) => {
      dials.push(endpoint.address);
      return connect(endpoint, options);
    };
    const greeter = await network.listen(parseAddress("memory@greeter"), async (transport) => {
      transport.start({ data() {}, end() {} });
      await transport.write(new Uint8Array([65]));
      transport.close();
    });
    const { address } = await world.serve("good");
    const xclient = new XClient(["memory@greeter", address], {
      network,
      clock,
      random: () => 0.5,
      mode: SelectMode.RoundRobin,
      idempotent: () => true,
    });
    for (let n = 0; n < 1000; n++) { // 10 s
      assertEquals(await xclient.call("Gate.Echo", n), n);
      await settled();
      await clock.advance(10);
    }
    const count = dials.filter((dialled) => dialled !== address).length;
    assert(count >= 4 && count <= 5, `${count} dials`); // at 0, 1, 2.6, 5.2 and 9.3 s
    await xclient.close();
    await greeter.close();
  }));

for (const livedMs of [999, 1000]) {
  const when = livedMs < 1000 ? "after a backoff" : "at once";
  Deno.test(`a connection that never answered and is lost after ${livedMs} ms is dialled ${when}`, () =>
    withNodes(2, async ({ client, world, nodes: [a], pass }) => {
      const xclient = client({ random: () => 0.5, mode: { pick: (all) => all.at(-1) } });
      world.network.setFaults(a.address, { refuse: true });
      await failure(xclient.broadcast("Work.Do"));
      world.network.setFaults(a.address);
      await pass(1000);
      await xclient.call("Work.Do"); // dials a, which gets no calls
      await settled();
      assertEquals(xclient.endpoints()[0].connected, true);
      await pass(livedMs);
      world.network.cut(a.address);
      await settled();
      await xclient.call("Work.Do");
      await settled();
      assertEquals(xclient.endpoints()[0].connected, livedMs >= 1000);
      assertEquals(a.came, 0);
    }));
}
