/** Interceptors of a `Client` and their `next`: what may be made again, and what it has to be given. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { ClientAttempt, FleetCallOptions, Next, RpcError } from "../../mod.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";
import { type Around, test } from "../support/intercepted_client.ts";

const twice: Around = async (call, next) => {
  const replies: unknown[] = [];
  for (let n = 0; n < 2; n++) replies.push(await next(call).catch((error) => error));
  return replies;
};

test("next again: an idempotent call is made again", [twice], async ({ client, came }) => {
  const options: FleetCallOptions = { idempotent: true };
  assertEquals(await client.call("My.Echo", 5, options), [5, 5]);
  assertEquals(came.length, 2);
});

test("next again: what ran is not made again, and the error says so", [twice], async (scene) => {
  const { client, came } = scene;
  const [reply, again] = await client.call<unknown[]>("My.Echo", 5);
  assertEquals(reply, 5);
  const message = "My.Echo: an interceptor called next again, but the call may have run already " +
    "and is not known to be idempotent";
  assertFailure(again, { code: "failed_precondition", execution: "answered", message });
  assertEquals(came.length, 1);
});

test("next again: what was answered with an error ran", [twice], async ({ client }) => {
  const [first, again] = await client.call<unknown[]>("Gate.Fail", 5);
  assertFailure(again, { code: "failed_precondition", execution: "answered" });
  assertStrictEquals((again as RpcError).cause, first);
});

test("next again: what was turned away is made again, with what has changed", [
  async (call, next) => {
    const first = await next(call).catch((error) => error);
    assertFailure(first, { code: "unauthenticated", execution: "rejected" });
    call.meta.token = "new";
    const reply = await next(call);
    assertEquals(call.attempts.map(({ error }) => error), [first, undefined]);
    return reply;
  },
], async ({ client, came }) => {
  assertEquals(await client.call("My.Reject", 1), "done");
  assertEquals(came.map(({ meta }) => meta), [{}, { token: "new" }]);
});

test("next again: while it is in flight it may be running", [
  async (call, next) => {
    const first = next(call);
    const again = await failure(next(call));
    assertFailure(again, { code: "failed_precondition", execution: "unknown" });
    return await first;
  },
], async ({ client }) => {
  assertEquals(await client.call("My.Echo", 1), 1);
});

test("next again, around an attempt: by the same rules", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    const said = (error: RpcError) => `${error.code}, ${error.execution}`;
    const first = await next(attempt).catch(said);
    attempt.meta.again = "yes";
    return [first, await next(attempt).catch(said)];
  },
}], async ({ client, came }) => {
  assertEquals(await client.call("My.Reject", 1), ["unauthenticated, rejected", "done"]);
  assertEquals(came.map(({ meta }) => meta), [{}, { again: "yes" }]);
  assertEquals(await client.call("My.Echo", 1), [1, "failed_precondition, answered"]);
});

test("next takes the very object, and says so", [
  (call, next) => next({ ...call }),
], async ({ client, came }) => {
  const error = await failure(client.call("My.Echo", 1));
  assert(error instanceof TypeError && error.message.includes("very object"), String(error));
  assertEquals(came, []);
});

test("a promise of next that nobody waits for: what it rejects with ends nothing", [
  (call, next) => {
    void next(call);
    return "early";
  },
], async ({ client, site }) => {
  assertEquals(await client.call("Gate.Fail", 1), "early");
  assertEquals(await client.call("Gate.Wait", 1), "early");
  await site.gate.untilBegun(1);
  site.gate.begun[0].end.resolve(0);
  await settled();
});
