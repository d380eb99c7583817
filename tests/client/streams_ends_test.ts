/** Every way in which a stream ends, as its caller and its handler see it. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { RpcError, TimeoutError } from "../../errors.ts";
import { assertFails, deferred, failure, inWorld, settled } from "../support/helpers.ts";
import { all, inScene, type Log, services, upTo } from "../support/streaming.ts";

Deno.test("a handler that wants no more of its argument tells the caller's iterator", () =>
  inScene(async ({ client, log }) => {
    assertEquals(await client.call("Count.FirstOf", upTo(1e6, log)), 1);
    await settled();
    assertEquals(log, ["argument left"]);
    assertEquals(await client.call("Count.Ignore", upTo(1e6, log)), "ignored");
    await settled();
    assertEquals(log, ["argument left", "argument left"]);
  }));

Deno.test("an argument that throws ends the call with its error; the handler hears why", () =>
  inScene(async ({ client, log }) => {
    const mine = new Error("disk full");
    const time = deferred();
    async function* broken() {
      yield 1;
      await time.promise;
      throw mine;
    }
    const stream = client.stream<number>("Count.Double", broken());
    assertEquals((await stream.next()).value, 2);
    time.resolve();
    assertStrictEquals(await failure(stream.next()), mine);
    await settled();
    assertEquals(log, ["broken: the caller gave Count.Double up: disk full", "left"]);
  }));

Deno.test("break, return(), throw() and dispose cancel: the handler is told", () =>
  inScene(async ({ client, log }) => {
    for await (const _ of client.stream("Count.To", 1e9)) break;
    await settled();
    assertEquals(log.splice(0), ["left"]);
    const hanging = client.stream("Count.Hang", 1);
    await hanging.next();
    await hanging.return();
    await settled();
    assertEquals(log.splice(0), ["left: the caller gave Count.Hang up"]);
    const thrown = client.stream("Count.To", 1e9);
    await thrown.next();
    await assertRejects(() => thrown.throw(new Error("mine")), Error, "mine");
    await settled();
    assertEquals(log.splice(0), ["left"]);
    {
      await using disposed = client.stream("Count.To", 1e9);
      await disposed.next();
    }
    await settled();
    assertEquals(log, ["left"]);
    assertEquals(client.inFlight, 0);
  }));

Deno.test("leaving a stream ends its argument, too", () =>
  inScene(async ({ client, log }) => {
    for await (const _ of client.stream("Count.Double", upTo(1e9, log))) break;
    await settled();
    assertEquals(log.sort(), ["argument left", "left"]);
  }));

Deno.test("an error of the handler stands behind its items; nothing is lost", () =>
  inScene(async ({ client }) => {
    const stream = client.stream("Count.Fail", 3);
    const items: unknown[] = [];
    const error = await failure((async () => {
      for await (const item of stream) items.push(item);
    })());
    assertEquals(items, [1, 2, 3]);
    assert(error instanceof RpcError);
    assertEquals([error.code, error.execution, error.message], [
      "not_found",
      "answered",
      "no more of it",
    ]);
    await assertFails(client.stream("Count.Fail", 0).next(), {
      code: "unavailable",
      execution: "rejected", // it has given no item
    });
  }));

Deno.test("a signal ends a stream at once, with its reason; the handler is told", () =>
  inScene(async ({ client, log }) => {
    const controller = new AbortController();
    const stream = client.stream("Count.To", 50, { signal: controller.signal });
    await stream.next();
    const hanging = client.stream("Count.Hang", 1, { signal: controller.signal });
    await hanging.next();
    const waiting = hanging.next();
    await settled();
    const reason = new Error("the user left");
    controller.abort(reason);
    assertStrictEquals(await failure(waiting), reason);
    assertEquals((await stream.next()).value, 2); // all of it had come already
    await settled();
    assertEquals(log, ["sent all", "left", "left: the caller gave Count.Hang up"]);
    const late = client.stream("Count.To", 5, { signal: controller.signal });
    assertStrictEquals(await failure(late.next()), reason);
    assertEquals((await late.next()).done, true);
  }));

Deno.test("a deadline holds for the whole stream, at both ends", () =>
  inScene(async ({ client, world, log }) => {
    const stream = client.stream("Count.Hang", 1, { timeoutMs: 500 });
    await stream.next();
    const waiting = failure(stream.next());
    await world.clock.advance(499);
    assertEquals(client.inFlight, 1);
    await world.clock.advance(1);
    const error = await waiting;
    assert(error instanceof TimeoutError);
    assertEquals(error.message, "Count.Hang at memory@a: the stream has not ended within 500 ms");
    assertEquals(error.execution, "unknown");
    await settled();
    assertEquals(log.length, 1);
    const none = await failure(client.stream("Count.To", 1, { timeoutMs: 0 }).next());
    assert(none instanceof TimeoutError && none.execution === "not_sent");
  }));

Deno.test("a deadline between items starts anew with each, and leaves slow readers alone", () =>
  inScene(async ({ client, world, log }) => {
    const stream = client.stream("Count.Hang", 1, { itemTimeoutMs: 100 });
    await stream.next();
    await world.clock.advance(1000); // nobody waits for an item
    const waiting = failure(stream.next());
    await world.clock.advance(100);
    const error = await waiting;
    assert(error instanceof TimeoutError);
    assertEquals(error.message, "Count.Hang at memory@a: no item within 100 ms");
    await settled();
    assertEquals(log, ["left: the caller gave Count.Hang up"]);
    assertEquals(client.inFlight, 0);
  }));

Deno.test("close() fails streams at once; with a grace it lets them end", () =>
  inWorld(async (world) => {
    const log: Log = [];
    const { address } = await world.serve("a", {}, services(log));
    const client = await world.dial(address);
    const stream = client.stream("Count.Hang", 1);
    await stream.next();
    const closed = client.close();
    await assertFails(stream.next(), { code: "canceled", execution: "unknown" });
    await closed;
    await assertFails(client.stream("Count.To", 1).next(), {
      code: "canceled",
      execution: "not_sent",
    });
    const other = await world.dial(address);
    const counted = other.stream<number>("Count.To", 5000);
    await counted.next();
    const graceful = other.close({ graceMs: 1000 });
    await assertFails(other.stream("Count.To", 1).next(), {
      code: "canceled",
      execution: "not_sent",
    });
    assertEquals((await all(counted)).length, 4999);
    await graceful;
    assertEquals(log.length, 3);
  }));

Deno.test("a lost connection stands behind the items that have come", () =>
  inWorld(async (world) => {
    const log: Log = [];
    const { address, server } = await world.serve("a", {}, services(log));
    const client = await world.dial(address);
    const stream = client.stream("Count.Hang", 1);
    await stream.next();
    const items = client.stream<number>("Count.To", 2000); // more than its window
    await items.next();
    await settled();
    await server.close({ graceMs: 0 });
    const read: number[] = [];
    const error = await failure((async () => {
      for await (const item of items) read.push(item);
    })()) as RpcError;
    assertEquals([error.code, error.execution], ["unavailable", "unknown"]);
    assertEquals(read, Array.from({ length: read.length }, (_, index) => index + 2));
    assert(read.length >= 1023, String(read.length));
    await assertFails(stream.next(), { code: "unavailable", execution: "unknown" });
    await client.closed;
  }));

Deno.test("a silent stream is not taken for a dead one: the server gives signs of life", () =>
  inScene(async ({ client, world }) => {
    const stream = client.stream("Count.Hang", 1);
    await stream.next();
    let isOver = false;
    stream.next().catch(() => {}).finally(() => isOver = true);
    for (let second = 0; second < 120; second++) await world.clock.advance(1000);
    assertEquals([isOver, client.available], [false, true]);
    await stream.return();
  }));

Deno.test("a deadline and a signal hold for calls whose argument is a stream", () =>
  inScene(async ({ client, world, log }) => {
    async function* slow(): AsyncGenerator<number> {
      try {
        yield 1;
        yield 2;
        await new Promise(() => {});
      } finally {
        log.push("argument left");
      }
    }
    const late = failure(client.call("Count.Sum", slow(), { timeoutMs: 100 }));
    await world.clock.advance(100);
    const error = await late;
    assert(error instanceof TimeoutError && error.message.includes("no reply within 100 ms"));
    const controller = new AbortController();
    const aborted = failure(client.call("Count.Sum", slow(), { signal: controller.signal }));
    await settled();
    controller.abort("enough");
    assertEquals(await aborted, "enough");
    await settled();
    assertEquals(client.inFlight, 0);
  }));
