/** How long handlers take. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Latencies, LATENCY_BOUNDS_US } from "../../connection/latencies.ts";
import type { CallContext } from "../../server.ts";
import { FakeClock } from "../../testing.ts";
import { deferred, failure, inWorld, settled } from "../support/helpers.ts";

const CONTEXT = {} as CallContext;

Deno.test("latencies: a histogram for each method that was called, in whole microseconds", async () => {
  const clock = new FakeClock();
  const latencies = new Latencies(clock);
  const took = latencies.measure("A.Wait", async (ms) => {
    await clock.advance(ms as number);
    return ms;
  });
  latencies.measure("A.Never", () => 1);
  for (let n = 0; n < 98; n++) assertEquals(await took(2, CONTEXT), 2);
  await took(40, CONTEXT);
  await took(20_000, CONTEXT);
  assertEquals(LATENCY_BOUNDS_US.slice(0, 6), [100, 250, 500, 1000, 2500, 5000]);
  assertEquals(LATENCY_BOUNDS_US.at(-1), 10_000_000);
  const counts = new Array(LATENCY_BOUNDS_US.length + 1).fill(0);
  counts[4] = 98; // up to 2.5 ms
  counts[LATENCY_BOUNDS_US.indexOf(50_000)] = 1;
  counts[LATENCY_BOUNDS_US.length] = 1;
  assertEquals(latencies.figures, [{
    method: "A.Wait",
    count: 100,
    sumUs: 98 * 2000 + 40_000 + 20_000_000,
    p50Us: 2500,
    p95Us: 2500,
    p99Us: 50_000,
    counts,
  }]);
});

Deno.test("latencies: what throws and what rejects counts, and stays the error that it was", async () => {
  const clock = new FakeClock();
  const latencies = new Latencies(clock);
  const error = new Error("no");
  const throwing = latencies.measure("A.Throw", () => {
    throw error;
  });
  assertEquals(assertThrows(() => throwing(1, CONTEXT)), error);
  const rejecting = latencies.measure("A.Reject", () => Promise.reject(error));
  assertEquals(await failure(rejecting(1, CONTEXT) as Promise<unknown>), error);
  const then = (resolve: (value: number) => void) => resolve(7);
  const thenable = latencies.measure("A.Thenable", () => ({ then }));
  assertEquals(await thenable(1, CONTEXT), 7);
  assertEquals(latencies.figures.map(({ method, count, p99Us }) => [method, count, p99Us]), [
    ["A.Throw", 1, 0],
    ["A.Reject", 1, 0],
    ["A.Thenable", 1, 0],
  ]);
});

Deno.test("latencies: only a server that was asked to measures", () =>
  inWorld(async (world) => {
    for (const latencies of [true, false, undefined]) {
      const end = deferred<void>();
      const services = { Work: { Later: () => end.promise, Now: () => 1 } };
      const { address, server } = await world.serve(`a${latencies}`, { latencies }, services);
      const client = await world.dial(address);
      const later = client.call("Work.Later");
      await client.call("Work.Now");
      await world.clock.advance(30);
      end.resolve();
      await later;
      await settled();
      const found = server.figures().latencies.map(({ method, sumUs }) => [method, sumUs]);
      assertEquals(found, latencies ? [["Work.Later", 30_000], ["Work.Now", 0]] : []);
      assert(Object.isFrozen(server.figures().latencies));
      await client.close();
    }
  }));
