/** Dials that take long: the call goes elsewhere. */

import { assertEquals } from "@std/assert";
import { FailMode } from "../../fleet/fail_mode.ts";
import { watch, withNodes } from "../support/fleet.ts";
import { assertFailure, settled } from "../support/helpers.ts";

Deno.test("a slow dial: the call goes to a server that is connected", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    world.network.setFaults(a.address, { unroutable: true });
    const outcome = watch(xclient.call("Work.Do", 1));
    assertEquals(await xclient.call("Work.Do", 2), "b");
    await pass(499);
    assertEquals(outcome.state, "pending");
    await pass(1);
    assertEquals([outcome.value, b.ran], ["b", [2, 1]]);
  }));

Deno.test("a slow dial while no server is connected: others are dialled meanwhile", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], pass }) => {
    for (const { address } of [a, b]) world.network.setFaults(address, { unroutable: true });
    world.network.setFaults(c.address, { delayMs: 50 });
    const outcome = watch(xclient.call("Work.Do", 1, { timeoutMs: 3000 }));
    await pass(1500);
    assertEquals([outcome.value, c.ran], ["c", [1]]);
    world.network.setFaults(c.address);
  }));

Deno.test("a call that was sent when its slow dial ended does not go elsewhere as well", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    world.network.setFaults(a.address, { delayMs: 550 });
    world.network.setFaults(b.address, { delayMs: 300 });
    const outcome = watch(xclient.call("Work.Do", 1));
    await pass(540); // after 500 ms b is dialled too
    for (const { address } of [a, b]) world.network.setFaults(address);
    await pass(1000);
    assertEquals([a.ran, b.ran, xclient.endpoints()[1].connected], [[1], [], true]);
    a.held[0].resolve("a");
    await settled();
    assertEquals(outcome.value, "a");
  }));

Deno.test("a slow dial is waited for if there is no other server", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass }) => {
    world.network.setFaults(a.address, { delayMs: 900 });
    const outcome = watch(xclient.call("Work.Do", 1));
    await pass(899);
    world.network.setFaults(a.address);
    await pass(1);
    assertEquals(outcome.value, "a");
  }));

Deno.test("neither failfast nor failtry leave a slow dial", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    world.network.setFaults(a.address, { unroutable: true });
    const fast = watch(xclient.call("Work.Do", 1, { failMode: FailMode.Failfast }));
    assertEquals(await xclient.call("Work.Do", 2), "b");
    await pass(9_999);
    assertEquals(fast.state, "pending");
    await pass(1);
    assertFailure(fast.error, { code: "unavailable", address: a.address });
    assertEquals(b.came, 1);
  }));

Deno.test("the time of a dial is no reply time", () =>
  withNodes(1, async ({ xclient, world, nodes: [a], pass }) => {
    a.behaviour = "hold";
    world.network.setFaults(a.address, { delayMs: 400 });
    const call = xclient.call("Work.Do", 1);
    await pass(399);
    world.network.setFaults(a.address);
    await pass(6);
    a.held[0].resolve(1);
    await call;
    assertEquals(xclient.endpoints()[0].latencyMs, 5);
  }));
