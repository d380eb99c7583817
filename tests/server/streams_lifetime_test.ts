/** How long streams run at a server: limits, drain, idle connections, clients that are gone. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { method } from "../../mod.ts";
import type { CallContext } from "../../server.ts";
import { assertFails, deferred, failure, inWorld, settled } from "../support/helpers.ts";
import { z } from "../support/validators.ts";
import { all, endless } from "../support/streaming.ts";

Deno.test("streams count as calls that run, for maxInFlight and maxRunning, and in the figures", () =>
  inWorld(async (world) => {
    const { methods } = endless(1);
    const options = { maxInFlight: 2, maxRunning: 3 };
    const { address, server } = await world.serve("a", options, { Endless: methods });
    const client = await world.dial(address);
    const streams = [1, 2].map(() => client.stream("Endless.Go"));
    for (const stream of streams) await stream.next();
    assertEquals([server.running, server.figures().streams], [2, 2]);
    const waiting = client.call("Gate.Echo", 5);
    await settled();
    assertEquals(server.waiting, 1);
    await streams[0].return();
    assertEquals(await waiting, 5);
    await settled();
    assertEquals([server.running, server.figures().streams], [1, 1]);
    assert(server.figures().itemsSent >= 2);
    const other = await world.dial(address);
    const more = [1, 2].map(() => other.stream("Endless.Go"));
    for (const stream of more) await stream.next();
    const third = await world.dial(address);
    const how = { code: "resource_exhausted", execution: "rejected" } as const;
    await assertFails(third.stream("Endless.Go").next(), { ...how, message: "maxRunning" });
    await third.close();
    await client.close();
    await other.close();
  }));

Deno.test("an argument waits with its call when too many run, and is not lost", () =>
  inWorld(async (world) => {
    async function Sum(numbers: AsyncIterable<number>) {
      let sum = 0;
      for await (const number of numbers) sum += number;
      return sum;
    }
    const { address, gate } = await world.serve("a", { maxInFlight: 1 }, { Count: { Sum } });
    const client = await world.dial(address);
    const first = client.call("Gate.Wait");
    await gate.untilBegun(1);
    const sum = client.call("Count.Sum", ReadableStream.from([1, 2, 3]));
    const given = new AbortController();
    const up = failure(
      client.call("Count.Sum", ReadableStream.from([1]), { signal: given.signal }),
    );
    await settled();
    assertEquals(world.sites[0].server.figures().streams, 2);
    given.abort(new Error("enough"));
    await up;
    gate.begun[0].end.resolve("done");
    assertEquals([await first, await sum], ["done", 6]);
    await settled();
    assertEquals(world.sites[0].server.figures().streams, 0);
    await client.close();
  }));

Deno.test("a server that drains lets streams end for its grace", () =>
  inWorld(async (world) => {
    const next = [deferred<number>(), deferred<number>()];
    async function* Slow() {
      for (const one of next) yield await one.promise;
    }
    const { address, server } = await world.serve("a", {}, { Slow: { Items: Slow } });
    const client = await world.dial(address);
    const stream = client.stream("Slow.Items");
    next[0].resolve(1);
    await stream.next();
    const closed = server.close({ graceMs: 1000 });
    await settled();
    assertEquals(client.available, false);
    await assertFails(client.stream("Slow.Items").next(), { code: "unavailable" });
    next[1].resolve(2);
    assertEquals((await stream.next()).value, 2);
    assertEquals((await stream.next()).done, true);
    await closed;
  }));

Deno.test("when the grace is over, streams end as unavailable, and their handlers are told", () =>
  inWorld(async (world) => {
    const { state, methods } = endless(1);
    const { address, server } = await world.serve("a", {}, { Endless: methods });
    const client = await world.dial(address);
    const stream = client.stream("Endless.Go", null, { windowItems: 10 });
    await stream.next();
    const closed = server.close({ graceMs: 1000 });
    await world.clock.advance(999);
    await stream.next();
    await world.clock.advance(1);
    const error = await failure(all(stream));
    assert(error instanceof RpcError);
    assertEquals(
      [error.code, error.execution, error.message],
      ["unavailable", "unknown", "rpc server: the server has ended the stream"],
    );
    await closed;
    assertMatch(state.left[0], /is over/);
  }));

Deno.test("an idle connection with an open stream is not cut", () =>
  inWorld(async (world) => {
    const gate = deferred<void>();
    async function* Slow() {
      yield 1;
      await gate.promise;
      yield 2;
    }
    const { address } = await world.serve("a", { idleTimeoutMs: 1000 }, { Slow: { Items: Slow } });
    const client = await world.dial(address);
    const stream = client.stream("Slow.Items");
    await stream.next();
    await world.clock.advance(60_000);
    gate.resolve();
    assertEquals((await stream.next()).value, 2);
    assertEquals((await stream.next()).done, true);
    await client.close();
  }));

Deno.test("a client that is gone: its streams' handlers are told, and nothing is left", () =>
  inWorld(async (world) => {
    const { state, methods } = endless(1);
    const { address, server } = await world.serve("a", {}, { Endless: methods });
    const client = await world.dial(address);
    const stream = client.stream("Endless.Go");
    await stream.next();
    const taken = failure(client.call("Endless.Take", ReadableStream.from([1, 2])));
    await settled();
    await client.close();
    await taken;
    await settled();
    assertEquals(state.left.length, 1);
    assertEquals([server.running, server.figures().streams], [0, 0]);
  }));

Deno.test("ten thousand streams one after the other leave nothing behind", () =>
  inWorld(async (world) => {
    async function* Two() {
      yield 1;
      yield 2;
    }
    const { address, server } = await world.serve("a", {}, { Count: { Two } });
    const client = await world.dial(address);
    const some = async () => {
      for (let stream = 0; stream < 200; stream++) await all(client.stream("Count.Two"));
    };
    await Promise.all(Array.from({ length: 50 }, some));
    assertEquals([client.inFlight, server.running, server.figures().streams], [0, 0, 0]);
    assertEquals(server.figures().itemsSent, 20_000);
    await client.close();
  }));

Deno.test("who has sent items can't say any more that the call has done nothing", () =>
  inWorld(async (world) => {
    async function* Late(_args: unknown, ctx: CallContext) {
      yield 1;
      throw ctx.reject("no room", { code: "resource_exhausted", retryAfterMs: 50 });
    }
    const { address } = await world.serve("a", {}, { Count: { Late } });
    const client = await world.dial(address);
    const stream = client.stream("Count.Late");
    await stream.next();
    const error = await failure(stream.next()) as RpcError;
    assertEquals([error.code, error.execution], ["resource_exhausted", "answered"]);
    await client.close();
  }));

Deno.test("leaving a stream is told through checks and contexts, too", () =>
  inWorld(async (world) => {
    const { state, methods } = endless("a");
    const Go = method({ item: z.string() }, methods.Go);
    const options = { asyncContext: true };
    const { address } = await world.serve("a", options, { Checked: { Go }, Plain: methods });
    const client = await world.dial(address);
    for (const name of ["Checked.Go", "Plain.Go"]) {
      for await (const _ of client.stream(name)) break;
      await settled();
      assertEquals(state.left.splice(0), [`the caller gave ${name} up`]);
    }
    await client.close();
  }));
