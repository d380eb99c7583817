/** Streams that go on at another server behind the last item, as their caller says. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { RpcError, TimeoutError } from "../../../errors.ts";
import { collect, type Tap, withTaps } from "../../support/streams.ts";

const resume = (last: number) => ({ after: last });

/** Gives the last stream of a server so many numbers from one on. */
function count({ reads }: Tap, from: number, to: number): void {
  for (let number = from; number <= to; number++) reads.at(-1)!.push(number);
}

Deno.test("a stream goes on at another server, with the argument that its caller makes of the last item", () =>
  withTaps(3, async ({ world, taps: [a, b, c], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", { after: 0 }, { resume }));
    await pass(0);
    count(a, 1, 3);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertEquals([b.reads.length, c.reads.length], [1, 0]);
    assertEquals(b.reads[0].args, { after: 3 });
    assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 1, 0]);
    count(b, 4, 5);
    await pass(0);
    world.network.cut(b.address);
    await pass(0);
    assertEquals(c.reads[0].args, { after: 5 });
    count(c, 6, 6);
    c.reads[0].end();
    await read.ended;
    assertEquals([read.items, read.error], [[1, 2, 3, 4, 5, 6], undefined]);
  }));

Deno.test("what has come and was not read stands before what follows; the last item that came counts", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const stream = xclient.stream<number>("Tap.Read", { after: 0 }, { resume });
    const first = stream.next();
    await pass(0);
    count(a, 1, 3);
    assertEquals((await first).value, 1);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertEquals(b.reads[0].args, { after: 3 });
    count(b, 4, 4);
    b.reads[0].end();
    await pass(0);
    const rest = collect(stream);
    await rest.ended;
    assertEquals(rest.items, [2, 3, 4]);
  }));

Deno.test("while no item has come, a stream that may go on is begun again with its own argument", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", { after: 0 }, { resume }));
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertEquals(b.reads[0].args, { after: 0 });
    count(b, 1, 1);
    b.reads[0].end();
    await read.ended;
    assertEquals(read.items, [1]);
  }));

Deno.test("attempts count since the last item, the one that was lost included", () =>
  withTaps(4, async ({ world, taps: [a, b, c, d], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", {}, { resume, maxAttempts: 2 }));
    await pass(0);
    count(a, 1, 1);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    count(b, 2, 2); // an item: two attempts again
    await pass(0);
    world.network.cut(b.address);
    await pass(0);
    assertEquals(c.reads.length, 1);
    world.network.cut(c.address);
    await pass(0);
    assertInstanceOf(read.error, RpcError);
    assertEquals([read.error.code, d.reads.length], ["unavailable", 0]);
    assertEquals(read.error.attempts.map(({ address }) => address), [b.address, c.address]);
    assertEquals(read.items, [1, 2]);
  }));

Deno.test("the retry budget pays for going on, unless the server drains", () =>
  withTaps(3, async ({ world, taps: [a, b, c], xclient, pass }) => {
    const drained = collect(xclient.stream<number>("Tap.Read", {}, { resume }));
    await pass(0);
    count(a, 1, 1);
    await pass(0);
    const closed = a.site.server.close({ graceMs: 1000 });
    await pass(1000);
    await closed;
    assertEquals([b.reads.length, drained.isOver], [1, false]);
    assert(a.reads[0].isOver);
    count(b, 2, 2);
    await pass(0);
    world.network.cut(b.address);
    await pass(0);
    assertInstanceOf(drained.error, RpcError);
    assertEquals(c.reads.length, 0);
    // A server that drains is not to blame.
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 1, 0]);
  }, { retryBudget: { ratio: 0, perSecond: 0 } }));

Deno.test("a server's own error, a deadline and an abort end a stream that might go on", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const failed = collect(xclient.stream<number>("Tap.Read", {}, { resume }));
    await pass(0);
    count(a, 1, 1);
    a.reads[0].fail(new RpcError("unavailable", "the log is away"));
    await failed.ended;
    assertInstanceOf(failed.error, RpcError);
    assertEquals(failed.error.execution, "answered");
    const late = collect(xclient.stream<number>("Tap.Read", {}, { resume, timeoutMs: 100 }));
    await pass(0);
    count(b, 1, 1);
    await pass(100);
    assertInstanceOf(late.error, TimeoutError);
    await pass(0);
    assertEquals([a.reads.length, b.reads.length], [1, 1]);
  }));

Deno.test("the deadline for the whole holds over all servers, from the first item that was asked for", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", {}, { resume, timeoutMs: 1000 }));
    await pass(600);
    count(a, 1, 1);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    const leftMs = b.reads[0].ctx.deadline!.getTime() - Date.now();
    assertEquals(leftMs, 400);
    await pass(400);
    assertInstanceOf(read.error, TimeoutError);
    assertStringIncludes(read.error.message, `Tap.Read at ${b.address}: no reply within 1000 ms`);
    await pass(0);
  }));

Deno.test("while the client closes, a stream that is lost goes on nowhere, and says that it may have run", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.stream<number>("Tap.Read", {}, { resume, timeoutMs: 5000 }));
    await pass(0);
    count(a, 1, 1);
    await pass(0);
    const closed = xclient.close({ graceMs: 1000 });
    world.network.cut(a.address);
    await pass(0);
    assertInstanceOf(read.error, RpcError);
    assertEquals([read.error.code, read.error.execution], ["unavailable", "unknown"]);
    assertEquals(b.reads.length, 0);
    await pass(1000);
    await closed;
  }));

Deno.test("what resume throws ends the stream; it may leave the stream, too", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const thrown = new Error("nothing follows");
    const read = collect(xclient.stream<number>("Tap.Read", {}, {
      resume: () => {
        throw thrown;
      },
    }));
    await pass(0);
    count(a, 1, 1);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertEquals([read.items, read.error], [[1], thrown]);

    const left = xclient.stream<number>("Tap.Read", {}, {
      resume: () => {
        left.return();
        return {};
      },
    });
    const rest = collect(left);
    await pass(0);
    count(b, 1, 1);
    await pass(0);
    world.network.cut(b.address);
    await pass(0);
    assertEquals([rest.items, rest.error], [[1], undefined]);
    assertEquals([a.reads.length, b.reads.length], [1, 1]);
  }));
