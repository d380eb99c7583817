/** Whose turn it is when a call ends, and how long that will take: no connections, no handlers. */

import { assert, assertEquals } from "@std/assert";
import { Concurrency, type Waiter } from "../../connection/concurrency.ts";
import { ServerLoad } from "../../connection/server_load.ts";
import { serverLimitsOf, type ServerOptions } from "../../connection/server_options.ts";
import type { Method } from "../../connection/services.ts";
import { FakeClock } from "../../testing.ts";

const method: Method = { serviceMethod: "S.M", handle() {} };
const other: Method = { serviceMethod: "S.Other", handle() {} };

/** A limit, connections whose calls run until they are ended, and the order in which they began. */
function scene(options: ServerOptions) {
  const clock = new FakeClock(1000);
  const load = new ServerLoad();
  const concurrency = new Concurrency(clock, load, serverLimitsOf(options));
  const began: string[] = [];
  const running: number[] = [];
  const begin = () => void running.push(concurrency.began());
  /** A connection with calls that wait; `isReady` unless something else is in their way. */
  const connection = (name: string) => {
    const waiting: number[] = [];
    const own = {
      waiting,
      isReady: true,
      takeTurn() {
        if (waiting.length > 0 && own.isReady) {
          began.push(name + waiting.shift());
          load.queued(-1);
          begin();
        }
        return waiting.length > 0 && own.isReady;
      },
      wait(...calls: number[]) {
        waiting.push(...calls);
        load.queued(calls.length);
        concurrency.join(own);
      },
    };
    return own satisfies Waiter;
  };
  /** The oldest of the running calls ends. */
  const end = (of = method) => {
    concurrency.ended(of, running.shift()!, true);
    concurrency.release();
  };
  const refusal = (ahead = 0, timeoutMs?: number, of = method) =>
    concurrency.refusal(of, { timeoutMs }, ahead);
  return { clock, load, concurrency, began, begin, connection, end, refusal };
}

Deno.test("connections take turns, each with its oldest call, in the order in which they came", () => {
  const { concurrency, began, begin, connection, end } = scene({ maxConcurrent: 1 });
  begin();
  const [a, b, c] = ["a", "b", "c"].map(connection);
  a.wait(1, 2, 3);
  b.wait(1);
  c.wait(1, 2);
  concurrency.release();
  assertEquals([began, concurrency.hasRoom], [[], false]);
  for (let call = 0; call < 6; call++) end();
  assertEquals(began, ["a1", "b1", "c1", "a2", "c2", "a3"]);
  end();
  assertEquals(concurrency.hasRoom, true);
});

Deno.test("a connection that waits for something else leaves its turn to the others, until it joins again", () => {
  const { concurrency, began, begin, connection, end } = scene({ maxConcurrent: 2 });
  begin();
  begin();
  const [a, b] = ["a", "b"].map(connection);
  a.wait(1, 2);
  b.wait(1, 2, 3);
  a.isReady = false;
  end();
  end();
  assertEquals(began, ["b1", "b2"]);
  a.isReady = true;
  concurrency.join(a);
  end();
  end();
  assertEquals(began, ["b1", "b2", "b3", "a1"]);
  concurrency.leave(a);
  end();
  assertEquals([began.length, a.waiting], [4, [2]]);
});

Deno.test("the wait that is to be expected: the calls before it, by what calls take", () => {
  const { clock, begin, connection, end, refusal } = scene({ maxConcurrent: 4 });
  for (let call = 0; call < 4; call++) begin();
  assertEquals(refusal(0, 1), undefined); // nothing is known yet
  // A call takes 100 ms, and one ends every 25. (At first they took less: that is forgotten.)
  for (let call = 0; call < 5000; call++) clock.jump(25), end(), begin();
  const a = connection("a");
  a.wait(...Array.from({ length: 7 }, (_, n) => n));
  const retries = (ahead: number, timeoutMs: number, of = method) =>
    refusal(ahead, timeoutMs, of)?.retryAfterMs;
  // The 8th has to wait for 8 to end: 200 ms, which may be half of its time.
  assertEquals([retries(7, 399), retries(7, 400)], [200, undefined]);
  // Of another connection it is the second turn: 50 ms. Then it takes 100 ms itself.
  assertEquals([retries(0, 149), retries(0, 151)], [50, undefined]);
  assertEquals(retries(0, 101, other), undefined); // as far as is known it takes no time
  assertEquals(retries(0, 99, other), 50);
  const { why } = refusal(7, 300)!;
  const text = "it would wait for 200 ms until it is one of 4 that run (maxConcurrent), and its " +
    "caller gives it 300 ms";
  assertEquals(why, text);
});

