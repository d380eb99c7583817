/** The deadline of a call that a `Client`'s interceptors keep, delay, or give another time. */

import { assertEquals } from "@std/assert";
import type { RpcError } from "../../mod.ts";
import { assertFailure, deferred, failure, settled } from "../support/helpers.ts";
import { type Around, test } from "../support/intercepted_client.ts";

{
  const held = deferred<unknown>();
  const hold: Around = () => held.promise;
  test(
    "the deadline holds over one that never settles",
    [hold],
    async ({ client, world, came }) => {
      const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
      await world.clock.advance(500);
      const message = "My.Echo: an interceptor kept the call for longer than 500 ms";
      assertFailure(await call, { code: "TimeoutError", execution: "not_sent", message });
      held.resolve("late");
      await settled();
      assertEquals(came, []);
    },
  );
}

test("the deadline holds over one that keeps the reply, which was one", [
  async (call, next) => {
    await next(call);
    await new Promise(() => {});
  },
], async ({ client, world }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
  await world.clock.advance(500);
  assertFailure(await call, { code: "TimeoutError", execution: "answered" });
});

test("the deadline holds over one around an attempt", [{
  attempt: () => new Promise(() => {}),
}], async ({ client, world }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
  await world.clock.advance(500);
  assertFailure(await call, { code: "TimeoutError" });
});

test("a call in flight at the deadline: interceptors see its error, and may answer in its place", [
  async (call, next) => {
    const error = await next(call).catch((error) => error) as RpcError;
    if (call.meta.stale === "no") throw error;
    for (let n = 0; n < 20; n++) await undefined;
    return `stale: ${error.message}`;
  },
], async ({ client, world, site }) => {
  const calls = ["no", "yes"].map((stale) =>
    client.call("Gate.Wait", 1, { timeoutMs: 500, meta: { stale } }).catch((error: unknown) =>
      error
    )
  );
  await world.clock.advance(500);
  const [error, reply] = await Promise.all(calls);
  const message = `Gate.Wait at ${site.address}: no reply within 500 ms`;
  assertFailure(error, { code: "TimeoutError", execution: "unknown", message });
  assertEquals(reply, `stale: ${message}`);
});

test("one that keeps the error of a call beyond the deadline: its caller gets that error", [
  async (call, next) => {
    await next(call).catch(() => new Promise(() => {}));
  },
], async ({ client, world, site }) => {
  const call = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
  await world.clock.advance(500);
  const message = `Gate.Wait at ${site.address}: no reply within 500 ms`;
  assertFailure(await call, { code: "TimeoutError", execution: "unknown", message });
});

test("the time that interceptors took is the call's: the server gets what is left", [
  async (call, next) => {
    await gate.promise;
    return await next(call);
  },
], async ({ client, world, site }) => {
  const call = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
  await world.clock.advance(300);
  gate.resolve();
  await site.gate.untilBegun(1);
  const leftMs = site.gate.begun[0].ctx.deadline!.getTime() - Date.now();
  assertEquals(leftMs, 200);
  await world.clock.advance(200);
  assertFailure(await call, { code: "TimeoutError" });
  assertEquals(site.gate.aborted.length, 1);
});
const gate = deferred();

test("they may set the time, which counts from the call's beginning", [
  async (call, next) => {
    call.timeoutMs = call.timeoutMs === undefined ? 100 : 700;
    return await next(call);
  },
], async ({ client, world }) => {
  const outcomes: string[] = [];
  void client.call("Gate.Wait", 1).catch(() => outcomes.push("none → 100"));
  void client.call("Gate.Wait", 1, { timeoutMs: 500 }).catch(() => outcomes.push("500 → 700"));
  await world.clock.advance(99);
  assertEquals(outcomes, []);
  await world.clock.advance(1);
  assertEquals(outcomes, ["none → 100"]);
  await world.clock.advance(599);
  assertEquals(outcomes, ["none → 100"]);
  await world.clock.advance(1);
  assertEquals(outcomes, ["none → 100", "500 → 700"]);
});

test("they may set less time while the call is in flight", [
  (call, next) => {
    const reply = next(call);
    call.timeoutMs = 100;
    return reply;
  },
], async ({ client, world }) => {
  const call = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
  await world.clock.advance(100);
  const message = "Gate.Wait: an interceptor kept the call for longer than 100 ms";
  assertFailure(await call, { code: "TimeoutError", execution: "unknown", message });
});

test("they may take the limit of time away", [
  (call, next) => {
    call.timeoutMs = undefined;
    return next(call);
  },
], async ({ client, world, site }) => {
  const call = client.call("Gate.Wait", 1, { timeoutMs: 500 });
  await world.clock.advance(60_000);
  assertEquals(site.gate.begun[0].ctx.deadline, undefined);
  site.gate.begun[0].end.resolve("late");
  assertEquals(await call, "late");
});

test("next behind the end of the time sends nothing", [
  async (call, next) => {
    await late.promise;
    outcome = next(call);
    return await outcome;
  },
], async ({ client, world, came }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
  await world.clock.advance(600);
  assertFailure(await call, { code: "TimeoutError" });
  late.resolve();
  await settled();
  assertFailure(await failure(outcome), { code: "TimeoutError", execution: "not_sent" });
  assertEquals(came, []);
});
const late = deferred();
let outcome: Promise<unknown>;
