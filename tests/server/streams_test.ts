/** Streams at a server: interceptors, checks, contexts, and those who know no streams. */

import type { RpcError } from "../../errors.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { dial } from "../../client.ts";
import { method, type ServerInterceptor, type StreamIterator } from "../../mod.ts";
import { type CallContext, Server } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import { assertFails, inWorld, settled } from "../support/helpers.ts";
import { type, v, z } from "../support/validators.ts";
import { all, endless } from "../support/streaming.ts";

Deno.test("interceptors stand around the whole stream, and may wrap it", () =>
  inWorld(async (world) => {
    const log: string[] = [];
    const doubling: ServerInterceptor = {
      async handle(call, next) {
        log.push(`begin ${call.serviceMethod}`);
        const items = await next(call) as AsyncIterable<number>;
        return (async function* () {
          try {
            for await (const item of items) yield 2 * item;
          } finally {
            log.push("end");
          }
        })();
      },
    };
    const refusing: ServerInterceptor["handle"] = (call, next) => {
      if (call.method === "Secret") throw call.context.reject("not for you", "permission_denied");
      return next(call);
    };
    async function* To(most: number) {
      for (let number = 1; number <= most; number++) yield number;
    }
    const interceptors = [doubling, refusing];
    const { address } = await world.serve("a", { interceptors }, { Count: { To, Secret: To } });
    const client = await world.dial(address);
    assertEquals(await all(client.stream("Count.To", 3)), [2, 4, 6]);
    const how = { code: "permission_denied", execution: "rejected" } as const;
    await assertFails(client.stream("Count.Secret", 3).next(), how);
    for await (const _ of client.stream("Count.To", 1e9)) break;
    await settled();
    assertEquals(log, [
      "begin Count.To",
      "end",
      "begin Count.Secret",
      "begin Count.To",
      "end",
    ]);
    await client.close();
  }));

Deno.test("items are checked by schemas, those of the answer and those of the argument", () =>
  inWorld(async (world) => {
    for (
      const [name, number, text] of [
        ["zod", z.number(), z.string()],
        ["valibot", v.number(), v.string()],
        ["arktype", type("number"), type("string")],
      ] as const
    ) {
      const errors: unknown[] = [];
      const methods = {
        Words: method({ args: number, item: text } as never, async function* (most: number) {
          for (let index = 0; index < most; index++) yield index < 2 ? `word ${index}` : index;
        }),
        Sum: method({ argsItem: number } as never, async (numbers: AsyncIterable<number>) => {
          let sum = 0;
          for await (const number of numbers) sum += number;
          return sum;
        }),
        Single: method({ item: text } as never, () => "no stream" as never),
      };
      const options = { onError: (error: unknown) => errors.push(error) };
      const { address } = await world.serve(name, options, { Checked: methods });
      const client = await world.dial(address);
      assertEquals(await all(client.stream("Checked.Words", 2)), ["word 0", "word 1"]);
      const wrong = client.stream("Checked.Words", 3);
      assertEquals([await wrong.next(), await wrong.next()].map(({ value }) => value), [
        "word 0",
        "word 1",
      ]);
      await assertFails(wrong.next(), { code: "internal", execution: "answered" });
      await settled();
      assertMatch(String(errors[0]), /Checked\.Words: item\[2\]: /);
      const how = { code: "invalid_argument", execution: "rejected" } as const;
      await assertFails(client.stream("Checked.Words", "x").next(), how);
      assertEquals(await client.call("Checked.Sum", ReadableStream.from([1, 2, 3])), 6);
      const sum = client.call("Checked.Sum", ReadableStream.from([1, "two", 3]));
      await assertFails(sum, {
        code: "invalid_argument",
        execution: "answered",
        message: "Checked.Sum: args[1]: ",
      });
      await assertFails(client.call("Checked.Sum", 5), { ...how, message: "a stream of items" });
      await assertFails(client.stream("Checked.Single").next(), { code: "internal" });
      await client.close();
    }
  }));

