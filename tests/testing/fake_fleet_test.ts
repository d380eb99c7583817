/** A fleet whose servers fail on demand. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { dial } from "../../client.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import { FakeClock, FakeFleet, type FakeFleetOptions } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import type { XClientOptions } from "../../fleet/options.ts";

interface Setup {
  clock: FakeClock;
  fleet: FakeFleet;
  xclient: XClient;
}

/** Runs a test with a fleet and a client, and makes sure that it leaves no timer behind. */
async function withFleet(
  size: number,
  options: Partial<FakeFleetOptions>,
  body: (setup: Setup) => Promise<void>,
  clientOptions: XClientOptions = {},
): Promise<void> {
  const clock = new FakeClock();
  const fleet = await FakeFleet.start(size, {
    clock,
    services: { Echo: { Say: (text: string) => text } },
    ...options,
  });
  const xclient = new XClient(fleet.discovery, { ...fleet.clientOptions, ...clientOptions });
  await body({ clock, fleet, xclient });
  await xclient.close();
  await fleet.close();
  await clock.advance(60_000);
  assertEquals(clock.timers, 0);
}

/** The time on the clock at which a call ends, and its reply or error. */
function ended(clock: FakeClock, call: Promise<unknown>): Promise<[number, unknown]> {
  return call.then((reply) => [clock.now(), reply], (error) => [clock.now(), error]);
}

Deno.test("work takes its time, and calls share the cores", async () => {
  await withFleet(1, { workMs: (args) => Number(args), cores: 1 }, async ({ clock, xclient }) => {
    const ends = [10, 20].map((ms) => ended(clock, xclient.call("Echo.Say", ms)));
    await clock.advance(100);
    assertEquals(await Promise.all(ends), [[20, 10], [30, 20]]);
  });
});

Deno.test("a cancelled call makes room for the others", async () => {
  await withFleet(1, { workMs: 20, cores: 1 }, async ({ clock, xclient }) => {
    const kept = ended(clock, xclient.call("Echo.Say", "kept"));
    const lost = ended(clock, xclient.call("Echo.Say", "lost", { timeoutMs: 10 }));
    await clock.advance(100);
    assertEquals(await kept, [25, "kept"]);
    const [at, error] = await lost;
    assertEquals(at, 10);
    assert(error instanceof TimeoutError);
  });
});

Deno.test("a server that serves in turn makes later calls wait, and skips those that were given up", async () => {
  const options = { workMs: (ms: unknown) => Number(ms), cores: 2, firstComeFirstServed: true };
  await withFleet(1, options, async ({ clock, fleet, xclient }) => {
    const [server] = fleet.servers;
    const ends = [10, 40, 20, 5].map((ms) => ended(clock, xclient.call("Echo.Say", ms)));
    const lost = ended(clock, xclient.call("Echo.Say", 1000, { timeoutMs: 8 }));
    const last = ended(clock, xclient.call("Echo.Say", 7));
    await clock.advance(5);
    assertEquals(server.running, 6);
    await clock.advance(5);
    assertEquals(server.running, 4);
    server.setFaults({ slow: 2 });
    await clock.advance(200);
    assertEquals(await Promise.all(ends), [[10, 10], [70, 40], [50, 20], [60, 5]]);
    assertEquals((await lost)[0], 8);
    assertEquals(await last, [74, 7]);
  });
});

Deno.test("options of its servers hold, and a server comes back to its address", async () => {
  const options = { workMs: 10, server: { maxRunning: 1 } };
  await withFleet(1, options, async ({ clock, fleet, xclient }) => {
    const say = (text: string) => ended(clock, xclient.call("Echo.Say", text, { maxAttempts: 1 }));
    const first = say("first");
    const [at, error] = await say("second");
    assertEquals(at, 0);
    assertEquals((error as RpcError).code, "resource_exhausted");
    await clock.advance(10);
    assertEquals(await first, [10, "first"]);

    const [{ address }] = fleet.servers;
    await assertRejects(() => fleet.add(address), RpcError, "already in use");
    await fleet.remove(fleet.servers[0]);
    await fleet.add(address);
    assertEquals(fleet.addresses, [address]);
    const again = say("again");
    await clock.advance(1000);
    assertEquals((await again)[1], "again");
  });
});

Deno.test("a server can be far away, slow and stalled", async () => {
  await withFleet(1, { workMs: 10 }, async ({ clock, fleet, xclient }) => {
    const [server] = fleet.servers;
    const call = async () => {
      const before = clock.now();
      const call = ended(clock, xclient.call("Echo.Say", "x"));
      await clock.advance(1000);
      return (await call)[0] - before;
    };
    assertEquals(await call(), 10);
    server.setFaults({ delayMs: 7 });
    assertEquals(await call(), 24);
    server.setFaults({ slow: 3 });
    assertEquals(await call(), 30);
    server.setFaults();
    server.stall(200);
    assertEquals(await call(), 210);
    const running = ended(clock, xclient.call("Echo.Say", "x"));
    const before = clock.now();
    await clock.advance(4);
    server.stall(100);
    server.stall(200);
    assertEquals(server.running, 1);
    assertEquals(server.stalledForMs, 200);
    await clock.advance(1000);
    assertEquals((await running)[0] - before, 210);
  });
});

