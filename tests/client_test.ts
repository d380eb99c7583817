/** One connection: calls in flight, aborts, deadlines, and its end. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { type Client, dial } from "../client.ts";
import { RpcError } from "../errors.ts";
import type { CallContext } from "../server.ts";
import type { Network, Receiver, Transport } from "../transport.ts";
import {
  assertFails,
  assertFailure,
  between,
  type Deferred,
  deferred,
  failure,
  inWorld,
  RawServer,
  settled,
  World,
} from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";

/** A network whose one connection writes when the test lets it. */
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

/** A signal that counts who listens. */
function countingSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const counts = { now: 0, most: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    counts.most = Math.max(counts.most, ++counts.now);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    counts.now--;
    remove(...args);
  };
  return { controller, signal, counts };
}

Deno.test("dial refuses a wrong address and an unknown protocol, naming what there is", async () => {
  await assertFails(dial("10.0.0.1:9001"), {
    code: "invalid_argument",
    execution: "not_sent",
    address: "10.0.0.1:9001",
    message: "tcp@10.0.0.1:9001",
  });
  await assertFails(dial("tcp@127.0.0.1:1?protocol=soap"), {
    code: "invalid_argument",
    execution: "not_sent",
    message: 'unknown protocol "soap"; expected geerpc/json',
  });
  await assertFails(dial("memory@a"), { code: "invalid_argument", address: "memory@a" });
});

Deno.test("many calls in flight are answered in any order", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const random = seededRandom(1);
    const calls = Array.from({ length: 200 }, (_, n) => client.call("Gate.Wait", n));
    await gate.untilBegun(200);
    assertEquals(client.inFlight, 200);
    const waiting = [...gate.begun];
    while (waiting.length > 0) {
      const [one] = waiting.splice(between(random, 0, waiting.length - 1), 1);
      one.end.resolve(`reply ${one.args}`);
      if (random() < 0.3) await settled();
    }
    assertEquals(await Promise.all(calls), calls.map((_, n) => `reply ${n}`));
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("available, close and closed", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const client = await world.dial(address);
    assert(client.available);
    assertEquals([client.address, client.inFlight], [address, 0]);
    const closing = client.close();
    assert(!client.available);
    await Promise.all([closing, client.close(), client.closed]);
    await assertFails(client.call("Gate.Echo"), {
      code: "canceled",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
      message: "the client is closed",
    });
    await settled();
    assertEquals(server.connections, 0);
  }));

Deno.test("the peer's end is another state than our close, with another error", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    world.network.cut(address);
    await client.closed;
    assert(!client.available);
    await assertFails(client.call("Gate.Echo"), {
      code: "unavailable",
      execution: "not_sent",
      address,
      message: "the connection is over",
    });
    await client.close();
  }));

Deno.test("close with a grace lets calls end; new ones are refused meanwhile", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    await gate.untilBegun(2);
    let isClosed = false;
    const closing = client.close({ graceMs: 1000 }).then(() => isClosed = true);
    assert(!client.available);
    await assertFails(client.call("Gate.Echo"), { code: "canceled", execution: "not_sent" });
    gate.begun[0].end.resolve("one");
    assertEquals(await calls[0], "one");
    await world.clock.advance(999);
    assert(!isClosed);
    gate.begun[1].end.resolve("two");
    assertEquals(await calls[1], "two");
    await closing;
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("close with a grace that passes, or that a second close cuts short", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    for (const cutShort of [false, true]) {
      const client = await world.dial(address);
      const begun = gate.begun.length;
      const call = failure(client.call("Gate.Wait"));
      await gate.untilBegun(begun + 1);
      const closing = client.close({ graceMs: 1000 });
      if (cutShort) await client.close();
      else await world.clock.advance(1000);
      await closing;
      assertFailure(await call, {
        code: "canceled",
        execution: "unknown",
        address,
        serviceMethod: "Gate.Wait",
      });
      assertEquals(world.clock.timers, 0);
    }
  }));

Deno.test("async dispose drains, then closes", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = client.call("Gate.Wait");
    await gate.untilBegun(1);
    const disposing = client[Symbol.asyncDispose]();
    gate.begun[0].end.resolve("drained");
    await disposing;
    assertEquals(await call, "drained");
    assert(!client.available);
  }));

