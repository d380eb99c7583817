/** The server: what it offers, what it limits, and how it ends. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { dial } from "../client.ts";
import { type CallContext, Server } from "../server.ts";
import type { ParsedAddress } from "../address.ts";
import type { Network, Receiver, Transport } from "../transport.ts";
import {
  assertFails,
  assertFailure,
  type Deferred,
  deferred,
  failure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "./support/helpers.ts";

Deno.test("register: an object's own functions, without inherited ones", () =>
  inWorld(async (world) => {
    const Own = {
      Do: () => "done",
      value: 7,
      get Getter() {
        return () => 1;
      },
    }; // deno-fmt-ignore
    const { address } = await world.serve("a", {}, { Own });
    const client = await world.dial(address);
    assertEquals(await client.call("Own.Do"), "done");
    const others = ["toString", "hasOwnProperty", "__proto__", "constructor", "value", "Getter"];
    for (const method of [...others, "__defineGetter__", "do", "Do.", ""]) {
      await assertFails(client.call(`Own.${method}`), {
        code: "unimplemented",
        execution: "rejected",
        serviceMethod: `Own.${method}`,
      });
    }
    await client.close();
  }));

Deno.test("register: an instance's methods and those of its classes, called on it", () =>
  inWorld(async (world) => {
    class Base {
      #secret = 40;
      get secret() {
        return this.#secret;
      }
      Inherited() {
        return this.secret;
      }
      Overridden() {
        return "base";
      }
    }
    class Derived extends Base {
      static Static() {}
      Own(args: number) {
        return this.secret + args;
      }
      override Overridden() {
        return "derived";
      }
      Field = () => "field";
    }
    const { address } = await world.serve("a", {}, { Derived: new Derived() });
    const client = await world.dial(address);
    assertEquals(await client.call("Derived.Own", 2), 42);
    assertEquals(await client.call("Derived.Inherited"), 40);
    assertEquals(await client.call("Derived.Overridden"), "derived");
    assertEquals(await client.call("Derived.Field"), "field");
    for (const method of ["constructor", "Static", "secret", "toString"]) {
      await assertFails(client.call(`Derived.${method}`), { execution: "rejected" });
    }
    await client.close();
  }));

Deno.test("register: a class or a function offers its own, and nothing of every function's", () =>
  inWorld(async (world) => {
    class Static {
      static Do() {
        return "done";
      }
    }
    const Callable = Object.assign(() => "called", { Do: () => "done" });
    const { address } = await world.serve("a", {}, { Static, Callable });
    const client = await world.dial(address);
    for (const service of ["Static", "Callable"]) {
      assertEquals(await client.call(`${service}.Do`), "done");
      for (const method of ["toString", "call", "apply", "bind"]) {
        await assertFails(client.call(`${service}.${method}`), { code: "unimplemented" });
      }
    }
    await client.close();
  }));

Deno.test("register: a service name with dots", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, { "shop.Cart": { Add: (n: number) => n } });
    const client = await world.dial(address);
    assertEquals(await client.call("shop.Cart.Add", 3), 3);
    await assertFails(client.call("shop.Cart"), { message: "can't find service shop" });
    await client.close();
  }));

Deno.test("register refuses no name, a name that is taken, and no methods", () => {
  const server = new Server();
  server.register("A", { Do() {} });
  assertThrows(() => server.register("", { Do() {} }), TypeError, "needs a name");
  assertThrows(() => server.register("A", { Do() {} }), TypeError, "A is registered already");
  assertThrows(() => server.register("B", {}), TypeError, "service B has no methods");
  assertThrows(() => server.register("C", { value: 1 }), TypeError, "service C has no methods");
});

Deno.test("register says what it got in place of a service, and what a schema names in vain", () => {
  const server = new Server();
  class Arith {
    Sum() {}
  }
  const wrong: [service: unknown, message: string][] = [
    [
      Arith,
      "service S has no methods: want an object of functions or an instance of a class, " +
      "got the class or function Arith: register an instance of it",
    ],
    [null, "got null"],
    ["text", "got a string"],
    [7, "got a number"],
    [{}, "got an object without any"],
  ];
  for (const [service, message] of wrong) {
    assertThrows(() => server.register("S", service as object), TypeError, message);
  }
  const schema = { Sum: {}, Product: {} };
  assertThrows(
    () => server.register("S", { Sum: () => {}, Difference: () => {} } as never, { schema }),
    TypeError,
    "service S has no method Product, which its schema names; it has Sum, Difference",
  );
  server.register("S", new Arith()); // a name that was refused is free
});

Deno.test("a handler knows its call", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = client.call("Gate.Wait", 1, { timeoutMs: 1000, meta: { token: "t" } });
    await gate.untilBegun(1);
    const { ctx } = gate.begun[0];
    assertEquals(ctx.serviceMethod, "Gate.Wait");
    assertEquals({ ...ctx.meta }, { token: "t" });
    assertEquals(ctx.remote, "memory@client");
    assert(ctx.deadline instanceof Date && !ctx.signal.aborted);
    gate.begun[0].end.resolve("fine");
    assertEquals(await call, "fine");
    assert(!ctx.signal.aborted); // a call that ended well is not aborted
    await client.close();
    await settled();
    assert(!ctx.signal.aborted);
  }));

Deno.test("a deadline beyond all dates is the last of them", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1, { Timeout: 1e300 }));
    await gate.untilBegun(1);
    const { ctx } = gate.begun[0];
    assertEquals([ctx.deadline?.getTime(), ctx.signal.aborted], [8.64e15, false]);
    peer.close();
    await gate.untilAborted(1);
  }));

Deno.test("a handler that asks late for its signal finds it aborted", () =>
  inWorld(async (world) => {
    const contexts: CallContext[] = [];
    const go = deferred();
    const Late = {
      Do: async (_: unknown, ctx: CallContext) => {
        contexts.push(ctx);
        await go.promise;
      },
    };
    const { address } = await world.serve("a", {}, { Late });
    const client = await world.dial(address);
    const controller = new AbortController();
    const call = failure(client.call("Late.Do", 1, { signal: controller.signal }));
    await settled();
    controller.abort();
    await call;
    await settled();
    assert(contexts[0].signal.aborted);
    assertFailure(contexts[0].signal.reason, { code: "canceled" });
    go.resolve();
    await client.close();
  }));

Deno.test("a lost connection aborts its handlers, and no others", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const [one, two] = await Promise.all([world.dial(address), world.dial(address)]);
    const lost = failure(one.call("Gate.Wait", 1));
    const kept = two.call("Gate.Wait", 2);
    await gate.untilBegun(2);
    await one.close();
    await lost;
    await gate.untilAborted(1);
    const other = gate.begun.find(({ args }) => args === 2)!;
    assert(!other.ctx.signal.aborted);
    other.end.resolve("kept");
    assertEquals(await kept, "kept");
    await two.close();
  }));

Deno.test("maxInFlight: no more calls run on one connection, whatever comes in one read", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 3 });
    const client = await world.dial(address);
    const other = await world.dial(address);
    const calls = Array.from({ length: 10 }, (_, n) => client.call("Gate.Wait", n));
    await settled();
    assertEquals(gate.begun.map(({ args }) => args), [0, 1, 2]);
    assertEquals(await other.call("Gate.Echo", "not held up"), "not held up");
    for (let n = 0; n < 10; n++) {
      gate.begun[n].end.resolve(n);
      await settled();
      assertEquals(gate.begun.length, Math.min(10, n + 4));
    }
    assertEquals(await Promise.all(calls), calls.map((_, n) => n));
    await client.close();
    await other.close();
  }));

Deno.test("maxInFlight: a call that waits can be cancelled, and then never runs", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + [1, 2, 3].map((n) => request(n, "Gate.Wait", n)).join("") +
        '{"ServiceMethod":"","Seq":2,"Cancel":true}\nnull\n',
    );
    await gate.untilBegun(1);
    gate.begun[0].end.resolve("one");
    await gate.untilBegun(2);
    assertEquals(gate.begun.map(({ args }) => args), [1, 3]);
    gate.begun[1].end.resolve("three");
    const lines = await peer.untilLines(4);
    assertEquals([lines[1], lines[3]], ['"one"', '"three"']);
    peer.close();
  }));

Deno.test("maxInFlight: calls that wait when the connection ends never run", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const client = await world.dial(address);
    const calls = [1, 2].map((n) => failure(client.call("Gate.Wait", n)));
    await gate.untilBegun(1);
    await client.close();
    await Promise.all(calls);
    await gate.untilAborted(1);
    gate.begun[0].end.resolve("too late");
    await settled();
    assertEquals(gate.begun.length, 1);
  }));

Deno.test("a Seq that runs already is refused", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1) + request(1, "Gate.Wait", 2));
    const { Code, Rejected } = JSON.parse((await peer.untilLines(2))[0]);
    assertEquals([Code, Rejected], ["invalid_argument", true]);
    assertEquals(gate.begun.length, 1);
    peer.close();
    await gate.untilAborted(1);
  }));

Deno.test("maxInFlight: a client's cancels and its end are heard behind calls that wait", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxInFlight: 2 });
    const client = await world.dial(address);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = Array.from(
      { length: 5 },
      (_, n) => failure(client.call("Gate.Wait", n, { signal })),
    );
    const lost = Array.from({ length: 5 }, (_, n) => failure(client.call("Gate.Wait", 5 + n)));
    await gate.untilBegun(2);
    controller.abort("enough");
    assertEquals(await Promise.all(aborted), Array(5).fill("enough"));
    await gate.untilAborted(2);
    for (const { end } of gate.begun.slice(0, 2)) end.resolve("given up");
    await gate.untilBegun(4);
    assertEquals(gate.begun.map(({ args }) => args), [0, 1, 5, 6]);
    assertEquals(gate.aborted.length, 2);
    await client.close();
    await Promise.all(lost);
    await settled();
    assertEquals([gate.begun.length, gate.aborted.length, server.connections], [4, 4, 0]);
  }));

Deno.test("maxInFlight: a handler counts until it ends, whatever became of its call", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 3 });
    const client = await world.dial(address);
    const controller = new AbortController();
    const { signal } = controller;
    const cancelled = failure(client.call("Gate.Wait", "cancelled", { signal }));
    const late = failure(client.call("Gate.Wait", "late", { timeoutMs: 10 }));
    const running = client.call("Gate.Wait", "running");
    const waiting = ["first", "second"].map((name) => client.call("Gate.Wait", name));
    await gate.untilBegun(3);
    controller.abort("enough");
    await world.clock.advance(10);
    await Promise.all([cancelled, late]);
    await gate.untilAborted(2);
    await settled();
    assertEquals(gate.begun.length, 3);
    gate.begun[0].end.resolve("for nobody");
    await gate.untilBegun(4);
    gate.begun[1].end.reject(new Error("for nobody"));
    await gate.untilBegun(5);
    assertEquals(gate.begun.slice(3).map(({ args }) => args), ["first", "second"]);
    for (const { args, end } of gate.begun.slice(2)) end.resolve(args);
    assertEquals(await Promise.all([running, ...waiting]), ["running", "first", "second"]);
    await client.close();
  }));

Deno.test("maxInFlight: what waits has a limit, past which no more is read", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1, maxMessageBytes: 1000 });
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1));
    for (let seq = 2; seq <= 20; seq++) {
      await peer.write(request(seq, "Gate.Wait", "x".repeat(300)));
    }
    await peer.write("nonsense\n"); // would end the connection if it were read
    await settled();
    assert(!peer.isOver);
    assertEquals(gate.begun.length, 1);
    for (let n = 0; !peer.isOver; n++) {
      await gate.untilBegun(n + 1);
      gate.begun[n].end.resolve(n);
      await settled();
    }
    assert(gate.begun.length > 12, `${gate.begun.length} calls were read before`);
  }));

Deno.test("maxInFlight: a call that waits keeps the deadline it came with", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + request(1, "Gate.Wait", 1) + request(2, "Gate.Wait", 2, { Timeout: 100 }) +
        request(3, "Gate.Wait", 3, { Timeout: 300, Meta: { user: "ann" } }),
    );
    await gate.untilBegun(1);
    await world.clock.advance(100);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    const { args, ctx } = gate.begun[1];
    assertEquals([args, { ...ctx.meta }], [3, { user: "ann" }]);
    const { Seq, Code, Rejected } = JSON.parse((await peer.untilLines(4))[2]);
    assertEquals([Seq, Code, Rejected], [2, "deadline_exceeded", true]);
    await world.clock.advance(199);
    assert(!ctx.signal.aborted);
    await world.clock.advance(1);
    assert(ctx.signal.aborted);
    peer.close();
  }));

Deno.test("maxInFlight: a Seq that waits already is refused", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await rawClient(world.network, address);
    await peer.write(option() + [1, 2, 2].map((n) => request(n, "Gate.Wait", n)).join(""));
    const { Seq, Code, Rejected } = JSON.parse((await peer.untilLines(2))[0]);
    assertEquals([Seq, Code, Rejected], [2, "invalid_argument", true]);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    assertEquals(gate.begun.map(({ args }) => args), [1, 2]);
    peer.close();
    await gate.untilAborted(1);
  }));

Deno.test("a connection that closes in the middle of a read runs no call behind it", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxMessageBytes: 600 }, {
      Long: {
        Fail: () => {
          throw new Error("x".repeat(1000)); // in gob it can't be told within the limit
        },
      },
    });
    const client = await world.dial(address, { protocol: "geerpc/gob", handleTimeoutMs: 1000 });
    assertEquals(await client.call("Gate.Echo", 1), 1);
    const calls = ["Long.Fail", "Gate.Wait", "No.Method"].map((name) => client.call(name, 1));
    for (const call of calls) await assertFails(call, { code: "unavailable" });
    assertEquals([gate.begun.length, server.connections, world.clock.timers], [0, 0, 0]);
  }));

/** A network on which the server's writes end when the test lets them. */
class SlowReader implements Network {
  receiver!: Receiver;
  readonly writes: { bytes: number; done: Deferred<void> }[] = [];
  #accept!: (transport: Transport) => void;
  isClosed = false;

