/** Interceptors of a `Server` and of its services: what they see, what they may do, and what can't go wrong. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import type {
  CallContext,
  Next,
  ServerCall,
  ServerInterceptor,
  ServerInterceptors,
} from "../../mod.ts";
import { dial, RpcError, Server } from "../../mod.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  settled,
} from "../support/helpers.ts";
import type { World } from "../support/helpers.ts";

type Around = (call: ServerCall, next: Next<ServerCall>) => unknown;

/** A server with interceptors, and a client of it. */
async function scene(world: World, interceptors: ServerInterceptors, own?: ServerInterceptors) {
  const ran: unknown[] = [];
  const told: unknown[] = [];
  const site = await world.serve("a", { interceptors, onError: (error) => told.push(error) });
  let rejections = 0;
  site.server.register("My", {
    Echo: (args: unknown) => {
      ran.push(args);
      return args;
    },
    Later: (args: unknown) => {
      ran.push(args);
      return Promise.resolve(args);
    },
    Reject: (times: number, ctx: CallContext) => {
      if (rejections++ < times) throw ctx.reject("not now");
      return "done";
    },
  }, { interceptors: own });
  const client = await world.dial(site.address);
  return { world, site, client, ran, told };
}

type Scene = Awaited<ReturnType<typeof scene>>;

function test(
  name: string,
  interceptors: ServerInterceptors,
  body: (made: Scene) => Promise<void>,
  own?: ServerInterceptors,
): void {
  Deno.test(name, () =>
    inWorld(async (world) => {
      const made = await scene(world, interceptors, own);
      await body(made);
      await made.client.close();
    }));
}

{
  const seen: string[] = [];
  const note = (name: string): Around => async (call, next) => {
    seen.push(`${name}(`);
    const reply = await next(call);
    seen.push(`)${name}`);
    return reply;
  };
  test(
    "the outermost is first, the server's around the service's",
    [note("a"), { handle: note("b") }],
    async ({ client }) => {
      for (const method of ["Echo", "Later"]) assertEquals(await client.call(`My.${method}`, 1), 1);
      assertEquals(seen.join(" "), "a( b( c( )c )b )a a( b( c( )c )b )a");
      seen.length = 0;
      await client.call("Gate.Echo", 1);
      assertEquals(seen.join(" "), "a( b( )b )a");
    },
    [note("c")],
  );
}

{
  const seen: unknown[] = [];
  test("they see the method, argument and context", [(call, next) => {
    const { serviceMethod, service, method, args, context } = call;
    const { meta, remote, deadline, signal } = context;
    seen.push([serviceMethod, service, method, args, { ...meta }], [
      typeof remote,
      deadline,
      signal.aborted,
    ]);
    return next(call);
  }], async ({ client }) => {
    await client.call("My.Echo", { n: 1 }, { meta: { a: "b" } });
    assertEquals(seen, [
      ["My.Echo", "My", "Echo", { n: 1 }, { a: "b" }],
      ["string", undefined, false],
    ]);
    await client.call("My.Echo");
    assertEquals((seen[2] as unknown[])[3], undefined);
  });
}

Deno.test("a service whose name has dots in it", () =>
  inWorld(async (world) => {
    const seen: string[] = [];
    const site = await world.serve("a", {
      interceptors: [({ service, method }) => void seen.push(service, method)],
    }, { "my.own": { Do: () => 1 } });
    const client = await world.dial(site.address);
    await client.call("my.own.Do");
    assertEquals(seen, ["my.own", "Do"]);
    await client.close();
  }));

test("they may replace the argument and the reply", [async (call, next) => {
  call.args = `${call.args}, more`;
  return [await next(call)];
}], async ({ client, ran }) => {
  assertEquals(await client.call("My.Echo", "a"), ["a, more"]);
  assertEquals(await client.call("My.Later", "a"), ["a, more"]);
  assertEquals(ran, ["a, more", "a, more"]);
});

for (
  const [what, give] of Object.entries<Around>({
    "a value": () => "cached",
    "a promise": () => Promise.resolve("cached"),
    "a thenable": () => ({ then: (resolve: (value: string) => void) => resolve("cached") }),
  })
) {
  test(`without next they answer, and the handler does not run: ${what}`, [give], async (made) => {
    assertEquals(await made.client.call("My.Echo", 1), "cached");
    assertEquals(made.ran, []);
  });
}

const OUCH = new Error("ouch");
for (
  const [what, fail] of Object.entries<Around>({
    "throws": () => {
      throw OUCH;
    },
    "rejects": () => Promise.reject(OUCH),
    "throws behind next": async (call, next) => {
      await next(call);
      throw OUCH;
    },
  })
) {
  test(
    `one that ${what} fails its call alone, as a handler does`,
    [(call, next) => call.args === 3 ? fail(call, next) : next(call)],
    async ({ client, told }) => {
      const others = [client.call("My.Echo", 1), client.call("My.Later", 2)];
      await assertFails(client.call("My.Echo", 3), {
        code: "unknown",
        execution: "answered",
        message: "ouch",
      });
      assertEquals(await Promise.all(others), [1, 2]);
      assertEquals(told, [OUCH]);
      assertEquals(await client.call("My.Echo", 4), 4);
    },
  );
}

