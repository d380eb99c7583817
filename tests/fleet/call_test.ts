/** One call over all its attempts: deadline, signal, close, and its error. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RpcError, type TimeoutError } from "../../errors.ts";
import { FailMode } from "../../fleet/fail_mode.ts";
import { SelectMode } from "../../selector.ts";
import { attemptsOf, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, between, failure, settled } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

Deno.test("the deadline spans all attempts, and each request carries the time that is left", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { idempotent: true, timeoutMs: 1000 }));
    await pass(600);
    world.network.cut(a.address);
    await pass(399);
    assertEquals(outcome.state, "pending");
    assertEquals([a.leftMs, b.leftMs], [[1000], [400]]);
    await pass(1);
    assertFailure(outcome.error, {
      code: "TimeoutError",
      execution: "unknown",
      address: b.address,
      serviceMethod: "Work.Do",
    });
    assertEquals(attemptsOf(outcome.error), [
      "a call round_robin unavailable unknown",
      "b call failover TimeoutError",
    ]);
    assertEquals((outcome.error as TimeoutError).attempts.map(({ elapsedMs }) => elapsedMs), [
      600,
      400,
    ]);
    await pass(1000);
    assertEquals(b.aborted, 1);
  }));

Deno.test("a deadline in the middle of a backoff", () =>
  withNodes(1, async ({ nodes: [a], client, pass }) => {
    a.behaviour = "reject";
    const xclient = client({ random: () => 0.99 });
    const outcome = watch(xclient.call("Work.Do", 1, { timeoutMs: 20 }));
    await pass(19);
    assertEquals(outcome.state, "pending");
    await pass(1);
    assertFailure(outcome.error, { code: "TimeoutError", execution: "rejected" });
    await pass(1000);
    assertEquals(a.came, 1);
  }));

Deno.test("a timeout that has passed already, or is no number: nothing is sent", () =>
  withNodes(1, async ({ xclient, nodes: [a] }) => {
    for (const timeoutMs of [0, -1, -Infinity]) {
      const error = await failure(xclient.call("Work.Do", 1, { timeoutMs }));
      assertFailure(error, { code: "TimeoutError", execution: "not_sent" });
    }
    assert(await failure(xclient.call("Work.Do", 1, { timeoutMs: NaN })) instanceof RangeError);
    assertEquals(a.came, 0);
    for (const timeoutMs of [Infinity, 1e300, undefined]) {
      assertEquals(await xclient.call("Work.Do", 1, { timeoutMs }), "a");
    }
  }));

Deno.test("a backoff ends at once when the signal aborts", () =>
  withNodes(1, async ({ nodes: [a], client, pass }) => {
    a.behaviour = "reject";
    const xclient = client({ random: () => 0.99 });
    const controller = new AbortController();
    const outcome = watch(xclient.call("Work.Do", 1, { signal: controller.signal }));
    await pass(10);
    assertEquals(outcome.state, "pending");
    const reason = new RpcError("aborted" as "canceled", "the caller's own");
    controller.abort(reason);
    await settled();
    assertStrictEquals(outcome.error, reason);
    assertEquals(reason.attempts, []); // the caller's objects are never changed
    assertEquals(reason.serviceMethod, undefined);
    await pass(1000);
    assertEquals(a.came, 1);
  }));

Deno.test("a signal that has aborted before: nothing is sent", () =>
  withNodes(1, async ({ xclient, nodes: [a] }) => {
    const signal = AbortSignal.abort("reason");
    assertEquals(await failure(xclient.call("Work.Do", 1, { signal })), "reason");
    assertEquals(a.came, 0);
  }));

Deno.test("an abort reaches the server, and the call goes to no other", () =>
  withNodes(2, async ({ xclient, nodes: [a, b] }) => {
    a.behaviour = "hold";
    const controller = new AbortController();
    const { signal } = controller;
    const outcome = watch(xclient.call("Work.Do", 1, { signal, idempotent: true }));
    await settled();
    controller.abort();
    await settled();
    assertEquals((outcome.error as DOMException).name, "AbortError");
    assertEquals([a.aborted, b.came], [1, 0]);
  }));

Deno.test("a client that is closed ends calls that wait for another round", () =>
  withNodes(1, async ({ nodes: [a], client, pass }) => {
    a.behaviour = "reject";
    const xclient = client({ random: () => 0.99 });
    for (const graceMs of [0, 5000]) {
      const one = graceMs === 0 ? xclient : client({ random: () => 0.99 });
      const outcome = watch(one.call("Work.Do", 1));
      await pass(5);
      assertEquals(outcome.state, "pending");
      await one.close({ graceMs });
      assertFailure(outcome.error, { code: "canceled", serviceMethod: "Work.Do" });
      assertEquals(attemptsOf(outcome.error), ["a call round_robin unavailable rejected"]);
    }
  }));

Deno.test("a call on a client that is closed leaves no timer behind", () =>
  withNodes(1, async ({ client, world }) => {
    const xclient = client({});
    await xclient.close();
    const error = await failure(xclient.call("Work.Do", 1, { timeoutMs: 60_000 }));
    assertFailure(error, { code: "canceled", execution: "not_sent", serviceMethod: "Work.Do" });
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("calls that share a failed dial have an error of their own each", () =>
  withNodes(1, async ({ client, nodes: [a], world }) => {
    const xclient = client({ maxAttempts: 1 });
    world.network.setFaults(a.address, { refuse: true });
    const calls = ["Work.Do", "Work.Other"].map((method) => failure(xclient.call(method)));
    const [one, other] = await Promise.all(calls) as RpcError[];
    assertEquals([one.serviceMethod, other.serviceMethod], ["Work.Do", "Work.Other"]);
    assertFailure(one, { code: "unavailable", address: a.address, serviceMethod: "Work.Do" });
    assertEquals([one.attempts.length, other.attempts.length], [1, 1]);
  }));

Deno.test("an error can be written as JSON: its attempts do not contain the error itself", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const error = await failure(xclient.call("Work.Do", 1, { maxAttempts: 2 }));
    assertEquals(JSON.parse(JSON.stringify(error)).attempts.length, 2);
    for (const node of nodes) node.behaviour = "hold";
    const late = failure(xclient.call("Work.Do", 1, { timeoutMs: 10 }));
    await pass(10);
    JSON.stringify(await late);
  }));

Deno.test("an argument that can't be sent counts against no server, and there is one attempt", () =>
  withNodes(2, async ({ client, nodes }) => {
    const xclient = client({ maxMessageBytes: 1000 });
    await xclient.call("Work.Do");
    await xclient.call("Work.Do");
    for (let n = 0; n < 20; n++) {
      const long = await failure(xclient.call("Work.Do", "x".repeat(2000)));
      assertFailure(long, { code: "resource_exhausted", execution: "not_sent" });
      assertEquals(attemptsOf(long).length, 1);
      assertFailure(await failure(xclient.call("Work.Do", [() => {}])), {
        code: "invalid_argument",
      });
    }
    assertEquals(nodes.map(({ came }) => came), [1, 1]);
    assertEquals(xclient.endpoints().map(({ health, failures }) => [health, failures]), [
      ["healthy", 0],
      ["healthy", 0],
    ]);
  }));

Deno.test("a caller's test of what is idempotent that throws fails the call, and only it", () =>
  withNodes(1, async ({ client }) => {
    const xclient = client({
      idempotent: (name) => {
        if (name === "Work.Do") throw new Error("the caller's own");
        return false;
      },
    });
    const error = await failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 }));
    assertEquals((error as Error).message, "the caller's own");
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
  }));

Deno.test("a call that is not idempotent never runs twice, whatever fails", () =>
  withNodes(4, async ({ nodes, world, pass, client }) => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed);
      const mode = Object.values(SelectMode)[seed % 6];
      const xclient = client({ random, mode, hedgeBudget: { ratio: 1, perSecond: 100 } });
      const outcomes: Promise<unknown>[] = [];
      for (const node of nodes) node.ran.length = 0;
      for (let step = 0; step < 120; step++) {
        const node = nodes[between(random, 0, nodes.length - 1)];
        const dice = random();
        if (dice < 0.1) world.network.cut(node.address);
        else if (dice < 0.2) {
          world.network.setFaults(node.address, {
            refuse: random() < 0.3,
            unroutable: random() < 0.2,
            silent: random() < 0.15,
            delayMs: random() < 0.5 ? between(random, 0, 300) : undefined,
          });
        } else if (dice < 0.4) {
          const behaviours = ["echo", "hold", "fail", "reject", "broken"] as const;
          node.behaviour = behaviours[between(random, 0, 4)];
        } else if (dice < 0.5) {
          for (const end of node.held.splice(0)) end.resolve("held");
        } else if (dice < 0.7) await pass(between(random, 1, 700));
        else {
          const idempotent = random() < 0.3;
          const call = xclient.call("Work.Do", `${idempotent ? "may" : "once"} ${step}`, {
            idempotent,
            timeoutMs: random() < 0.7 ? between(random, 1, 3000) : undefined,
            failMode: Object.values(FailMode)[between(random, 0, 3)],
            hedgeAfterMs: between(random, 1, 100),
            maxAttempts: between(random, 1, 6),
            key: String(step),
          });
          outcomes.push(call.catch((error) => error));
        }
      }
      for (const node of nodes) {
        world.network.setFaults(node.address);
        node.behaviour = "echo";
        for (const end of node.held.splice(0)) end.resolve("held");
      }
      await pass(40_000);
      await xclient.close();
      for (const outcome of await Promise.all(outcomes)) {
        if (!(outcome instanceof RpcError)) continue;
        assertEquals(outcome.serviceMethod, "Work.Do");
        if (outcome.code !== "canceled") assert(outcome.attempts.length > 0);
      }
      const once = nodes.flatMap(({ ran }) => ran).filter((args) =>
        String(args).startsWith("once")
      );
      assertEquals(new Set(once).size, once.length, `seed ${seed}`);
    }
  }));