  connect(): never {
    throw new Error("not used");
  }

  listen(endpoint: ParsedAddress, accept: (transport: Transport) => void) {
    this.#accept = accept;
    return Promise.resolve({ address: endpoint.address, close: () => Promise.resolve() });
  }

  /** Connects a client that reads nothing. */
  begin(): void {
    this.#accept({
      remote: "memory@slow",
      start: (receiver) => this.receiver = receiver,
      write: (bytes) => {
        const done = deferred();
        this.writes.push({ bytes: bytes.length, done });
        return done.promise;
      },
      close: () => this.isClosed = true,
    });
  }

  send(text: string): Promise<void> | void {
    return this.receiver.data(new TextEncoder().encode(text));
  }
}

Deno.test("a client that does not read its replies is not read from either", async () => {
  const network = new SlowReader();
  const server = new Server();
  const reply = "x".repeat(10_000);
  let calls = 0;
  server.register("Big", { Get: () => (calls++, reply), Later: () => Promise.resolve(reply) });
  await server.listen("memory@slow", { network });
  network.begin();

  assertEquals(network.send(option() + request(1, "Big.Get", null)), undefined);
  assertEquals(network.writes.length, 1); // it is under way, and stays so
  const wait = network.send(request(2, "Big.Get", null));
  assert(wait instanceof Promise); // read no further
  let isReady = false;
  wait.then(() => isReady = true);
  await settled();
  assert(!isReady);
  assertEquals([calls, network.writes.length], [2, 1]);

  network.writes[0].done.resolve();
  await settled();
  assertEquals(network.writes.length, 2);
  assert(isReady);
  network.writes[1].done.resolve();
  await settled();

  // Replies that come later are held too, but no more calls are read for them.
  network.send(request(3, "Big.Get", null));
  const later = network.send([4, 5, 6].map((n) => request(n, "Big.Later", null)).join(""));
  await settled();
  const pings = network.send('{"ServiceMethod":"","Seq":7,"Ping":true}\nnull\n');
  assert(later instanceof Promise || pings instanceof Promise);
  await server.close({ graceMs: 0 });
  assert(network.isClosed);
});

