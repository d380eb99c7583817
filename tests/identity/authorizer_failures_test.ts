/** Rules and `identify` that throw, hang, or decide on a call that is given up meanwhile: nobody gets in by that. */

import { assert, assertEquals } from "@std/assert";
import {
  authorize,
  type AuthorizeOptions,
  RpcError,
  type Rules,
  Server,
  type ServerCall,
} from "../../mod.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  settled,
} from "../support/helpers.ts";
import { byToken, denied, guarded, unauthenticated, type User } from "../support/guarded.ts";

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
