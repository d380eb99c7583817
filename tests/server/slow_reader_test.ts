/** Clients that do not read their replies. */

import { assert, assertEquals } from "@std/assert";
import type { ParsedAddress } from "../../address.ts";
import { Server } from "../../server.ts";
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