Deno.test("calls of one read wait when the client does not read their replies", async () => {
  const network = new SlowReader();
  const server = new Server({ maxMessageBytes: 50_000 });
  const reply = "x".repeat(10_000);
  let calls = 0;
  server.register("Big", { Get: () => (calls++, reply), Fine: () => "fine" });
  await server.listen("memory@slow", { network });
  network.begin();

  const count = 100;
  const seqs = Array.from({ length: count }, (_, n) => n + 1);
  const wait = network.send(option() + seqs.map((n) => request(n, "Big.Get", null)).join(""));
  assert(calls < 7, `${calls} ran`);
  let most = 0;
  for (let n = 0; n < network.writes.length; n++) {
    const before = calls;
    network.writes[n].done.resolve();
    await settled();
    most = Math.max(most, calls - before);
  }
  await wait;
  assertEquals(calls, count);
  assert(most < 7, `${most} ran at once`);
  const bytes = network.writes.reduce((sum, write) => sum + write.bytes, 0);
  assert(bytes > count * reply.length && bytes < count * (reply.length + 100), `${bytes} bytes`);
  await server.close({ graceMs: 0 });
});

Deno.test("calls that wait do not run while the client does not read the others' replies", async () => {
  const network = new SlowReader();
  const server = new Server({ maxInFlight: 2, maxMessageBytes: 50_000 });
  const reply = "x".repeat(10_000);
  let calls = 0;
  server.register("Big", { Get: () => (calls++, Promise.resolve(reply)) });
  await server.listen("memory@slow", { network });
  network.begin();
  const seqs = Array.from({ length: 100 }, (_, n) => n + 1);
  network.send(option() + seqs.map((n) => request(n, "Big.Get", null)).join(""));
  await settled();
  assert(calls < 20, `${calls} ran`);
  for (let n = 0; n < network.writes.length; n++) {
    network.writes[n].done.resolve();
    await settled();
  }
  assertEquals(calls, 100);
  await server.close({ graceMs: 0 });
});

