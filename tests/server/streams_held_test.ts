/** What is held for readers that do not read, at either end, and how large items may be. */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../../testing.ts";
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
import { endless } from "../support/streaming.ts";

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
