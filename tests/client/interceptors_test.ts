/** Interceptors of a `Client`: what they see, what they may do, and what can't go wrong by them. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type {
  CallContext,
  ClientAttempt,
  ClientCall,
  ClientInterceptor,
  ClientInterceptors,
  FleetCallOptions,
  Next,
} from "../../mod.ts";
import { dial, RpcError, Server } from "../../mod.ts";
import type { Client } from "../../client.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  settled,
  withStillDate,
} from "../support/helpers.ts";
import { countingSignal } from "../support/signals.ts";
import type { Site, World } from "../support/helpers.ts";

type Around = (call: ClientCall, next: Next<ClientCall>) => unknown;

/** A client with interceptors, of a server that tells what came. */
async function scene(world: World, interceptors: ClientInterceptors) {
  const came: { args: unknown; meta: Readonly<Record<string, string>> }[] = [];
  let rejections = 0;
  const site = await world.serve("a", {}, {
    My: {
      Echo: (args: unknown, { meta }: CallContext) => {
        came.push({ args, meta: { ...meta } });
        return args;
      },
      Reject: (times: number, ctx: CallContext) => {
        came.push({ args: times, meta: { ...ctx.meta } });
        if (rejections++ < times) throw ctx.reject("not now", "unauthenticated");
        return "done";
      },
    },
  });
  const client = await world.dial(site.address, { interceptors });
  return { client, site, came };
}

function test(
  name: string,
  interceptors: ClientInterceptors,
  body: (
    made: Awaited<ReturnType<typeof scene>> & { world: World; client: Client; site: Site },
  ) => Promise<void>,
): void {
  Deno.test(name, () =>
    withStillDate(() =>
      inWorld(async (world) => {
        const made = await scene(world, interceptors);
        await body({ ...made, world });
        await made.client.close();
      })
    ));
}

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

const OUCH = new Error("ouch");
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

const twice: Around = async (call, next) => {
  const replies: unknown[] = [];
  for (let n = 0; n < 2; n++) replies.push(await next(call).catch((error) => error));
  return replies;
};

test("next again: an idempotent call is made again", [twice], async ({ client, came }) => {
  const options: FleetCallOptions = { idempotent: true };
  assertEquals(await client.call("My.Echo", 5, options), [5, 5]);
  assertEquals(came.length, 2);
});

test("next again: what ran is not made again, and the error says so", [twice], async (scene) => {
  const { client, came } = scene;
  const [reply, again] = await client.call<unknown[]>("My.Echo", 5);
  assertEquals(reply, 5);
  const message = "My.Echo: an interceptor called next again, but the call may have run already " +
    "and is not known to be idempotent";
  assertFailure(again, { code: "failed_precondition", execution: "answered", message });
  assertEquals(came.length, 1);
});

test("next again: what was answered with an error ran", [twice], async ({ client }) => {
  const [first, again] = await client.call<unknown[]>("Gate.Fail", 5);
  assertFailure(again, { code: "failed_precondition", execution: "answered" });
  assertStrictEquals((again as RpcError).cause, first);
});

test("next again: what was turned away is made again, with what has changed", [
  async (call, next) => {
    const first = await next(call).catch((error) => error);
    assertFailure(first, { code: "unauthenticated", execution: "rejected" });
    call.meta.token = "new";
    const reply = await next(call);
    assertEquals(call.attempts.map(({ error }) => error), [first, undefined]);
    return reply;
  },
], async ({ client, came }) => {
  assertEquals(await client.call("My.Reject", 1), "done");
  assertEquals(came.map(({ meta }) => meta), [{}, { token: "new" }]);
});

test("next again: while it is in flight it may be running", [
  async (call, next) => {
    const first = next(call);
    const again = await failure(next(call));
    assertFailure(again, { code: "failed_precondition", execution: "unknown" });
    return await first;
  },
], async ({ client }) => {
  assertEquals(await client.call("My.Echo", 1), 1);
});

