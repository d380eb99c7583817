/** Silent connections: asked for a sign of life, passed over, given up. */

import { assert, assertEquals } from "@std/assert";
import { MultiServerDiscovery } from "../../discovery.ts";
import { XClient } from "../../xclient.ts";
import { watch, withNodes } from "../support/fleet.ts";
import { assertFailure, inWorld, RawServer, settled } from "../support/helpers.ts";

Deno.test("a half-open connection: stalled, passed over, its idempotent calls go elsewhere too", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass, events }) => {
    await xclient.call("Work.Do", 0);
    await xclient.call("Work.Do", 0);
    world.network.setFaults(a.address, { silent: true });
    const may = watch(xclient.call("Work.Do", "may", { idempotent: true }));
    b.behaviour = "hold";
    const other = watch(xclient.call("Work.Do", "b"));
    const once = watch(xclient.call("Work.Do", "once"));
    await pass(1400);
    assertEquals([may.state, once.state, b.came], ["pending", "pending", 2]);
    b.behaviour = "echo";
    await pass(700);
    assertEquals([may.value, once.state, events.at(-1)], ["b", "pending", "stalled a"]);
    assertEquals([xclient.endpoints()[0].stalled, xclient.endpoints()[1].stalled], [true, false]);
    for (let n = 0; n < 6; n++) assertEquals(await xclient.call("Work.Do", n), "b");
    b.held[0].resolve("b");
    await pass(6000);
    assertEquals([once.state, other.value], ["pending", "b"]);
    await pass(3000);
    assertFailure(once.error, {
      code: "unavailable",
      execution: "unknown",
      address: a.address,
      serviceMethod: "Work.Do",
      message: "no sign of life for 10",
    });
    assertEquals(events.includes("disconnected a"), true);
    world.network.setFaults(a.address);
    world.network.cut(a.address); // the server's end knows nothing of it
    await pass(1000);
    assertEquals(b.ran.filter((args) => args === "once"), []);
  }));

Deno.test("a server that is stopped and goes on: resumed, and nothing is lost", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass, events }) => {
    await xclient.call("Work.Do", 0);
    await xclient.call("Work.Do", 0);
    world.network.setFaults(a.address, { held: true });
    const calls = [1, 2, 3].map((n) => watch(xclient.call("Work.Do", n)));
    await pass(3000);
    assertEquals(calls.map(({ state }) => state), ["pending", "resolved", "pending"]);
    world.network.setFaults(a.address);
    await pass(0);
    assertEquals(calls.map(({ value }) => value), ["a", "b", "a"]);
    await pass(500);
    assertEquals(events.slice(4), ["stalled a", "resumed a"]);
    assertEquals([await xclient.call("Work.Do"), await xclient.call("Work.Do")].sort(), ["a", "b"]);
    assertEquals(b.ran.length, 3);
  }));

Deno.test("a slow call on a connection that lives is left alone", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass, events }) => {
    a.behaviour = "hold";
    const call = watch(xclient.call("Work.Do", 1, { idempotent: true }));
    await pass(60_000);
    assertEquals([call.state, a.came, b.came], ["pending", 1, 0]);
    assertEquals(events, ["joined a", "joined b", "connected a"]);
    a.held[0].resolve("a");
    await settled();
    assertEquals(call.value, "a");
  }));

Deno.test("a server that answers others is not silent", () =>
  withNodes(1, async ({ xclient, nodes: [a], pass, events }) => {
    a.behaviour = "hold";
    const slow = watch(xclient.call("Work.Do", 1));
    await settled();
    a.behaviour = "echo";
    for (let n = 0; n < 100; n++) {
      await xclient.call("Work.Do", n);
      await pass(300);
    }
    assertEquals(events, ["joined a", "connected a"]);
    a.held[0].resolve("a");
    await settled();
    assertEquals(slow.value, "a");
  }));

Deno.test("one timer is left when no call is in flight, and none without connections", () =>
  withNodes(2, async ({ xclient, world, nodes: [a], pass }) => {
    a.behaviour = "hold";
    const call = watch(xclient.call("Work.Do", 1));
    await pass(5000);
    assert(world.clock.timers > 0);
    a.held[0].resolve("a");
    await pass(500);
    assertEquals([call.value, world.clock.timers], ["a", 1]);
    world.network.cut(a.address);
    await settled();
    assertEquals([xclient.endpoints()[0].connected, world.clock.timers], [false, 0]);
    await xclient.close();
    await xclient.call("Work.Do").catch(() => {});
    assertEquals(world.clock.timers, 0); // nor by a call that comes too late
  }));

