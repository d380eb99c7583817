/** The signal of a call with interceptors of a `Client`: when it is followed, and what an abort ends. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { ClientInterceptor } from "../../mod.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";
import { countingSignal } from "../support/signals.ts";
import { OUCH, test } from "../support/intercepted_client.ts";

test("no signal is followed any more when a call has ended", [
  (call, next) => next(call),
], async ({ client }) => {
  const { signal, counts } = countingSignal();
  await client.call("My.Echo", 1, { signal });
  await failure(client.call("Gate.Fail", 1, { signal }));
  assertEquals(counts, { now: 0, most: 1 });
});

for (const where of ["before next", "behind next", "in an attempt"]) {
  const never = () => new Promise<never>(() => {});
  const hung: ClientInterceptor = {
    call: async (call, next) =>
      where === "before next" ? await never() : (await next(call), await never()),
    attempt: (attempt, next) => where === "in an attempt" ? never() : next(attempt),
  };
  test(`an abort holds over one that never settles, ${where}`, [hung], async ({ client }) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = failure(client.call("My.Echo", 1, { signal: controller.signal }));
    await settled();
    controller.abort(reason);
    assertStrictEquals(await call, reason);
  });
}

test("an abort in flight: the caller has it at once, the server and interceptors learn of it", [
  async (call, next) => {
    const error = await failure(next(call));
    errors.push(error);
    throw new Error("another");
  },
], async ({ client, site }) => {
  const controller = new AbortController();
  const call = failure(client.call("Gate.Wait", 1, { signal: controller.signal }));
  await site.gate.untilBegun(1);
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await call, reason);
  await site.gate.untilAborted(1);
  assertEquals(errors, [reason]);
});
const errors: unknown[] = [];

test("what has aborted or is out of time calls none", [() => {
  throw new Error("not to be called");
}], async ({ client }) => {
  const signal = AbortSignal.abort(OUCH);
  assertStrictEquals(await failure(client.call("My.Echo", 1, { signal })), OUCH);
  const late = await failure(client.call("My.Echo", 1, { timeoutMs: 0 }));
  assertFailure(late, { code: "TimeoutError", execution: "not_sent" });
});
