/** Calls that a handler makes for the call that it serves: what they inherit, by `ctx.inherit` and without a word. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { CallContext, CallOptions, ClientOptions, FleetCallOptions } from "../../mod.ts";
import { dial, type RpcError, Server, XClient } from "../../mod.ts";
import { assertFailure, failure, inWorld, settled, withStillDate } from "../support/helpers.ts";
import type { World } from "../support/helpers.ts";

/**
 * A caller, a server in the middle whose handlers call another one, and that one, which holds calls.
 *
 * @param pass Makes the call behind: the handler's whole work.
 */
async function scene(
  world: World,
  pass: (ctx: CallContext, behind: XClient) => unknown,
  { asyncContext = false, ...options }: ClientOptions & { asyncContext?: boolean } = {},
) {
  const back = await world.serve("back");
  const behind = new XClient([back.address], { ...world.options, ...options });
  const middle = await world.serve("middle", { asyncContext }, {
    Front: { Do: (_args: unknown, ctx: CallContext) => pass(ctx, behind) },
  });
  const client = await world.dial(middle.address);
  const close = async () => void await Promise.all([client.close(), behind.close()]);
  return { back, middle, behind, client, close };
}

const TRACE = { traceparent: "00-1-2-01", tracestate: "a=b", baggage: "user=ann" };

/** A call's time that is left at a server. */
function leftMs({ deadline }: CallContext): number | undefined {
  return deadline && deadline.getTime() - Date.now();
}

const inStillWorld = (body: (world: World) => Promise<void>) => withStillDate(() => inWorld(body));

for (const explicit of [true, false]) {
  const how = explicit ? "ctx.inherit" : "asyncContext and inherit";
  const options = explicit ? {} : { asyncContext: true, inherit: true };
  const wait = (ctx: CallContext, behind: XClient, own: FleetCallOptions = {}) =>
    behind.call("Gate.Wait", 1, explicit ? ctx.inherit(own) : own);

  Deno.test(`${how}: deadline, signal and trace go along, other metadata does not`, () =>
    inStillWorld(async (world) => {
      const { back, client, close } = await scene(
        world,
        (ctx, behind) => wait(ctx, behind),
        options,
      );
      const meta = { ...TRACE, token: "secret" };
      const call = failure(client.call("Front.Do", 1, { timeoutMs: 60_000, meta }));
      await back.gate.untilBegun(1);
      const [{ ctx }] = back.gate.begun;
      assertEquals([{ ...ctx.meta }, leftMs(ctx)], [TRACE, 60_000]);
      await world.clock.advance(60_000);
      assertFailure(await call, { code: "TimeoutError" });
      assertEquals(back.gate.aborted.length, 1);
      await settled();
      await close();
    }));

  Deno.test(`${how}: the caller gives up, and so does the call behind`, () =>
    inStillWorld(async (world) => {
      const { back, client, close } = await scene(
        world,
        (ctx, behind) => wait(ctx, behind),
        options,
      );
      const controller = new AbortController();
      const call = failure(client.call("Front.Do", 1, { signal: controller.signal }));
      await back.gate.untilBegun(1);
      assertEquals([{ ...back.gate.begun[0].ctx.meta }, leftMs(back.gate.begun[0].ctx)], [
        {},
        undefined,
      ]);
      controller.abort();
      await back.gate.untilAborted(1);
      assertEquals((await call as Error).name, "AbortError");
      await close();
    }));

  Deno.test(`${how}: the shorter time, either signal, its own metadata over what is inherited`, () =>
    inStillWorld(async (world) => {
      const controller = new AbortController();
      const own = {
        signal: controller.signal,
        timeoutMs: 1000,
        meta: { traceparent: "own", token: "own" },
        idempotent: true,
      };
      let error: unknown;
      const { back, client, close } = await scene(world, async (ctx, behind) => {
        error = await failure(wait(ctx, behind, own));
        return "done";
      }, options);
      const call = client.call("Front.Do", 1, { timeoutMs: 60_000, meta: TRACE });
      await back.gate.untilBegun(1);
      const [{ ctx }] = back.gate.begun;
      assertEquals({ ...ctx.meta }, { ...TRACE, traceparent: "own", token: "own" });
      assertEquals(leftMs(ctx), 1000);
      const reason = new Error("enough");
      controller.abort(reason);
      assertEquals(await call, "done");
      assertStrictEquals(error, reason);
      await close();
    }));

  Deno.test(`${how}: the call that is served ends those that have a signal of their own too`, () =>
    inStillWorld(async (world) => {
      const own = { signal: new AbortController().signal };
      const pass = (ctx: CallContext, behind: XClient) => wait(ctx, behind, own);
      const { back, client, close } = await scene(world, pass, options);
      const controller = new AbortController();
      const call = failure(client.call("Front.Do", 1, { signal: controller.signal }));
      await back.gate.untilBegun(1);
      controller.abort();
      await back.gate.untilAborted(1);
      await call;
      await close();
    }));

  Deno.test(`${how}: what is made behind an await has the time that is left then`, () =>
    inStillWorld(async (world) => {
      const { back, client, close } = await scene(world, async (ctx, behind) => {
        await new Promise<void>((resolve) => world.clock.setTimer(20_000, resolve));
        return await wait(ctx, behind);
      }, options);
      const call = client.call("Front.Do", 1, { timeoutMs: 60_000 });
      await settled();
      await world.clock.advance(20_000);
      await back.gate.untilBegun(1);
      assertEquals(leftMs(back.gate.begun[0].ctx), 40_000);
      back.gate.begun[0].end.resolve("done");
      assertEquals(await call, "done");
      await close();
    }));
}

