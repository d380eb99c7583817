/** Streams while servers leave the list, drain or are ejected, and while the client closes. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { RpcError } from "../../../errors.ts";
import { SelectMode } from "../../../selector.ts";
import { collect, withTaps } from "../../support/streams.ts";

Deno.test("a server that leaves the list is read until its stream ends, then its connection is closed", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass, list, events }) => {
    const read = collect(xclient.stream("Tap.Read"));
    await pass(0);
    a.reads[0].push(1);
    await list([b]);
    await pass(10_000);
    a.reads[0].push(2);
    await pass(0);
    assertEquals(read.items, [1, 2]);
    assertEquals(world.network.connections(a.address), 1);
    a.reads[0].end();
    await read.ended;
    await pass(0);
    assertEquals(world.network.connections(a.address), 0);
    assert(events.includes("left a"));
  }));

Deno.test("a draining server lets a stream end in its grace; new ones go elsewhere", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const read = collect(xclient.stream("Tap.Read"));
    await pass(0);
    a.reads[0].push(1);
    await pass(0);
    const closed = a.site.server.close({ graceMs: 5000 });
    await pass(0);
    const other = collect(xclient.stream("Tap.Read"));
    await pass(0);
    assertEquals(b.reads.length, 1);
    a.reads[0].push(2);
    a.reads[0].end();
    await read.ended;
    assertEquals([read.items, read.error], [[1, 2], undefined]);
    b.reads[0].end();
    await other.ended;
    await pass(5000);
    await closed;
  }));

Deno.test("behind its grace a draining server ends streams; one without an item goes elsewhere if it may", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass, client }) => {
    const [second, third] = [client({}), client({})];
    const given = collect(xclient.stream("Tap.Read", 1, { idempotent: true }));
    const empty = collect(second.stream("Tap.Read", 2, { idempotent: true }));
    const once = collect(third.stream("Tap.Read", 3));
    await pass(0);
    assertEquals(a.reads.map(({ args }) => args), [1, 2, 3]);
    a.reads[0].push("item");
    await pass(0);
    const closed = a.site.server.close({ graceMs: 1000 });
    await pass(1000);
    await closed;
    assertInstanceOf(given.error, RpcError);
    assertEquals([given.error.code, given.error.execution], ["unavailable", "unknown"]);
    assertInstanceOf(once.error, RpcError);
    assertEquals([once.error.code, once.error.execution], ["unavailable", "unknown"]);
    assertEquals(b.reads.map(({ args }) => args), [2]);
    b.reads[0].end();
    await empty.ended;
    assertEquals(empty.error, undefined);
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
  }));

Deno.test("close gives streams its grace, and fails those that are left", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const [ends, stays] = [
      collect(xclient.stream("Tap.Read")),
      collect(xclient.stream("Tap.Read")),
    ];
    await pass(0);
    a.reads[0].push(1);
    b.reads[0].push(1);
    await pass(0);
    const closed = xclient.close({ graceMs: 1000 });
    await pass(500);
    a.reads[0].push(2);
    a.reads[0].end();
    await ends.ended;
    assertEquals([ends.items, ends.error], [[1, 2], undefined]);
    assertEquals(stays.isOver, false);
    await pass(500);
    await closed;
    assertInstanceOf(stays.error, RpcError);
    assertEquals(stays.error.code, "canceled");
    const late = collect(xclient.stream("Tap.Read"));
    await late.ended;
    assertInstanceOf(late.error, RpcError);
    assertEquals([late.error.code, late.error.execution], ["canceled", "not_sent"]);
  }));

Deno.test("streams that fail eject a server as calls do; the first item of one restores it", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass, events }) => {
    for (let n = 0; n < 4; n++) {
      const read = collect(xclient.stream("Tap.Read"));
      await pass(0);
      const tap = a.reads.at(-1)?.isOver === false ? a : b;
      if (tap === a) tap.reads.at(-1)!.fail(new RpcError("internal", "broken"));
      else tap.reads.at(-1)!.end();
      await read.ended;
    }
    assert(events.includes("ejected a"), events.join());
    await pass(1000);
    const trial = collect(xclient.stream("Tap.Read"));
    await pass(0);
    assertEquals(xclient.endpoints()[0].health, "trial");
    await pass(100);
    // It is no trial itself, which could take for ever: a call is.
    assertEquals(await xclient.call("Tap.Name"), "a");
    assertEquals(xclient.endpoints()[0].health, "healthy");
    a.reads.at(-1)!.push("well");
    await pass(0);
    assertEquals(xclient.endpoints()[0].health, "healthy");
    a.reads.at(-1)!.end();
    await trial.ended;
  }, { health: { failuresInARow: 2, ejectionMs: 1000 } }));

Deno.test("a stream counts as in flight for the policy, and not as a slow call", () =>
  withTaps(2, async ({ taps: [a, b], xclient, pass }) => {
    const reads = [collect(xclient.stream("Tap.Read"))];
    await pass(0);
    const first = a.reads.length === 1 ? a : b;
    const other = first === a ? b : a;
    reads.push(collect(xclient.stream("Tap.Read")));
    await pass(0);
    assertEquals([first.reads.length, other.reads.length], [1, 1]); // it had less in flight
    other.reads[0].end();
    await pass(600_000);
    // However old the stream is: the server is as fast as the other one.
    const names = new Set<unknown>();
    for (let n = 0; n < 20; n++) names.add(await xclient.call("Tap.Name"));
    assertEquals(xclient.endpoints().map(({ latencyMs }) => latencyMs), [0, 0]);
    assert(names.has(other.name));
    first.reads[0].end();
    for (const { ended } of reads) await ended;
  }, { mode: SelectMode.ShortestExpectedDelay }));
