/** Calls of an `XClient` that are certain: recall, failover, hedges, fan-outs, closing. */

import { assert, assertEquals } from "@std/assert";
import { XClient, type XClientOptions } from "../../mod.ts";
import { assertFails, inWorld, settled } from "../support/helpers.ts";
import type { World } from "../support/helpers.ts";

const CERTAIN = { certain: true };

/** A promise that is looked at later, when it may have failed already. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Servers and a client of them all, which picks them in turn. */
async function scene(world: World, names: readonly string[], options: XClientOptions = {}) {
  const sites = await Promise.all(names.map((name) => world.serve(name)));
  const xclient = new XClient(
    sites.map(({ address }) => address),
    { mode: "round_robin", random: () => 0, ...world.options, ...options },
  );
  const cut = async (address: string) => {
    world.network.cut(address);
    await settled();
  };
  return { sites, xclient, cut };
}

Deno.test("a certain call is answered by the server that had it, behind a lost connection", () =>
  inWorld(async (world) => {
    const { sites, xclient, cut } = await scene(world, ["a", "b"]);
    const [a, b] = sites;
    const call = xclient.call("Gate.Wait", 1, CERTAIN);
    await a.gate.untilBegun(1);
    await cut(a.address);
    a.gate.begun[0].end.resolve("paid");
    assertEquals(await call, "paid");
    assertEquals([a.gate.begun.length, b.gate.begun.length], [1, 0]);
    const [endpoint] = xclient.endpoints();
    assertEquals([endpoint.successes, endpoint.failures, endpoint.inFlight], [1, 0, 0]);
    await xclient.close();
    assertEquals(a.server.figures().kept.recalled, 1);
  }));

Deno.test("what its server never got goes elsewhere, as any call that was turned away", () =>
  inWorld(async (world) => {
    const { sites: [a, b], xclient, cut } = await scene(world, ["a", "b"]);
    await Promise.all([1, 2].map(() => xclient.call("Gate.Echo", 0, CERTAIN)));
    world.network.setFaults(a.address, { silent: true }); // what is sent now is lost
    const call = later(xclient.call("Gate.Wait", 1, CERTAIN));
    await settled();
    world.network.setFaults(a.address, {});
    await cut(a.address);
    await b.gate.untilBegun(1);
    b.gate.begun[0].end.resolve("elsewhere");
    assertEquals(await call, "elsewhere");
    assertEquals(a.gate.begun.length, 0);
    const { recalled, refused } = a.server.figures().kept;
    assertEquals([recalled, refused], [1, 1]);
    await xclient.close();
  }));

Deno.test("with another process at the address it is unknown, and is made again only if it may run twice", () =>
  inWorld(async (world) => {
    const { sites, xclient, cut } = await scene(world, ["a", "b"]);
    const [a, b] = sites;
    const once = later(xclient.call("Gate.Wait", 1, CERTAIN));
    await a.gate.untilBegun(1);
    await xclient.call("Gate.Echo", 0); // takes the turn of b
    const again = later(xclient.call("Gate.Wait", 2, { ...CERTAIN, idempotent: true }));
    await a.gate.untilBegun(2);
    await cut(a.address);
    await a.server.close({ graceMs: 0 });
    const next = await world.serve("a");
    for (let passedMs = 0; passedMs < 500; passedMs += 50) await world.clock.advance(50);
    const error = await assertFails(once, {
      code: "unavailable",
      execution: "unknown",
      address: a.address,
      message: "another process answers there now",
    });
    assertEquals(error.attempts.map(({ recalls }) => recalls), [2]); // the first by the process before
    await b.gate.untilBegun(1);
    b.gate.begun[0].end.resolve("again");
    assertEquals(await again, "again");
    assertEquals(next.gate.begun.length, 0);
    for (const { end } of a.gate.begun) end.resolve(1);
    await xclient.close();
  }));

Deno.test("a connection that goes silent is given up, and the answer asked for on the one beside it", () =>
  inWorld(async (world) => {
    const { sites: [a], xclient } = await scene(world, ["a"]);
    const call = later(xclient.call("Gate.Wait", 1, CERTAIN));
    await a.gate.untilBegun(1);
    world.network.forget(a.address);
    for (let passedMs = 0; passedMs < 12_000; passedMs += 500) await world.clock.advance(500);
    a.gate.begun[0].end.resolve("there");
    await settled();
    assertEquals(await call, "there");
    assertEquals([a.gate.begun.length, a.gate.aborted.length], [1, 0]);
    await xclient.close();
  }));

