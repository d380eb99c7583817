import { assertEquals } from "@std/assert";
import { BatchWriter } from "../../connection/batch_writer.ts";
import { FakeClock } from "../../testing.ts";
import type { Transport } from "../../transport.ts";
import { settled } from "../support/helpers.ts";

const KIB = 1024;

/** A writer whose writes end at once, or when the test says so. */
function scene({ isHolding = false, splitsLargeBatches = true } = {}) {
  const writes: number[] = [];
  const held: (() => void)[] = [];
  const seen = { taken: 0, written: 0, failure: undefined as unknown };
  let bufferedBytes = 0;
  const source = {
    bufferedBytes: () => bufferedBytes,
    take() {
      seen.taken++;
      const bytes = new Uint8Array(bufferedBytes);
      bufferedBytes = 0;
      return bytes;
    },
    written(): void {
      seen.written++;
    },
    writeFailed: (error: unknown) => void (seen.failure = error),
  };
  const transport = {
    write(bytes: Uint8Array) {
      writes.push(bytes.length);
      return isHolding ? new Promise<void>((resolve) => held.push(resolve)) : Promise.resolve();
    },
  } as Transport;
  const writer = new BatchWriter(transport, source, { splitsLargeBatches });
  const add = (bytes: number, microtasks?: number) => {
    bufferedBytes += bytes;
    writer.add(microtasks);
  };
  /** Calls that are made in one go. */
  const batch = async (calls: number, bytes: number) => {
    const from = writes.length;
    for (let call = 0; call < calls; call++) add(bytes, 4);
    await settled();
    return writes.slice(from);
  };
  return { writer, source, writes, held, seen, add, batch, transport };
}

Deno.test("BatchWriter: a batch of calls leaves in one write", async () => {
  const { batch, seen } = scene();
  assertEquals(await batch(3, 50), [150]);
  assertEquals(await batch(1, 50), [50]);
  assertEquals(seen, { taken: 2, written: 2, failure: undefined });
});

Deno.test("BatchWriter: calls that come some microtasks later still go along", async () => {
  const { writer, batch, writes } = scene();
  const first = batch(1, 50);
  await Promise.resolve();
  const second = batch(1, 50);
  await Promise.all([first, second]);
  assertEquals(writes, [100]);
  writer.close();
});

Deno.test("BatchWriter: each addition says for how many microtasks it waits", async () => {
  for (const [microtasks, before] of [[1, 0], [4, 3]]) {
    const { add, writes } = scene();
    add(50, microtasks);
    for (let n = 0; n < before; n++) await undefined;
    assertEquals(writes, []);
    await undefined;
    assertEquals(writes, [50]);
  }
});

Deno.test("BatchWriter: one write at a time; what comes meanwhile follows it", async () => {
  const { held, batch, writes, writer } = scene({ isHolding: true });
  assertEquals([writer.isIdle, writer.isWriting, writer.isBehind], [true, false, false]);
  await batch(1, 50);
  assertEquals([writer.isIdle, writer.isWriting, writer.isBehind], [false, true, false]);
  await batch(2, 30);
  await batch(100, KIB);
  assertEquals([writer.isIdle, writer.isWriting, writer.isBehind], [false, true, true]);
  assertEquals(writes, [50]);
  held[0]();
  await settled();
  assertEquals(writes, [50, 60 + 100 * KIB]);
  assertEquals([writer.isIdle, writer.isWriting, writer.isBehind], [false, true, false]);
  held[1]();
  await settled();
  assertEquals([writer.isIdle, writer.isWriting, writer.isBehind], [true, false, false]);
});

Deno.test("BatchWriter: what is added when a write has ended leaves at once", async () => {
  const { held, add, writes, source, writer } = scene({ isHolding: true });
  source.written = () => {
    if (writes.length < 3) add(20);
  };
  add(50);
  await settled();
  held[0](); // with nothing behind it
  await undefined;
  assertEquals(writes, [50, 20]);
  add(30);
  held[1](); // with more behind it
  await undefined;
  assertEquals(writes, [50, 20, 50]);
  assertEquals(writer.isBehind, false);
});

Deno.test("BatchWriter: flush writes what waits, and no more", async () => {
  const { add, writes, writer, seen } = scene({ splitsLargeBatches: false });
  writer.flush();
  assertEquals(writes, []);
  add(30);
  add(40);
  assertEquals(writes, []);
  writer.flush();
  writer.flush();
  assertEquals(writes, [70]);
  await settled(); // the microtask that was queued for it finds nothing
  assertEquals([writes.length, seen.taken, seen.written], [1, 1, 1]);
});

Deno.test("BatchWriter: the second large batch leaves in halves, the first and small ones do not", async () => {
  const { batch } = scene();
  assertEquals(await batch(20, KIB), [20 * KIB]);
  assertEquals(await batch(20, KIB), [10 * KIB, 10 * KIB]);
  assertEquals(await batch(7, KIB), [7 * KIB]);
  assertEquals(await batch(7, KIB), [7 * KIB]);
  assertEquals(await batch(20, KIB), [20 * KIB]);
});