Deno.test("if no call ends any more, that may take as long again: nobody waits for hung handlers", () => {
  const { clock, begin, refusal } = scene({ maxConcurrent: 1, maxWaitMs: 500 });
  clock.jump(60_000); // idle until then
  begin();
  clock.jump(500);
  assertEquals(refusal(), undefined);
  clock.jump(1);
  const refused = refusal()!;
  assertEquals(refused.retryAfterMs, 501);
  assert(refused.why.endsWith("and no call is to wait for more than 500 ms now (maxWaitMs)"));
  clock.jump(3_600_000);
  assertEquals(refusal()!.retryAfterMs, 10_000); // it may be over sooner
});

Deno.test("a call that runs for an hour beside others is none that hangs", () => {
  const { clock, begin, end, refusal } = scene({ maxConcurrent: 2, maxWaitMs: 500 });
  begin();
  clock.jump(3_600_000);
  begin(); // nothing has ended for an hour, and there was no need to
  assertEquals(refusal(), undefined);
  clock.jump(10);
  end(); // the one that took so long
  begin();
  for (let call = 0; call < 20; call++) clock.jump(10), end(), begin();
  assertEquals(refusal(0, 1000)?.why, undefined);
  assertEquals(refusal(0, 15)!.retryAfterMs, 10); // a call ends every 10 ms
});

Deno.test("all have hung for an hour: soon what is expected is what calls take again", () => {
  const { clock, begin, end, refusal } = scene({ maxConcurrent: 1 });
  const run = (tookMs: number) => (clock.jump(tookMs), end(), begin());
  begin();
  for (let call = 0; call < 100; call++) run(10);
  assert(refusal(0, 19) !== undefined && refusal(0, 21) === undefined);
  run(3_600_000);
  run(10);
  assertEquals(refusal(0, 20)!.retryAfterMs, 11); // and not 36 s
  assertEquals(refusal(0, 23), undefined);
});

Deno.test("a queue that has stood for longer than calls may wait is kept short, until it has been empty", () => {
  const { clock, begin, connection, end, refusal } = scene({ maxConcurrent: 1, maxWaitMs: 1000 });
  begin();
  clock.jump(10);
  end();
  begin();
  const a = connection("a");
  a.wait(...Array.from({ length: 200 }, (_, n) => n));
  const pass = (calls: number) => {
    for (let call = 0; call < calls; call++) clock.jump(10), end();
  };
  assert(refusal(99) === undefined && refusal(100) !== undefined); // 10 ms each, up to 1,000
  pass(100);
  assert(refusal(99) === undefined && refusal(100) !== undefined);
  pass(1);
  assert(refusal(4) === undefined && refusal(5) !== undefined); // up to 50
  pass(99);
  assertEquals(a.waiting, []);
  const again = () => {
    a.wait(...Array.from({ length: 200 }, (_, n) => n));
    return refusal(80) === undefined && refusal(120) !== undefined;
  };
  clock.jump(50); // a moment without a queue is no end of it
  assertEquals(again(), false);
  pass(200);
  clock.jump(51);
  assertEquals(again(), true);
});

Deno.test("a standing queue is no shorter than a call takes, nor longer than maxWaitMs", () => {
  for (const [tookMs, mostMs] of [[10, 50], [300, 300], [4000, 1000]]) {
    const { clock, begin, connection, end, refusal } = scene({ maxConcurrent: 1, maxWaitMs: 1000 });
    begin();
    clock.jump(tookMs);
    end();
    begin();
    connection("a").wait(1);
    clock.jump(1001);
    const { why } = refusal(1000)!;
    assert(why.includes(`no call is to wait for more than ${mostMs} ms now`), why);
  }
});

Deno.test("an adaptive limit follows what calls take, and gives the new places away", () => {
  const { clock, concurrency, begin, connection, end } = scene({
    maxConcurrent: { initial: 10, min: 1 },
  });
  assertEquals(concurrency.limit, 10);
  for (let call = 0; call < 10; call++) begin();
  const a = connection("a");
  a.wait(...Array.from({ length: 2000 }, (_, n) => n));
  for (let call = 0; call < 1500; call++) clock.jump(1), end();
  assert(concurrency.limit > 12, `${concurrency.limit}`);
  assertEquals(2000 - a.waiting.length - 1500 + 10, concurrency.limit);
});
