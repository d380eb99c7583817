/** Who may call what, between our clients and our server: nothing reaches a method without its rule. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  authorize,
  type AuthorizeOptions,
  type Authorizer,
  type CallContext,
  type Client,
  dial,
  type Identify,
  RpcError,
  type Rules,
  Server,
  type ServerCall,
  type ServerInterceptor,
  type ServerOptions,
  XClient,
} from "../../mod.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { PING_METHOD } from "../../protocol/unknown_method.ts";
import { MemoryNetwork } from "../../testing.ts";
import { gob } from "../../gob.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  rawClient,
  settled,
} from "../support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

interface User {
  readonly name: string;
  readonly isAdmin?: boolean;
}
const USERS = new Map<string, User>([
  ["ann's", { name: "Ann" }],
  ["root's", { name: "Root", isAdmin: true }],
]);
const byToken: Identify<User> = ({ context }) => USERS.get(context.meta.token);
const RULES: Rules<User> = {
  "Health.Check": "anyone",
  "Users.*": "authenticated",
  "Users.Delete": (user) => user.isAdmin === true,
  "Users.Own": (user, { args }) => (args as { name: string }).name === user.name,
  "Admin.*": "nobody",
};

/** A server with an authorizer, which lists what has run. */
class Guarded {
  readonly network = new MemoryNetwork();
  readonly ran: string[] = [];
  readonly server: Server;

  constructor(readonly authorizer: Authorizer<User>, options: ServerOptions = {}) {
    const method = (_args: unknown, ctx: CallContext) => {
      const who = authorizer.principal(ctx)?.name ?? "a stranger";
      this.ran.push(`${ctx.serviceMethod} by ${who}`);
      return who;
    };
    this.server = new Server({ interceptors: [authorizer], ...options });
    this.server.register("Health", { Check: method });
    this.server.register("Users", { Find: method, Delete: method, Own: method });
    this.server.register("Admin", { Stop: method });
    this.server.register("Unlisted", { Do: method });
  }

  async client(protocol: Protocol = "geerpc/json"): Promise<Client> {
    const address = `memory@${protocol}`;
    await this.server.listen(address, { network: this.network, protocol }).catch(() => {});
    return await dial(address, { network: this.network, protocol });
  }
}

/** A test with a server of these users and rules, which nothing may reach that `ran` does not list. */
async function guarded(
  body: (guarded: Guarded) => Promise<void>,
  { identify = byToken, rules = RULES, ...options }:
    & { identify?: Identify<User>; rules?: Rules<User> }
    & AuthorizeOptions = {},
): Promise<void> {
  const one = new Guarded(authorize(identify, rules, options));
  await body(one);
  await one.server.close();
}

const unauthenticated = (method: string) =>
  ({
    code: "unauthenticated",
    execution: "rejected",
    message: `who calls is not known, but has to be for ${method}`,
  }) as const;
