import { assertEquals } from "@std/assert";
import { BatchWriter } from "../../connection/batch_writer.ts";
import type { Transport } from "../../transport.ts";
import { settled } from "../support/helpers.ts";

const KIB = 1024;

/** An writer whose writes end when the test says so, or at once. */
function scene({ holding = false } = {}) {
  const writes: number[] = [];
  const held: (() => void)[] = [];
  let bufferedBytes = 0;
  let lost: unknown;
  let told = 0;
  const source = {
    bufferedBytes: () => bufferedBytes,
    take() {
      told++;
      const bytes = new Uint8Array(bufferedBytes);
      bufferedBytes = 0;
      return bytes;
    },
    writeFailed: (error: unknown) => void (lost = error),
  };
  const transport = {
    write(bytes: Uint8Array) {
      writes.push(bytes.length);
      return holding ? new Promise<void>((resolve) => held.push(resolve)) : Promise.resolve();
    },
  } as Transport;
  const writer = new BatchWriter(transport, source, { splitsLargeBatches: true });
  /** Some calls made in one go. */
  const flock = async (calls: number, bytes: number) => {
    const from = writes.length;
    for (let call = 0; call < calls; call++) {
      bufferedBytes += bytes;
      writer.add(4);
    }
    await settled();
    return writes.slice(from);
  };
  return { writer, writes, held, flock, transport, told: () => told, lost: () => lost };
}

Deno.test("BatchWriter: a flock of calls leaves in one write", async () => {
  const { flock, told } = scene();
  assertEquals(await flock(3, 50), [150]);
  assertEquals(await flock(1, 50), [50]);
  assertEquals(told(), 2);
});

Deno.test("BatchWriter: calls that come some microtasks later still go along", async () => {
  const { writer, flock, writes } = scene();
  const first = flock(1, 50);
  await Promise.resolve();
  const second = flock(1, 50);
  await Promise.all([first, second]);
  assertEquals(writes, [100]);
  writer.close();
});

Deno.test("BatchWriter: one write at a time; what comes meanwhile follows it", async () => {
  const { held, flock, writes } = scene({ holding: true });
  await flock(1, 50);
  await flock(2, 30);
  await flock(100, KIB);
  assertEquals(writes, [50]);
  held[0]();
  await settled();
  assertEquals(writes, [50, 60 + 100 * KIB]);
});

Deno.test("BatchWriter: the second large flock leaves in halves, the first and small ones do not", async () => {
  const { flock } = scene();
  assertEquals(await flock(20, KIB), [20 * KIB]);
  assertEquals(await flock(20, KIB), [10 * KIB, 10 * KIB]);
  assertEquals(await flock(7, KIB), [7 * KIB]);
  assertEquals(await flock(7, KIB), [7 * KIB]);
  assertEquals(await flock(20, KIB), [20 * KIB]);
});

Deno.test("BatchWriter: 64 KiB wait for nothing", async () => {
  const { flock } = scene();
  assertEquals(await flock(65, KIB), [64 * KIB, KIB]);
});

Deno.test("BatchWriter: a failed write is told; nothing is written once it is closed", async () => {
  const { writer, transport, flock, lost, writes } = scene();
  transport.write = () => Promise.reject("broken pipe");
  await flock(1, 50);
  assertEquals(lost(), "broken pipe");
  writer.close();
  await flock(1, 50);
  assertEquals(writes, []);
});