Deno.test("a server can't be infinitely fast, but can be infinitely slow", async () => {
  await withFleet(1, { workMs: 10 }, async ({ clock, fleet, xclient }) => {
    const [server] = fleet.servers;
    server.setFaults({ slow: 2 });
    for (const slow of [0, -1, NaN, 1e-320]) {
      assertThrows(() => server.setFaults({ slow }), RangeError, "slow");
    }
    assertEquals(server.faults, { slow: 2 });
    server.setFaults({ slow: Infinity });
    const call = ended(clock, xclient.call("Echo.Say", "x"));
    await clock.advance(1000);
    server.setFaults();
    await clock.advance(100);
    assertEquals(await call, [1010, "x"]);
  });
});

Deno.test("calls that a server rejects go elsewhere; an error of its own is their answer", async () => {
  await withFleet(2, {}, async ({ clock, fleet, xclient }) => {
    const [first, second] = fleet.servers;
    first.setFaults({ error: "rejected", errorAfterMs: 1 });
    for (let count = 0; count < 20; count++) {
      const call = xclient.call("Echo.Say", count);
      await clock.advance(1);
      assertEquals(await call, count);
    }
    assert(first.calls > 0);
    assertEquals(second.calls, 20);
    fleet.setFaults({ error: new RpcError("not_found", "nobody here") });
    const error = await assertRejects(() => xclient.call("Echo.Say"), RpcError, "nobody here");
    assertEquals(error.code, "not_found");
    assertEquals(error.execution, "answered");
  });
});

Deno.test("a crash fails calls at once, and a silent server is found by liveness", async () => {
  await withFleet(2, { workMs: 50 }, async ({ clock, fleet, xclient }) => {
    const calls = [1, 2, 3, 4].map((text) =>
      ended(clock, xclient.call("Echo.Say", text, { idempotent: true }))
    );
    await clock.advance(10);
    const [first, second] = fleet.servers;
    first.setFaults({ refuse: true });
    first.cut();
    await clock.advance(200);
    assertEquals((await Promise.all(calls)).map(([, reply]) => reply), [1, 2, 3, 4]);
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [false, true]);
    first.setFaults();
    await clock.advance(5000);
    const again = xclient.call("Echo.Say", 5); // this also dials endpoints whose backoff has ended
    await clock.advance(100);
    assertEquals(await again, 5);
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true]);

    second.setFaults({ silent: true });
    const replies = [6, 7, 8].map((text) => xclient.call("Echo.Say", text, { idempotent: true }));
    await clock.advance(15_000);
    assertEquals(await Promise.all(replies), [6, 7, 8]);
    second.setFaults();
  });
});

Deno.test("the discovery's list says what it is told to say of a server", async () => {
  const metadata = ({ address }: { address: string }) => address.endsWith("-1") ? "weight=3" : "";
  await withFleet(2, { metadata }, async ({ fleet, xclient }) => {
    await xclient.call("Echo.Say", "x");
    const seen = xclient.endpoints().map(({ address, weight }) => [address, weight]);
    assertEquals(seen, [["memory@server-1", 3], ["memory@server-2", 1]]);
    assertEquals(fleet.addresses, ["memory@server-1", "memory@server-2"]);
  });
});

Deno.test("servers join and leave, and each can have services of its own", async () => {
  const services = ({ address }: { address: string }) => ({ Who: { Are: () => address } });
  await withFleet(1, { services }, async ({ clock, fleet, xclient }) => {
    const second = await fleet.add();
    assertEquals(fleet.addresses, ["memory@server-1", "memory@server-2"]);
    const seen = new Set<unknown>();
    for (let count = 0; count < 20; count++) seen.add(await xclient.call("Who.Are"));
    assertEquals([...seen].sort(), fleet.addresses);
    const removed = fleet.remove(fleet.servers[0]);
    assertEquals(await xclient.call("Who.Are"), second.address);
    await clock.advance(5000);
    await removed;
    assertEquals(await fleet.discovery.getAll(), [second.address]);
  });
});

Deno.test("a fake server offers what a real one would: an instance's own methods, and what is named", async () => {
  class Base {
    Inherited() {
      return "inherited";
    }
  }
  class Own extends Base {
    name = "own";
    Do() {
      return this.name;
    }
    _helper() {
      return "helped";
    }
  }
  await using fleet = await FakeFleet.start(1, {
    services: { Own: new Own(), Named: new Own() },
    offered: { Named: { methods: ["Inherited", "_helper"] } },
  });
  const client = await dial(fleet.addresses[0], fleet.clientOptions);
  const outcomes = await Promise.all(
    ["Own.Do", "Own.Inherited", "Own._helper", "Named.Do", "Named.Inherited", "Named._helper"]
      .map((method) => client.call(method).catch(({ code }) => code)),
  );
  const no = "unimplemented";
  assertEquals(outcomes, ["own", no, no, no, "inherited", "helped"]);
  await client.close();
});

Deno.test("a fake fleet's servers have the options that they are given, and the fleet's clock", async () => {
  const clock = new FakeClock();
  await using fleet = await FakeFleet.start(1, {
    clock,
    services: { Echo: { Say: (text: string) => text } },
    workMs: 20,
    server: { maxConcurrent: 1, maxWaiting: 0 },
  });
  const client = await dial(fleet.addresses[0], fleet.clientOptions);
  const calls = [1, 2].map((n) => client.call("Echo.Say", n).catch(({ code }) => code));
  await clock.advance(20);
  assertEquals(await Promise.all(calls), [1, "resource_exhausted"]);
  assertEquals(fleet.servers[0].server.figures().uptimeMs, 20);
  await client.close();
});