Deno.test("an abort before, during and after sending rejects with the signal's reason", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const reason = { any: "value" };

    const before = client.call("Gate.Wait", 0, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await failure(before), reason);
    assertEquals([client.inFlight, gate.begun.length], [0, 0]);

    const during = new AbortController();
    const unsent = failure(client.call("Gate.Wait", 1, { signal: during.signal }));
    const other = client.call("Gate.Echo", "other");
    during.abort(reason);
    assertStrictEquals(await unsent, reason);
    assertEquals(await other, "other");
    await settled();
    assert(gate.begun.every(({ ctx }) => ctx.signal.aborted));

    const begun = gate.begun.length;
    const after = new AbortController();
    const sent = failure(client.call("Gate.Wait", 2, { signal: after.signal }));
    await gate.untilBegun(begun + 1);
    after.abort(reason);
    assertStrictEquals(await sent, reason);
    await settled();
    assert(gate.begun[begun].ctx.signal.aborted);

    const answered = new AbortController();
    assertEquals(await client.call("Gate.Echo", 3, { signal: answered.signal }), 3);
    answered.abort(reason);
    assertEquals(await client.call("Gate.Echo", 4), 4);
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("an abort without a reason is the platform's AbortError", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const controller = new AbortController();
    const call = failure(client.call("Gate.Wait", 1, { signal: controller.signal }));
    controller.abort();
    const error = await call;
    assert(error instanceof DOMException && error.name === "AbortError");
    await client.close();
  }));

Deno.test("an abort of one call never disturbs another, at random", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const random = seededRandom(7);
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 20 }, (_, n) => {
        const controller = new AbortController();
        const { signal } = controller;
        const fate = between(random, 0, 3);
        const call = fate === 0
          ? client.call("Gate.Wait", n, { signal })
          : client.call("Gate.Echo", n, { signal, timeoutMs: 1e6 });
        const outcome = call.catch((error) => error);
        if (fate === 1) controller.abort(`aborted ${n}`);
        return { n, fate, controller, outcome };
      });
      if (random() < 0.5) await settled();
      for (const { n, fate, controller } of calls) {
        if (fate === 0) controller.abort(`aborted ${n}`);
      }
      for (const { n, fate, outcome } of calls) {
        assertEquals(await outcome, fate <= 1 ? `aborted ${n}` : n);
      }
    }
    await settled();
    assertEquals(client.inFlight, 0);
    assertEquals(gate.aborted.length, gate.begun.length);
    await client.close();
  }));

Deno.test("calls that share a signal share one listener, and leave none", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const { signal, controller, counts } = countingSignal();
    await Promise.all([1, 2, 3].map((n) => client.call("Gate.Echo", n, { signal })));
    assertEquals(counts, { now: 0, most: 1 });
    const outcomes = [1, 2, 3].map((n) => failure(client.call("Gate.Wait", n, { signal })));
    assertEquals(counts.now, 1);
    controller.abort("all");
    assertEquals(await Promise.all(outcomes), ["all", "all", "all"]);
    assertEquals(counts.now, 0);
    await client.close();
  }));

Deno.test("a close takes the listeners off", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const { signal, counts } = countingSignal();
    const call = failure(client.call("Gate.Wait", 1, { signal }));
    assertEquals(counts.now, 1);
    await client.close();
    await call;
    assertEquals(counts.now, 0);
  }));

Deno.test("a dial takes its listener off the signal, however it ends", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { signal, counts } = countingSignal();
    const client = await world.dial(address, { signal });
    assertEquals(counts.now, 0);
    await client.close();
    await failure(world.dial("memory@nobody", { signal }));
    assertEquals(counts.now, 0);
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("a deadline rejects with a TimeoutError that says where", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const outcome = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
    const other = client.call("Gate.Wait", 2);
    await gate.untilBegun(2);
    await world.clock.advance(499);
    assertEquals(client.inFlight, 2);
    await world.clock.advance(1);
    const error = await outcome;
    assertFailure(error, {
      code: "TimeoutError",
      execution: "unknown",
      address,
      serviceMethod: "Gate.Wait",
      message: "Gate.Wait at memory@a: no reply within 500 ms",
    });
    assertEquals((error as RpcError).code, "deadline_exceeded");
    assertEquals(gate.aborted.length, 1);
    gate.begun[1].end.resolve("not disturbed");
    assertEquals(await other, "not disturbed");
    await client.close();
  }));

Deno.test("deadlines share one timer, and leave none", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await world.dial("memory@raw");
    const peer = await raw.accept();
    const calls = [500, 300, 700].map((timeoutMs, n) => client.call("S.M", n, { timeoutMs }));
    assertEquals(world.clock.timers, 1);
    await peer.untilLines(6);
    for (const seq of [1, 2, 3]) await peer.reply(seq, seq);
    assertEquals(await Promise.all(calls), [1, 2, 3]);
    await world.clock.advance(1000);
    assertEquals(world.clock.timers, 0);
    const last = failure(client.call("S.M", 4, { timeoutMs: 500 }));
    await client.close();
    await last;
    assertEquals(world.clock.timers, 0);
    await raw.close();
  }));

