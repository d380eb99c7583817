/** Streams as their callers see them: items, both ways, and every way in which they end. */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { Client } from "../../client.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import type { CallContext } from "../../server.ts";
import type { Network } from "../../transport.ts";
import {
  assertFails,
  deferred,
  failure,
  inWorld,
  settled,
  type World,
} from "../support/helpers.ts";

/** What the handlers of a scene have said of their ends. */
type Log = string[];

/** Handlers that stream, and tell how they ended. */
function services(log: Log) {
  return {
    Count: {
      async *To(most: number) {
        try {
          for (let number = 1; number <= most; number++) yield number;
          log.push("sent all");
        } finally {
          log.push("left");
        }
      },
      /** One item, and then nothing for as long as it is waited for. */
      async *Hang(first: unknown, ctx: CallContext) {
        try {
          yield first;
          await new Promise((_, reject) => {
            ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
          });
        } finally {
          log.push(`left: ${(ctx.signal.reason as Error)?.message}`);
        }
      },
      async *Fail(most: number, ctx: CallContext) {
        for (let number = 1; number <= most; number++) yield number;
        throw most === 0 ? ctx.reject("too busy") : new RpcError("not_found", "no more of it");
      },
      One: (args: unknown) => args,
      Later: (most: number) =>
        Promise.resolve(ReadableStream.from(Array.from({ length: most }, (_, index) => index))),
      async Sum(numbers: AsyncIterable<number>) {
        let sum = 0;
        for await (const number of numbers) sum += number;
        return sum;
      },
      async *Double(numbers: AsyncIterable<number>) {
        try {
          for await (const number of numbers) yield 2 * number;
        } catch (error) {
          log.push(`broken: ${(error as Error).message}`);
          throw error;
        } finally {
          log.push("left");
        }
      },
      async FirstOf(numbers: AsyncIterable<number>) {
        for await (const number of numbers) return number;
      },
      Ignore: (_numbers: AsyncIterable<number>) => "ignored",
      async *Wrong() {
        yield 1;
        yield () => {};
      },
    },
  };
}

interface Scene {
  client: Client;
  world: World;
  log: Log;
}

function inScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    const log: Log = [];
    const { address } = await world.serve("a", {}, services(log));
    const client = await world.dial(address);
    await body({ client, world, log });
    await client.close();
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** An argument that tells when its iterator was told to end. */
async function* upTo(most: number, log: Log = []) {
  try {
    for (let number = 1; number <= most; number++) yield number;
  } finally {
    log.push("argument left");
  }
}

Deno.test("items arrive in order, few or many, of generators and other iterables", () =>
  inScene(async ({ client, log }) => {
    assertEquals(await all(client.stream("Count.To", 3)), [1, 2, 3]);
    assertEquals(await all(client.stream("Count.To", 0)), []);
    const many = await all(client.stream<number>("Count.To", 20_000));
    assertEquals([many.length, many.at(-1)], [20_000, 20_000]);
    assertEquals(await all(client.stream("Count.Later", 5)), [0, 1, 2, 3, 4]);
    assertEquals(log, ["sent all", "left", "sent all", "left", "sent all", "left"]);
    assertEquals(client.inFlight, 0);
  }));

Deno.test("values arrive as they were, small and large, in both directions", () =>
  inWorld(async (world) => {
    const values = [1n, new Date(5), new Map([[1, new Set(["a"])]]), undefined, null, NaN, {
      bytes: new Uint8Array([1, 2, 3]),
      text: "x".repeat(10_000),
    }];
    const items = {
      async *[Symbol.asyncIterator]() {
        yield* values;
      },
    };
    const methods = { All: () => items, Echo: (args: AsyncIterable<unknown>) => args };
    const { address } = await world.serve("a", {}, { Values: methods });
    const client = await world.dial(address);
    assertEquals(await all(client.stream("Values.All")), values);
    assertEquals(await all(client.stream("Values.Echo", items)), values);
    await client.close();
  }));

Deno.test("a method that answers with one value is a stream of one item", () =>
  inScene(async ({ client }) => {
    assertEquals(await all(client.stream("Count.One", { a: 1 })), [{ a: 1 }]);
    assertEquals(await all(client.stream("Gate.Echo", 5)), [5]);
    await assertFails(client.stream("Gate.Fail", 1).next(), {
      code: "unknown",
      execution: "answered",
    });
    const missing = client.stream("No.Such").next();
    await assertFails(missing, { code: "unimplemented", execution: "rejected" });
  }));

Deno.test("call() of a method that answers with a stream fails, and the stream is ended", () =>
  inScene(async ({ client, log }) => {
    const how = { code: "failed_precondition", execution: "answered" } as const;
    await assertFails(client.call("Count.To", 3), { ...how, message: "call it by stream()" });
    await assertFails(client.call("Count.Later", 3), how);
    assertEquals(log, []); // a generator that was never asked has nothing to leave
  }));