test("an RpcError is the answer, with its code; a rejection says that nothing ran", [
  ({ args, context }) => {
    if (args === 1) throw new RpcError("permission_denied", "not you");
    throw context.reject("who are you?", "unauthenticated");
  },
], async ({ client, told, ran }) => {
  const denied = { code: "permission_denied", execution: "answered", message: "not you" } as const;
  await assertFails(client.call("My.Echo", 1), denied);
  const unknown = {
    code: "unauthenticated",
    execution: "rejected",
    message: "who are you?",
  } as const;
  await assertFails(client.call("My.Echo", 2), unknown);
  assertEquals([told, ran], [[], []]);
});

test("they see the handler's error, thrown or rejected, and may answer in its place", [
  async (call, next) => `no: ${(await failure(next(call)) as Error).message}`,
], async ({ client, told }) => {
  assertEquals(await client.call("Gate.Fail", 7), "no: failed: 7");
  assertEquals(await client.call("My.Reject", 1), "no: not now");
  assertEquals(told, []);
});

const twice: Around = async (call, next) => {
  const said = (error: RpcError) => error.code;
  return [await next(call).catch(said), await next(call).catch(said)];
};

test(
  "next again: what was turned away runs, nothing else does",
  [twice],
  async ({ client, ran }) => {
    assertEquals(await client.call("My.Reject", 1), ["unavailable", "done"]);
    assertEquals(await client.call("My.Echo", 1), [1, "failed_precondition"]);
    assertEquals(await client.call("Gate.Fail", 1), [undefined, "failed_precondition"]);
    assertEquals(ran.length, 1);
  },
);

test("next again: the rejection of another call proves nothing", [async (call, next) => {
  if (call.args === "keep") {
    other = call.context.reject("full");
    return "kept";
  }
  return [await failure(next(call)), await failure(next(call))].map((error) =>
    (error as RpcError).code
  );
}], async ({ client, site }) => {
  assertEquals(await client.call("My.Echo", "keep"), "kept");
  const call = client.call("Gate.Wait", 1);
  await site.gate.untilBegun(1);
  site.gate.begun[0].end.reject(other);
  assertEquals(await call, ["unavailable", "failed_precondition"]);
});
let other: RpcError;

test(
  "next takes the very object, and says so",
  [(call, next) => next({ ...call })],
  async (made) => {
    await assertFails(made.client.call("My.Echo", 1), { message: "very object", code: "unknown" });
    assertEquals(made.ran, []);
  },
);

test("a promise of next that nobody waits for: what it rejects with ends nothing", [
  (call, next) => {
    void next(call);
    return "early";
  },
], async ({ client }) => {
  assertEquals(await client.call("Gate.Fail", 1), "early");
  await settled();
  assertEquals(await client.call("My.Echo", 1), "early");
});

test("deadline and cancel reach them by the context, and hold for the caller", [
  async (call, next) => {
    if (call.args !== "hold") return await next(call);
    const { signal } = call.context;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    reasons.push((signal.reason as RpcError).code);
    throw signal.reason;
  },
], async ({ client, world, told, ran, site }) => {
  const late = failure(client.call("My.Echo", "hold", { timeoutMs: 500 }));
  await settled();
  assertEquals(site.server.running, 1);
  await world.clock.advance(500);
  assertFailure(await late, { code: "TimeoutError" });
  await settled();
  const controller = new AbortController();
  const canceled = failure(client.call("My.Echo", "hold", { signal: controller.signal }));
  await settled();
  controller.abort(OUCH);
  assertStrictEquals(await canceled, OUCH);
  await settled();
  assertEquals([reasons.length, reasons[1]], [2, "canceled"]); // the first by whoever saw it first
  assertEquals([told, ran, site.server.running], [[], [], 0]);
});
const reasons: string[] = [];

test("one that never settles does not keep the server from closing", [
  () => new Promise(() => {}),
], async ({ client, world, site }) => {
  const call = failure(client.call("My.Echo", 1));
  await settled();
  const closed = site.server.close({ graceMs: 1000 });
  await world.clock.advance(1000);
  await closed;
  assertFailure(await call, { code: "unavailable", execution: "unknown" });
});

test("unknown methods come to none", [() => "anything"], async ({ client }) => {
  await assertFails(client.call("My.Nothing", 1), { code: "unimplemented", execution: "rejected" });
  await assertFails(client.call("Nobody.Nothing", 1), { code: "unimplemented" });
});

Deno.test("a service's own interceptors stand around it alone", () =>
  inWorld(async (world) => {
    const { client } = await scene(world, [], [() => "own"]);
    assertEquals(await client.call("My.Echo", 1), "own");
    assertEquals(await client.call("Gate.Echo", 1), 1);
    await client.close();
  }));

Deno.test("an interceptor of a class is called on its object", () =>
  inWorld(async (world) => {
    class Counter implements ServerInterceptor {
      calls = 0;
      handle(call: ServerCall, next: Next<ServerCall>) {
        this.calls++;
        return next(call);
      }
    }
    const counter = new Counter();
    const { client } = await scene(world, [counter]);
    assertEquals(await client.call("My.Echo", 1), 1);
    assertEquals(counter.calls, 1);
    await client.close();
  }));

Deno.test("over a socket, in every protocol", async () => {
  for (const protocol of ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
    const held = deferred();
    const server = new Server({
      interceptors: [async (call, next) => {
        await held.promise;
        return `${await next(call)}!`;
      }],
    });
    server.register("My", { Greet: (name: string) => `Hello ${name}` });
    const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
    const client = await dial(address, { protocol });
    const calls = ["Ann", "Bob"].map((name) => client.call("My.Greet", name));
    held.resolve();
    assertEquals(await Promise.all(calls), ["Hello Ann!", "Hello Bob!"]);
    await client.close();
    await server.close();
  }
});