const denied = (method: string) =>
  ({
    code: "permission_denied",
    execution: "rejected",
    message: `you may not call ${method}`,
  }) as const;

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

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: who is not known reaches nothing, and learns nothing of what there is`, () =>
    guarded(async (one) => {
      const client = await one.client(protocol);
      for (
        const method of [
          "Users.Find",
          "Users.Delete",
          "Admin.Stop",
          "Unlisted.Do",
          "users.find",
          "USERS.FIND",
          "Users.find",
          "Users.Nothing",
          "Nothing.Find",
          "health.Check",
          "Health.check",
          "Health.Check.",
          "Health.Check.More",
          "Health .Check",
          "Nothing",
          ".Find",
          "Users.",
          ".",
          "*",
          "Users.*",
          "__proto__.toString",
          "Users.toString",
          "Users.constructor",
          "XClient.Pings",
        ]
      ) {
        await assertFails(client.call(method, { name: "Ann" }), unauthenticated(method));
      }
      assertEquals(one.ran, []);
      assertEquals(await client.call("Health.Check"), "a stranger");
      await client.close();
    }));

  Deno.test(`${protocol}: who is known and may not is told so, of methods that there are not, too`, () =>
    guarded(async (one) => {
      const client = await one.client(protocol);
      for (
        const method of ["Users.Delete", "Admin.Stop", "Unlisted.Do", "Unlisted.Nothing", "No.No"]
      ) {
        await assertFails(client.call(method), denied(method));
      }
      assertEquals(await client.call("Users.Find"), "Ann");
      await assertFails(client.call("Users.Nothing"), {
        code: "unimplemented",
        execution: "rejected",
      });
      assertEquals(one.ran, ["Users.Find by Ann"]);
      await client.close();
    }, { identify: () => USERS.get("ann's") }));

  Deno.test(`${protocol}: a client's question for a sign of life is answered`, async () => {
    await inWorld(async (world) => {
      const authorizer = authorize(byToken, RULES);
      const server = new Server({ interceptors: [authorizer], clock: world.clock });
      server.register("Users", { Find: () => 1 });
      await server.listen("memory@a", { network: world.network, protocol });
      const client = await world.dial("memory@a", { protocol });
      for (let minute = 0; minute < 5; minute++) {
        await world.clock.advance(60_000);
        await settled();
      }
      await assertFails(client.call("Users.Find"), unauthenticated("Users.Find"));
      await client.close();
      await server.close();
    });
  });
}

Deno.test("the method of that question is none, whoever calls it, and nobody is asked who that is", () =>
  guarded(async (one) => {
    for (const protocol of PROTOCOLS) {
      const client = await one.client(protocol);
      await assertFails(client.call(PING_METHOD), { code: "unimplemented", execution: "rejected" });
      await client.close();
    }
    assertEquals(one.ran, []);
  }, { identify: () => assert(false) as never }));

