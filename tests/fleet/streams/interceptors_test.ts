/** Streams of an `XClient` pass through interceptors, defaults, credentials and rules. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  authorize,
  type CallContext,
  type ClientInterceptor,
  credentials,
  RpcError,
  Server,
  TimeoutError,
  XClient,
} from "../../../mod.ts";
import { notes } from "../../support/intercepted_fleet.ts";
import { type Deferred, deferred, inWorld, settled } from "../../support/helpers.ts";
import { collect, withTaps } from "../../support/streams.ts";

const { seen, note } = notes();
Deno.test("interceptors see a stream as one call with its attempts, until the first item has come", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    a.isRejecting = true;
    const read = collect(xclient.stream<number>("Tap.Read"));
    await pass(0);
    assertEquals(seen.splice(0), [
      "(",
      "1 a round_robin [",
      "] a rejected",
      "2 b failover [",
    ]);
    b.reads[0].push(1);
    await pass(0);
    assertEquals(seen.splice(0), ["] b", ") a round_robin,b failover"]);
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 1]);
    b.reads[0].push(2);
    b.reads[0].end();
    await read.ended;
    assertEquals([read.items, seen], [[1, 2], []]);
  }, { interceptors: [note] }));

/** Doubles what a stream's call or attempt gives. */
const doubling: ClientInterceptor = {
  async attempt(attempt, next) {
    const items = await next(attempt) as AsyncIterable<number>;
    return (async function* () {
      for await (const item of items) yield 2 * item;
    })();
  },
};

Deno.test("a wrapped attempt goes on at another server, and is in flight where it is read", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const read = collect(
      xclient.stream<number>("Tap.Read", { after: 0 }, { resume: (last) => ({ after: last }) }),
    );
    await pass(0);
    a.reads[0].push(1, 2);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertEquals(b.reads[0].args, { after: 4 });
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 1]);
    b.reads[0].push(3);
    b.reads[0].end();
    await read.ended;
    assertEquals([read.items, read.error], [[2, 4, 6], undefined]);
  }, { interceptors: [doubling] }));

Deno.test("a reader that leaves, an abort and a close end what interceptors have wrapped", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const stream = xclient.stream<number>("Tap.Read");
    const first = stream.next();
    await pass(0);
    a.reads[0].push(1);
    assertEquals((await first).value, 2);
    await stream.return();
    await pass(0);
    assert(a.reads[0].isOver);

    const controller = new AbortController();
    const aborted = collect(xclient.stream("Tap.Read", 1, { signal: controller.signal }));
    await pass(0);
    a.reads[1].push(1);
    await pass(0);
    const reason = new Error("enough");
    controller.abort(reason);
    await aborted.ended;
    assertEquals(aborted.error, reason);
    await pass(0);
    assert(a.reads[1].isOver);

    const closed = collect(xclient.stream("Tap.Read"));
    await pass(0);
    a.reads[2].push(1);
    await pass(0);
    await xclient.close();
    await closed.ended;
    assertInstanceOf(closed.error, RpcError);
    assertEquals(closed.error.code, "canceled");
  }, { interceptors: [doubling] }));

Deno.test("an attempt whose interceptor gives no stream, or throws behind next, leaves none behind", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const wrong = xclient.stream("Tap.Read", "wrong");
    const first = assertRejects(
      () => wrong.next(),
      TypeError,
      "attempt must return what next gives",
    );
    await pass(0);
    a.reads[0].push(1);
    await first;
    const thrown = xclient.stream("Tap.Read", "thrown");
    const second = assertRejects(() => thrown.next(), Error, "no, thanks");
    await pass(0);
    b.reads[0].push(1);
    await second;
    await pass(0);
    assert(a.reads[0].isOver && b.reads[0].isOver);
  }, {
    interceptors: [{
      async attempt(attempt, next) {
        await next(attempt);
        if (attempt.call.args === "wrong") return "no stream";
        throw new Error("no, thanks");
      },
    }],
  }));

Deno.test("what an interceptor opens and does not read ends with the stream", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", 1, { idempotent: true }));
    await pass(0);
    a.reads[0].push(1);
    await pass(0);
    a.reads[1].push(2);
    a.reads[1].end();
    await read.ended;
    await pass(0);
    assertEquals(read.items, [2]);
    assert(a.reads[0].isOver);
  }, {
    interceptors: [{
      async attempt(attempt, next) {
        await next(attempt);
        return await next(attempt);
      },
    }],
  }));

const gates: Deferred<void>[] = [];
Deno.test("of two attempts that are open behind their interceptors, one is read and the other ends", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", 1, {
      idempotent: true,
      failMode: "failbackup",
      hedgeAfterMs: 50,
    }));
    await pass(50);
    a.reads[0].push(1);
    b.reads[0].push(1);
    await pass(0);
    assertEquals(gates.length, 2);
    for (const gate of gates) gate.resolve();
    await pass(0);
    assertEquals([a.reads[0].isOver, b.reads[0].isOver], [false, true]);
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [1, 0]);
    a.reads[0].end();
    await read.ended;
    assertEquals(read.items, [1]);
  }, {
    hedgeBudget: { ratio: 1, perSecond: 10 },
    interceptors: [{
      async attempt(attempt, next) {
        const items = await next(attempt);
        const gate = deferred<void>();
        gates.push(gate);
        await gate.promise;
        return items;
      },
    }],
  }));

