/** Streams at a server: limits, drain, what is held, interceptors, checks, and those who know no streams. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { method, type ServerInterceptor, type StreamIterator } from "../../mod.ts";
import { type CallContext, Server } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import type { Network, Receiver, Transport } from "../../transport.ts";
import {
  assertFails,
  type Deferred,
  deferred,
  failure,
  inWorld,
  request,
  settled,
} from "../support/helpers.ts";
import { HANDSHAKE } from "../support/wire.ts";
import { type, v, z } from "../support/validators.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** A service of endless streams, which tells how many items were asked for, and of ends. */
function endless<T>(item: T) {
  const state = { asked: 0, left: [] as string[] };
  const methods = {
    async *Go(_args: unknown, ctx: CallContext) {
      try {
        for (;;) {
          state.asked++;
          yield item;
        }
      } finally {
        state.left.push(String((ctx.signal.reason as Error)?.message));
      }
    },
    Take: async (items: AsyncIterable<unknown>, ctx: CallContext) => {
      const iterator = items[Symbol.asyncIterator]();
      await iterator.next();
      await new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      });
    },
  };
  return { state, methods };
}

/** A network that counts the bytes on their way to each end. */
class CountingNetwork implements Network {
  readonly inner = new MemoryNetwork();
  /** Bytes that were written, at either end. */
  written = 0;

  async connect(...args: Parameters<Network["connect"]>): Promise<Transport> {
    return this.#counted(await this.inner.connect(args[0]));
  }

