/** A client of a fleet: what it is made of, its calls, and closing it. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { RpcError } from "../errors.ts";
import { FailMode } from "../fleet/fail_mode.ts";
import { SelectMode } from "../selector.ts";
import { XClient } from "../xclient.ts";
import { assertFails, assertFailure, failure, inWorld, settled } from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";
import { thrownBy, watch, withFleet, withNodes } from "./support/fleet.ts";

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

Deno.test("close ends dials, calls, and servers that are leaving", () =>
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

Deno.test("close: a second close with less grace hurries the first, one with more does not delay it", () =>
  withFleet(2, async ({ xclient, world, sites, discovery }) => {
    const calls = [1, 2].map((n) => failure(xclient.call("Gate.Wait", n)));
    await sites[0].gate.untilBegun(1);
    await sites[1].gate.untilBegun(1);
    await discovery.update([sites[1].address]); // the other one is about to leave
    const failed = watch(Promise.all(calls));
    const first = xclient.close({ graceMs: 1500 });
    await settled();
    const more = xclient.close({ graceMs: 5000 });
    const less = xclient.close({ graceMs: 100 });
    await world.clock.advance(99);
    assertEquals(failed.state, "pending");
    await world.clock.advance(1);
    for (const error of await Promise.all(calls)) {
      assertFailure(error, { code: "canceled", execution: "unknown" });
    }
    await Promise.all([first, more, less]);
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("close: no grace hurries one with grace, by disposal too", () =>
  withFleet(1, async ({ xclient, sites: [{ gate }] }) => {
    const call = failure(xclient.call("Gate.Wait"));
    await gate.untilBegun(1);
    const disposed = xclient[Symbol.asyncDispose]();
    await xclient.close({ graceMs: 0 });
    await disposed;
    assertFailure(await call, { code: "canceled", execution: "unknown" });
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