Deno.test("ctx.inherit: a margin of time, and metadata that is named", () =>
  inStillWorld(async (world) => {
    let options: CallOptions = {};
    const { client, close } = await scene(world, ({ inherit }) => { // taken out of the context
      options = inherit({ meta: { own: "1" } }, { marginMs: 100, meta: ["tenant", "none"] });
      return "done";
    });
    const meta = { ...TRACE, tenant: "acme", token: "secret" };
    assertEquals(await client.call("Front.Do", 1, { timeoutMs: 60_000, meta }), "done");
    assertEquals(options.meta, { ...TRACE, tenant: "acme", own: "1" });
    assertEquals(options.timeoutMs, 59_900);
    await close();
  }));

Deno.test("ctx.inherit: without a deadline there is none, and no metadata without any", () =>
  inStillWorld(async (world) => {
    const seen: CallOptions[] = [];
    const { client, close } = await scene(
      world,
      (ctx) => void seen.push(ctx.inherit(), ctx.inherit({ timeoutMs: 5 })),
    );
    await client.call("Front.Do");
    assertEquals(seen.map(({ timeoutMs }) => timeoutMs), [undefined, 5]);
    assertEquals(seen.map(({ meta }) => meta), [undefined, undefined]);
    assertEquals(seen.map(({ signal }) => signal?.aborted), [false, false]);
    await close();
  }));

Deno.test("ctx.inherit: a call whose time is over by the margin is not sent", () =>
  inStillWorld(async (world) => {
    const { back, client, close } = await scene(world, async (ctx, behind) => {
      const error = await failure(behind.call("Gate.Wait", 1, ctx.inherit({}, { marginMs: 500 })));
      return (error as RpcError).execution;
    });
    assertEquals(await client.call("Front.Do", 1, { timeoutMs: 400 }), "not_sent");
    assertEquals(back.gate.begun.length, 0);
    await close();
  }));

Deno.test("ctx.inherit says what is wrong", () =>
  inStillWorld(async (world) => {
    const { client, close } = await scene(world, (ctx) => ctx.inherit({}, { marginMs: -1 }));
    assertFailure(await failure(client.call("Front.Do")), {
      message: "marginMs must be at least 0",
    });
    await close();
  }));

Deno.test("asyncContext: in all that a handler awaits, in interceptors, and by a Client; each call has its own", () =>
  inStillWorld(async (world) => {
    const back = await world.serve("back");
    const own = await world.dial(back.address, { inherit: true });
    const middle = await world.serve("middle", {
      asyncContext: true,
      interceptors: [async (call, next) => {
        await own.call("Gate.Echo", 1);
        return await next(call);
      }],
    }, {
      Front: {
        Do: async () => {
          await settled();
          return await own.call("Gate.Wait");
        },
      },
    });
    const client = await world.dial(middle.address);
    const traces = ["1", "2", "3"];
    const calls = traces.map((traceparent) =>
      client.call("Front.Do", 1, { meta: { traceparent } })
    );
    await back.gate.untilBegun(3);
    assertEquals(back.gate.begun.map(({ ctx }) => ctx.meta.traceparent), traces);
    for (const { end } of back.gate.begun) end.resolve("done");
    assertEquals(await Promise.all(calls), ["done", "done", "done"]);
    await Promise.all([own.close(), client.close()]);
  }));