Deno.test("it is in flight at a server that leaves the list until it has its answer", () =>
  inWorld(async (world) => {
    let listed = ["memory@a", "memory@b"];
    const sites = [await world.serve("a"), await world.serve("b")];
    const source = {
      get current() {
        return listed;
      },
      getAll: () => Promise.resolve(listed),
    };
    const xclient = new XClient(source, { ...world.options, mode: "round_robin", random: () => 0 });
    const call = xclient.call("Gate.Wait", 1, CERTAIN);
    await sites[0].gate.untilBegun(1);
    listed = ["memory@b"];
    assertEquals(await xclient.call("Gate.Echo", 2), 2);
    world.network.cut("memory@a");
    await settled();
    sites[0].gate.begun[0].end.resolve("there");
    assertEquals(await call, "there");
    await settled();
    assertEquals(sites[0].server.connections, 0);
    await xclient.close();
  }));

Deno.test("broadcast and inform are as certain, at each server", () =>
  inWorld(async (world) => {
    const { sites, xclient, cut } = await scene(world, ["a", "b"]);
    const broadcast = xclient.broadcast("Gate.Wait", 1, CERTAIN);
    const receipts: unknown[] = [];
    const informed = (async () => {
      for await (const receipt of xclient.inform("Gate.Wait", 2, CERTAIN)) {
        receipts.push(receipt.ok && receipt.reply);
      }
    })();
    for (const { gate } of sites) await gate.untilBegun(2);
    await cut(sites[1].address);
    for (const { gate } of sites) for (const { end } of gate.begun) end.resolve("there");
    assertEquals(await broadcast, "there");
    await informed;
    assertEquals(receipts, ["there", "there"]);
    for (const { gate } of sites) assertEquals(gate.begun.length, 2);
    await xclient.close();
  }));

Deno.test("a close ends one whose server is dialled, and lets one end whose answer is asked for", () =>
  inWorld(async (world) => {
    for (const [name, isThere] of [["gone", false], ["there", true]] as const) {
      const { sites: [a], xclient, cut } = await scene(world, [name]);
      const call = later(xclient.call("Gate.Wait", 1, CERTAIN));
      await a.gate.untilBegun(1);
      if (!isThere) world.network.setFaults(a.address, { refuse: true });
      await cut(a.address);
      const closed = xclient.close({ graceMs: 1000 });
      await settled();
      a.gate.begun[0].end.resolve("there");
      if (isThere) assertEquals(await call, "there");
      else await assertFails(call, { code: "canceled", execution: "unknown" });
      await closed;
    }
  }));

Deno.test("a close tells the server, which does not take the end of a connection for a cancel", () =>
  inWorld(async (world) => {
    const { sites: [a], xclient } = await scene(world, ["a"]);
    const call = later(xclient.call("Gate.Wait", 1, CERTAIN));
    await a.gate.untilBegun(1);
    assertEquals(await xclient.call("Gate.Echo", 2, CERTAIN), 2);
    assertEquals(a.server.figures().kept.answers, 1);
    await xclient.close();
    await assertFails(call, { code: "canceled", execution: "unknown" });
    await a.gate.untilAborted(1);
    a.gate.begun[0].end.resolve(1);
    await settled();
    const { running, answers } = a.server.figures().kept;
    assertEquals([running, answers], [0, 0]);
  }));

Deno.test("deadline and signal hold, and a copy for a stalled server has an id of its own", () =>
  inWorld(async (world) => {
    const { sites: [a, b], xclient } = await scene(world, ["a", "b"]);
    const late = later(xclient.call("Gate.Wait", 1, { ...CERTAIN, timeoutMs: 100 }));
    await a.gate.untilBegun(1);
    world.network.setFaults(a.address, { refuse: true });
    world.network.cut(a.address);
    await world.clock.advance(100);
    await assertFails(late, { code: "TimeoutError", execution: "unknown" });
    assertEquals(a.gate.aborted.length, 1);
    a.gate.begun[0].end.resolve(1);
    const copied = xclient.call("Gate.Wait", 2, {
      ...CERTAIN,
      idempotent: true,
      failMode: "failbackup",
      hedgeAfterMs: 10,
    });
    await b.gate.untilBegun(1);
    b.gate.begun[0].end.resolve("first");
    assertEquals(await copied, "first");
    await settled();
    assert(b.server.figures().kept.answers <= 1);
    await xclient.close();
  }));
