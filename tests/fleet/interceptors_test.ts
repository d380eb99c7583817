/** Interceptors of an `XClient`: around calls of several attempts, and around calls to all endpoints. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type {
  CallContext,
  ClientAttempt,
  ClientCall,
  ClientInterceptor,
  ClientInterceptors,
  Next,
  Receipt,
} from "../../mod.ts";
import { FailMode, RpcError, Server, XClient } from "../../mod.ts";
import { type Case, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, deferred, failure, settled } from "../support/helpers.ts";

/** Notes what happens, as `call(`, `1 a policy[`, `]a`. */
function notes() {
  const seen: string[] = [];
  const name = (address: string) => address.split("@")[1];
  const note: ClientInterceptor = {
    async call(call, next) {
      seen.push("(");
      try {
        return await next(call);
      } finally {
        seen.push(`) ${call.attempts.map(({ address, why }) => `${name(address)} ${why}`).join()}`);
      }
    },
    async attempt(attempt, next) {
      const { number, address, why } = attempt;
      seen.push(`${number} ${name(address)} ${why} [`);
      try {
        const reply = await next(attempt);
        seen.push(`] ${name(address)}`);
        return reply;
      } catch (error) {
        seen.push(`] ${name(address)} ${error instanceof RpcError ? error.execution : error}`);
        throw error;
      }
    },
  };
  return { seen, note };
}

function test(
  name: string,
  interceptors: ClientInterceptors,
  body: (made: Case) => Promise<void>,
  count = 3,
): void {
  Deno.test(name, () => withNodes(count, body, { interceptors }));
}

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

test("an attempt is made again at the same endpoint, by the same rules", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    const first = await next(attempt).catch((error) => error);
    if (!(first instanceof RpcError)) return first;
    made.nodes[0].behaviour = "echo";
    return await next(attempt);
  },
}], async (given) => {
  made = given;
  const { xclient, nodes: [a, b] } = made;
  a.behaviour = "reject";
  assertEquals(await xclient.call("Work.Do", 1), "a");
  a.behaviour = "fail";
  b.behaviour = "fail";
  const refused = await failure(xclient.call("Work.Do", 1)) as RpcError;
  assertFailure(refused, { code: "failed_precondition", execution: "answered" });
  assertEquals([a.came, b.came], [2, 1]);
  assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 0, 0]);
});
let made: Case;

