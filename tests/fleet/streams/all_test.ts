/** The streams of all servers, merged. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { RpcError, TimeoutError } from "../../../errors.ts";
import { Server } from "../../../server.ts";
import { collect, withTaps } from "../../support/streams.ts";
import { settled } from "../../support/helpers.ts";

Deno.test("items of all servers come as they come, each with its server; it ends with the last", () =>
  withTaps(3, async ({ taps: [a, b, c], xclient, pass }) => {
    const read = collect(xclient.streamAll<number>("Tap.Read", "all"));
    await pass(0);
    assertEquals([a, b, c].map(({ reads: [{ args }] }) => args), ["all", "all", "all"]);
    for (const [place, tap] of [b, a, c, a].entries()) {
      tap.reads[0].push(place);
      await pass(0);
    }
    assertEquals(read.items, [
      { address: b.address, value: 0 },
      { address: a.address, value: 1 },
      { address: c.address, value: 2 },
      { address: a.address, value: 3 },
    ]);
    for (const { reads: [one] } of [a, b, c]) one.end();
    await read.ended;
    assertEquals(read.error, undefined);
  }));

Deno.test("a server that fails is told among the items, and the others go on", () =>
  withTaps(3, async ({ world, taps: [a, b, c], xclient, pass }) => {
    world.network.setFaults(c.address, { refuse: true });
    const read = collect(xclient.streamAll<number>("Tap.Read"));
    await pass(0);
    a.reads[0].push(1);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    b.reads[0].push(2);
    b.reads[0].end();
    await read.ended;
    const told = read.items.map(({ address, value, error }) => [address, value, codeOf(error)]);
    assertEquals(told, [
      [c.address, undefined, "unavailable"],
      [a.address, 1, undefined],
      [a.address, undefined, "unavailable"],
      [b.address, 2, undefined],
    ]);
    assertEquals(read.error, undefined);
    world.network.setFaults(c.address, {});
  }));

function codeOf(error: unknown): string | undefined {
  return error instanceof RpcError ? error.code : undefined;
}

Deno.test("onError is told in place of an item; what it throws ends all", () =>
  withTaps(3, async ({ taps: [a, b, c], xclient, pass }) => {
    const told: string[] = [];
    const quiet = collect(xclient.streamAll<number>("Tap.Read", 1, {
      onError: (error, address) => told.push(`${address} ${codeOf(error)}`),
    }));
    await pass(0);
    a.reads[0].fail(new RpcError("not_found", "no log"));
    for (const { reads: [one] } of [b, c]) one.end();
    await quiet.ended;
    assertEquals([quiet.items, told], [[], [`${a.address} not_found`]]);

    const strict = collect(xclient.streamAll<number>("Tap.Read", 1, {
      onError: (error) => {
        throw error;
      },
    }));
    await pass(0);
    b.reads[1].fail(new RpcError("not_found", "no log"));
    await strict.ended;
    assertEquals(codeOf(strict.error), "not_found");
    await pass(0);
    assertEquals([a.reads[1].isOver, c.reads[1].isOver], [true, true]);
  }));

Deno.test("a break ends all; an unread one sends nothing", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    await xclient.streamAll("Tap.Read").return();
    const reading = (async () => {
      for await (const { value } of xclient.streamAll<number>("Tap.Read")) if (value === 2) break;
    })();
    await pass(0);
    a.reads[0].push(1);
    b.reads[0].push(2);
    await reading;
    await pass(0);
    assertEquals([a.reads.map(({ isOver }) => isOver), b.reads.length], [[true], 1]);
    assert(b.reads[0].ctx.signal.aborted);
  }));

Deno.test("a server that gives much does not keep the others back from a slow reader", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const stream = xclient.streamAll<string>("Tap.Read", 1, { windowItems: 10 });
    const first = stream.next();
    await pass(0);
    for (let n = 0; n < 1000; n++) a.reads[0].push(`a${n}`);
    await first;
    await settled();
    b.reads[0].push("b0", "b1");
    await settled();
    const got: (string | undefined)[] = [];
    for (let n = 0; n < 6; n++) {
      got.push((await stream.next()).value?.value);
      await settled();
    }
    // In turn from here on; of `a` one had come before.
    assertEquals(got, ["a1", "b0", "a2", "b1", "a3", "a4"]);
    await stream.return();
    await pass(0);
  }));

Deno.test("signal and deadline end all at once; the deadline names the servers", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = collect(xclient.streamAll("Tap.Read", 1, { signal: controller.signal }));
    await pass(0);
    controller.abort(reason);
    await aborted.ended;
    assertEquals([aborted.items, aborted.error], [[], reason]);

    const late = collect(xclient.streamAll("Tap.Read", 1, { timeoutMs: 100 }));
    await pass(50);
    a.reads[1].push(1);
    b.reads[1].push(2);
    b.reads[1].end();
    await pass(50);
    assertInstanceOf(late.error, TimeoutError);
    assertEquals(
      late.error.message,
      `Tap.Read at ${a.address}: the streams have not ended within 100 ms`,
    );
    assertEquals(
      [late.error.address, late.error.serviceMethod, late.error.execution],
      [a.address, "Tap.Read", "unknown"],
    );
    assertEquals(late.items.length, 2);
    await pass(0);
    const before = xclient.streamAll("Tap.Read", 1, { timeoutMs: 0 });
    await assertRejects(() => before.next(), TimeoutError, "has passed already");
  }));

Deno.test("itemTimeoutMs is each server's own", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.streamAll<number>("Tap.Read", 1, { itemTimeoutMs: 100 }));
    await pass(60);
    b.reads[0].push(1);
    await pass(40);
    assertEquals(
      read.items.map(({ address, value, error }) => [
        address,
        value,
        error instanceof TimeoutError,
      ]),
      [[b.address, 1, false], [a.address, undefined, true]],
    );
    b.reads[0].end();
    await read.ended;
  }));

Deno.test("without servers it fails, and so it does when the client is closed", () =>
  withTaps(1, async ({ taps: [a], xclient, pass, list }) => {
    const read = collect(xclient.streamAll("Tap.Read"));
    await pass(0);
    const closed = xclient.close({ graceMs: 100 });
    await pass(0);
    a.reads[0].push(1);
    await pass(100);
    await closed;
    assertEquals(read.items.map(({ value }) => value), [1]);
    assertEquals(codeOf(read.error), "canceled");
    await list([]);
    const late = xclient.streamAll("Tap.Read");
    assertEquals(codeOf(await assertRejects(() => late.next())), "canceled");
  }));

Deno.test("what has come whole before the client is closed is read to its end", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const stream = xclient.streamAll<number>("Tap.Read");
    const first = stream.next();
    await pass(0);
    for (const { reads: [one] } of [a, b]) {
      one.push(1, 2);
      one.end();
    }
    await first;
    await pass(0);
    await xclient.close();
    const rest = collect(stream);
    await rest.ended;
    assertEquals([rest.items.length, rest.error], [3, undefined]);
  }));

Deno.test("an empty list is an error, but to one who follows it", () =>
  withTaps(1, async ({ taps: [a], xclient, pass, list }) => {
    await list([]);
    const once = xclient.streamAll("Tap.Read");
    assertEquals(codeOf(await assertRejects(() => once.next())), "unavailable");
    const read = collect(xclient.streamAll<number>("Tap.Read", 1, { follow: true }));
    await pass(0);
    await list([a]);
    await pass(0);
    a.reads[0].push(1);
    await pass(0);
    assertEquals(read.items, [{ address: a.address, value: 1 }]);
    await read.stream[Symbol.asyncIterator]().return!();
  }));

Deno.test("without follow, a server that joins is not read", () =>
  withTaps(1, async ({ taps: [a], xclient, pass, list, serve }) => {
    const read = collect(xclient.streamAll<number>("Tap.Read"));
    await pass(0);
    const b = await serve("b");
    await list([a, b]);
    await pass(10_000);
    assertEquals(b.reads.length, 0);
    a.reads[0].end();
    await read.ended;
  }));

Deno.test("follow: one that joins is read, one that leaves until its stream ends", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass, list, serve }) => {
    const read = collect(xclient.streamAll<string>("Tap.Read", 1, { follow: true }));
    await pass(0);
    const c = await serve("c");
    await list([b, c]);
    await pass(0);
    a.reads[0].push("a, delisted");
    c.reads[0].push("c, joined");
    await pass(0);
    await list([a, b, c]); // it was not read to its end: not twice
    await pass(0);
    assertEquals([a.reads.length, c.reads.length], [1, 1]);
    a.reads[0].end();
    await pass(0);
    assertEquals(a.reads.length, 2); // listed again, it is another endpoint
    a.reads[1].push("a, again");
    await pass(0);
    assertEquals(read.items.map(({ value }) => value), [
      "a, delisted",
      "c, joined",
      "a, again",
    ]);
    c.reads[0].end(); // ended by itself: it is done
    await pass(60_000);
    assertEquals([c.reads.length, read.isOver], [1, false]);
    await read.stream[Symbol.asyncIterator]().return!();
    await read.ended;
    await pass(0);
  }));

Deno.test("follow: one that fails is told once, asked again behind a backoff, and goes on as resume says", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.streamAll<number>("Tap.Read", 0, {
      follow: true,
      resume: (last, address) => `${address} ${last}`,
    }));
    await pass(0);
    a.reads[0].push(1, 2);
    await pass(0);
    world.network.setFaults(a.address, { refuse: true });
    world.network.cut(a.address);
    await pass(30_000);
    assertEquals(read.items.map(({ value, error }) => value ?? codeOf(error)), [
      1,
      2,
      "unavailable",
    ]);
    world.network.setFaults(a.address, {});
    await pass(5000);
    assertEquals(a.reads[1].args, `${a.address} 2`);
    a.reads[1].push(3);
    await pass(0);
    assertEquals(read.items.at(-1), { address: a.address, value: 3 });
    b.reads[0].fail(new RpcError("unauthenticated", "who are you")); // will not pass
    await pass(60_000);
    assertEquals(b.reads.length, 1);
    await xclient.close();
    await read.ended;
    assertEquals(codeOf(read.error), "canceled");
  }));

Deno.test("a server that knows no streams fails with an error of its own", () =>
  withTaps(1, async ({ taps: [a], xclient, pass, world, discovery }) => {
    const go = new Server({ clock: world.clock });
    await go.listen("memory@go", { network: world.network, protocol: "netrpc/json" });
    discovery.update([a.address, "memory@go?protocol=netrpc/json"]);
    const read = collect(xclient.streamAll<number>("Tap.Read"));
    await pass(0);
    a.reads[0].push(1);
    a.reads[0].end();
    await pass(0);
    await read.ended;
    const [failed] = read.items.filter(({ error }) => error !== undefined);
    assertInstanceOf(failed.error, RpcError);
    assertEquals([failed.error.code, failed.error.execution], ["unimplemented", "not_sent"]);
    assertEquals(read.items.length, 2);
    await xclient.close();
    await go.close();
  }));
