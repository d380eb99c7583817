/** Methods that schemas check: what callers, handlers and the server's listener see. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type CallContext, method, RpcError, Server, type StandardSchemaV1 } from "../../mod.ts";
import { deferred, failure, settled, World } from "../support/helpers.ts";
import { assertFails, inWorld } from "../support/helpers.ts";

type Result<T> = StandardSchemaV1.Result<T>;

/** A schema of one's own. */
function schema<Input, Output = Input>(
  validate: (value: unknown) => Result<Output> | Promise<Result<Output>>,
): StandardSchemaV1<Input, Output> {
  return { "~standard": { version: 1, vendor: "tests", validate } };
}

/** Accepts objects whose `id` is a number. */
const withId = schema<{ id: number }>((value) => {
  const { id } = Object(value);
  if (typeof id === "number") return { value: { id } };
  return { issues: [{ message: `a number is wanted, not ${typeof id}`, path: ["id"] }] };
});

/** Accepts what a predicate does, later. */
const later = <T>(accepts: (value: T) => boolean) =>
  schema<T>(async (value) => {
    await Promise.resolve();
    return accepts(value as T) ? { value: value as T } : { issues: [{ message: "no" }] };
  });

/** A schema that finds what it is told to find. */
const finding = (...issues: StandardSchemaV1.Issue[]) => schema<unknown>(() => ({ issues }));

Deno.test("method: the handler gets what the schema makes of the argument, and its own this", () =>
  inWorld(async (world) => {
    const users = {
      prefix: "user ",
      Find: method(
        { args: withId },
        function (this: { prefix: string }, { id }, ctx) {
          return `${this.prefix}${id} by ${ctx.serviceMethod}`;
        } as (args: { id: number }, ctx: CallContext) => string,
      ),
    };
    const { address } = await world.serve("a", {}, { Users: users });
    const client = await world.dial(address);
    const view = client.service<typeof users>("Users");
    assertEquals(await view.Find({ id: 7 }), "user 7 by Users.Find");
    await client.close();
  }));

Deno.test("method: a refused argument is rejected with its path, and the handler does not run", () =>
  inWorld(async (world) => {
    let runs = 0;
    const told: unknown[] = [];
    const Users = { Find: method({ args: withId }, () => ++runs) };
    const { address } = await world.serve("a", { onError: (error) => told.push(error) }, { Users });
    const client = await world.dial(address);
    for (const args of [undefined, null, {}, { id: "7" }, [], [7], "x", 0]) {
      const error = await assertFails(client.call("Users.Find", args), {
        code: "invalid_argument",
        execution: "rejected",
        serviceMethod: "Users.Find",
        address,
      });
      const type = args && typeof args === "object" && "id" in args ? "string" : "undefined";
      assertEquals(error.message, `Users.Find: args.id: a number is wanted, not ${type}`);
    }
    assertEquals([runs, told], [0, []]);
    assertEquals(await client.call("Users.Find", { id: 1 }), 1);
    await client.close();
  }));

Deno.test("method: every issue is named, in a message of limited length", () =>
  inWorld(async (world) => {
    const tag = Symbol("tag");
    const key = "k".repeat(10_000);
    const message = "m".repeat(1000);
    const many = Array.from(
      { length: 100_000 },
      (_, index) => ({ message, path: ["list", index] }),
    );
    const Checked = {
      Paths: method({
        args: finding(
          { message: "one", path: ["a", 3, { key: "b c" }, { key: 0 }] },
          { message: "two", path: [tag, "ünder_score", ""] },
          { message: "three" },
          { message: "four", path: [] },
        ),
      }, () => 1),
      Many: method({ args: finding(...many.slice(0, 5)) }, () => 1),
      Thousands: method({ args: schema(() => ({ issues: many })) }, () => 1),
      Long: method({ args: finding({ message: "long", path: [key] }) }, () => 1),
      None: method({ args: finding() }, () => 1),
    };
    const { address } = await world.serve("a", {}, { Checked });
    const client = await world.dial(address);
    const text = async (name: string) => {
      const error = await failure(client.call(`Checked.${name}`, 1));
      assert(error instanceof RpcError && error.code === "invalid_argument", String(error));
      return error.message;
    };
    assertEquals(
      await text("Paths"),
      'Checked.Paths: args.a[3]["b c"][0]: one; args[Symbol(tag)].ünder_score[""]: two; ' +
        "args: three; args: four",
    );
    const five = await text("Many");
    assert(five.includes("args.list[4]: mmm") && !five.includes("more"), five);
    const thousands = await text("Thousands");
    assert(thousands.length < 5000, String(thousands.length));
    assert(/args\.list\[9\]: m+….*; and 999\d\d more$/.test(thousands), thousands);
    assert((await text("Long")).length < 400);
    assertEquals(await text("None"), "Checked.None: args: is refused");
    await client.close();
  }));