for (const [asyncContext, inherit] of [[true, false], [false, true]]) {
  Deno.test(`nothing is inherited unless both ask for it: ${asyncContext}, ${inherit}`, () =>
    inStillWorld(async (world) => {
      const pass = (_: CallContext, behind: XClient) => behind.call("Gate.Wait", 1);
      const { back, client, close } = await scene(world, pass, { asyncContext, inherit });
      const call = client.call("Front.Do", 1, { meta: TRACE, timeoutMs: 60_000 });
      await back.gate.untilBegun(1);
      assertEquals({ ...back.gate.begun[0].ctx.meta }, {});
      assertEquals(back.gate.begun[0].ctx.deadline, undefined);
      back.gate.begun[0].end.resolve("done");
      assertEquals(await call, "done");
      await close();
    }));
}

Deno.test("inherit outside of any handler changes nothing", () =>
  inStillWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address, { inherit: true });
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await client.close();
  }));

Deno.test("asyncContext: work that outlives its call has its calls aborted with it", () =>
  inStillWorld(async (world) => {
    const outcomes: unknown[] = [];
    const { back, client, close } = await scene(world, (_ctx, behind) => {
      void failure(behind.call("Gate.Wait", "inherits")).then((error) => outcomes.push(error));
      return new Promise(() => {});
    }, { asyncContext: true, inherit: true });
    const call = failure(client.call("Front.Do", 1, { timeoutMs: 500 }));
    await back.gate.untilBegun(1);
    await world.clock.advance(500);
    assertFailure(await call, { code: "TimeoutError" });
    await back.gate.untilAborted(1);
    await settled();
    assertEquals(outcomes.length, 1);
    await close();
  }));

Deno.test("asyncContext: behind the answer, work has the caller's deadline still", () =>
  inStillWorld(async (world) => {
    const errors: RpcError[] = [];
    const later = (ms: number) => new Promise<void>((resolve) => world.clock.setTimer(ms, resolve));
    const { back, client, close } = await scene(world, async (_ctx, behind) => {
      const note = async (promise: Promise<unknown>) =>
        errors.push(await failure(promise) as RpcError);
      void note(behind.call("Gate.Wait", "at once"));
      void later(600).then(() => note(behind.call("Gate.Wait", "too late")));
      return await Promise.resolve("done");
    }, { asyncContext: true, inherit: true });
    assertEquals(await client.call("Front.Do", 1, { timeoutMs: 500 }), "done");
    await back.gate.untilBegun(1);
    await world.clock.advance(499);
    assertEquals(errors, []);
    await world.clock.advance(101);
    assertEquals(errors.map(({ name, execution }) => [name, execution]), [
      ["TimeoutError", "unknown"],
      ["TimeoutError", "not_sent"],
    ]);
    assertEquals(back.gate.begun.length, 1);
    await close();
  }));

Deno.test("over real sockets: three servers in a row, one deadline and one trace", async () => {
  const seen: string[] = [];
  const last = new Server();
  last.register("Last", {
    Do: (_args: unknown, { meta, deadline }: CallContext) => {
      seen.push(meta.traceparent, String(deadline!.getTime() > Date.now()));
      return "done";
    },
  });
  const end = await last.listen("tcp@127.0.0.1:0");
  const toLast = await dial(end.address, { inherit: true });
  const middle = new Server({ asyncContext: true });
  middle.register("Middle", { Do: () => toLast.call("Last.Do") });
  const between = await middle.listen("tcp@127.0.0.1:0");
  const toMiddle = new XClient([between.address]);
  const first = new Server();
  first.register("First", {
    Do: (_args: unknown, ctx: CallContext) => toMiddle.call("Middle.Do", 1, ctx.inherit()),
  });
  const begin = await first.listen("tcp@127.0.0.1:0");
  const client = await dial(begin.address);
  const options = { timeoutMs: 60_000, meta: { traceparent: "t" } };
  assertEquals(await client.call("First.Do", 1, options), "done");
  assertEquals(seen, ["t", "true"]);
  for (const one of [client, toMiddle, toLast, first, middle, last]) await one.close();
});
