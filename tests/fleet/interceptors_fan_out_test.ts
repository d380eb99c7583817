/** Interceptors of an `XClient` around calls to all endpoints: broadcast, fork and inform. */

import { assert, assertEquals } from "@std/assert";
import type { ClientInterceptors, Receipt } from "../../mod.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";
import { notes, test } from "../support/intercepted_fleet.ts";

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