Deno.test("each limit is an option; Infinity switches it off", () =>
  withNodes(1, async ({ client, world, pass }) => {
    const events: string[] = [];
    const onEvent = ({ type }: { type: string }) => events.push(type);
    const never = client({ onEvent, liveness: { silenceMs: Infinity } });
    await never.call("Work.Do", 0);
    const eager = client({ onEvent, liveness: { silenceMs: 100, pongMs: 50, deadMs: 400 } });
    await eager.call("Work.Do", 0);
    events.length = 0;
    world.network.setFaults("memory@a", { silent: true });
    const one = watch(never.call("Work.Do", 1));
    const other = watch(eager.call("Work.Do", 1));
    await pass(300);
    assertEquals(events, ["stalled"]);
    await pass(200);
    assertEquals([one.state, other.state], ["pending", "rejected"]);
    await never.close();
    await settled();
    assertEquals(one.state, "rejected");
    world.network.setFaults("memory@a");
    world.network.cut("memory@a");
  }));

Deno.test("a stalled copy that fails after its call has been answered changes nothing", () =>
  withNodes(2, async ({ xclient, world, nodes: [a], pass }) => {
    await xclient.call("Work.Do", 0);
    await xclient.call("Work.Do", 0);
    world.network.setFaults(a.address, { silent: true });
    const may = watch(xclient.call("Work.Do", "may", { idempotent: true }));
    await pass(2100);
    assertEquals(may.value, "b");
    await pass(12_000);
    assertEquals(xclient.endpoints()[0].connected, false);
    world.network.setFaults(a.address);
    world.network.cut(a.address);
    assertEquals(await xclient.call("Work.Do", 1), "b");
  }));

Deno.test("all servers are silent: the call has its deadline", () =>
  withNodes(2, async ({ xclient, world, nodes, pass }) => {
    await xclient.call("Work.Do", 0);
    await xclient.call("Work.Do", 0);
    for (const { address } of nodes) world.network.setFaults(address, { silent: true });
    const call = watch(xclient.call("Work.Do", 1, { idempotent: true, timeoutMs: 5000 }));
    await pass(5000);
    assertFailure(call.error, { code: "TimeoutError", execution: "unknown" });
    for (const { address } of nodes) {
      world.network.setFaults(address);
      world.network.cut(address);
    }
  }));

Deno.test("a call that is sent long after it was made is watched too", () =>
  withNodes(1, async ({ xclient, client, world, nodes: [a], pass }) => {
    a.behaviour = "hold";
    world.network.setFaults(a.address, { delayMs: 600 });
    const dialled = watch(xclient.call("Work.Do", 1));
    await pass(599);
    world.network.setFaults(a.address);
    await pass(1);
    a.behaviour = "reject";
    const patient = client({ maxAttempts: 6, random: () => 0.99 });
    const again = watch(patient.call("Work.Do", 1));
    await pass(1000); // four backoffs are over, and the fifth is longer than a look around
    a.behaviour = "hold";
    await pass(600);
    assertEquals([a.came, a.held.length, again.state], [7, 2, "pending"]);
    world.network.setFaults(a.address, { silent: true });
    await pass(12_000);
    for (const { error } of [dialled, again]) {
      assertFailure(error, { code: "unavailable", message: "no sign of life" });
    }
    world.network.setFaults(a.address);
    world.network.cut(a.address);
  }));

Deno.test("a connection that drains is watched too, beside the one that follows it", () =>
  inWorld(async ({ network, clock }) => {
    const raw = await RawServer.listen(network, "memory@raw");
    const events: string[] = [];
    const xclient = new XClient(new MultiServerDiscovery([raw.address]), {
      network,
      clock,
      onEvent: ({ type }) => events.push(type),
    });
    const first = watch(xclient.call("S.First"));
    const before = await raw.accept();
    await before.untilLines(2);
    await before.write('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
    await settled();
    const second = watch(xclient.call("S.Second"));
    await clock.advance(300); // the only endpoint there is, which drains, has some time
    const after = await raw.accept();
    await after.untilLines(2);
    events.length = 0;
    for (let n = 0; n < 24; n++) {
      await clock.advance(500);
      await after.reply(99, "a sign of life");
    }
    assertEquals(events, []); // the connection that lives is not doubted for the other
    assertFailure(first.error, { code: "unavailable", message: "no sign of life for 10" });
    assertEquals(second.state, "pending");
    await after.reply(1, "second");
    await settled();
    assertEquals(second.value, "second");
    await xclient.close();
    await raw.close();
  }));

Deno.test("a server that has left the list, and is silent, is found out too", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], list, pass }) => {
    await xclient.call("Work.Do", 0);
    await xclient.call("Work.Do", 0);
    world.network.setFaults(a.address, { silent: true });
    const call = watch(xclient.call("Work.Do", 1, { idempotent: true }));
    await settled();
    await list([b]);
    await pass(2100);
    assertEquals(call.value, "b");
    world.network.setFaults(a.address);
    await settled();
    world.network.cut(a.address);
  }));