test("next again, around an attempt: by the same rules", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    const said = (error: RpcError) => `${error.code}, ${error.execution}`;
    const first = await next(attempt).catch(said);
    attempt.meta.again = "yes";
    return [first, await next(attempt).catch(said)];
  },
}], async ({ client, came }) => {
  assertEquals(await client.call("My.Reject", 1), ["unauthenticated, rejected", "done"]);
  assertEquals(came.map(({ meta }) => meta), [{}, { again: "yes" }]);
  assertEquals(await client.call("My.Echo", 1), [1, "failed_precondition, answered"]);
});

test("next takes the very object, and says so", [
  (call, next) => next({ ...call }),
], async ({ client, came }) => {
  const error = await failure(client.call("My.Echo", 1));
  assert(error instanceof TypeError && error.message.includes("very object"), String(error));
  assertEquals(came, []);
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

test("a promise of next that nobody waits for: what it rejects with ends nothing", [
  (call, next) => {
    void next(call);
    return "early";
  },
], async ({ client, site }) => {
  assertEquals(await client.call("Gate.Fail", 1), "early");
  assertEquals(await client.call("Gate.Wait", 1), "early");
  await site.gate.untilBegun(1);
  site.gate.begun[0].end.resolve(0);
  await settled();
});

{
  const held = deferred<unknown>();
  const hold: Around = () => held.promise;
  test(
    "the deadline holds over one that never settles",
    [hold],
    async ({ client, world, came }) => {
      const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
      await world.clock.advance(500);
      const message = "My.Echo: an interceptor kept the call for longer than 500 ms";
      assertFailure(await call, { code: "TimeoutError", execution: "not_sent", message });
      held.resolve("late");
      await settled();
      assertEquals(came, []);
    },
  );
}

test("the deadline holds over one that keeps the reply, which was one", [
  async (call, next) => {
    await next(call);
    await new Promise(() => {});
  },
], async ({ client, world }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
  await world.clock.advance(500);
  assertFailure(await call, { code: "TimeoutError", execution: "answered" });
});

test("the deadline holds over one around an attempt", [{
  attempt: () => new Promise(() => {}),
}], async ({ client, world }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
  await world.clock.advance(500);
  assertFailure(await call, { code: "TimeoutError" });
});

test("a call in flight at the deadline: interceptors see its error, and may answer in its place", [
  async (call, next) => {
    const error = await next(call).catch((error) => error) as RpcError;
    if (call.meta.stale === "no") throw error;
    for (let n = 0; n < 20; n++) await undefined;
    return `stale: ${error.message}`;
  },
], async ({ client, world, site }) => {
  const calls = ["no", "yes"].map((stale) =>
    client.call("Gate.Wait", 1, { timeoutMs: 500, meta: { stale } }).catch((error: unknown) =>
      error
    )
  );
  await world.clock.advance(500);
  const [error, reply] = await Promise.all(calls);
  const message = `Gate.Wait at ${site.address}: no reply within 500 ms`;
  assertFailure(error, { code: "TimeoutError", execution: "unknown", message });
  assertEquals(reply, `stale: ${message}`);
});

test("one that keeps the error of a call beyond the deadline: its caller gets that error", [
  async (call, next) => {
    await next(call).catch(() => new Promise(() => {}));
  },
], async ({ client, world, site }) => {
  const call = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
  await world.clock.advance(500);
  const message = `Gate.Wait at ${site.address}: no reply within 500 ms`;
  assertFailure(await call, { code: "TimeoutError", execution: "unknown", message });
});

test("the time that interceptors took is the call's: the server gets what is left", [
  async (call, next) => {
    await gate.promise;
    return await next(call);
  },
], async ({ client, world, site }) => {
  const call = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
  await world.clock.advance(300);
  gate.resolve();
  await site.gate.untilBegun(1);
  const leftMs = site.gate.begun[0].ctx.deadline!.getTime() - Date.now();
  assertEquals(leftMs, 200);
  await world.clock.advance(200);
  assertFailure(await call, { code: "TimeoutError" });
  assertEquals(site.gate.aborted.length, 1);
});
const gate = deferred();

test("they may set the time, which counts from the call's beginning", [
  async (call, next) => {
    call.timeoutMs = call.timeoutMs === undefined ? 100 : 700;
    return await next(call);
  },
], async ({ client, world }) => {
  const outcomes: string[] = [];
  void client.call("Gate.Wait", 1).catch(() => outcomes.push("none → 100"));
  void client.call("Gate.Wait", 1, { timeoutMs: 500 }).catch(() => outcomes.push("500 → 700"));
  await world.clock.advance(99);
  assertEquals(outcomes, []);
  await world.clock.advance(1);
  assertEquals(outcomes, ["none → 100"]);
  await world.clock.advance(599);
  assertEquals(outcomes, ["none → 100"]);
  await world.clock.advance(1);
  assertEquals(outcomes, ["none → 100", "500 → 700"]);
});

test("they may set less time while the call is in flight", [
  (call, next) => {
    const reply = next(call);
    call.timeoutMs = 100;
    return reply;
  },
], async ({ client, world }) => {
  const call = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
  await world.clock.advance(100);
  const message = "Gate.Wait: an interceptor kept the call for longer than 100 ms";
  assertFailure(await call, { code: "TimeoutError", execution: "unknown", message });
});

test("no signal is followed any more when a call has ended", [
  (call, next) => next(call),
], async ({ client }) => {
  const { signal, counts } = countingSignal();
  await client.call("My.Echo", 1, { signal });
  await failure(client.call("Gate.Fail", 1, { signal }));
  assertEquals(counts, { now: 0, most: 1 });
});

test("they may take the limit of time away", [
  (call, next) => {
    call.timeoutMs = undefined;
    return next(call);
  },
], async ({ client, world, site }) => {
  const call = client.call("Gate.Wait", 1, { timeoutMs: 500 });
  await world.clock.advance(60_000);
  assertEquals(site.gate.begun[0].ctx.deadline, undefined);
  site.gate.begun[0].end.resolve("late");
  assertEquals(await call, "late");
});

for (const where of ["before next", "behind next", "in an attempt"]) {
  const never = () => new Promise<never>(() => {});
  const hung: ClientInterceptor = {
    call: async (call, next) =>
      where === "before next" ? await never() : (await next(call), await never()),
    attempt: (attempt, next) => where === "in an attempt" ? never() : next(attempt),
  };
  test(`an abort holds over one that never settles, ${where}`, [hung], async ({ client }) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = failure(client.call("My.Echo", 1, { signal: controller.signal }));
    await settled();
    controller.abort(reason);
    assertStrictEquals(await call, reason);
  });
}

test("an abort in flight: the caller has it at once, the server and interceptors learn of it", [
  async (call, next) => {
    const error = await failure(next(call));
    errors.push(error);
    throw new Error("another");
  },
], async ({ client, site }) => {
  const controller = new AbortController();
  const call = failure(client.call("Gate.Wait", 1, { signal: controller.signal }));
  await site.gate.untilBegun(1);
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await call, reason);
  await site.gate.untilAborted(1);
  assertEquals(errors, [reason]);
});
const errors: unknown[] = [];

test("what has aborted or is out of time calls none", [() => {
  throw new Error("not to be called");
}], async ({ client }) => {
  const signal = AbortSignal.abort(OUCH);
  assertStrictEquals(await failure(client.call("My.Echo", 1, { signal })), OUCH);
  const late = await failure(client.call("My.Echo", 1, { timeoutMs: 0 }));
  assertFailure(late, { code: "TimeoutError", execution: "not_sent" });
});

test("next behind the end of the time sends nothing", [
  async (call, next) => {
    await late.promise;
    outcome = next(call);
    return await outcome;
  },
], async ({ client, world, came }) => {
  const call = failure(client.call("My.Echo", 1, { timeoutMs: 500 }));
  await world.clock.advance(600);
  assertFailure(await call, { code: "TimeoutError" });
  late.resolve();
  await settled();
  assertFailure(await failure(outcome), { code: "TimeoutError", execution: "not_sent" });
  assertEquals(came, []);
});
const late = deferred();
let outcome: Promise<unknown>;

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
