/** Calls that interceptors of a `Client` have while it is closed, or its connection is lost. */

import { assertEquals } from "@std/assert";
import { assertFailure, deferred, failure, settled } from "../support/helpers.ts";
import { test } from "../support/intercepted_client.ts";

test("closing the client ends calls that interceptors keep", [
  () => new Promise(() => {}),
], async ({ client }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 60_000 }));
  const endless = failure(client.call("My.Echo", 1));
  await settled();
  await client.close();
  const message = "My.Echo: the client is closed, and an interceptor kept the call";
  assertFailure(await call, { code: "canceled", execution: "not_sent", message });
  assertFailure(await endless, { code: "canceled" });
});

for (const hurry of [false, true]) {
  test(
    `a close with grace lets interceptors end their work${hurry ? ", until it is hurried" : ""}`,
    [
      async (call, next) => {
        const reply = await next(call);
        await work.promise;
        return reply;
      },
    ],
    async ({ client, world, site }) => {
      work = deferred();
      const call = client.call("Gate.Wait", 1).catch((error: unknown) => error);
      await site.gate.untilBegun(1);
      let isClosed = false;
      const closed = client.close({ graceMs: 1000 }).then(() => isClosed = true);
      site.gate.begun[0].end.resolve("done");
      await world.clock.advance(900);
      assertEquals(isClosed, false);
      if (hurry) {
        await client.close();
        assertFailure(await call, { code: "canceled", execution: "answered" });
      } else {
        work.resolve();
        assertEquals(await call, "done");
      }
      await closed;
      assertEquals(world.clock.timers, 0);
    },
  );
}
let work = deferred();

test("the grace of a close is the longest that interceptors get", [
  async (call, next) => {
    await next(call);
    await new Promise(() => {});
  },
], async ({ client, world }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 60_000 }));
  await settled();
  const closed = client.close({ graceMs: 1000 });
  await world.clock.advance(1000);
  await closed;
  assertFailure(await call, { code: "canceled", execution: "answered" });
});

test("a connection that is lost leaves interceptors their time", [
  async (call, next) => [await failure(next(call)), await work.promise].length,
], async ({ client, world, site }) => {
  work = deferred();
  const call = client.call("Gate.Wait", 1, { timeoutMs: 60_000 });
  await site.gate.untilBegun(1);
  world.network.cut(site.address);
  await client.closed;
  await settled();
  work.resolve();
  assertEquals(await call, 2);
  assertEquals(world.clock.timers, 0); // though it was not closed
});

test("a client that is closed: interceptors see its error", [
  async (call, next) => [await failure(next(call))],
], async ({ client }) => {
  await client.close();
  const [error] = await client.call<unknown[]>("My.Echo", 1, { timeoutMs: 1000 });
  assertFailure(error, { code: "canceled", execution: "not_sent" });
});

test("a call in flight at the close ends as the interceptors say", [
  async (call, next) => {
    const error = await failure(next(call));
    for (let n = 0; n < 20; n++) await undefined;
    return [error];
  },
], async ({ client, site }) => {
  const call = client.call<unknown[]>("Gate.Wait", 1, { timeoutMs: 60_000 });
  await site.gate.untilBegun(1);
  await client.close();
  assertFailure((await call)[0], { code: "canceled", execution: "unknown" });
});