test("next again around the call: once more through all endpoints, if it did not run", [
  async (call, next) => {
    const error = await failure(next(call));
    assertFailure(error, { execution: "rejected" });
    assertEquals(call.attempts.length, 3);
    const reply = await next(call);
    assertEquals(call.attempts.length, 4);
    return [reply];
  },
], async ({ xclient, nodes }) => {
  for (const node of nodes) node.behaviour = "reject";
  const behaviours = nodes.map((node) => node.came);
  assertEquals(behaviours, [0, 0, 0]);
  const call = xclient.call("Work.Do", 1, { maxAttempts: 3 });
  while (nodes.some(({ came }) => came === 0)) await Promise.resolve();
  for (const node of nodes) node.behaviour = "echo";
  const [reply] = await call as string[];
  assert(["a", "b", "c"].includes(reply));
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

// Calls to all endpoints

{
  const { seen, note } = notes();
  test("broadcast is one call, with an attempt at each endpoint", [note], async ({ xclient }) => {
    assertEquals(await xclient.broadcast("Work.Do", 1), "a");
    assertEquals(seen, [
      ...["(", "1 a fan-out [", "2 b fan-out [", "3 c fan-out [", "] a", "] b", "] c"],
      ") a fan-out,b fan-out,c fan-out",
    ]);
  });
}

{
  const { seen, note } = notes();
  test("a broadcast that fails: the attempts that are cancelled end too", [note], async (made) => {
    const { xclient, nodes: [a, b, c] } = made;
    a.behaviour = c.behaviour = "hold";
    b.behaviour = "fail";
    assertFailure(await failure(xclient.broadcast("Work.Do", 1)), { message: "b fails" });
    await settled();
    assertEquals(seen.slice(4), [
      ...["] b answered", "] a unknown", "] c unknown"],
      ") a fan-out,b fan-out,c fan-out",
    ]);
    assertEquals([a.aborted, c.aborted], [1, 1]);
  });
}

test("broadcast and fork: what interceptors set is sent to all, and their answer counts", [
  async (call, next) => {
    if (call.args === "cached") return "from the cache";
    call.args = "changed";
    return [await next(call)];
  },
], async ({ xclient, nodes }) => {
  assertEquals(await xclient.broadcast("Work.Do", "args"), ["a"]);
  assertEquals(nodes.map(({ ran }) => ran), [["changed"], ["changed"], ["changed"]]);
  assertEquals(await xclient.fork("Work.Do", "args"), ["a"]);
  assertEquals(await xclient.broadcast("Work.Do", "cached"), "from the cache");
  assertEquals(await xclient.fork("Work.Do", "cached"), "from the cache");
});

test("a broadcast is made again if it may run twice", [
  async (call, next) => [await next(call), await next(call).catch((error) => error.code)],
], async ({ xclient, nodes }) => {
  assertEquals(await xclient.broadcast("Work.Do", 1, { idempotent: true }), ["a", "a"]);
  assertEquals(await xclient.broadcast("Work.Do", 1), ["a", "failed_precondition"]);
  assertEquals(nodes.map(({ came }) => came), [3, 3, 3]);
});

for (const way of ["broadcast", "fork"] as const) {
  test(`${way}: the deadline holds, in flight and over interceptors`, [
    (call, next) => call.args === "keep" ? new Promise(() => {}) : next(call),
  ], async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "hold";
    const kept = failure(xclient[way]("Work.Do", "keep", { timeoutMs: 500 }));
    const sent = failure(xclient[way]("Work.Do", 1, { timeoutMs: 500 }));
    await pass(500);
    assertFailure(await kept, { code: "TimeoutError", execution: "not_sent" });
    const message = "Work.Do: no reply within 500 ms from ";
    assertFailure(await sent, { code: "TimeoutError", execution: "unknown", message });
  });
}

async function receiptsOf(receipts: AsyncIterable<Receipt<unknown>>): Promise<string[]> {
  const seen: string[] = [];
  for await (const receipt of receipts) {
    const { address } = receipt;
    seen.push(
      `${address.split("@")[1]} ${receipt.ok ? receipt.reply : (receipt.error as Error).name}`,
    );
  }
  return seen;
}

{
  const { seen, note } = notes();
  let given: unknown;
  test("inform is one call: its receipts come as ever, next gives the list of them", [
    note,
    async (call, next) => given = await next(call),
  ], async ({ xclient, nodes: [, b] }) => {
    b.behaviour = "fail";
    const receipts = await receiptsOf(xclient.inform("Work.Do", 1));
    assertEquals(receipts, ["a a", "b RpcError", "c c"]);
    assertEquals((given as Receipt<unknown>[]).map(({ ok }) => ok), [true, false, true]);
    assertEquals(seen.at(-1), ") a fan-out,b fan-out,c fan-out");
  });
}

test(
  "inform: a receipt comes before the others have",
  [(call, next) => next(call)],
  async (made) => {
    const { xclient, nodes: [, b] } = made;
    b.behaviour = "hold";
    const receipts = xclient.inform<string>("Work.Do", 1);
    const first = await receipts.next();
    assertEquals(first.value.ok && first.value.reply, "a");
    assertEquals((await receipts.next()).value.reply, "c");
    await receipts.return(undefined); // no more is wanted
    await settled();
    assertEquals(b.aborted, 1);
  },
);

test("inform: interceptors may give receipts of their own, or throw", [
  (call) => {
    if (call.args === "wrong") return "no list";
    if (call.args === "throw") throw new Error("ouch");
    return [{ address: "tcp@cache:1", ok: true, reply: "cached", elapsedMs: 0 }];
  },
], async ({ xclient, nodes }) => {
  assertEquals(await receiptsOf(xclient.inform("Work.Do", 1)), [
    "tcp@cache:1 cached".split("@")[1],
  ]);
  const wrong = await failure(receiptsOf(xclient.inform("Work.Do", "wrong")));
  assert(wrong instanceof TypeError && wrong.message.includes("list of receipts"), `${wrong}`);
  assertEquals(
    (await failure(receiptsOf(xclient.inform("Work.Do", "throw"))) as Error).message,
    "ouch",
  );
  assertEquals(nodes.map(({ came }) => came), [0, 0, 0]);
});

test("inform: one that throws behind next does so when the receipts are taken", [
  async (call, next) => {
    await next(call);
    throw new Error("ouch");
  },
], async ({ xclient }) => {
  const seen: string[] = [];
  const error = await failure((async () => {
    for await (const { address } of xclient.inform("Work.Do", 1)) seen.push(address);
  })());
  assertEquals([seen.length, (error as Error).message], [3, "ouch"]);
});

for (const intercepted of [false, true]) {
  const interceptors: ClientInterceptors = intercepted ? [(call, next) => next(call)] : [];
  test(
    `inform: deadline and abort have receipts, interceptors or not (${intercepted})`,
    interceptors,
    async (made) => {
      const { xclient, nodes, pass } = made;
      for (const node of nodes) node.behaviour = "hold";
      const late = receiptsOf(xclient.inform("Work.Do", 1, { timeoutMs: 500 }));
      await pass(500);
      const all = (name: string) => ["a", "b", "c"].map((node) => `${node} ${name}`);
      assertEquals((await late).sort(), all("TimeoutError"));
      const controller = new AbortController();
      const aborted = receiptsOf(xclient.inform("Work.Do", 1, { signal: controller.signal }));
      await settled();
      controller.abort(new TypeError("enough"));
      assertEquals((await aborted).sort(), all("TypeError"));
    },
  );
}

Deno.test("over real sockets: a token is renewed once, whichever endpoint has the call", async () => {
  let valid = "one";
  const tokens: unknown[] = [];
  const server = new Server({
    interceptors: [(call, next) => {
      const { token } = call.context.meta;
      tokens.push(token);
      if (token !== valid) throw call.context.reject("the token has expired", "unauthenticated");
      return next(call);
    }],
  });
  server.register("My", { Echo: (args: unknown) => args });
  const addresses = [
    (await server.listen("tcp@127.0.0.1:0")).address,
    (await server.listen("tcp@127.0.0.1:0")).address,
  ];
  let token = "one";
  const xclient = new XClient(addresses, {
    interceptors: [{
      async attempt(attempt, next) {
        attempt.meta.token = token;
        try {
          return await next(attempt);
        } catch (error) {
          if (!(error instanceof RpcError) || error.code !== "unauthenticated") throw error;
          attempt.meta.token = token = "two";
          return await next(attempt);
        }
      },
    }],
  });
  assertEquals(await xclient.call("My.Echo", 1), 1);
  valid = "two";
  assertEquals(await xclient.call("My.Echo", 2), 2);
  assertEquals(await xclient.broadcast("My.Echo", 3), 3);
  assertEquals(tokens, ["one", "one", "two", "two", "two"]);
  await xclient.close();
  await server.close();
});

// What a call does by itself, with interceptors around it that only go on

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