Deno.test("forgotten by a firewall: dialled anew beside, and calls go on within two seconds", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass, events }) => {
    await xclient.call("Work.Do", 0);
    world.network.forget(a.address);
    const lost = watch(xclient.call("Work.Do", "lost"));
    const again = watch(xclient.call("Work.Do", "again", { idempotent: true }));
    await pass(1999);
    assertEquals([lost.state, again.state, world.network.connections(a.address)], [
      "pending",
      "pending",
      1,
    ]);
    await pass(1);
    assertEquals([again.value, a.ran], ["a", [0, "again"]]);
    assertEquals(world.network.connections(a.address), 2); // the server's end of the old one
    for (let n = 0; n < 30; n++) assertEquals(await xclient.call("Work.Do", n), "a");
    assertEquals(events.slice(1), ["connected a", "stalled a", "resumed a"]);
    assertEquals([lost.state, xclient.endpoints()[0].stalled], ["pending", false]);
    await pass(10_000);
    assertFailure(lost.error, { code: "unavailable", execution: "unknown", message: "no sign" });
    assertEquals([events.length, xclient.endpoints()[0].connected], [4, true]);
    world.network.cut(a.address);
  }));

Deno.test("forgotten while calls have short deadlines, and while idle", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass, events }) => {
    await xclient.call("Work.Do", 0);
    world.network.forget(a.address);
    const ends: string[] = [];
    for (let n = 0; n < 30; n++) {
      ends.push(watch(xclient.call("Work.Do", n, { timeoutMs: 80 })).state);
      await pass(100);
    }
    assertEquals(ends.length, 30);
    assertEquals(events.filter((event) => event !== "ejected a").slice(1), [
      "connected a",
      "stalled a",
      "resumed a",
    ]);
    assertEquals(await xclient.call("Work.Do", 0, { timeoutMs: 100 }), "a");
    world.network.cut(a.address);
    await settled();
    await xclient.call("Work.Do", 0);
    world.network.forget(a.address);
    events.length = 0;
    await pass(60_000); // nobody calls
    assertEquals(events, ["stalled a", "resumed a"]);
    assertEquals(await xclient.call("Work.Do", 0), "a");
    world.network.cut(a.address);
  }));

Deno.test("a server that stands still: the dial beside proves nothing, and is made again later", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass, events }) => {
    await xclient.call("Work.Do", 0);
    world.network.setFaults(a.address, { held: true });
    const call = watch(xclient.call("Work.Do", 1));
    await pass(9_000);
    assertEquals(events.slice(2), ["stalled a"]);
    world.network.setFaults(a.address);
    await pass(0);
    assertEquals(call.value, "a");
    await pass(500);
    assertEquals(events.slice(2), ["stalled a", "resumed a"]);
    await pass(1000);
    assertEquals(world.network.connections(a.address), 1);
  }));

Deno.test("the silent connection is lost while another is dialled: that one takes its place", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass, events }) => {
    await xclient.call("Work.Do", 0);
    world.network.setFaults(a.address, { held: true });
    const calls = [1, 2].map((n) => watch(xclient.call("Work.Do", n)));
    await pass(11_000);
    assertFailure(calls[0].error, { code: "unavailable", message: "no sign of life" });
    world.network.setFaults(a.address);
    await settled();
    assertEquals(await xclient.call("Work.Do", 3), "a");
    await pass(2000);
    assertEquals([events.at(-1), xclient.endpoints()[0].connected], ["connected a", true]);
    assertEquals(world.network.connections(a.address), 1);
  }));

Deno.test("a protocol without pings: repeated timeouts in silence lead to a second connection", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass, events }) => {
    a.behaviour = "hold";
    const patient = watch(xclient.call("Work.Do", "patient"));
    while (a.came < 1) await settled(); // nothing has been heard: whose server it is is not known
    world.network.forget(a.address);
    a.behaviour = "echo";
    const short = [1, 2].map((n) => watch(xclient.call("Work.Do", n, { timeoutMs: 100 })));
    await pass(2000);
    assertEquals(short.map(({ state }) => state), ["rejected", "rejected"]);
    assertEquals(events.slice(2), ["stalled a", "resumed a"]);
    assertEquals(await xclient.call("Work.Do", 3), "a");
    await pass(10_000);
    assertFailure(patient.error, { code: "unavailable", execution: "unknown", message: "no sign" });
    world.network.cut(a.address);
  }, { protocol: "geerpc/gob" }));

Deno.test("a protocol without pings: new calls do not follow one that is not answered for long", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass, events }) => {
    a.behaviour = "hold";
    const slow = watch(xclient.call("Work.Do", "slow", { idempotent: true }));
    while (a.came < 1) await settled();
    await pass(11_000);
    assertEquals([world.network.connections(a.address), a.came], [2, 1]); // it may only be slow
    await pass(100_000);
    assertEquals([world.network.connections(a.address), slow.state], [2, "pending"]);
    assertEquals(events, ["joined a", "connected a"]);
    a.held[0].resolve("a");
    await settled();
    assertEquals([slow.value, world.network.connections(a.address)], ["a", 1]);
    const dead = watch(xclient.call("Work.Do", "dead"));
    world.network.forget(a.address);
    await pass(301_000);
    assertFailure(dead.error, { code: "unavailable", execution: "unknown", message: "no sign" });
    world.network.cut(a.address);
  }, { protocol: "geerpc/gob" }));
