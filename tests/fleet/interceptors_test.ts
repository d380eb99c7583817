/** Interceptors of an `XClient` around calls of several attempts: what they see, set and answer. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  type CallContext,
  type ClientAttempt,
  type ClientCall,
  type ClientInterceptor,
  FailMode,
  type Next,
  RpcError,
} from "../../mod.ts";
import type { Case } from "../support/fleet.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";
import { notes, test } from "../support/intercepted_fleet.ts";

{
  const { seen, note } = notes();
  test("failover: one call, an attempt at each endpoint, and why there", [note], async (made) => {
    const { xclient, nodes: [a, b] } = made;
    a.behaviour = "reject";
    assertEquals(await xclient.call("Work.Do", 1), "b");
    assertEquals(seen, [
      ...["(", "1 a round_robin [", "] a rejected", "2 b failover [", "] b"],
      ") a round_robin,b failover",
    ]);
    assertEquals([a.came, b.came], [1, 1]);
  });
}

{
  let attempts: ClientCall["attempts"] = [];
  test("attempts: what each failed with, and the one that succeeded", [async (call, next) => {
    const reply = await next(call);
    attempts = call.attempts;
    return reply;
  }], async ({ xclient, nodes: [a, b], world }) => {
    world.network.setFaults(a.address, { refuse: true });
    assertEquals(await xclient.call("Work.Do", 1), "b");
    assertEquals(attempts.map(({ address, phase, why }) => [address, phase, why]), [
      [a.address, "dial", "round_robin"],
      [b.address, "call", "failover"],
    ]);
    assertFailure(attempts[0].error, { code: "unavailable", execution: "not_sent" });
    assertEquals("error" in attempts[1], false);
  });
}

{
  const { seen, note } = notes();
  let listed: ClientCall["attempts"] = [];
  const keep: ClientInterceptor = {
    call: (call, next) => next(call).finally(() => settled().then(() => listed = call.attempts)),
  };
  test(
    "hedging: both attempts are seen, the one that is given up too",
    [note, keep],
    async (made) => {
      const { xclient, nodes: [a, b], pass } = made;
      a.behaviour = "hold";
      const options = { idempotent: true, failMode: FailMode.Failbackup, hedgeAfterMs: 50 };
      const call = xclient.call("Work.Do", 1, options);
      await pass(50);
      assertEquals(await call, "b");
      await settled();
      assertEquals(seen, [
        ...["(", "1 a round_robin [", "2 b hedge [", "] b", "] a unknown"],
        ") a round_robin,b hedge",
      ]);
      assertEquals([a.aborted, b.came], [1, 1]);
      assertEquals(listed.map((attempt) => "error" in attempt), [false, false]);
    },
  );
}

test("what an attempt is given is sent with it alone, over the call's", [(call, next) => {
  call.meta.all = "yes";
  return next(call);
}, {
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    attempt.meta[`trace${attempt.number}`] = "own";
    attempt.meta.where = attempt.why;
    return next(attempt);
  },
}], async ({ xclient, discovery, world }) => {
  const metas: unknown[] = [];
  const Do = (_args: unknown, ctx: CallContext) => {
    metas.push({ ...ctx.meta });
    if (metas.length === 1) throw ctx.reject("full");
    return "done";
  };
  const sites = [
    await world.serve("x", {}, { My: { Do } }),
    await world.serve("y", {}, { My: { Do } }),
  ];
  await discovery.update(sites.map(({ address }) => address));
  assertEquals(await xclient.call("My.Do", 1, { meta: { where: "?" } }), "done");
  assertEquals(metas, [
    { all: "yes", where: "round_robin", trace1: "own" },
    { all: "yes", where: "failover", trace2: "own" },
  ]);
});

test("an attempt that is refused by an interceptor goes elsewhere if it may", [{
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    if (attempt.number > 1) return next(attempt);
    throw new RpcError("unavailable", "not there", { execution: "not_sent" });
  },
}], async ({ xclient, nodes: [a, b] }) => {
  assertEquals(await xclient.call("Work.Do", 1), "b");
  assertEquals([a.came, b.came], [0, 1]);
  assertEquals(xclient.endpoints().map(({ inFlight, failures }) => [inFlight, failures]), [
    ...[[0, 0], [0, 0]],
    [0, 0],
  ]);
});

test("metadata of an attempt that can't be sent fails its call alone", [{
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    if (attempt.call.args === 1) attempt.meta.n = 1 as unknown as string;
    return next(attempt);
  },
}], async ({ xclient }) => {
  const calls = [failure(xclient.call("Work.Do", 1)), xclient.call("Work.Do", 2)];
  const [error, reply] = await Promise.all(calls);
  assert(error instanceof TypeError && error.message.startsWith("meta.n must"), String(error));
  assertEquals(reply, "b");
  assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 0, 0]);
});

{
  const ouch = new Error("ouch");
  test("an attempt whose interceptor throws fails the call, and no other", [{
    attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
      if (attempt.call.args === 1) throw ouch;
      return next(attempt);
    },
  }], async ({ xclient }) => {
    const calls = [failure(xclient.call("Work.Do", 1)), xclient.call("Work.Do", 2)];
    assertEquals(await Promise.all(calls), [ouch, "b"]);
  });
}

test("an attempt may be answered without being sent", [{
  attempt: ({ address }: ClientAttempt) => `from the cache for ${address}`,
}], async ({ xclient, nodes: [a] }) => {
  assertEquals(await xclient.call("Work.Do", 1), `from the cache for ${a.address}`);
  assertEquals(a.came, 0);
});

test("undefined that is thrown in an attempt is an error", [{
  attempt: () => Promise.reject(undefined),
}], async ({ xclient }) => {
  assertFailure(await failure(xclient.call("Work.Do", 1)), { code: "unknown" });
});

test("idempotent is what the client says of the method", [
  (call) => call.idempotent,
], async ({ xclient, client }) => {
  assertEquals(await xclient.call("Work.Do"), false);
  assertEquals(await xclient.call("Work.Do", 1, { idempotent: true }), true);
  const sure = client({ interceptors: [(call) => call.idempotent], idempotent: ["Work.Do"] });
  assertEquals(await sure.call("Work.Do"), true);
  const ouch = new Error("ouch");
  const unsure = client({
    interceptors: [(call) => call.idempotent],
    idempotent: () => {
      throw ouch;
    },
  });
  assertStrictEquals(await failure(unsure.call("Work.Do")), ouch);
});

test("the argument may be replaced, before the call and before an attempt", [{
  call(call: ClientCall, next: Next<ClientCall>) {
    call.args = `${call.args}, call`;
    return next(call);
  },
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    attempt.call.args = `${attempt.call.args}, ${attempt.number}`;
    return next(attempt);
  },
}], async ({ xclient, nodes: [a, b] }) => {
  a.behaviour = "reject";
  await xclient.call("Work.Do", "args");
  assertEquals(b.ran, ["args, call, 1, 2"]);
});

test("the time of interceptors is not the endpoint's", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    const reply = await next(attempt);
    await later.pass(5000);
    return reply;
  },
}], async (given) => {
  later = given;
  assertEquals(await given.xclient.call("Work.Do", 1), "a");
  assertEquals(given.xclient.endpoints()[0].latencyMs < 1, true);
});
let later: Case;

test("a dial's failure that an interceptor calls the answer is one", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    await failure(next(attempt));
    throw new RpcError("not_found", "nobody there", { execution: "answered" });
  },
}], async ({ xclient, world, nodes: [a, b] }) => {
  world.network.setFaults(a.address, { refuse: true });
  assertFailure(await failure(xclient.call("Work.Do", 1)), {
    code: "not_found",
    message: "nobody there",
  });
  assertEquals(b.came, 0);
});
