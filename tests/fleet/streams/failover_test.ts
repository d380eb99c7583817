/** Which server a stream is read from: elsewhere until its first item, and not behind it. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { RpcError, TimeoutError } from "../../../errors.ts";
import { Server } from "../../../server.ts";
import { collect, withTaps } from "../../support/streams.ts";
import { settled } from "../../support/helpers.ts";

Deno.test("a stream is read from one server, in flight there until it ends", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", "argument"));
    await pass(0);
    assertEquals([a.reads.length, b.reads.length], [1, 0]);
    assertEquals(a.reads[0].args, "argument");
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [1, 0]);
    a.reads[0].push(1, 2, 3);
    await pass(60_000);
    assertEquals(read.items, [1, 2, 3]);
    const [shown] = xclient.endpoints();
    // Its duration is no reply time, and no call that hangs.
    assertEquals([shown.inFlight, shown.latencyMs, shown.oldestAgeMs], [1, 0, 0]);
    a.reads[0].push(4);
    a.reads[0].end();
    await read.ended;
    assertEquals([read.items, read.error], [[1, 2, 3, 4], undefined]);
    const [{ inFlight, successes, failures, latencyMs }] = xclient.endpoints();
    assertEquals([inFlight, successes, failures, latencyMs], [0, 1, 0, 0]);
  }));

Deno.test("a stream that is turned away goes elsewhere at once", () =>
  withTaps(3, async ({ taps: [a, b], xclient, pass }) => {
    a.isRejecting = true;
    const read = collect(xclient.stream("Tap.Read"));
    await pass(0);
    assertEquals(b.reads.length, 1);
    b.reads[0].push("item");
    b.reads[0].end();
    await read.ended;
    assertEquals(read.items, ["item"]);
  }));

Deno.test("a stream whose server is lost before the first item goes elsewhere if it may run twice", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const once = collect(xclient.stream("Tap.Read"));
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertInstanceOf(once.error, RpcError);
    assertEquals([once.error.code, once.error.execution], ["unavailable", "unknown"]);
    assertEquals(once.error.address, a.address);

    const twice = collect(xclient.stream("Tap.Read", 1, { idempotent: true }));
    await pass(0);
    assertEquals(b.reads.length, 1);
    world.network.cut(b.address);
    await pass(0);
    a.reads[1].push("item");
    a.reads[1].end();
    await twice.ended;
    assertEquals([twice.items, twice.error], [["item"], undefined]);
  }));

Deno.test("behind the first item a stream fails with its server, once what has come is read", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const stream = xclient.stream<number>("Tap.Read", 1, { idempotent: true });
    const first = stream.next();
    await pass(0);
    a.reads[0].push(1, 2, 3);
    assertEquals(await first, { done: false, value: 1 });
    await settled();
    world.network.cut(a.address);
    await pass(0);
    assertEquals(await stream.next(), { done: false, value: 2 });
    assertEquals(await stream.next(), { done: false, value: 3 });
    const error = await assertRejects(() => stream.next(), RpcError);
    assertEquals([error.code, error.execution, error.address], [
      "unavailable",
      "unknown",
      a.address,
    ]);
    assertEquals(error.attempts.map(({ address, error }) => [address, error instanceof RpcError]), [
      [a.address, true],
    ]);
    assertEquals(await stream.next(), { done: true, value: undefined });
    assertEquals(b.reads.length, 0);
  }));

Deno.test("a handler's own error ends a stream wherever it comes", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    for (const items of [[], [1, 2]]) {
      const read = collect(xclient.stream("Tap.Read", 1, { idempotent: true }));
      await pass(0);
      const tap = a.reads.length > b.reads.length ? a : b;
      tap.reads[0].push(...items);
      tap.reads[0].fail(new RpcError("not_found", "no such log"));
      await read.ended;
      assertInstanceOf(read.error, RpcError);
      assertEquals([read.error.code, read.error.execution], ["not_found", "answered"]);
      assertEquals(read.items, items);
    }
    assertEquals([a.reads.length, b.reads.length], [1, 1]);
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
  }));

Deno.test("attempts and budget bound a stream as they do a call", () =>
  withTaps(4, async ({ taps, xclient, pass }) => {
    for (const tap of taps) tap.isRejecting = true;
    const read = collect(xclient.stream("Tap.Read", 1, { maxAttempts: 2 }));
    await pass(0);
    assertInstanceOf(read.error, RpcError);
    assertEquals(read.error.attempts.length, 2);
    assertEquals(read.error.execution, "rejected");
  }));

Deno.test("of two copies of a stream the one is read whose first item comes first; the other ends", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    for (const isFirst of [true, false]) {
      const read = collect(xclient.stream("Tap.Read", 1, {
        idempotent: true,
        failMode: "failbackup",
        hedgeAfterMs: 50,
      }));
      await pass(50);
      const [one, other] = [a.reads.at(-1)!, b.reads.at(-1)!];
      const [won, lost] = isFirst ? [one, other] : [other, one];
      won.push("item");
      await pass(0);
      assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), isFirst ? [1, 0] : [0, 1]);
      assert(lost.isOver);
      won.end();
      await read.ended;
      assertEquals(read.items, ["item"]);
      await xclient.call("Tap.Name"); // the next one begins at `a` again
    }
  }, { hedgeBudget: { ratio: 1, perSecond: 10 } }));

Deno.test("servers without streams are passed over; where there are no others it fails at once", () =>
  withTaps(1, async ({ world, taps: [a], discovery, xclient }) => {
    const go = new Server({ clock: world.clock });
    const { network } = world;
    for (const name of ["go", "too"]) {
      await go.listen(`memory@${name}`, { network, protocol: "netrpc/json" });
    }
    const foreign = ["memory@go?protocol=netrpc/json", "memory@too?protocol=netrpc/json"];
    discovery.update([...foreign, a.address]);
    for (let n = 0; n < 3; n++) {
      const read = collect(xclient.stream("Tap.Read"));
      while (a.reads.length === n) await settled(); // the other protocol is loaded first
      a.reads[n].end();
      await read.ended;
      assertEquals(read.error, undefined);
      assertEquals(await xclient.call("Tap.Sum", numbers()), 6);
    }
    discovery.update(foreign);
    const read = collect(xclient.stream("Tap.Read"));
    await read.ended;
    assertInstanceOf(read.error, RpcError);
    assertEquals([read.error.code, read.error.execution], ["unimplemented", "not_sent"]);
    await xclient.close();
    await go.close();
  }));

async function* numbers() {
  yield* [1, 2, 3];
  await Promise.resolve();
}

Deno.test("a reader that leaves ends the stream at the server; one that never begins sends nothing", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const unread = xclient.stream("Tap.Read");
    await unread.return();
    assertEquals(await unread.next(), { done: true, value: undefined });
    const stream = xclient.stream<number>("Tap.Read");
    const reading = (async () => {
      for await (const item of stream) if (item === 2) break;
    })();
    await pass(0);
    a.reads[0].push(1, 2, 3, 4);
    await reading;
    await pass(0);
    assert(a.reads[0].isOver);
    assertEquals(a.reads[0].ctx.signal.aborted, true);
    assertEquals(a.reads.length, 1);

    const waiting = xclient.stream("Tap.Read");
    const next = waiting.next();
    await pass(0);
    await waiting.return();
    assertEquals(await next, { done: true, value: undefined });
    await pass(0);
    assert(a.reads[1].isOver);
  }));

Deno.test("a signal ends a stream at once, with its reason, before and behind the first item", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const reason = new Error("enough");
    const aborted = xclient.stream("Tap.Read", 1, { signal: AbortSignal.abort(reason) });
    assertEquals(await assertRejects(() => aborted.next()), reason);
    for (const items of [[], [1]]) {
      const controller = new AbortController();
      const read = collect(xclient.stream("Tap.Read", 1, { signal: controller.signal }));
      await pass(0);
      a.reads.at(-1)!.push(...items);
      await pass(0);
      controller.abort(reason);
      await read.ended;
      assertEquals([read.items, read.error], [items, reason]);
      await pass(0);
    }
    assertEquals(a.reads.length, 2);
  }));

Deno.test("the deadline of a stream holds over all of it, and names server, method and execution", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const late = xclient.stream("Tap.Read", 1, { timeoutMs: 0 });
    await assertRejects(() => late.next(), TimeoutError, "has passed already");
    const silent = collect(xclient.stream("Tap.Read", 1, { timeoutMs: 500 }));
    await pass(500);
    assertInstanceOf(silent.error, TimeoutError);
    assertEquals(silent.error.message, `Tap.Read at ${a.address}: no reply within 500 ms`);
    assertEquals(silent.error.execution, "unknown");
    const read = collect(xclient.stream<number>("Tap.Read", 1, { timeoutMs: 500 }));
    await pass(300);
    a.reads[1].push(1);
    await pass(199);
    assertEquals([read.items, read.isOver], [[1], false]);
    await pass(1);
    assertInstanceOf(read.error, TimeoutError);
    assertEquals(
      read.error.message,
      `Tap.Read at ${a.address}: the stream has not ended within 500 ms`,
    );
    assertEquals([read.error.address, read.error.serviceMethod, read.error.execution], [
      a.address,
      "Tap.Read",
      "unknown",
    ]);
    // The caller has set that time: a server that gives items in it is not to blame.
    assertEquals(xclient.endpoints()[0].failures, 1);
    await pass(0);
  }));

Deno.test("itemTimeoutMs limits the wait for each item, and counts against the server", () =>
  withTaps(1, async ({ taps: [a], xclient, pass }) => {
    const stream = xclient.stream<number>("Tap.Read", 1, { itemTimeoutMs: 100 });
    const first = stream.next();
    await pass(90);
    a.reads[0].push(1);
    assertEquals((await first).value, 1);
    await pass(1000); // the reader takes its time
    const second = stream.next();
    a.reads[0].push(2);
    assertEquals((await second).value, 2);
    const third = assertRejects(() => stream.next(), TimeoutError);
    await pass(100);
    const error = await third;
    assertEquals(error.message, `Tap.Read at ${a.address}: no item within 100 ms`);
    assertEquals([error.address, error.execution], [a.address, "unknown"]);
    assertEquals(xclient.endpoints()[0].failures, 1);
    await pass(0);
    assert(a.reads[0].isOver);
  }));