Deno.test("a stream of all servers is one call, with an attempt at each", () => {
  const { seen, note } = notes();
  return withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.streamAll<number>("Tap.Read"));
    await pass(0);
    a.reads[0].push(1);
    b.reads[0].push(2);
    await pass(0);
    assertEquals(seen, [
      "(",
      "1 a fan-out [",
      "2 b fan-out [",
      "] a",
      "] b",
      ") a fan-out,b fan-out",
    ]);
    a.reads[0].end();
    b.reads[0].end();
    await read.ended;
    assertEquals(read.items.map(({ value }) => value), [1, 2]);
  }, { interceptors: [note] });
});

Deno.test("behind interceptors each of all servers has its time for an item, and one that goes on may be begun again", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const all = collect(xclient.streamAll<number>("Tap.Read", 1, { itemTimeoutMs: 100 }));
    await pass(60);
    b.reads[0].push(1);
    await pass(40);
    assertEquals(all.items.map(({ address }) => address), [b.address, a.address]);
    assert(!all.isOver);
    b.reads[0].end();
    await all.ended;
    const read = collect(xclient.stream<number>("Tap.Read", 1, {
      timeoutMs: 5000,
      resume: (last) => last,
    }));
    await pass(0);
    const [begun, other] = a.reads.length === 2 ? [a, b] : [b, a];
    world.network.cut(begun.address); // before its first item
    await pass(0);
    other.reads[1].push(2);
    other.reads[1].end();
    await read.ended;
    assertEquals([read.items, read.error], [[4], undefined]);
  }, { interceptors: [doubling] }));

Deno.test("defaults hold for streams, and a deadline over all that interceptors do", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const read = collect(xclient.stream("Tap.Read", 1, { meta: { own: "1" } }));
    await pass(0);
    assertEquals({ ...a.reads[0].ctx.meta }, { team: "blue", own: "1" });
    a.reads[0].push(1);
    await pass(500);
    assertInstanceOf(read.error, TimeoutError);
    await pass(0);
  }, { defaults: { timeoutMs: 500, meta: { team: "blue" } }, interceptors: [doubling] }));

Deno.test("an interceptor gives an argument of items on; once some were sent it can't be sent again", () =>
  withTaps(1, async ({ taps: [a], xclient }) => {
    async function* items() {
      yield 1;
      yield 2;
    }
    assertEquals(await xclient.call("Tap.Sum", items()), 6);
    assertEquals(a.got, [2, 4]);
    a.isRejecting = true;
    const call = () => xclient.call("Tap.Sum", items(), { maxAttempts: 1 });
    const error = await assertRejects(call, RpcError, "can't be sent again");
    assertEquals(error.code, "failed_precondition");
  }, {
    interceptors: [async (call, next) => {
      const items = call.args as AsyncIterable<number>;
      call.args = (async function* () {
        for await (const item of items) yield 2 * item;
      })();
      return await next(call).catch(() => next(call));
    }],
  }));

Deno.test("authorize and credentials hold for streams: who may not, opens none", () =>
  inWorld(async (world) => {
    const opened: string[] = [];
    const server = new Server({
      clock: world.clock,
      interceptors: [authorize(({ context }) => context.meta.token, {
        "Logs.Tail": (token) => token === "reader",
      })],
    });
    server.register("Logs", {
      async *Tail(_args: unknown, ctx: CallContext) {
        opened.push(ctx.meta.token);
        yield "line";
        await Promise.resolve();
      },
    });
    const { address } = await server.listen("memory@a", { network: world.network });
    for (const [token, expected] of [["reader", "line"], ["guest", "permission_denied"]]) {
      const xclient = new XClient([address], {
        ...world.options,
        interceptors: [credentials(() => ({ token }))],
      });
      const one = collect(xclient.stream("Logs.Tail"));
      await one.ended;
      assertEquals(one.error instanceof RpcError ? one.error.code : one.items[0], expected);
      const all = collect(xclient.streamAll("Logs.Tail"));
      await all.ended;
      const [{ value, error }] = all.items;
      assertEquals(error instanceof RpcError ? error.code : value, expected);
      await xclient.close();
    }
    assertEquals(opened, ["reader", "reader"]);
    await settled();
    await server.close();
  }));

Deno.test("what a handler streams on behalf of its call ends with it: inherit", () =>
  inWorld(async (world) => {
    const far = await world.serve("far", {}, {
      Far: {
        async *Numbers(_args: unknown, { meta, deadline }: CallContext) {
          yield { trace: meta.traceparent, isTimed: deadline !== undefined };
          await Promise.resolve();
        },
      },
    });
    const inner = new XClient([far.address], { ...world.options, inherit: true });
    const near = await world.serve("near", { asyncContext: true }, {
      Near: {
        async *Numbers() {
          await Promise.resolve();
          yield* inner.stream("Far.Numbers");
        },
      },
    });
    const client = await world.dial(near.address);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const read = collect(
      client.stream("Near.Numbers", 1, { timeoutMs: 500, meta: { traceparent } }),
    );
    await read.ended;
    assertEquals([read.items, read.error], [[{ trace: traceparent, isTimed: true }], undefined]);
    await client.close();
    await inner.close();
  }));