Deno.test("BatchWriter: a batch of 64 KiB does not wait, unless batches are not split", async () => {
  assertEquals(await scene().batch(65, KIB), [64 * KIB, KIB]);
  const { batch } = scene({ splitsLargeBatches: false });
  assertEquals(await batch(65, KIB), [65 * KIB]);
  assertEquals(await batch(65, KIB), [65 * KIB]);
});

Deno.test("BatchWriter: bytes of a handshake go before what is buffered", async () => {
  const { writer, add, writes, held } = scene({ isHolding: true });
  writer.send(new Uint8Array(7));
  add(50);
  await settled();
  assertEquals(writes, [7]);
  held[0]();
  await settled();
  assertEquals(writes, [7, 50]);
});

Deno.test("BatchWriter: a failed write is reported; nothing is written once it is closed", async () => {
  const { writer, transport, batch, seen, writes } = scene();
  transport.write = () => Promise.reject("broken pipe");
  await batch(1, 50);
  assertEquals([seen.failure, seen.written], ["broken pipe", 0]);
  writer.close();
  await batch(1, 50);
  assertEquals(writes, []);
});

Deno.test("BatchWriter: a write that ends or fails after the close is not reported", async () => {
  for (const fails of [false, true]) {
    const { writer, transport, batch, seen } = scene();
    let end = () => {};
    transport.write = () =>
      new Promise((resolve, reject) => end = fails ? () => reject("late") : resolve);
    await batch(1, 50);
    writer.close();
    end();
    await settled();
    assertEquals(seen, { taken: 1, written: 0, failure: undefined });
  }
});

Deno.test("BatchWriter: finish writes a last message, and waits for it", async () => {
  const { writer, add, writes, held } = scene({ isHolding: true });
  let isFinished = false;
  writer.finish(new Uint8Array(9)).then(() => isFinished = true);
  add(50);
  await settled();
  assertEquals([writes, isFinished], [[9], false]);
  held[0]();
  await settled();
  assertEquals([writes, isFinished], [[9], true]);
});

Deno.test("BatchWriter: finish leaves its message out behind a write that is under way", async () => {
  const { writer, add, writes, held } = scene({ isHolding: true });
  add(50);
  await settled();
  let isFinished = false;
  writer.finish(new Uint8Array(9)).then(() => isFinished = true);
  await settled();
  assertEquals([writes, isFinished], [[50], false]);
  held[0]();
  await settled();
  assertEquals([writes, isFinished], [[50], true]);
});

Deno.test("BatchWriter: a large batch leaves in pieces; each is progress, and none for too long a stall", async () => {
  const clock = new FakeClock();
  const { transport, source, writes, held, seen } = scene({ isHolding: true });
  const stall = { clock, timeoutMs: 1000 };
  const writer = new BatchWriter(transport, { ...source, take: () => new Uint8Array(900 * KIB) }, {
    stall,
  });
  writer.add();
  await settled();
  for (const length of [256, 256, 256, 132]) {
    assertEquals(writes.at(-1), length * KIB);
    await clock.advance(999); // slow, but it reads
    held.pop()!();
    await settled();
  }
  assertEquals([writes.length, seen.written, seen.failure], [4, 1, undefined]);
  await clock.advance(1000);
  assertEquals(clock.timers, 0); // nothing is to be written
  writer.add();
  await settled();
  await clock.advance(999);
  assertEquals(seen.failure, undefined);
  await clock.advance(251);
  assertEquals(String(seen.failure), "Error: the peer has read nothing for 1000 ms");
  writer.close();
  assertEquals(clock.timers, 0);
});

Deno.test("BatchWriter: a small write that stalls is noticed when more is behind it", async () => {
  const clock = new FakeClock();
  const { transport, source, held, seen } = scene({ isHolding: true });
  const writer = new BatchWriter(transport, source, { stall: { clock, timeoutMs: 1000 } });
  writer.add();
  await settled();
  assertEquals([held.length, clock.timers], [1, 0]);
  writer.add();
  await clock.advance(1000);
  assertEquals(String(seen.failure), "Error: the peer has read nothing for 1000 ms");
  writer.close();
});

Deno.test("BatchWriter: what is behind the first bytes of a batch is written with it, in order", async () => {
  const { writer, source, writes, held, seen } = scene({ isHolding: true });
  const rest = [300 * KIB, 0, 5].map((bytes) => new Uint8Array(bytes));
  source.take = () => (seen.taken++, new Uint8Array(200 * KIB));
  (source as { takeNext?(): Uint8Array | undefined }).takeNext = () => rest.shift();
  writer.add();
  await settled();
  assertEquals(writes, [200 * KIB]);
  writer.add(); // leaves with the next batch
  while (held.length > 0) {
    held.shift()!();
    await settled();
    if (writes.length === 4) break;
  }
  assertEquals(writes, [200 * KIB, 256 * KIB, 44 * KIB, 5]);
  assertEquals([seen.taken, seen.written, writer.isBehind], [1, 0, true]);
  held.shift()!();
  await settled();
  assertEquals([seen.taken, seen.written], [2, 1]);
  writer.close();
});