Deno.test("an argument that can't be decoded for its schema tells strangers nothing of the method", async () => {
  const schema = gob.service({ Find: { args: gob.struct({ Id: gob.int }), reply: gob.int } });
  const network = new MemoryNetwork();
  for (const [who, expected] of [[undefined, "unauthenticated"], ["ann's", "invalid_argument"]]) {
    const authorizer = authorize(() => who === undefined ? undefined : USERS.get(who), RULES);
    const server = new Server({ interceptors: [authorizer] });
    let calls = 0;
    server.register("Users", { Find: () => ++calls }, { schema });
    const address = `memory@${who}`;
    for (const protocol of ["geerpc/gob", "netrpc/gob"] as const) {
      await server.listen(`${address}-${protocol}`, { network, protocol });
      const client = await dial(`${address}-${protocol}`, { network, protocol });
      const error = await failure(client.call("Users.Find", { Id: "no number" }));
      assert(error instanceof RpcError);
      if (protocol === "geerpc/gob") {
        assertEquals([error.code, error.execution], [expected, "rejected"]);
      } else if (who === undefined) {
        assertFailure(error, unauthenticated("Users.Find"));
      }
      const other = await failure(client.call("Users.Lost", { Id: "no number" }));
      if (who === undefined) assertFailure(other, unauthenticated("Users.Lost"));
      await client.close();
    }
    assertEquals(calls, 0);
    await server.close();
  }
});

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: what a server tells of itself is for those whom a rule lets ask`, async () => {
    const network = new MemoryNetwork();
    const rules: Rules<User> = { "_xclient.Check": "anyone", "_xclient.Figures": "authenticated" };
    await using server = new Server({ interceptors: [authorize(byToken, rules)] });
    server.register("Users", { Find: () => 1 });
    await server.listen("memory@a", { network, protocol });
    await using client = await dial("memory@a", { network, protocol });
    assertEquals(await client.call("_xclient.Check", {}), { Status: "serving" });
    for (const name of ["_xclient.Figures", "_xclient.Describe"]) {
      await assertFails(client.call(name, {}), unauthenticated(name));
    }
    const meta = { token: "ann's" };
    if (protocol !== "geerpc/json") return; // no other has metadata
    assert(await client.call("_xclient.Figures", {}, { meta }) !== undefined);
    await assertFails(client.call("_xclient.Describe", {}, { meta }), denied("_xclient.Describe"));
  });
}

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

Deno.test("the pages that list the services list nothing", async () => {
  for (const isGuarded of [false, true]) {
    const server = new Server(isGuarded ? { interceptors: [authorize(byToken, RULES)] } : {});
    server.register("Secrets", { Reveal: () => 1 });
    const network = new MemoryNetwork();
    await server.listen("memory@a", { network });
    for (const path of ["/debug/rpc", "/debug/geerpc"]) {
      const peer = await rawClient(network, "memory@a");
      await peer.write(`GET ${path} HTTP/1.0\r\n\r\n`);
      await peer.ended;
      const page = peer.text;
      assertEquals(page.includes("Secrets"), !isGuarded, page);
      assertEquals(page.startsWith(isGuarded ? "HTTP/1.0 403" : "HTTP/1.0 200"), true, page);
      peer.close();
    }
    await server.close();
  }
});

Deno.test("a rule that throws lets nobody in, and its text stays at the server", async () => {
  const told: unknown[] = [];
  const boom = new Error("the database at 10.0.0.7 is down");
  let fail: () => unknown = () => {
    throw boom;
  };
  const onError: AuthorizeOptions["onError"] = (error, { serviceMethod, remote }) => {
    told.push([error, serviceMethod, remote]);
    throw new Error("of no matter");
  };
  const rules: Rules<User> = { "Users.Find": () => fail() as boolean };
  await guarded(async (one) => {
    const client = await one.client();
    const call = () => client.call("Users.Find", null, { meta: { token: "ann's" } });
    const unchecked = {
      code: "internal",
      execution: "rejected",
      message: "whether you may call Users.Find could not be checked",
    } as const;
    const { message } = await assertFails(call(), unchecked);
    assert(!message.includes("10.0.0.7"), message);
    fail = () => Promise.reject(boom);
    await assertFails(call(), unchecked);
    assertEquals(told, [[boom, "Users.Find", "memory@client"], [
      boom,
      "Users.Find",
      "memory@client",
    ]]);
    fail = () => {
      throw new RpcError("resource_exhausted", "too many questions", {
        execution: "answered",
        retryAfterMs: 100,
      });
    };
    const own = await assertFails(call(), {
      code: "resource_exhausted",
      execution: "rejected",
      message: "too many questions",
    });
    assertEquals(own.retryAfterMs, 100);
    for (const no of [undefined, null, 1, "yes", {}, [], Promise.resolve("true"), () => true]) {
      fail = () => no;
      await assertFails(call(), denied("Users.Find"));
    }
    assertEquals([one.ran, told.length], [[], 2]);
    fail = () => Promise.resolve(true);
    assertEquals(await call(), "Ann");
    await client.close();
  }, { rules, onError });
});

Deno.test("identify that throws or knows nobody lets nobody in", async () => {
  let found: () => unknown = () => undefined;
  await guarded(async (one) => {
    const client = await one.client();
    const call = (method = "Users.Find") => client.call(method);
    for (const nobody of [undefined, null, false, "", 0, NaN]) {
      found = () => nobody;
      await assertFails(call(), unauthenticated("Users.Find"));
      found = () => Promise.resolve(nobody);
      await assertFails(call(), unauthenticated("Users.Find"));
    }
    found = () => {
      throw new Error("the keys are gone");
    };
    await assertFails(call(), {
      code: "internal",
      execution: "rejected",
      message: "whether you may call Users.Find could not be checked",
    });
    found = () => Promise.reject(new RpcError("unauthenticated", "the token has expired"));
    await assertFails(call("No.Such"), {
      code: "unauthenticated",
      execution: "rejected",
      message: "the token has expired",
    });
    assertEquals(one.ran, []);
    assertEquals(await call("Health.Check"), "a stranger", "nobody is asked for");
    await client.close();
  }, { identify: () => found() as User });
});

Deno.test("a rule that hangs is given up, and lets nobody in later", () =>
  inWorld(async (world) => {
    const answer = deferred<boolean>();
    const authorizer = authorize(byToken, { "Users.*": () => answer.promise }, {
      timeoutMs: 2000,
      clock: world.clock,
    });
    const ran: string[] = [];
    const server = new Server({ interceptors: [authorizer], clock: world.clock });
    server.register("Users", { Find: () => ran.push("Users.Find") });
    await server.listen("memory@a", { network: world.network });
    const client = await world.dial("memory@a");
    const call = failure(client.call("Users.Find", null, { meta: { token: "ann's" } }));
    await settled();
    assertEquals(server.running, 1);
    await world.clock.advance(2000);
    assertFailure(await call, {
      code: "unavailable",
      execution: "rejected",
      message: "whether you may call Users.Find could not be checked within 2000 ms",
    });
    answer.resolve(true);
    await settled();
    assertEquals([ran, server.running], [[], 0]);
    await client.close();
    await server.close();
  }));

Deno.test("a call that is given up while a rule decides does not run", () =>
  inWorld(async (world) => {
    const answers: ReturnType<typeof deferred<boolean>>[] = [];
    const rule = () => {
      answers.push(deferred<boolean>());
      return answers.at(-1)!.promise;
    };
    const ran: unknown[] = [];
    const errors: unknown[] = [];
    const authorizer = authorize(byToken, { "Users.*": rule }, {
      clock: world.clock,
      onError: (error) => errors.push(error),
    });
    const server = new Server({
      interceptors: [authorizer],
      clock: world.clock,
      onError: (error) => errors.push(error),
    });
    server.register("Users", { Find: (n: number) => ran.push(n) });
    await server.listen("memory@a", { network: world.network });
    const client = await world.dial("memory@a");
    const meta = { token: "ann's" };
    const controller = new AbortController();
    const calls = [
      client.call("Users.Find", 0, { meta, signal: controller.signal }),
      client.call("Users.Find", 1, { meta, timeoutMs: 100 }),
      client.call("Users.Find", 2, { meta }),
      client.call("Users.Find", 3, { meta }),
    ].map((call) => call.then(() => "fine", failureCode));
    await settled();
    assertEquals(answers.length, 4);
    controller.abort("enough");
    await world.clock.advance(100);
    await settled();
    for (const answer of answers.slice(0, 3)) answer.resolve(true);
    await settled();
    await client.close();
    await settled();
    answers[3].resolve(true);
    assertEquals(await Promise.all(calls), ["enough", "deadline_exceeded", "fine", "canceled"]);
    await settled();
    assertEquals([ran, errors, server.running], [[2], [], 0]);
    await server.close();
  }));

Deno.test("a call that is given up just when it was let through does not run", async () => {
  for (let turns = 0; turns < 30; turns++) {
    const controller = new AbortController();
    const { signal } = controller;
    const reject = (message: string) => new RpcError("unknown", message);
    const context = { signal, meta: {}, remote: "a", serviceMethod: "Users.Find", reject };
    const call = { serviceMethod: "Users.Find", context } as unknown as ServerCall;
    const rule = async () => {
      const giveUp = async () => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        controller.abort("enough");
      };
      giveUp();
      return await Promise.resolve(true);
    };
    const authorizer = authorize(() => "ann", { "Users.Find": rule });
    let wasAborted = false;
    const next = () => {
      wasAborted = signal.aborted;
      return Promise.resolve();
    };
    await authorizer.handle(call, next).catch((error) => assertEquals(error, "enough"));
    assertEquals(wasAborted, false, `${turns} turns`);
  }
});

function failureCode(error: unknown): unknown {
  return error instanceof RpcError ? error.code : error;
}

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
