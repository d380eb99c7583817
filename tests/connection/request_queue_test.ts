import { assertEquals } from "@std/assert";
import { QueuedRequest, RequestQueue } from "../../connection/request_queue.ts";
import { between } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

function call(seq: number, timeoutMs?: number): QueuedRequest {
  return new QueuedRequest(seq, "S.M", null, { timeoutMs, meta: { user: "ann" } }, 1000);
}

Deno.test("RequestQueue does as a naive model does", () => {
  const random = seededRandom(1);
  const held = new RequestQueue();
  let model: QueuedRequest[] = [];
  for (let step = 0, seq = 0; step < 20_000; step++) {
    const what = random();
    const some = between(random, Math.max(0, seq - 50), seq);
    if (what < 0.5) {
      // Now and then a number that waited before.
      const one = call(random() < 0.2 && !held.has(some) ? some : ++seq);
      held.add(one);
      model.push(one);
    } else if (what < 0.75) {
      held.cancel(some);
      model = model.filter((one) => one.seq !== some);
    } else if (what < 0.999) {
      assertEquals(held.take(), model.shift());
    } else {
      held.clear();
      model = [];
    }
    assertEquals([held.size, held.has(some)], [
      model.length,
      model.some((one) => one.seq === some),
    ]);
  }
});

Deno.test("RequestQueue: cancelling and taking cost the same, however many wait", () => {
  const held = new RequestQueue();
  const many = 200_000; // if a step took longer the more there are, this would take minutes
  for (let seq = 1; seq <= many; seq++) held.add(call(seq));
  for (let seq = 2; seq <= many; seq += 2) held.cancel(seq);
  for (let seq = 1; seq <= many; seq += 2) assertEquals(held.take()?.seq, seq);
  assertEquals([held.size, held.take()], [0, undefined]);
});

Deno.test("QueuedRequest: what its caller still waits for gets less", () => {
  assertEquals(call(1, 100).extrasAt(1030), { timeoutMs: 70, meta: { user: "ann" } });
  const unlimited = call(1);
  assertEquals(unlimited.extrasAt(5000), unlimited.extras);
});
