/** What a handler knows of its call; where a server listens. */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import type { CallContext } from "../../server.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "../support/helpers.ts";

Deno.test("a handler knows its call", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const call = client.call("Gate.Wait", 1, { timeoutMs: 1000, meta: { token: "t" } });
    await gate.untilBegun(1);
    const { ctx } = gate.begun[0];
    assertEquals(ctx.serviceMethod, "Gate.Wait");
    assertEquals({ ...ctx.meta }, { token: "t" });
    assertEquals(ctx.remote, "memory@client");
    assert(ctx.deadline instanceof Date && !ctx.signal.aborted);
    gate.begun[0].end.resolve("fine");
    assertEquals(await call, "fine");
    assert(!ctx.signal.aborted); // a call that ended well is not aborted
    await client.close();
    await settled();
    assert(!ctx.signal.aborted);
  }));

Deno.test("a deadline beyond all dates is the last of them", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1, { Timeout: 1e300 }));
    await gate.untilBegun(1);
    const { ctx } = gate.begun[0];
    assertEquals([ctx.deadline?.getTime(), ctx.signal.aborted], [8.64e15, false]);
    peer.close();
    await gate.untilAborted(1);
  }));

Deno.test("a handler that asks late for its signal finds it aborted", () =>
  inWorld(async (world) => {
    const contexts: CallContext[] = [];
    const go = deferred();
    const Late = {
      Do: async (_: unknown, ctx: CallContext) => {
        contexts.push(ctx);
        await go.promise;
      },
    };
    const { address } = await world.serve("a", {}, { Late });
    const client = await world.dial(address);
    const controller = new AbortController();
    const call = failure(client.call("Late.Do", 1, { signal: controller.signal }));
    await settled();
    controller.abort();
    await call;
    await settled();
    assert(contexts[0].signal.aborted);
    assertFailure(contexts[0].signal.reason, { code: "canceled" });
    go.resolve();
    await client.close();
  }));

Deno.test("a lost connection aborts its handlers, and no others", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const [one, two] = await Promise.all([world.dial(address), world.dial(address)]);
    const lost = failure(one.call("Gate.Wait", 1));
    const kept = two.call("Gate.Wait", 2);
    await gate.untilBegun(2);
    await one.close();
    await lost;
    await gate.untilAborted(1);
    const other = gate.begun.find(({ args }) => args === 2)!;
    assert(!other.ctx.signal.aborted);
    other.end.resolve("kept");
    assertEquals(await kept, "kept");
    await two.close();
  }));

Deno.test("a Seq that runs already is refused", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1) + request(1, "Gate.Wait", 2));
    const { Code, Rejected } = JSON.parse((await peer.untilLines(2))[0]);
    assertEquals([Code, Rejected], ["invalid_argument", true]);
    assertEquals(gate.begun.length, 1);
    peer.close();
    await gate.untilAborted(1);
  }));

Deno.test("a connection that closes in the middle of a read runs no call behind it", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxMessageBytes: 600 }, {
      Long: {
        Fail: () => {
          throw new Error("x".repeat(1000)); // in gob it does not fit into the limit
        },
      },
    });
    const client = await world.dial(address, { protocol: "geerpc/gob", handleTimeoutMs: 1000 });
    assertEquals(await client.call("Gate.Echo", 1), 1);
    const calls = ["Long.Fail", "Gate.Wait", "No.Method"].map((name) => client.call(name, 1));
    for (const call of calls) await assertFails(call, { code: "unavailable" });
    assertEquals([gate.begun.length, server.connections, world.clock.timers], [0, 0, 0]);
  }));

Deno.test("HandleTimeout is what dial says", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { handleTimeoutMs: 1500 });
    const call = failure(client.call("Gate.Wait"));
    await gate.untilBegun(1);
    await world.clock.advance(1500);
    const error = await call;
    assertFailure(error, { code: "deadline_exceeded", execution: "answered", address });
    assertEquals(error.message, "rpc server: request handle timeout: expect within 1.5s");
    assertEquals(gate.aborted.length, 1);
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await client.close();
  }));

Deno.test("one server at several addresses; listen refuses a wrong or taken one", () =>
  inWorld(async (world) => {
    const { server } = await world.serve("a");
    const { address } = await server.listen("memory@b?weight=2", world.options);
    assertEquals(address, "memory@b");
    const client = await dial(address, world.options);
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await client.close();
    await assertFails(server.listen("memory@b", world.options), { code: "unavailable", address });
    await assertFails(server.listen("nonsense"), { code: "invalid_argument", address: "nonsense" });
    await assertFails(server.listen("memory@c"), { code: "invalid_argument", address: "memory@c" });
  }));