Deno.test("an HTTP request is answered once, whatever comes behind it", async () => {
  const network = new SlowReader();
  const server = new Server();
  await server.listen("memory@slow", { network });
  network.begin();
  for (let n = 0; n < 5; n++) network.send("GET / HTTP/1.0\n\n");
  assertEquals(network.writes.length, 1);
  network.writes[0].done.resolve();
  await settled();
  assert(network.isClosed);
  await server.close();
});

Deno.test("a client that is given up and reads nothing is read from no more", async () => {
  const network = new SlowReader();
  const server = new Server();
  await server.listen("memory@slow", { network });
  network.begin();
  const wait = network.send(option() + "nonsense\n");
  assert(wait instanceof Promise);
  await settled();
  network.writes[0].done.resolve();
  await wait;
  assert(network.isClosed);
  assertEquals(server.connections, 0);
  await server.close();
});

Deno.test("close: running calls have their grace, then are aborted", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    const lost = failure(calls[1]);
    await gate.untilBegun(2);
    let isClosed = false;
    const closing = server.close({ graceMs: 1000 }).then(() => isClosed = true);
    await settled();
    assert(!client.available);
    await assertFails(client.call("Gate.Echo"), { code: "unavailable", execution: "not_sent" });
    gate.begun[0].end.resolve("in time");
    assertEquals(await calls[0], "in time");
    await world.clock.advance(999);
    assert(!isClosed && gate.aborted.length === 0);
    await world.clock.advance(1);
    await closing;
    assertFailure(await lost, { code: "unavailable", execution: "unknown", address });
    assertEquals(gate.aborted.length, 1);
  }));

