/** How calls of an `XClient` end that its interceptors keep: at deadlines, aborts and closes. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { ClientAttempt, Next, RpcError } from "../../mod.ts";
import { assertFailure, deferred, failure, settled } from "../support/helpers.ts";
import { notes, test } from "../support/intercepted_fleet.ts";

for (const place of ["call", "attempt"] as const) {
  test(`the deadline holds over one that never settles (${place})`, [
    { [place]: () => new Promise(() => {}) },
  ], async ({ xclient, pass, nodes }) => {
    const call = failure(xclient.call("Work.Do", 1, { timeoutMs: 500 }));
    await pass(500);
    assertFailure(await call, { code: "TimeoutError" });
    assertEquals(nodes.map(({ came }) => came), [0, 0, 0]);
    const { failures, inFlight } = xclient.endpoints()[0];
    assertEquals([failures, inFlight], [0, 0]);
  });

  test(`an abort holds over one that never settles (${place})`, [
    { [place]: () => new Promise(() => {}) },
  ], async ({ xclient }) => {
    const controller = new AbortController();
    const call = failure(xclient.call("Work.Do", 1, { signal: controller.signal }));
    await settled();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await call, reason);
  });

  test(`closing ends calls that one keeps (${place})`, [
    { [place]: () => new Promise(() => {}) },
  ], async ({ xclient }) => {
    const call = failure(xclient.call("Work.Do", 1, { timeoutMs: 60_000 }));
    await settled();
    await xclient.close();
    assertFailure(await call, {
      code: "canceled",
      execution: place === "call" ? "not_sent" : "unknown",
    });
  });
}

{
  const { seen, note } = notes();
  test(
    "a deadline that passes in flight is the endpoint's, and interceptors see it",
    [note],
    async (made) => {
      const { xclient, nodes: [a], pass } = made;
      a.behaviour = "hold";
      const call = failure(xclient.call("Work.Do", 1, { timeoutMs: 500 }));
      await pass(500);
      const message = `Work.Do at ${a.address}: no reply within 500 ms`;
      const error = await call;
      assertFailure(error, { code: "TimeoutError", execution: "unknown", message });
      assertEquals(error.attempts.map(({ why }) => why), ["round_robin"]);
      assertEquals(seen, ["(", "1 a round_robin [", "] a unknown", ") a round_robin"]);
      assertEquals(xclient.endpoints()[0].failures, 1);
      assertEquals(a.aborted, 1);
    },
  );
}

test("a close with grace lets interceptors end their work, and no more than the grace", [
  async (call, next) => {
    const reply = await next(call);
    await (call.args === 1 ? work.promise : new Promise(() => {}));
    return reply;
  },
], async ({ xclient, pass, nodes: [a] }) => {
  a.behaviour = "hold";
  const calls = [1, 2].map((args) =>
    xclient.call("Work.Do", args).catch((error: unknown) => error)
  );
  await settled();
  const closed = xclient.close({ graceMs: 1000 });
  const again = xclient.close({ graceMs: 5000 });
  a.held[0].resolve("done");
  await pass(900);
  work.resolve();
  assertEquals(await calls[0], "done");
  await pass(100);
  assertFailure(await calls[1], { code: "canceled", execution: "answered" });
  await Promise.all([closed, again]);
});
const work = deferred();

test("an attempt that ends before what it has sent takes that along", [{
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    void next(attempt);
    return settled().then(() => "no time");
  },
}], async ({ xclient, nodes: [a] }) => {
  a.behaviour = "hold";
  assertEquals(await xclient.call("Work.Do", 1), "no time");
  await settled();
  assertEquals([a.aborted, xclient.endpoints()[0].inFlight], [1, 0]);
});

test("an attempt that goes on when its call is over sends nothing", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    await over.promise;
    return await next(attempt).catch((error) => ends.push(error));
  },
}], async ({ xclient, pass, nodes }) => {
  const call = failure(xclient.call("Work.Do", 1, { timeoutMs: 500 }));
  await pass(500);
  const error = await call;
  assertFailure(error, { code: "TimeoutError" });
  over.resolve();
  await settled();
  assertEquals(nodes.map(({ came }) => came), [0, 0, 0]);
  assertEquals([ends.length, (ends[0] as RpcError).name], [1, "TimeoutError"]);
});
const over = deferred();
const ends: unknown[] = [];
