import { assert, assertEquals } from "@std/assert";
import { type QueuedRequest, RequestQueue } from "../../connection/request_queue.ts";
import { ServerLoad } from "../../connection/server_load.ts";
import { between } from "../support/helpers.ts";
import { FakeClock, seededRandom } from "../../testing.ts";

/** A queue whose requests that have waited too long are noted. */
function scene({ maxWaitMs = Infinity } = {}) {
  const clock = new FakeClock(1000);
  const load = new ServerLoad();
  const expired: number[] = [];
  const onExpired = ({ seq }: QueuedRequest) => void expired.push(seq);
  const queue = new RequestQueue({ clock, load, maxWaitMs, onExpired });
  const add = (seq: number, timeoutMs?: number) =>
    queue.add(seq, "S.M", null, { timeoutMs, meta: { user: "ann" } });
  return { clock, load, expired, queue, add };
}

Deno.test("RequestQueue does as a naive model does", () => {
  const random = seededRandom(1);
  const { queue, load, add } = scene();
  let model: number[] = [];
  for (let step = 0, seq = 0; step < 20_000; step++) {
    const what = random();
    const some = between(random, Math.max(0, seq - 50), seq);
    if (what < 0.5) {
      // Now and then a number that waited before.
      const one = random() < 0.2 && !queue.has(some) ? some : ++seq;
      add(one);
      model.push(one);
    } else if (what < 0.75) {
      queue.cancel(some);
      model = model.filter((one) => one !== some);
    } else if (what < 0.999) {
      assertEquals(queue.take()?.seq, model.shift());
    } else {
      queue.clear();
      model = [];
    }
    assertEquals([queue.size, queue.has(some), queue.isEmpty], [
      model.length,
      model.includes(some),
      model.length === 0,
    ]);
    assertEquals([load.waiting, queue.bytes > 0], [model.length, model.length > 0]);
  }
});

Deno.test("RequestQueue: cancelling and taking cost the same, however many wait", () => {
  const { queue, add } = scene({ maxWaitMs: 1000 });
  const many = 200_000; // if a step took longer the more there are, this would take minutes
  for (let seq = 1; seq <= many; seq++) add(seq);
  for (let seq = 2; seq <= many; seq += 2) queue.cancel(seq);
  for (let seq = 1; seq <= many; seq += 2) assertEquals(queue.take()?.seq, seq);
  assertEquals([queue.size, queue.take(), queue.bytes], [0, undefined, 0]);
});

Deno.test("RequestQueue: the bytes that were read are those of the requests that wait", () => {
  const { queue, add } = scene();
  queue.count(10_000, false); // the beginning of a request
  add(1);
  queue.count(500, true);
  const one = queue.bytes;
  assert(one >= 10_500 && one < 11_500, `${one} bytes`);
  queue.count(100_000, true); // calls that ran, cancels, pings
  assertEquals(queue.bytes, one);
  add(2);
  add(3);
  queue.cancel(3); // in the same read
  queue.count(2000, true);
  queue.cancel(1);
  const rest = queue.bytes;
  assert(rest >= 1000 && rest < 2000, `${rest} bytes`);
  queue.take();
  assertEquals(queue.bytes, 0);
});

Deno.test("RequestQueue: what waits too long is taken out, and leaves no timer", async () => {
  const { clock, expired, queue, add } = scene({ maxWaitMs: 1000 });
  add(1);
  add(2, 400);
  add(3, 10_000);
  add(4, 100);
  queue.cancel(4);
  await clock.advance(200);
  assertEquals(expired, [2]); // behind half of its time
  await clock.advance(799);
  assertEquals(expired, [2]);
  await clock.advance(1);
  assertEquals([expired.sort(), queue.size, clock.timers], [[1, 2, 3], 0, 0]);
});

Deno.test("RequestQueue: what its caller still waits for gets less", () => {
  const { queue, add } = scene();
  add(1, 100);
  add(2);
  assertEquals(queue.take()!.extrasAt(1030), { timeoutMs: 70, meta: { user: "ann" } });
  const unlimited = queue.take()!;
  assertEquals(unlimited.extrasAt(5000), unlimited.extras);
});