Deno.test("method: an argument of null arrives as an absent one, and is checked as either", () =>
  inWorld(async (world) => {
    const is = (wanted: unknown) =>
      schema((value) =>
        value === wanted ? { value: [value] } : { issues: [{ message: `not ${wanted}` }] }
      );
    const Absent = {
      Null: method({ args: is(null) }, (args) => args),
      NullLater: method({ args: later((value) => value === null) }, (args) => ({ args })),
      Undefined: method({ args: is(undefined) }, (args) => (args as unknown[]).length),
      Default: method({ args: schema((value) => ({ value: value ?? "world" })) }, (args) => args),
      Neither: method({ args: is(1) }, (args) => args),
    };
    const { address } = await world.serve("a", {}, { Absent });
    const client = await world.dial(address);
    for (const absent of [undefined, null]) {
      assertEquals(await client.call("Absent.Null", absent), [null]);
      assertEquals(await client.call("Absent.NullLater", absent), { args: null });
      assertEquals(await client.call("Absent.Undefined", absent), 1);
      assertEquals(await client.call("Absent.Default", absent), "world");
      await assertFails(client.call("Absent.Neither", absent), {
        code: "invalid_argument",
        message: "args: not 1",
      });
    }
    await client.close();
  }));

Deno.test("method: a refused reply is not sent; the caller learns nothing of it, the listener all", () =>
  inWorld(async (world) => {
    const told: string[] = [];
    const onError = (error: unknown) => void told.push(String(error));
    const secret = { id: "secret" } as unknown as { id: number };
    const Users = {
      Now: method({ reply: withId }, () => secret),
      Later: method({ reply: withId }, () => Promise.resolve(secret)),
      Both: method(
        { args: withId, reply: later((text: string) => text !== "secret") },
        () => "secret",
      ),
    };
    const { address } = await world.serve("a", { onError }, { Users });
    const client = await world.dial(address);
    for (const name of ["Now", "Later", "Both"]) {
      const error = await assertFails(client.call(`Users.${name}`, { id: 1 }), {
        code: "internal",
        execution: "answered",
        message: "it is not what the method's schema says",
      });
      assert(!error.message.includes("secret") && !error.message.includes("string"));
    }
    assertEquals(told, [
      "TypeError: Users.Now: reply.id: a number is wanted, not string",
      "TypeError: Users.Later: reply.id: a number is wanted, not string",
      "TypeError: Users.Both: reply: no",
    ]);
    await client.close();
  }));

Deno.test("method: the caller gets what the schema makes of the reply", () =>
  inWorld(async (world) => {
    const doubled = schema<number, string>((value) => ({ value: `${Number(value) * 2}` }));
    const Numbers = {
      Twice: method({ args: doubled, reply: doubled }, (text) => Number(text)),
      Void: method({ reply: schema<void>((value) => ({ value: value as undefined })) }, () => {}),
    };
    const { address } = await world.serve("a", {}, { Numbers });
    const client = await world.dial(address);
    assertEquals(await client.call("Numbers.Twice", 3), "12");
    assertEquals(await client.call("Numbers.Void"), undefined);
    await client.close();
  }));

Deno.test("method: a schema that throws is treated as a handler that does", () =>
  inWorld(async (world) => {
    const told: string[] = [];
    const onError = (error: unknown) => void told.push(String(error));
    const broken = schema<unknown>(() => {
      throw new Error("the schema is broken");
    });
    const rejecting = schema<unknown>(() => Promise.reject(new Error("the table is gone")));
    const coded = schema<unknown>(() => {
      throw new RpcError("unavailable", "no database");
    });
    const Broken = {
      Args: method({ args: broken }, () => 1),
      Later: method({ args: rejecting }, () => 1),
      Reply: method({ reply: broken }, () => 1),
      Coded: method({ args: coded }, () => 1),
    };
    const { address } = await world.serve("a", { onError }, { Broken });
    const client = await world.dial(address);
    for (const name of ["Args", "Later", "Reply"]) {
      await assertFails(client.call(`Broken.${name}`, 1), {
        code: "unknown",
        execution: "answered",
      });
    }
    await assertFails(client.call("Broken.Coded", 1), {
      code: "unavailable",
      execution: "answered",
    });
    assertEquals(told, [
      "Error: the schema is broken",
      "Error: the table is gone",
      "Error: the schema is broken",
    ]);
    await client.close();
  }));

