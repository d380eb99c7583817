/** Streams as their callers see them: items, both ways, options and limits. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { TimeoutError } from "../../errors.ts";
import type { Network } from "../../transport.ts";
import { assertFails, deferred, failure, inWorld, settled } from "../support/helpers.ts";
import { all, inScene, services, upTo } from "../support/streaming.ts";

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
