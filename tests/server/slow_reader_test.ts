/** Clients that do not read their replies. */

import { assert, assertEquals } from "@std/assert";
import type { ParsedAddress } from "../../address.ts";
import { type CallContext, Server, type ServerEvent } from "../../server.ts";
import { dial } from "../../client.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import type { Network, Receiver, Transport } from "../../transport.ts";
import { type Deferred, deferred, option, request, settled } from "../support/helpers.ts";

/** A network on which the server's writes end when the test says so. */
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

Deno.test("a client that is given up is read from for a time, lest its connection be reset", async () => {
  const clock = new FakeClock();
  const network = new SlowReader();
  const server = new Server({ clock });
  await server.listen("memory@slow", { network });
  network.begin();
  assertEquals(network.send(option() + "nonsense\n"), undefined);
  assertEquals(network.send("more of it\n"), undefined);
  await clock.advance(999);
  assert(!network.isClosed);
  await clock.advance(1); // it does not even read why
  assert(network.isClosed);
  assertEquals([network.writes.length, server.connections, clock.timers], [1, 0, 0]);
  await server.close();
});

Deno.test("a client that reads nothing: what is encoded for it is bounded, and it is cut off", async () => {
  const clock = new FakeClock();
  const network = new SlowReader();
  const events: ServerEvent[] = [];
  const server = new Server({ clock, onEvent: (event) => events.push(event) });
  let encoded = 0;
  let aborted = 0;
  const ends = Array.from({ length: 1024 }, () => deferred<unknown>());
  server.register("Big", {
    Get: (n: number, { signal }: CallContext) => {
      signal.addEventListener("abort", () => aborted++);
      return ends[n].promise;
    },
  });
  await server.listen("memory@slow", { network });
  network.begin();
  const text = "x".repeat(1024 * 1024);
  const reply = { toJSON: () => (encoded++, text) };
  network.send(option() + ends.map((_, n) => request(n + 1, "Big.Get", n)).join(""));
  for (const { resolve } of ends.slice(1)) resolve(reply);
  await settled();
  // The write under way, and what is buffered behind it, are over the limit of 4 MiB by one reply.
  assert(encoded <= 10, `${encoded} replies were encoded`);
  const { length } = network.writes;
  await clock.advance(30_000);
  network.writes[length - 1].done.resolve(); // it reads a little
  await clock.advance(59_999);
  assertEquals([network.isClosed, server.connections, events], [false, 1, []]);
  await clock.advance(15_001); // up to a quarter of the time later
  assert(network.isClosed);
  assertEquals(events, [{
    type: "cut",
    remote: "memory@slow",
    reason: "the peer has read nothing for 60000 ms (writeTimeoutMs)",
  }]);
  assertEquals(server.figures().refused.writeTimeoutMs, 1);
  assert(encoded <= 10, `${encoded} replies were encoded`);
  assertEquals([server.connections, clock.timers, aborted > 1000], [0, 0, true]);
  await server.close();
});

Deno.test("a slow client gets every large reply, in order of their ends, as fast as it reads", async () => {
  const network = new SlowReader();
  const server = new Server({ clock: new FakeClock() });
  let encoded = 0;
  const text = "x".repeat(1024 * 1024);
  const reply = { toJSON: () => (encoded++, text) };
  server.register("Big", { Get: () => Promise.resolve(reply) });
  await server.listen("memory@slow", { network });
  network.begin();
  const count = 64;
  const seqs = Array.from({ length: count }, (_, n) => n + 1);
  network.send(option() + seqs.map((n) => request(n, "Big.Get", null)).join(""));
  await settled();
  let most = 0;
  for (let n = 0; n < network.writes.length; n++) {
    const before = encoded;
    network.writes[n].done.resolve();
    await settled();
    most = Math.max(most, encoded - before);
  }
  assertEquals(encoded, count);
  assert(most <= 6, `${most} at once`);
  const bytes = network.writes.reduce((sum, write) => sum + write.bytes, 0);
  assert(bytes > count * text.length && bytes < count * (text.length + 100));
  await server.close({ graceMs: 0 });
});

Deno.test("calls that wait too long for their client to read are turned away, and counted as such", async () => {
  const clock = new FakeClock();
  const network = new SlowReader();
  const server = new Server({ clock, maxMessageBytes: 50_000, maxWaitMs: 500 });
  server.register("Big", { Get: () => "x".repeat(40_000) });
  await server.listen("memory@slow", { network });
  network.begin();
  const seqs = Array.from({ length: 10 }, (_, n) => n + 1);
  network.send(option() + seqs.map((n) => request(n, "Big.Get", null)).join(""));
  await settled();
  assertEquals([server.waiting > 0, server.figures().refused.unreadReplies], [true, 0]);
  const { waiting } = server;
  await clock.advance(500);
  assertEquals([server.waiting, server.figures().refused.unreadReplies], [0, waiting]);
  await server.close({ graceMs: 0 });
});

Deno.test("a reply that is held for a client that does not read has no place: others run", async () => {
  const network = new SlowReader();
  const memory = new MemoryNetwork();
  const server = new Server({ maxConcurrent: 2, maxMessageBytes: 15_000 });
  const ends: Deferred<string>[] = [];
  const Later = () => {
    ends.push(deferred());
    return ends.at(-1)!.promise;
  };
  server.register("Big", { Get: () => "x".repeat(10_000), Later });
  await server.listen("memory@slow", { network });
  await server.listen("memory@a", { network: memory });
  const client = await dial("memory@a", { network: memory });
  network.begin();
  network.send(option() + request(1, "Big.Later", null));
  for (const seq of [2, 3, 4, 5]) network.send(request(seq, "Big.Get", null));
  const calls = [client.call("Big.Later"), client.call("Big.Later")];
  await settled();
  assertEquals([ends.length, server.running, server.waiting], [2, 2, 2]); // one of them the slow client's
  ends[0].resolve("held");
  await settled();
  assertEquals([ends.length, server.running, server.waiting], [3, 2, 1]);
  for (const end of ends) end.resolve("fine");
  assertEquals(await Promise.all(calls), ["fine", "fine"]);
  await client.close();
  await server.close({ graceMs: 0 });
});