Deno.test("an argument that is a stream, with call and with stream", () =>
  inScene(async ({ client, log }) => {
    assertEquals(await client.call("Count.Sum", upTo(10)), 55);
    assertEquals(await client.call("Count.Sum", upTo(0)), 0);
    assertEquals(await client.call("Count.Sum", upTo(10_000)), 50_005_000);
    const doubled = await all(client.stream<number>("Count.Double", upTo(5000)));
    assertEquals([doubled.length, doubled.at(-1)], [5000, 10_000]);
    assertEquals(log, ["left"]);
  }));

Deno.test("both directions go on at once: each item is answered before the next is sent", () =>
  inScene(async ({ client }) => {
    const next = [deferred<number>(), deferred<number>()];
    async function* asked() {
      for (const one of next) yield await one.promise;
    }
    const answers = client.stream<number>("Count.Double", asked());
    const first = answers.next();
    next[0].resolve(1);
    assertEquals(await first, { done: false, value: 2 });
    const second = answers.next();
    next[1].resolve(2);
    assertEquals((await second).value, 4);
    assertEquals((await answers.next()).done, true);
  }));

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

Deno.test("an argument with an item that can't be sent", () =>
  inScene(async ({ client, log }) => {
    async function* wrong() {
      try {
        yield 1;
        yield { a: [() => {}] };
      } finally {
        log.push("argument left");
      }
    }
    const call = client.call("Count.Sum", wrong());
    await assertFails(call, {
      code: "invalid_argument",
      message: "item 1 of the argument is refused",
    });
    await settled();
    assertEquals(log, ["argument left"]);
  }));

Deno.test("an item that can't be sent ends the stream behind those before it", () =>
  inScene(async ({ client }) => {
    const stream = client.stream("Count.Wrong");
    assertEquals((await stream.next()).value, 1);
    await assertFails(stream.next(), {
      code: "internal",
      execution: "answered",
      message: "item 1 is refused",
    });
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

Deno.test("streams count as calls in flight", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services([]));
    const client = await world.dial(address, { maxInFlight: 2 });
    const streams = [1, 2, 3].map((first) => client.stream("Count.Hang", first));
    assertEquals(client.inFlight, 0); // none was asked for an item
    await streams[0].next();
    await streams[1].next();
    assertEquals(client.inFlight, 2);
    await assertFails(streams[2].next(), { code: "resource_exhausted", execution: "not_sent" });
    await client.close();
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

Deno.test("wrong options are refused before anything is sent", () =>
  inScene(({ client }) => {
    assertThrows(() => client.stream("Count.To", 1, { windowItems: 0 }), RangeError, "windowItems");
    assertThrows(
      () => client.stream("Count.To", 1, { itemTimeout: 5 } as never),
      TypeError,
      "itemTimeoutMs",
    );
    return Promise.resolve();
  }));

Deno.test("defaults of the client hold for streams", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services([]));
    const client = await world.dial(address, { defaults: { timeoutMs: 300 } });
    const stream = client.stream("Count.Hang", 1);
    await stream.next();
    const waiting = failure(stream.next());
    await world.clock.advance(300);
    assert(await waiting instanceof TimeoutError);
    await client.close();
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

Deno.test("a reader that asks for items while an argument is encoded breaks nothing", () =>
  inScene(async ({ client }) => {
    const stream = client.stream<number>("Count.To", 5000);
    await stream.next();
    await settled();
    const args = {
      toJSON() {
        for (let item = 0; item < 900; item++) stream.next(); // gives credit back
        return "encoded";
      },
    };
    assertEquals(await client.call("Count.One", args), "encoded");
    assertEquals((await all(stream)).length, 5000 - 901);
  }));

Deno.test("many arguments on a connection that does not get on: a megabyte of items is buffered", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services([]));
    const held: (() => void)[] = [];
    let isSlow = false;
    const network: Network = {
      listen: () => Promise.reject(new Error("not used")),
      async connect(endpoint) {
        const inner = await world.network.connect(endpoint);
        return {
          remote: inner.remote,
          start: (receiver) => inner.start(receiver),
          close: () => inner.close(),
          async write(bytes) {
            if (isSlow) await new Promise<void>((done) => held.push(done));
            await inner.write(bytes);
          },
        };
      },
    };
    const client = await world.dial(address, { network });
    await client.call("Gate.Echo", 1);
    isSlow = true;
    let sent = 0;
    async function* large() {
      yield "x".repeat(100_000);
      sent++; // it is asked for the next one
      yield "the end";
    }
    const calls = Array.from({ length: 40 }, () => client.call("Count.Ignore", large()));
    await settled();
    assert(sent > 10 && sent < 14, `${sent} items of 100,000 bytes were encoded`);
    isSlow = false;
    held[0]();
    assertEquals(new Set(await Promise.all(calls)), new Set(["ignored"]));
    await client.close();
  }));