  listen(...[address, accept]: Parameters<Network["listen"]>) {
    return this.inner.listen(address, (transport) => accept(this.#counted(transport)));
  }

  #counted(transport: Transport): Transport {
    return {
      remote: transport.remote,
      start: (receiver) => transport.start(receiver),
      write: (bytes) => {
        this.written += bytes.length;
        return transport.write(bytes);
      },
      close: () => transport.close(),
    };
  }
}

/** A server and a client, with what is written between them counted. */
async function counted(methods: object) {
  const network = new CountingNetwork();
  const server = new Server();
  server.register("Endless", methods);
  const { address } = await server.listen("memory@a", { network });
  const client = await dial(address, { network });
  const end = async () => {
    await client.close();
    await server.close({ graceMs: 0 });
  };
  return { network, server, client, end };
}

Deno.test("a slow reader holds no more than its window, and holds up no other call", async () => {
  const { state, methods } = endless("x".repeat(1000));
  const { network, client, end } = await counted({ ...methods, Add: (n: number) => n + 1 });
  const stream = client.stream<string>("Endless.Go");
  await stream.next();
  for (let call = 0; call < 100; call++) {
    assertEquals(await client.call("Endless.Add", call), call + 1);
  }
  await settled();
  const window = 262_144;
  assert(network.written < window * 1.1, `${network.written} bytes for a reader of one item`);
  assert(network.written > window / 2, `${network.written} bytes`);
  const asked = state.asked;
  for (let call = 0; call < 100; call++) await client.call("Endless.Add", call);
  assertEquals(state.asked, asked); // the handler waits, too
  for (let item = 0; item < asked; item++) await stream.next(); // and goes on when it is read
  await settled();
  assert(state.asked > asked);
  await stream.return();
  await end();
});

Deno.test("many slow readers: each holds its own window", async () => {
  const { methods } = endless("x".repeat(1000));
  const { network, client, end } = await counted(methods);
  const options = { windowBytes: 10_000 };
  const streams = Array.from({ length: 20 }, () => client.stream("Endless.Go", null, options));
  for (const stream of streams) await stream.next();
  await settled();
  assert(network.written < 20 * 10_000 * 1.2, `${network.written} bytes`);
  await end();
});

Deno.test("a handler that does not read its argument is sent no more than its window", async () => {
  const { methods } = endless(null);
  const { network, client, end } = await counted(methods);
  async function* items() {
    for (;;) yield "y".repeat(1000);
  }
  const call = failure(client.call("Endless.Take", items()));
  await settled();
  await settled();
  assert(network.written < 262_144 * 1.1, `${network.written} bytes`);
  await end();
  assert(await call instanceof RpcError);
});

Deno.test("items larger than the window come through, alone", async () => {
  const { state, methods } = endless("z".repeat(100_000));
  const { network, client, end } = await counted(methods);
  const stream = client.stream<string>("Endless.Go", null, { windowBytes: 1000 });
  for (let item = 0; item < 5; item++) assertEquals((await stream.next()).value?.length, 100_000);
  await settled();
  assert(state.asked <= 7 && network.written < 700_000, `${state.asked} ${network.written}`);
  await stream.return();
  await end();
});

Deno.test("an item over maxMessageBytes ends its stream, not the connection", () =>
  inWorld(async (world) => {
    const { methods } = endless("x".repeat(5000));
    const { address } = await world.serve("a", { maxMessageBytes: 2000 }, { Endless: methods });
    const client = await world.dial(address);
    const how = { code: "resource_exhausted", execution: "answered" } as const;
    await assertFails(client.stream("Endless.Go").next(), { ...how, message: "item 0 is refused" });
    assertEquals(await client.call("Gate.Echo", 5), 5);
    const small = await world.dial(address, { maxMessageBytes: 100 });
    const { address: other } = await world.serve("b", {}, { Endless: methods });
    const reader = await world.dial(other, { maxMessageBytes: 100 });
    await assertFails(reader.stream("Endless.Go").next(), { code: "resource_exhausted" });
    assertEquals(await reader.call("Gate.Echo", 5), 5);
    for (const one of [client, small, reader]) await one.close();
  }));

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

Deno.test("interceptors stand around the whole stream, and may wrap it", () =>
  inWorld(async (world) => {
    const log: string[] = [];
    const doubling: ServerInterceptor = {
      async handle(call, next) {
        log.push(`begin ${call.serviceMethod}`);
        const items = await next(call) as AsyncIterable<number>;
        return (async function* () {
          try {
            for await (const item of items) yield 2 * item;
          } finally {
            log.push("end");
          }
        })();
      },
    };
    const refusing: ServerInterceptor["handle"] = (call, next) => {
      if (call.method === "Secret") throw call.context.reject("not for you", "permission_denied");
      return next(call);
    };
    async function* To(most: number) {
      for (let number = 1; number <= most; number++) yield number;
    }
    const interceptors = [doubling, refusing];
    const { address } = await world.serve("a", { interceptors }, { Count: { To, Secret: To } });
    const client = await world.dial(address);
    assertEquals(await all(client.stream("Count.To", 3)), [2, 4, 6]);
    const how = { code: "permission_denied", execution: "rejected" } as const;
    await assertFails(client.stream("Count.Secret", 3).next(), how);
    for await (const _ of client.stream("Count.To", 1e9)) break;
    await settled();
    assertEquals(log, [
      "begin Count.To",
      "end",
      "begin Count.Secret",
      "begin Count.To",
      "end",
    ]);
    await client.close();
  }));

Deno.test("items are checked by schemas, those of the answer and those of the argument", () =>
  inWorld(async (world) => {
    for (
      const [name, number, text] of [
        ["zod", z.number(), z.string()],
        ["valibot", v.number(), v.string()],
        ["arktype", type("number"), type("string")],
      ] as const
    ) {
      const errors: unknown[] = [];
      const methods = {
        Words: method({ args: number, item: text } as never, async function* (most: number) {
          for (let index = 0; index < most; index++) yield index < 2 ? `word ${index}` : index;
        }),
        Sum: method({ argsItem: number } as never, async (numbers: AsyncIterable<number>) => {
          let sum = 0;
          for await (const number of numbers) sum += number;
          return sum;
        }),
        Single: method({ item: text } as never, () => "no stream" as never),
      };
      const options = { onError: (error: unknown) => errors.push(error) };
      const { address } = await world.serve(name, options, { Checked: methods });
      const client = await world.dial(address);
      assertEquals(await all(client.stream("Checked.Words", 2)), ["word 0", "word 1"]);
      const wrong = client.stream("Checked.Words", 3);
      assertEquals([await wrong.next(), await wrong.next()].map(({ value }) => value), [
        "word 0",
        "word 1",
      ]);
      await assertFails(wrong.next(), { code: "internal", execution: "answered" });
      await settled();
      assertMatch(String(errors[0]), /Checked\.Words: item\[2\]: /);
      const how = { code: "invalid_argument", execution: "rejected" } as const;
      await assertFails(client.stream("Checked.Words", "x").next(), how);
      assertEquals(await client.call("Checked.Sum", ReadableStream.from([1, 2, 3])), 6);
      const sum = client.call("Checked.Sum", ReadableStream.from([1, "two", 3]));
      await assertFails(sum, {
        code: "invalid_argument",
        execution: "answered",
        message: "Checked.Sum: args[1]: ",
      });
      await assertFails(client.call("Checked.Sum", 5), { ...how, message: "a stream of items" });
      await assertFails(client.stream("Checked.Single").next(), { code: "internal" });
      await client.close();
    }
  }));

Deno.test("where the protocol has no streams, both ends say so", async () => {
  const { methods } = endless(1);
  for (const protocol of ["geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
    await inWorld(async (world) => {
      const server = new Server({ clock: world.clock });
      server.register("Endless", methods);
      const listening = { network: world.network, protocol };
      const { address } = await server.listen("memory@other", listening);
      const client = await world.dial(address, { protocol });
      const how = { code: "unimplemented", execution: "not_sent" } as const;
      await assertFails(client.stream("Endless.Go").next(), { ...how, message: "has no streams" });
      await assertFails(client.call("Endless.Take", ReadableStream.from([1])), how);
      await assertFails(client.call("Endless.Go"), { message: "answers with a stream" });
      await client.close();
      await server.close();
    });
  }
});

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

Deno.test("a handler that asks for its argument's next item while a reply is encoded breaks nothing", () =>
  inWorld(async (world) => {
    const Odd = (items: StreamIterator<number>) => {
      let asked = 0;
      const next = () => {
        for (; asked < 600; asked++) items.next();
        return "odd";
      };
      return new Promise((resolve) => {
        items.next().then(() => resolve({ toJSON: next }));
      });
    };
    const { address } = await world.serve("a", {}, { Count: { Odd } });
    const client = await world.dial(address);
    async function* many() {
      for (let number = 0; number < 5000; number++) yield number;
    }
    assertEquals(await client.call("Count.Odd", many()), "odd");
    assertEquals(await client.call("Gate.Echo", 5), 5);
    await client.close();
  }));

Deno.test("calls that a stream's handler makes between items inherit from its call", async () => {
  const network = new MemoryNetwork();
  const clock = new FakeClock();
  const back = new Server({ clock });
  back.register("Back", { Meta: (_args: unknown, ctx: CallContext) => ctx.deadline !== undefined });
  const { address: behind } = await back.listen("memory@back", { network });
  const client = await dial(behind, { network, clock, inherit: true });
  const front = new Server({ clock, asyncContext: true });
  front.register("Front", {
    async *Items() {
      yield await client.call("Back.Meta");
      yield await client.call("Back.Meta");
    },
  });
  const { address } = await front.listen("memory@front", { network });
  const user = await dial(address, { network, clock });
  assertEquals(await all(user.stream("Front.Items", null, { timeoutMs: 5000 })), [true, true]);
  for (const one of [user, client, front, back]) await one.close();
});

Deno.test("a stream that is a promise as well is read item by item where that was asked for", () =>
  inWorld(async (world) => {
    const Cursor = () => ({
      then: (resolve: (value: number[]) => void) => resolve([1, 2]),
      async *[Symbol.asyncIterator]() {
        yield 1;
        yield 2;
      },
    });
    const { address } = await world.serve("a", {}, { Db: { Cursor } });
    const client = await world.dial(address);
    assertEquals(await all(client.stream("Db.Cursor")), [1, 2]);
    assertEquals(await client.call("Db.Cursor"), [1, 2]);
    await client.close();
  }));

Deno.test("arguments of calls that wait count as what waits: what is too much is turned away", () =>
  inWorld(async (world) => {
    const options = { maxInFlight: 1, maxMessageBytes: 20_000 };
    const Ignore = (_items: AsyncIterable<unknown>) => "ignored";
    const { address, gate, server } = await world.serve("a", options, { Count: { Ignore } });
    const client = await world.dial(address);
    const first = client.call("Gate.Wait");
    await gate.untilBegun(1);
    async function* blocks() {
      for (let block = 0; block < 100; block++) yield "x".repeat(1000);
    }
    const calls = Array.from({ length: 20 }, () => client.call("Count.Ignore", blocks()));
    const outcomes = Promise.allSettled(calls);
    for (let ms = 0; ms < 5000; ms += 100) await world.clock.advance(100);
    const { maxMessageBytes } = server.figures().refused;
    assert(maxMessageBytes > 0 && maxMessageBytes <= 20, `${maxMessageBytes} were turned away`);
    gate.begun[0].end.resolve("done");
    assertEquals(await first, "done");
    for (const outcome of await outcomes) {
      if (outcome.status === "fulfilled") assertEquals(outcome.value, "ignored");
      else {assertEquals([outcome.reason.code, outcome.reason.execution], [
          "resource_exhausted",
          "rejected",
        ]);}
    }
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

Deno.test("an argument's item over the server's limit ends the argument, not the connection", () =>
  inWorld(async (world) => {
    const errors: unknown[] = [];
    const Take = async (items: AsyncIterable<unknown>) => {
      let taken = 0;
      try {
        for await (const _ of items) taken++;
      } catch (error) {
        errors.push(error);
      }
      return taken;
    };
    const { address } = await world.serve("a", { maxMessageBytes: 1000 }, { Count: { Take } });
    const client = await world.dial(address);
    for (const large of ["x".repeat(2000), "x".repeat(5000), new Uint8Array(2000)]) {
      assertEquals(await client.call("Count.Take", ReadableStream.from([1, large, 2])), 1);
      const error = errors.pop() as RpcError;
      assertEquals(error.code, "resource_exhausted");
      assertMatch(
        error.message,
        /an item of the argument of Count\.Take is over the limit of 1000 /,
      );
    }
    assertEquals(await client.call("Gate.Echo", 5), 5);
    await client.close();
  }));

Deno.test("of many streams that a client does not read from its socket a message's worth is held", async () => {
  const { methods } = endless("x".repeat(1000));
  const server = new Server({ maxMessageBytes: 50_000 });
  server.register("Endless", methods);
  let receiver!: Receiver;
  const writes: { bytes: number; done: Deferred<void> }[] = [];
  const network: Network = {
    connect: () => Promise.reject(new Error("not used")),
    listen: (endpoint, accept) => {
      accept({
        remote: "memory@slow",
        start: (started) => receiver = started,
        write: (bytes) => {
          const done = deferred();
          writes.push({ bytes: bytes.length, done });
          return done.promise;
        },
        close: () => {},
      });
      return Promise.resolve({ address: endpoint.address, close: () => Promise.resolve() });
    },
  };
  await server.listen("memory@slow", { network });
  const requests = Array.from(
    { length: 100 },
    (_, index) => request(index + 1, "Endless.Go", null, { Stream: true }),
  );
  receiver.data(new TextEncoder().encode(HANDSHAKE + requests.join("")));
  for (let write = 0; write < 5; write++) {
    await settled();
    assertEquals(writes.length, write + 1);
    // What is being written, and what is held for the next write.
    const { itemsSent } = server.figures();
    assert(itemsSent * 1000 < 60_000 * (write + 2), `${itemsSent} items at write ${write}`);
    writes[write].done.resolve();
  }
  await server.close({ graceMs: 0 });
  for (const { done } of writes) done.resolve();
});
