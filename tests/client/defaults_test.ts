/** The time and the metadata that calls are given which do not say their own. */

import { assertEquals } from "@std/assert";
import type { CallContext, CallDefaults } from "../../mod.ts";
import { XClient } from "../../mod.ts";
import { assertFailure, failure, inWorld, settled } from "../support/helpers.ts";
import type { World } from "../support/helpers.ts";

const DEFAULTS: CallDefaults = {
  timeoutMs: 500,
  meta: { tenant: "acme", who: "all" },
  methods: {
    "My.Slow": { timeoutMs: 2000 },
    "My.Endless": { timeoutMs: Infinity },
    "My.Named": { meta: { who: "method", tag: "1" } },
  },
};

/** A `Client` and an `XClient` with these defaults, of a server that shows what comes. */
async function scene(world: World, defaults: CallDefaults, intercepted: boolean) {
  const show = (_args: unknown, { meta }: CallContext) => ({ ...meta });
  const wait = () => new Promise(() => {});
  const { address } = await world.serve("a", {}, {
    My: { Do: wait, Slow: wait, Endless: wait, Named: show, Show: show },
  });
  const options = {
    ...world.options,
    defaults,
    interceptors: intercepted ? [(call: never, next: (call: never) => unknown) => next(call)] : [],
  };
  const client = await world.dial(address, options);
  const xclient = new XClient([address], options);
  const close = async () => void await Promise.all([client.close(), xclient.close()]);
  return { client, xclient, close };
}

for (const intercepted of [false, true]) {
  const how = intercepted ? "with interceptors" : "without interceptors";

  Deno.test(`time: by the call, else by the method, else for all, ${how}`, () =>
    inWorld(async (world) => {
      const { client, xclient, close } = await scene(world, DEFAULTS, intercepted);
      const ended: string[] = [];
      const call = (method: string, options?: object) => {
        const name = `${method} ${JSON.stringify(options ?? null)}`;
        for (const one of [client, xclient]) {
          void failure(one.call(`My.${method}`, 1, options)).then((error) => {
            if ((error as Error).name === "TimeoutError") ended.push(name);
          });
        }
        void failure(xclient.broadcast(`My.${method}`, 1, options)).then((error) => {
          if ((error as Error).name === "TimeoutError") ended.push(name);
        });
      };
      const after = async (ms: number) => {
        ended.length = 0;
        await world.clock.advance(ms);
        return [...new Set(ended)].map((
          name,
        ) => [name, ended.filter((one) => one === name).length]);
      };
      call("Do", { timeoutMs: 100 });
      call("Do");
      call("Do", { timeoutMs: undefined });
      call("Do", { timeoutMs: 1000 });
      call("Slow");
      call("Slow", { timeoutMs: 2500 });
      call("Endless");
      call("Do", { timeoutMs: Infinity });
      assertEquals(await after(100), [['Do {"timeoutMs":100}', 3]]);
      assertEquals(await after(399), []);
      assertEquals(await after(1), [["Do null", 3], ["Do {}", 3]]);
      assertEquals(await after(500), [['Do {"timeoutMs":1000}', 3]]);
      assertEquals(await after(1000), [["Slow null", 3]]);
      assertEquals(await after(60_000), [['Slow {"timeoutMs":2500}', 3]]);
      await close();
      await settled();
    }));

  Deno.test(`metadata: by the call over the method's over all calls', ${how}`, () =>
    inWorld(async (world) => {
      const { client, xclient, close } = await scene(world, DEFAULTS, intercepted);
      const show = (method: string, meta?: Record<string, string>) =>
        Promise.all([
          client.call(`My.${method}`, 1, meta && { meta }),
          xclient.call(`My.${method}`, 1, meta && { meta }),
          xclient.broadcast(`My.${method}`, 1, meta && { meta }),
          xclient.service<{ [method: string]: (args: number) => unknown }>("My")[method](
            1,
            meta && { meta },
          ),
        ]);
      const four = (
        meta: unknown,
      ): [unknown, unknown, unknown, unknown] => [meta, meta, meta, meta];
      assertEquals(await show("Show"), four({ tenant: "acme", who: "all" }));
      assertEquals(await show("Named"), four({ tenant: "acme", who: "method", tag: "1" }));
      assertEquals(
        await show("Named", { who: "call", own: "2" }),
        four({ tenant: "acme", who: "call", tag: "1", own: "2" }),
      );
      for await (const receipt of xclient.inform("My.Show", 1)) {
        assertEquals(receipt.ok && receipt.reply, { tenant: "acme", who: "all" });
      }
      await close();
    }));
}

Deno.test("interceptors see the defaults", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address, {
      defaults: DEFAULTS,
      interceptors: [({ timeoutMs, meta }) => [timeoutMs, meta]],
    });
    assertEquals(await client.call("My.Slow"), [2000, DEFAULTS.meta]);
    assertEquals(await client.call("My.Do", 1, { timeoutMs: 5, meta: { who: "I" } }), [
      5,
      { tenant: "acme", who: "I" },
    ]);
    await client.close();
  }));

Deno.test("what is changed in the options later changes nothing", () =>
  inWorld(async (world) => {
    const meta: Record<string, string> = { a: "1" };
    const methods: Record<string, { timeoutMs: number }> = {};
    const { client, close } = await scene(world, { meta, methods }, false);
    meta.a = "2";
    methods["My.Show"] = { timeoutMs: 1 };
    assertEquals(await client.call("My.Show"), { a: "1" });
    await close();
  }));

Deno.test("a default of metadata alone sets no deadline, and one of time no metadata", () =>
  inWorld(async (world) => {
    const site = await world.serve("a");
    for (
      const [defaults, wanted] of [[{ meta: { a: "1" } }, [{ a: "1" }, false]], [{ timeoutMs: 9 }, [
        {},
        true,
      ]]]
    ) {
      const client = await world.dial(site.address, { defaults: defaults as CallDefaults });
      const call = failure(client.call("Gate.Wait", 1));
      await site.gate.untilBegun(1);
      const [{ ctx }] = site.gate.begun.splice(0);
      assertEquals([{ ...ctx.meta }, ctx.deadline !== undefined], wanted as unknown[]);
      await client.close();
      assertFailure(await call, { code: "canceled" });
    }
  }));
