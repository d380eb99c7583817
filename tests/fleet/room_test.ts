/** Calls that are turned away everywhere wait for room, within their deadline and budget. */

import { assert, assertEquals } from "@std/assert";
import type { RpcError } from "../../errors.ts";
import { attemptsOf, came, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";

/** Backoffs of half their bound: 25, 50, 100, 200, 400, 800, 1,000, … ms. */
const half = { random: () => 0.5 };

Deno.test("turned away everywhere, a call waits for room until its deadline", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 2000 }));
    await pass(1000);
    const tries = came(nodes)[0] + came(nodes)[1];
    assert(tries >= 5 && tries <= 10, `${tries} tries`);
    assertEquals(call.state, "pending");
    nodes[0].behaviour = nodes[1].behaviour = "echo";
    await pass(900);
    assertEquals(call.state, "resolved");
    assertEquals([...nodes[0].ran, ...nodes[1].ran], [1]);
  }, half));

Deno.test("no room until the deadline: the error names endpoints and attempts", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 2000 }));
    await pass(2000);
    assertFailure(call.error, {
      code: "TimeoutError",
      execution: "rejected",
      serviceMethod: "Work.Do",
      message: "takes no calls), no room within 2000 ms",
    });
    const { message } = call.error as Error;
    const tries = came(nodes)[0] + came(nodes)[1];
    assert(message.includes(`(${tries} attempts at memory@b, memory@a)`), message);
    assertEquals(attemptsOf(call.error).length, tries);
  }, half));

Deno.test("without a deadline, or with maxAttempts, the number of attempts is the limit", () =>
  withNodes(3, async ({ client, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const cases = [
      [{}, {}, 3],
      [{}, { maxAttempts: 2, timeoutMs: 5000 }, 2],
      [{ maxAttempts: 3 }, { timeoutMs: 5000 }, 3],
      [{}, { failMode: "failfast", timeoutMs: 5000 }, 1],
    ] as const;
    for (const [options, callOptions, tries] of cases) {
      const call = watch(client({ ...half, ...options }).call("Work.Do", 1, callOptions));
      await pass(100);
      const error = call.error as RpcError;
      assertFailure(error, { code: "unavailable", execution: "rejected" });
      assertEquals(error.attempts.length, tries);
      if (tries > 1) {
        const where = error.attempts.map(({ address }) => address);
        const last = where.at(-1)!;
        const text = `Work.Do at ${last}: ${last.at(-1)} takes no calls ` +
          `(${tries} attempts at ${where.join(", ")})`;
        assertEquals(error.message, text);
      }
    }
  }));

Deno.test("failtry waits for room at the same endpoint", () =>
  withNodes(2, async ({ xclient, nodes: [b, a], pass }) => {
    a.behaviour = "reject";
    const options = { failMode: "failtry", timeoutMs: 3000 } as const;
    const call = watch(xclient.call("Work.Do", 1, options));
    await pass(1000);
    assert(a.came > 3 && b.came === 0, `${a.came} tries`);
    a.behaviour = "echo";
    await pass(1000);
    assertEquals(call.value, a.name);
  }, half));

Deno.test("retryAfterMs: an endpoint is not asked again before", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], pass }) => {
    for (const node of [a, b]) node.behaviour = "reject";
    a.retryAfterMs = 900;
    b.retryAfterMs = 300;
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 5000 }));
    await pass(299);
    assertEquals([a.came, b.came], [1, 1]);
    await pass(50);
    assertEquals([a.came, b.came], [1, 2]);
    await pass(540);
    assertEquals(a.came, 1);
    b.behaviour = "hold"; // it would be seen if it were asked once more
    a.behaviour = "echo";
    b.retryAfterMs = undefined;
    await pass(1000);
    for (const end of b.held) end.resolve("b");
    await settled();
    assertEquals(call.state, "resolved");
  }, half));

Deno.test("no room in time: the call fails at once and says when there may be some", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject", node.retryAfterMs = 3000;
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 2000 }));
    await pass(0);
    assertFailure(call.error, { code: "unavailable", execution: "rejected" });
    assertEquals((call.error as RpcError).retryAfterMs, 3000);
    for (const node of nodes) node.retryAfterMs = 3_600_000;
    const patient = watch(xclient.call("Work.Do", 1)); // no deadline, but not for an hour
    await pass(0);
    assertEquals((patient.error as RpcError).retryAfterMs, 3_600_000);
  }, half));

Deno.test("the budget pays for each attempt of a call that waits", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const call = watch(xclient.call("Work.Do", 1, { timeoutMs: 60_000 }));
    await pass(10_000);
    assertFailure(call.error, { code: "unavailable", execution: "rejected" });
    assertEquals(came(nodes), [1, 2]);
  }, { ...half, retryBudget: { ratio: 2, perSecond: 0 } }));

Deno.test("a call that waits for room ends with its client, and with its signal", () =>
  withNodes(2, async ({ xclient, client, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = failure(xclient.call("Work.Do", 1, { timeoutMs: 60_000, signal }));
    const other = client(half);
    const closed = failure(other.call("Work.Do", 1, { timeoutMs: 60_000 }));
    await pass(500);
    controller.abort("enough");
    assertEquals(await aborted, "enough");
    await other.close();
    assertFailure(await closed, { code: "canceled", execution: "rejected" });
  }, half));
