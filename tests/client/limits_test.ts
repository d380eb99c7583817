/** What is certain about calls that are lost, and how many may be in flight. */

import { assert, assertEquals } from "@std/assert";
import type { Network, Receiver, Transport } from "../../transport.ts";
import {
  assertFails,
  assertFailure,
  type Deferred,
  deferred,
  failure,
  inWorld,
  settled,
  World,
} from "../support/helpers.ts";

/** A network with one connection, whose writes end when the test says so. */
class Stalling implements Network {
  readonly writes: { text: string; done: Deferred<void> }[] = [];
  receiver: Receiver | undefined;
  closes = 0;

  connect(): Promise<Transport> {
    return Promise.resolve({
      remote: "memory@stalling",
      start: (receiver: Receiver) => void (this.receiver = receiver),
      write: (bytes: Uint8Array) => {
        const done = deferred();
        this.writes.push({ text: new TextDecoder().decode(bytes).trimStart(), done });
        return done.promise;
      },
      close: () => void this.closes++,
    });
  }

  listen(): never {
    throw new Error("not used");
  }
}

Deno.test("what is lost before it was written is not_sent, what was written is unknown", async () => {
  const world = new World();
  const network = new Stalling();
  const client = await world.dial("memory@stalling", { network });
  const written = failure(client.call("S.Written"));
  await settled();
  const buffered = failure(client.call("S.Buffered"));
  await settled();
  assertEquals(network.writes.length, 1); // one write at a time
  network.writes[0].done.reject(new Error("broken pipe"));
  const wanted = { code: "unavailable", address: "memory@stalling" } as const;
  const error = await written;
  assertFailure(error, { ...wanted, execution: "unknown", serviceMethod: "S.Written" });
  assert(error.message.includes("broken pipe"));
  assertEquals((error.cause as Error).message, "broken pipe");
  assertFailure(await buffered, {
    ...wanted,
    execution: "not_sent",
    serviceMethod: "S.Buffered",
  });
  await client.closed;
  assertEquals(network.closes, 1);
});

Deno.test("a deadline that passes before the write is not not_sent if it is written later", async () => {
  const world = new World();
  const network = new Stalling();
  const client = await world.dial("memory@stalling", { network });
  const first = failure(client.call("S.First"));
  await settled();
  const late = failure(client.call("S.Late", 1, { timeoutMs: 10 }));
  await world.clock.advance(10);
  const error = await late;
  assertFailure(error, { code: "TimeoutError", serviceMethod: "S.Late" });
  network.writes[0].done.resolve();
  await settled();
  const isWritten = network.writes.some(({ text }) => text.includes('"S.Late"'));
  if (isWritten) assertEquals(error.execution, "unknown"); // the server may run it
  await client.close();
  await first;
});

Deno.test("at most maxInFlight calls wait; the next is refused until one has ended", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { maxInFlight: 2 });
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    await assertFails(client.call("Gate.Echo"), {
      code: "resource_exhausted",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
    });
    await gate.untilBegun(2);
    gate.begun[0].end.resolve(1);
    await calls[0];
    assertEquals(await client.call("Gate.Echo", 3), 3);
    gate.begun[1].end.resolve(2);
    await calls[1];
    await client.close();
  }));

Deno.test("calls to a server that takes nothing do not pile up without end", async () => {
  const world = new World();
  const network = new Stalling();
  const client = await world.dial("memory@stalling", { network, maxInFlight: 10 });
  const outcomes: Promise<unknown>[] = [failure(client.call("S.First"))];
  await settled();
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 5; n++) {
      outcomes.push(failure(client.call("S.M", "x".repeat(1000), { timeoutMs: 10 })));
    }
    await world.clock.advance(10);
  }
  network.writes[0].done.resolve();
  await settled();
  assert(network.writes[1].text.length < 20_000, `${network.writes[1].text.length} characters`);
  assertFailure(await outcomes[outcomes.length - 1], {
    code: "resource_exhausted",
    execution: "not_sent",
    address: "memory@stalling",
    serviceMethod: "S.M",
  });
  await client.close();
  await Promise.all(outcomes);
});
