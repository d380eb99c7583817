/** The stand-ins for `@std/async`. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { deadline } from "../../scripts/offline/async/deadline.ts";
import { delay } from "../../scripts/offline/async/delay.ts";

Deno.test("offline delay() waits", async () => {
  const start = performance.now();
  await delay(20);
  assert(performance.now() - start >= 18);
});

Deno.test("offline delay() ends with the signal's reason", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const waits = [1000, 2 ** 40, Infinity].map((ms) =>
    assertRejects(() => delay(ms, { signal: controller.signal }))
  );
  controller.abort(reason);
  for (const caught of await Promise.all(waits)) {
    assertStrictEquals(caught, reason);
  }
  const { signal } = controller;
  assertStrictEquals(await assertRejects(() => delay(1, { signal })), reason);
});

Deno.test("offline deadline() settles as its promise does", async () => {
  assertEquals(await deadline(Promise.resolve(1), 1000), 1);
  assertEquals(await deadline(Promise.resolve(2), Infinity), 2);
  await assertRejects(
    () => deadline(Promise.reject(new TypeError("no")), 1000),
    TypeError,
    "no",
  );
});

Deno.test("offline deadline() rejects when the time is up", async () => {
  const controller = new AbortController();
  const never = delay(10_000, controller).catch(() => {});
  const error = await assertRejects(() => deadline(never, 10), DOMException);
  assertEquals(error.name, "TimeoutError");
  controller.abort();
  await never;
});

Deno.test("offline deadline() rejects with the signal's reason", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const caught = await assertRejects(() => deadline(Promise.resolve(1), 1000, { signal }));
  assertStrictEquals(caught, reason);
});