Deno.test("where the protocol has no streams, both ends say so", async () => {
  const { methods } = endless(1);
  for (const protocol of ["geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
    await inWorld(async (world) => {
      const server = new Server({ clock: world.clock });
      server.register("Endless", methods);
      const listening = { network: world.network, protocol };
      const { address } = await server.listen("memory@other", listening);
      const client = await world.dial(address, { protocol });
      const how = { code: "unimplemented", execution: "not_sent" } as const;
      await assertFails(client.stream("Endless.Go").next(), { ...how, message: "has no streams" });
      await assertFails(client.call("Endless.Take", ReadableStream.from([1])), how);
      await assertFails(client.call("Endless.Go"), { message: "answers with a stream" });
      await client.close();
      await server.close();
    });
  }
});

Deno.test("a handler that asks for its argument's next item while a reply is encoded breaks nothing", () =>
  inWorld(async (world) => {
    const Odd = (items: StreamIterator<number>) => {
      let asked = 0;
      const next = () => {
        for (; asked < 600; asked++) items.next();
        return "odd";
      };
      return new Promise((resolve) => {
        items.next().then(() => resolve({ toJSON: next }));
      });
    };
    const { address } = await world.serve("a", {}, { Count: { Odd } });
    const client = await world.dial(address);
    async function* many() {
      for (let number = 0; number < 5000; number++) yield number;
    }
    assertEquals(await client.call("Count.Odd", many()), "odd");
    assertEquals(await client.call("Gate.Echo", 5), 5);
    await client.close();
  }));

Deno.test("calls that a stream's handler makes between items inherit from its call", async () => {
  const network = new MemoryNetwork();
  const clock = new FakeClock();
  const back = new Server({ clock });
  back.register("Back", { Meta: (_args: unknown, ctx: CallContext) => ctx.deadline !== undefined });
  const { address: behind } = await back.listen("memory@back", { network });
  const client = await dial(behind, { network, clock, inherit: true });
  const front = new Server({ clock, asyncContext: true });
  front.register("Front", {
    async *Items() {
      yield await client.call("Back.Meta");
      yield await client.call("Back.Meta");
    },
  });
  const { address } = await front.listen("memory@front", { network });
  const user = await dial(address, { network, clock });
  assertEquals(await all(user.stream("Front.Items", null, { timeoutMs: 5000 })), [true, true]);
  for (const one of [user, client, front, back]) await one.close();
});

Deno.test("a stream that is a promise as well is read item by item where that was asked for", () =>
  inWorld(async (world) => {
    const Cursor = () => ({
      then: (resolve: (value: number[]) => void) => resolve([1, 2]),
      async *[Symbol.asyncIterator]() {
        yield 1;
        yield 2;
      },
    });
    const { address } = await world.serve("a", {}, { Db: { Cursor } });
    const client = await world.dial(address);
    assertEquals(await all(client.stream("Db.Cursor")), [1, 2]);
    assertEquals(await client.call("Db.Cursor"), [1, 2]);
    await client.close();
  }));

Deno.test("an argument's item over the server's limit ends the argument, not the connection", () =>
  inWorld(async (world) => {
    const errors: unknown[] = [];
    const Take = async (items: AsyncIterable<unknown>) => {
      let taken = 0;
      try {
        for await (const _ of items) taken++;
      } catch (error) {
        errors.push(error);
      }
      return taken;
    };
    const { address } = await world.serve("a", { maxMessageBytes: 1000 }, { Count: { Take } });
    const client = await world.dial(address);
    for (const large of ["x".repeat(2000), "x".repeat(5000), new Uint8Array(2000)]) {
      assertEquals(await client.call("Count.Take", ReadableStream.from([1, large, 2])), 1);
      const error = errors.pop() as RpcError;
      assertEquals(error.code, "resource_exhausted");
      assertMatch(
        error.message,
        /an item of the argument of Count\.Take is over the limit of 1000 /,
      );
    }
    assertEquals(await client.call("Gate.Echo", 5), 5);
    await client.close();
  }));
