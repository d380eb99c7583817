/** Interceptors of a `Client`: their order, what they see and what they may set, answer and throw. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  type ClientAttempt,
  type ClientCall,
  type ClientInterceptor,
  dial,
  type FleetCallOptions,
  type Next,
  RpcError,
  Server,
} from "../../mod.ts";
import { assertFails, failure, inWorld } from "../support/helpers.ts";
import { type Around, OUCH, scene, test } from "../support/intercepted_client.ts";

{
  const seen: string[] = [];
  const note = (name: string): ClientInterceptor => ({
    async call(call, next) {
      seen.push(`${name}(`);
      const reply = await next(call);
      seen.push(`)${name}`);
      return reply;
    },
    async attempt(attempt, next) {
      seen.push(`${name}[`);
      const reply = await next(attempt);
      seen.push(`]${name}`);
      return reply;
    },
  });
  const bare: Around = async (call, next) => {
    seen.push("bare(");
    const reply = await next(call);
    seen.push(")bare");
    return reply;
  };
  test(
    "the outermost is first, calls around attempts; a bare function stands around calls",
    [note("a"), bare, note("b")],
    async ({ client }) => {
      assertEquals(await client.call("My.Echo", 1), 1);
      assertEquals(seen.join(" "), "a( bare( b( a[ b[ ]b ]a )b )bare )a");
    },
  );
}

{
  let seen: Record<string, unknown> = {};
  let attempts: unknown[] = [];
  const watch: ClientInterceptor = {
    async call(call, next) {
      const { serviceMethod, service, method, args, meta, timeoutMs, signal, key, idempotent } =
        call;
      seen = { serviceMethod, service, method, args, meta, timeoutMs, signal, key, idempotent };
      assertEquals(call.attempts, []);
      const reply = await next(call);
      attempts = [...call.attempts];
      return reply;
    },
    attempt({ call, address, number, why, meta }, next) {
      attempts = [{ address, number, why, meta }];
      assertEquals(call.attempts.length, 1);
      return next(arguments[0]);
    },
  };
  test("they see the method, argument, options and attempts", [watch], async (scene) => {
    const { client, site } = scene;
    const { signal } = new AbortController();
    const meta = { a: "b" };
    const options: FleetCallOptions = { signal, meta, timeoutMs: 500, key: "k", idempotent: true };
    assertEquals(await client.call("My.Echo", { n: 1 }, options), { n: 1 });
    assertEquals(seen, {
      ...{ serviceMethod: "My.Echo", service: "My", method: "Echo", args: { n: 1 } },
      ...{ meta, timeoutMs: 500, signal, key: "k", idempotent: true },
    });
    assert(seen.meta !== meta);
    const listed = { address: site.address, phase: "call", elapsedMs: 0, why: "direct" };
    assertEquals(attempts, [listed]);
    await client.call("My.Echo");
    assertEquals([seen.timeoutMs, seen.signal, seen.key, seen.idempotent], [
      ...[undefined, undefined, undefined],
      false,
    ]);
  });
}

test("an attempt tells where, which one and why", [{
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    attempt.meta.where = [attempt.address, attempt.number, attempt.why].join(" ");
    return next(attempt);
  },
}], async ({ client, site, came }) => {
  await client.call("My.Echo", 1, { meta: { a: "b", where: "?" } });
  assertEquals(came[0].meta, { a: "b", where: `${site.address} 1 direct` });
});

test("what they set is sent: argument and metadata; the caller's own stay as they are", [
  (call, next) => {
    call.args = { n: (call.args as { n: number }).n + 1 };
    call.meta.token = "t";
    return next(call);
  },
], async ({ client, came }) => {
  const args = Object.freeze({ n: 1 });
  const meta = Object.freeze({ a: "b" });
  assertEquals(await client.call("My.Echo", args, { meta }), { n: 2 });
  assertEquals(came, [{ args: { n: 2 }, meta: { a: "b", token: "t" } }]);
});

test("they may give another reply, and see the one that came", [
  async (call, next) => [await next(call), "more"],
], async ({ client }) => {
  assertEquals(await client.call("My.Echo", 1), [1, "more"]);
});

for (
  const [what, give] of Object.entries<Around>({
    "a value": () => "cached",
    "a promise": () => Promise.resolve("cached"),
    "a thenable": () => ({ then: (resolve: (value: string) => void) => resolve("cached") }),
  })
) {
  test(`without next they answer: ${what}`, [give], async ({ client, came }) => {
    assertEquals(await client.call("My.Echo", 1), "cached");
    assertEquals(came, []);
  });
}

const BAD_THENABLE = {
  get then(): never {
    throw OUCH;
  },
};
for (
  const [what, fail] of Object.entries<Around>({
    "throws": () => {
      throw OUCH;
    },
    "rejects": () => Promise.reject(OUCH),
    "gives a thenable that throws": () => BAD_THENABLE,
    "gives a promise whose then throws": () =>
      Object.assign(Promise.resolve(), {
        then: () => {
          throw OUCH;
        },
      }),
    "throws behind next": async (call, next) => {
      await next(call);
      throw OUCH;
    },
  })
) {
  for (const place of ["call", "attempt"] as const) {
    const one = { [place]: fail } as ClientInterceptor;
    const some: ClientInterceptor = {
      call: (call, next) =>
        call.meta.fail === "yes" && place === "call" ? one.call!(call, next) : next(call),
      attempt: (attempt, next) =>
        attempt.call.meta.fail === "yes" && place === "attempt"
          ? one.attempt!(attempt, next)
          : next(attempt),
    };
    test(`one that ${what} fails its call alone (${place})`, [some], async ({ client }) => {
      const others = [client.call("My.Echo", 1), client.call("My.Echo", 2)];
      const failed = failure(client.call("My.Echo", 3, { meta: { fail: "yes" } }));
      assertStrictEquals(await failed, OUCH);
      assertEquals(await Promise.all(others), [1, 2]);
      assertEquals(client.inFlight, 0);
      assertEquals(await client.call("My.Echo", 4), 4);
    });
  }
}

test(
  "undefined may be thrown, as anything",
  [() => Promise.reject(undefined)],
  async ({ client }) => {
    assertEquals(await client.call("My.Echo").then(() => "no", () => "undefined"), "undefined");
  },
);

test("they see the error, and may turn it into a reply", [
  async (call, next) => {
    try {
      return await next(call);
    } catch (error) {
      assert(error instanceof RpcError);
      const [attempt] = call.attempts;
      assertStrictEquals(attempt.error, error);
      return [error.message, error.execution, call.attempts.length];
    }
  },
], async ({ client }) => {
  assertEquals(await client.call("Gate.Fail", 7), ["failed: 7", "answered", 1]);
});

test("what an interceptor sets is checked as options are", [
  (call, next) => {
    const { what } = call.meta;
    if (what === "meta") call.meta.n = 1 as unknown as string;
    else call.timeoutMs = what === "NaN" ? NaN : "5" as unknown as number;
    return next(call);
  },
], async ({ client, came }) => {
  for (
    const [what, kind] of [["meta", TypeError], ["NaN", RangeError], ["text", TypeError]] as const
  ) {
    const error = await failure(client.call("My.Echo", 1, { meta: { what } }));
    assert(error instanceof kind, `${what}: ${error}`);
  }
  assertEquals(came, []);
});

Deno.test("a list of no interceptors is none; options are still checked", () =>
  inWorld(async (world) => {
    const { client } = await scene(world, []);
    assertEquals(await client.call("My.Echo", 1), 1);
    await assertFails(client.call("My.Echo", 1, { timeoutMs: 0 }), { code: "TimeoutError" });
    await client.close();
  }));

Deno.test("an interceptor of a class is called on its object", () =>
  inWorld(async (world) => {
    class Counter implements ClientInterceptor {
      #calls = 0;
      call(call: ClientCall, next: Next<ClientCall>) {
        call.meta.n = String(++this.#calls);
        return next(call);
      }
    }
    const { client, came } = await scene(world, [new Counter()]);
    for (const n of [1, 2]) await client.call("My.Echo", n);
    assertEquals(came.map(({ meta }) => meta.n), ["1", "2"]);
    await client.close();
  }));

Deno.test("over a socket, with a typed view, in every protocol", async () => {
  for (const protocol of ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
    const server = new Server();
    server.register("Math", { Double: (n: number) => n * 2 });
    const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
    const seen: unknown[] = [];
    const client = await dial(address, {
      protocol,
      interceptors: [async (call, next) => {
        const reply = await next(call);
        seen.push(call.serviceMethod, call.args, reply);
        return reply;
      }],
    });
    const math = client.service<{ Double(n: number): number }>("Math");
    assertEquals(await math.Double(4), 8);
    assertEquals(seen, ["Math.Double", 4, 8]);
    await client.close();
    await server.close();
  }
});
