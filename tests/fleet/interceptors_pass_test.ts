/** What a call of an `XClient` does by itself, with interceptors around it that only go on. */

import { assertEquals } from "@std/assert";
import { type ClientInterceptor, FailMode } from "../../mod.ts";
import { watch, withNodes } from "../support/fleet.ts";
import { settled } from "../support/helpers.ts";
import { test } from "../support/intercepted_fleet.ts";

const PASS: ClientInterceptor = {
  call: (call, next) => next(call),
  attempt: (attempt, next) => next(attempt),
};

test("a slow dial: the call goes to a server that is connected", [PASS], async (made) => {
  const { xclient, world, nodes: [a, b], pass } = made;
  world.network.setFaults(a.address, { unroutable: true });
  const outcome = watch(xclient.call("Work.Do", 1));
  assertEquals(await xclient.call("Work.Do", 2), "b");
  await pass(500);
  assertEquals([outcome.value, b.ran], ["b", [2, 1]]);
}, 2);

test("a slow dial is watched on while no other server is connected", [PASS], async (made) => {
  const { xclient, world, nodes: [a, b, c], pass } = made;
  for (const { address } of [a, b]) world.network.setFaults(address, { unroutable: true });
  world.network.setFaults(c.address, { delayMs: 50 });
  const outcome = watch(xclient.call("Work.Do", 1, { timeoutMs: 3000 }));
  await pass(1500);
  assertEquals([outcome.value, c.ran], ["c", [1]]);
  world.network.setFaults(c.address);
});

test("a stalled endpoint: a copy of an idempotent call goes elsewhere", [PASS], async (made) => {
  const { xclient, world, nodes: [a], pass } = made;
  for (let n = 0; n < 2; n++) await xclient.call("Work.Do", 0);
  world.network.setFaults(a.address, { silent: true });
  const may = watch(xclient.call("Work.Do", 1, { idempotent: true }));
  await pass(2100);
  assertEquals([may.value, xclient.endpoints()[0].stalled], ["b", true]);
  world.network.setFaults(a.address);
  world.network.cut(a.address);
  await pass(1000);
}, 2);

test("the time of replies is measured: a hedge goes out at their p95", [PASS], async (made) => {
  const { xclient, nodes: [a, b], pass } = made;
  a.behaviour = b.behaviour = "hold";
  for (let n = 0; n < 100; n++) {
    const call = xclient.call("Work.Do", n);
    await pass(20);
    for (const { held } of [a, b]) for (const end of held.splice(0)) end.resolve(0);
    await call;
  }
  const outcome = watch(
    xclient.call("Work.Do", 1, { failMode: FailMode.Failbackup, idempotent: true }),
  );
  await pass(18);
  assertEquals(a.held.length + b.held.length, 1);
  await pass(5);
  assertEquals(a.held.length + b.held.length, 2);
  for (const { held } of [a, b]) for (const end of held) end.resolve("done");
  await settled();
  assertEquals(outcome.value, "done");
}, 2);

Deno.test("what is in flight at a server that drains goes elsewhere, whatever the budget", () =>
  withNodes(2, async ({ xclient, nodes: [a, b] }) => {
    for (let n = 0; n < 2; n++) await xclient.call("Work.Do", n);
    a.behaviour = "hold";
    const held = xclient.call("Work.Do", 2);
    await settled();
    const closing = a.site.server.close();
    const calls = Array.from({ length: 100 }, (_, n) => xclient.call("Work.Do", n));
    assertEquals(new Set(await Promise.all(calls)), new Set(["b"]));
    a.held[0].resolve("a");
    assertEquals(await held, "a");
    await closing;
    assertEquals(b.came, 101);
  }, { interceptors: [PASS], retryBudget: { ratio: 0, perSecond: 0 } }));
