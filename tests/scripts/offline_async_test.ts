/** The stand-in for `@std/async/deadline`. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { deadline } from "../../scripts/offline/async/deadline.ts";

Deno.test("offline deadline() settles as its promise does", async () => {
  assertEquals(await deadline(Promise.resolve(1), 1000), 1);
  await assertRejects(
    () => deadline(Promise.reject(new TypeError("no")), 1000),
    TypeError,
    "no",
  );
});

Deno.test("offline deadline() rejects when the time is up", async () => {
  // Its timer does not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  const error = await assertRejects(() => deadline(new Promise(() => {}), 10), DOMException);
  assertEquals(error.name, "TimeoutError");
  clearInterval(alive);
});

Deno.test("offline deadline() rejects with the signal's reason", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const caught = await assertRejects(() => deadline(Promise.resolve(1), 1000, { signal }));
  assertStrictEquals(caught, reason);
});

Deno.test("offline deadline() ends early with the signal's reason", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const caught = assertRejects(() => deadline(new Promise<never>(() => {}), 60_000, { signal }));
  controller.abort(reason);
  assertStrictEquals(await caught, reason);
});

Deno.test("offline deadline() refuses what the lowest release refuses", async () => {
  for (const ms of [Infinity, NaN, -1]) await assertRejects(() => deadline(Promise.resolve(1), ms));
});