Deno.test("a timeout that is no number is a RangeError; Infinity and undefined are none", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    await assertRejects(() => client.call("Gate.Echo", 1, { timeoutMs: NaN }), RangeError);
    await assertFails(client.call("Gate.Echo", 1, { timeoutMs: -1 }), {
      code: "TimeoutError",
      execution: "not_sent",
    });
    assertEquals(await client.call("Gate.Echo", 2, { timeoutMs: Infinity }), 2);
    assertEquals(await client.call("Gate.Echo", 3, { timeoutMs: undefined }), 3);
    assertEquals(await client.call("Gate.Echo", 4, { timeoutMs: 1e300 }), 4);
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("what is lost before it was written is not_sent, what was written is unknown", async () => {
  const world = new World();
  const network = new Stalling();
  const client = await world.dial("memory@stalling", { network });
  const written = failure(client.call("S.Written"));
  await settled();
  const bufferedBytes = failure(client.call("S.Gathered"));
  await settled();
  assertEquals(network.writes.length, 1); // one write at a time
  network.writes[0].done.reject(new Error("broken pipe"));
  const wanted = { code: "unavailable", address: "memory@stalling" } as const;
  const error = await written;
  assertFailure(error, { ...wanted, execution: "unknown", serviceMethod: "S.Written" });
  assert(error.message.includes("broken pipe"));
  assertEquals((error.cause as Error).message, "broken pipe");
  assertFailure(await bufferedBytes, {
    ...wanted,
    execution: "not_sent",
    serviceMethod: "S.Gathered",
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

Deno.test("connectTimeoutMs: nothing stays behind a dial that is given up", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    world.network.setFaults(address, { delayMs: 100 });
    const outcome = failure(world.dial(address, { connectTimeoutMs: 50 }));
    await world.clock.advance(50);
    const error = await outcome;
    assertFailure(error, { code: "unavailable", execution: "not_sent", address });
    assertEquals((error.cause as Error).name, "TimeoutError");
    await world.clock.advance(1000);
    assertEquals(server.connections, 0);
  }));

interface Arith {
  Sum(args: { A: number; B: number }, ctx?: CallContext): number;
  Later(args: number): Promise<string>;
  readonly name: string;
}

Deno.test("a typed view of a service", () =>
  inWorld(async (world) => {
    const Arith: Arith = {
      Sum: ({ A, B }) => A + B,
      Later: (n) => Promise.resolve(`later ${n}`),
      name: "arith",
    };
    const { address } = await world.serve("a", {}, { Arith });
    const client: Client = await world.dial(address);
    const arith = client.service<Arith>("Arith");
    const sum: number = await arith.Sum({ A: 1, B: 2 });
    const later: string = await arith.Later(3, { timeoutMs: 1000, meta: { a: "b" } });
    assertEquals([sum, later], [3, "later 3"]);
    assertStrictEquals(await Promise.resolve(arith), arith); // a view is no promise
    assertStrictEquals(arith.Sum, arith.Sum);
    await client.close();
  }));

Deno.test("the caller's objects are never changed", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const options = Object.freeze({ network: world.network, clock: world.clock });
    const client = await dial(address, options);
    const args = Object.freeze({ a: Object.freeze([1]) });
    const callOptions = Object.freeze({ timeoutMs: 1000, meta: Object.freeze({ a: "b" }) });
    assertEquals(await client.call("Gate.Echo", args, callOptions), { a: [1] });
    await client.close(Object.freeze({ graceMs: 10 }));
  }));

Deno.test("a server's error: its text is the message, unchanged", () =>
  inWorld(async (world) => {
    const Bad = {
      Coded: () => {
        throw new RpcError("not_found", "no such user", { address: "tcp@elsewhere:1" });
      },
    };
    const { address } = await world.serve("a", {}, { Bad });
    const client = await world.dial(address);
    const plain = await assertFails(client.call("Gate.Fail", "x"), {
      code: "unknown",
      execution: "answered",
      address,
      serviceMethod: "Gate.Fail",
    });
    assertEquals(plain.message, "failed: x");
    const coded = await assertFails(client.call("Bad.Coded"), {
      code: "not_found",
      execution: "answered",
      address,
      serviceMethod: "Bad.Coded",
    });
    assertEquals(coded.message, "no such user");
    await client.close();
  }));

Deno.test("any delay and any chunks give the same replies", async () => {
  for (const chunkBytes of [1, 7, 1000]) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a");
      const dialling = world.dial(address);
      await world.clock.advance(5);
      const client = await dialling;
      const calls = [1, 2, 3].map((n) => client.call("Gate.Echo", { n, text: "é".repeat(n) }));
      const failed = failure(client.call("Gate.Fail", 4));
      await world.clock.advance(10);
      assertEquals(await Promise.all(calls), [1, 2, 3].map((n) => ({ n, text: "é".repeat(n) })));
      assertFailure(await failed, { message: "failed: 4" });
      const closing = client.close();
      await world.clock.advance(10);
      await closing;
    }, { delayMs: 5, chunkBytes });
  }
});