Deno.test("close: a grace that is no duration is refused, and nothing ends", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = client.call("Gate.Wait", 1);
    await gate.untilBegun(1);
    for (const graceMs of [NaN, -1]) {
      await assertRejects(() => server.close({ graceMs }), RangeError, "graceMs");
    }
    gate.begun[0].end.resolve("fine");
    assertEquals(await call, "fine");
    assertEquals(await client.call("Gate.Echo", "open"), "open");
    await client.close();
  }));

Deno.test("close: a second close with less grace hurries the first", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const lost = failure(client.call("Gate.Wait"));
    await gate.untilBegun(1);
    const first = server.close();
    await settled();
    await server.close({ graceMs: 0 });
    await first;
    assertFailure(await lost, { code: "unavailable", execution: "unknown" });
    await server[Symbol.asyncDispose]();
  }));

Deno.test("close: idle clients are told and close themselves; nobody is accepted any more", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const client = await world.dial(address);
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await server.close();
    await client.closed;
    await assertFails(world.dial(address), { code: "unavailable", address });
    await assertRejects(() => server.listen("memory@b", world), TypeError, "closed");
  }));

Deno.test("close: a connection without a handshake is just closed", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(" ".repeat(100));
    await settled();
    await server.close();
    await peer.ended;
    assertEquals(peer.text, "");
  }));

Deno.test("HandleTimeout is what dial says", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { handleTimeoutMs: 1500 });
    const call = failure(client.call("Gate.Wait"));
    await gate.untilBegun(1);
    await world.clock.advance(1500);
    const error = await call;
    assertFailure(error, { code: "deadline_exceeded", execution: "answered", address });
    assertEquals(error.message, "rpc server: request handle timeout: expect within 1.5s");
    assertEquals(gate.aborted.length, 1);
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await client.close();
  }));

Deno.test("one server at several addresses; listen refuses a wrong or taken one", () =>
  inWorld(async (world) => {
    const { server } = await world.serve("a");
    const { address } = await server.listen("memory@b?weight=2", world);
    assertEquals(address, "memory@b");
    const client = await dial(address, world);
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await client.close();
    await assertFails(server.listen("memory@b", world), { code: "unavailable", address });
    await assertFails(server.listen("nonsense"), { code: "invalid_argument", address: "nonsense" });
    await assertFails(server.listen("memory@c"), { code: "invalid_argument", address: "memory@c" });
  }));