for (const end of ["deadline", "abort"] as const) {
  Deno.test(`method: a check that takes too long ends with the call's ${end}; nothing runs behind it`, async () => {
    const world = new World();
    const told: unknown[] = [];
    let runs = 0;
    const check = deferred<Result<unknown>>();
    const begun = deferred<void>();
    const args = schema<unknown>(() => {
      begun.resolve();
      return check.promise;
    });
    const Slow = { Do: method({ args }, () => ++runs) };
    const { address, server } = await world.serve("a", { onError: (e) => told.push(e) }, { Slow });
    const client = await world.dial(address);
    const controller = new AbortController();
    const { signal } = controller;
    const call = failure(
      client.call("Slow.Do", 1, end === "deadline" ? { timeoutMs: 500 } : { signal }),
    );
    await begun.promise;
    if (end === "deadline") await world.clock.advance(500);
    else controller.abort(new Error("enough"));
    const error = await call;
    assertEquals((error as Error).name, end === "deadline" ? "TimeoutError" : "Error");
    await settled();
    assertEquals(server.running, 1, "the check goes on");
    check.resolve({ value: 1 });
    await settled();
    assertEquals([runs, told, server.running], [0, [], 0]);
    await client.close();
    await world.end();
  });
}

Deno.test("method: without checks that take time the reply is there at once", () => {
  const context = { serviceMethod: "S.M" } as CallContext;
  const both = method(
    { args: withId, reply: schema<number>((v) => ({ value: v as number })) },
    (a) => a.id,
  );
  assertStrictEquals(both({ id: 5 }, context), 5);
  const none = method({}, (args: number) => args + 1);
  assertStrictEquals(none(1, context), 2);
});

Deno.test("method: in a field of an instance it is offered, too; a handler of its own is not marked", () =>
  inWorld(async (world) => {
    class Users {
      readonly #names = ["Ann", "Bob"];
      Find = method({ args: withId }, ({ id }) => this.#names[id]);
      _Hidden = method({ args: withId }, () => 1);
      Field = () => 1;
      Count() {
        return this.#names.length;
      }
    }
    const { address } = await world.serve("a", {}, { Users: new Users() });
    const client = await world.dial(address);
    const view = client.service<Users>("Users");
    assertEquals([await view.Find({ id: 1 }), await view.Count()], ["Bob", 2]);
    for (const name of ["_Hidden", "Field"]) {
      await assertFails(client.call(`Users.${name}`, { id: 1 }), { code: "unimplemented" });
    }
    await client.close();
  }));

Deno.test("method: what is no schema and no handler is refused", () => {
  const handler = () => 1;
  const make = method as (options: unknown, handler: unknown) => unknown;
  for (
    const wrong of [null, 1, "string", {}, () => 1, { "~standard": {} }, { "~standard": null }]
  ) {
    assertThrows(() => make({ args: wrong }, handler), TypeError, "args must be a schema");
    assertThrows(() => make({ reply: wrong }, handler), TypeError, "reply must be a schema");
  }
  assertThrows(() => make({ arg: withId }, handler), TypeError, 'did you mean "args"');
  assertThrows(() => make(null, handler), TypeError, "method must be an object of options");
  assertThrows(() => make({ args: withId }, 1), TypeError, "the handler must be a function");
  // A schema may be a function.
  const callable = Object.assign(() => 1, { "~standard": withId["~standard"] });
  const server = new Server();
  server.register("S", { M: method({ args: callable }, handler) });
});

Deno.test("method: a schema that says no types on the wire has no place in the option schema", () => {
  const server = new Server();
  const register = server.register.bind(server) as (...args: unknown[]) => void;
  for (const part of ["args", "reply"]) {
    assertThrows(
      () => register("S", { M: () => 1 }, { schema: { M: { [part]: withId } } }),
      TypeError,
      `S.M: the option schema says types on the wire, and its ${part} is a schema of tests, which ` +
        `does not: give it to method({ ${part} }, handler)`,
    );
  }
  server.register("S", { M: () => 1 }, { schema: { M: {} } });
});
