/** Who may call what: the rule of a method decides, for each call by itself, between our clients and our server. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  authorize,
  type AuthorizeOptions,
  dial,
  type RpcError,
  Server,
  type ServerInterceptor,
  XClient,
} from "../../mod.ts";
import { MemoryNetwork } from "../../testing.ts";
import { assertFails } from "../support/helpers.ts";
import { byToken, denied, Guarded, guarded, RULES, unauthenticated } from "../support/guarded.ts";

Deno.test("the rule of a method decides, and the principal reaches the handler", () =>
  guarded(async (one) => {
    const client = await one.client();
    const call = (method: string, token?: string, args: unknown = null) =>
      client.call(method, args, { meta: token === undefined ? {} : { token } });
    assertEquals(await call("Health.Check"), "a stranger");
    assertEquals(await call("Health.Check", "ann's"), "a stranger", "nobody asks there");
    assertEquals(await call("Users.Find", "ann's"), "Ann");
    assertEquals(await call("Users.Delete", "root's"), "Root");
    assertEquals(await call("Users.Own", "ann's", { name: "Ann" }), "Ann");
    assertEquals(one.ran.splice(0).length, 5);

    await assertFails(call("Users.Delete", "ann's"), denied("Users.Delete"));
    await assertFails(call("Users.Own", "ann's", { name: "Root" }), denied("Users.Own"));
    await assertFails(call("Admin.Stop", "root's"), denied("Admin.Stop"));
    await assertFails(call("Unlisted.Do", "root's"), denied("Unlisted.Do"));
    assertEquals(one.ran, []);
    await client.close();
  }));

Deno.test("an interceptor beside it that has nothing to do opens no way past it", async () => {
  const idle: ServerInterceptor = { isActive: () => false, handle: (call, next) => next(call) };
  const authorizer = authorize(byToken, RULES);
  for (const interceptors of [[idle, authorizer], [authorizer, idle]]) {
    const network = new MemoryNetwork();
    await using server = new Server({ interceptors });
    server.register("Users", { Find: () => 1 });
    await server.listen("memory@a", { network });
    await using client = await dial("memory@a", { network });
    await assertFails(client.call("Users.Find"), unauthenticated("Users.Find"));
    await assertFails(client.call("Users.Lost"), unauthenticated("Users.Lost"));
  }
});

Deno.test("calls at the same time, and those of another's token, are never taken for each other", () =>
  guarded(async (one) => {
    const client = await one.client();
    const names = ["ann's", "root's", "guess", "ann's "];
    const calls = Array.from({ length: 400 }, async (_, n) => {
      const token = names[n % 4];
      const reply = await client.call("Users.Find", n, { meta: { token } })
        .catch((error) => (error as RpcError).code);
      assertEquals(reply, ["Ann", "Root", "unauthenticated", "unauthenticated"][n % 4]);
    });
    await Promise.all(calls);
    assertEquals(one.ran.length, 200);
    await client.close();
  }, {
    // Later calls may be answered before earlier ones.
    identify: async (call) => {
      for (let turns = (call.args as number) % 7; turns > 0; turns--) await Promise.resolve();
      return byToken(call);
    },
  }));

Deno.test("a call that is refused because of its caller is not made at every server", async () => {
  const one = new Guarded(authorize(byToken, RULES));
  const other = new Guarded(authorize(byToken, RULES));
  const asked: string[] = [];
  const watch =
    (name: string) => (call: { serviceMethod: string }, next: (c: never) => unknown) => {
      asked.push(name);
      return next(call as never);
    };
  const network = new MemoryNetwork();
  const servers = ["a", "b"].map((name) => {
    const server = new Server({ interceptors: [watch(name), one.authorizer] });
    server.register("Users", { Delete: () => 1 });
    return server;
  });
  await servers[0].listen("memory@a", { network });
  await servers[1].listen("memory@b", { network });
  const xclient = new XClient(["memory@a", "memory@b"], { network });
  const refused = await assertFails(xclient.call("Users.Delete"), unauthenticated("Users.Delete"));
  assertEquals([asked.length, refused.attempts.length], [1, 1]);
  await assertFails(
    xclient.call("Users.Delete", null, { meta: { token: "ann's" }, timeoutMs: 5000 }),
    denied("Users.Delete"),
  );
  assertEquals(asked.length, 2);
  await xclient.close();
  for (const { server } of [one, other]) await server.close();
  for (const server of servers) await server.close();
});

Deno.test("what is no function or option is refused by name", () => {
  for (const identify of [undefined, null, {}, "ann"]) {
    assertThrows(() => authorize(identify as never, {}), TypeError, "identify must be a function");
  }
  assertThrows(
    () => authorize(byToken, {}, { timeoutMS: 1 } as AuthorizeOptions),
    TypeError,
    'authorize has no option "timeoutMS"',
  );
});
