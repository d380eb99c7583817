/** What a client sends with its calls so that servers know who calls. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type CallContext,
  type ClientAttempt,
  type ClientCall,
  type Credentials,
  credentials,
  type CredentialsOptions,
  dial,
  RpcError,
  Server,
  XClient,
} from "../../mod.ts";
import { MemoryNetwork } from "../../testing.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  settled,
} from "../support/helpers.ts";

/** Servers that answer with the metadata of a call. */
async function serve(network: MemoryNetwork, ...names: string[]): Promise<Server> {
  const server = new Server();
  server.register("Meta", { Get: (_args: unknown, ctx: CallContext) => ({ ...ctx.meta }) });
  for (const name of names) await server.listen(`memory@${name}`, { network });
  return server;
}

Deno.test("credentials go along with every call, of a client and of a fleet's", async () => {
  const network = new MemoryNetwork();
  await using _server = await serve(network, "a", "b");
  let calls = 0;
  const seen: string[] = [];
  const interceptors = [credentials((call) => {
    seen.push(call.serviceMethod);
    return { token: `${++calls}`, "x-by": "function" };
  })];
  await using client = await dial("memory@a", { network, interceptors });
  await using xclient = new XClient(["memory@a", "memory@b"], { network, interceptors });
  const meta = { token: "the caller's", other: "kept" };
  assertEquals(await client.call("Meta.Get", null, { meta }), {
    token: "1",
    "x-by": "function",
    other: "kept",
  });
  assertEquals(await xclient.call("Meta.Get"), { token: "2", "x-by": "function" });
  assertEquals(
    meta,
    { token: "the caller's", other: "kept" },
    "the caller's object is not changed",
  );
  assertEquals(seen, ["Meta.Get", "Meta.Get"]);
  const replies = [];
  for await (const receipt of xclient.inform<Record<string, string>>("Meta.Get")) {
    assert(receipt.ok);
    replies.push(Number(receipt.reply.token) > 2);
  }
  assertEquals(replies, [true, true]);
  assert(await xclient.broadcast("Meta.Get") !== undefined);
});

Deno.test("a call waits for its credentials, and those of one are not another's", async () => {
  const network = new MemoryNetwork();
  await using _server = await serve(network, "a");
  const tokens = new Map<unknown, ReturnType<typeof deferred<Credentials>>>();
  const interceptors = [credentials((call) => {
    tokens.set(call.args, deferred<Credentials>());
    return tokens.get(call.args)!.promise;
  })];
  await using client = await dial("memory@a", { network, interceptors });
  const calls = [1, 2, 3].map((n) => client.call("Meta.Get", n));
  await settled();
  tokens.get(3)!.resolve({ token: "three" });
  tokens.get(1)!.resolve({ token: "one" });
  tokens.get(2)!.resolve(undefined);
  assertEquals(await Promise.all(calls), [{ token: "one" }, {}, { token: "three" }]);
});

Deno.test("credentials that can't be had fail the call, which is not sent", async () => {
  const network = new MemoryNetwork();
  await using server = await serve(network, "a");
  let get: () => unknown = () => undefined;
  const interceptors = [credentials(() => get() as Credentials)];
  await using xclient = new XClient(["memory@a"], { network, interceptors });
  const cause = new Error("the vault is sealed");
  for (
    const fail of [() => Promise.reject(cause), () => {
      throw cause;
    }]
  ) {
    get = fail;
    const error = await assertFails(xclient.call("Meta.Get"), {
      code: "unauthenticated",
      execution: "not_sent",
      message: "the credentials of Meta.Get can't be had: the vault is sealed",
    });
    assertEquals([error.cause, error.serviceMethod], [cause, "Meta.Get"]);
  }
  get = () =>
    Promise.reject(new RpcError("unavailable", "no token service", { execution: "unknown" }));
  await assertFails(xclient.call("Meta.Get"), { code: "unavailable", execution: "not_sent" });
  for (const wrong of ["token", 1, true, [], { token: 1 }, { token: undefined }]) {
    get = () => wrong;
    await assertFails(xclient.call("Meta.Get"), {
      code: "unauthenticated",
      execution: "not_sent",
      message: "the credentials of Meta.Get can't be had: credentials",
    });
  }
  assertEquals(server.connections, 0, "nobody was even dialled");
});

Deno.test("a call whose credentials do not come ends with its deadline or its signal", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const signals: (AbortSignal | undefined)[] = [];
    const client = await world.dial(address, {
      interceptors: [credentials((call) => {
        signals.push(call.signal);
        return new Promise(() => {});
      })],
    });
    const late = failure(client.call("Gate.Echo", 1, { timeoutMs: 500 }));
    const controller = new AbortController();
    const aborted = failure(client.call("Gate.Echo", 1, { signal: controller.signal }));
    await settled();
    await world.clock.advance(500);
    assertFailure(await late, { code: "deadline_exceeded", execution: "not_sent" });
    controller.abort("enough");
    assertEquals(await aborted, "enough");
    assertEquals(signals[1], controller.signal);
    await client.close();
  }));

/** What an attempt at an address is sent with, or fails with. */
async function sentTo(address: string, options?: CredentialsOptions): Promise<unknown> {
  const one = credentials(() => ({ token: "s3cret" }), options);
  const call = { serviceMethod: "A.B", meta: {}, attempts: [] } as unknown as ClientCall;
  return await one.call!(call, async () => {
    const attempt: ClientAttempt = { call, address, number: 1, why: "direct", meta: {} };
    return await one.attempt!(attempt, () => Promise.resolve(attempt.meta));
  });
}

Deno.test("credentials are not sent in the clear to another machine", async () => {
  const sent = { token: "s3cret" };
  for (
    const address of [
      "tls@10.0.0.1:9001",
      "tls@a.example:9001",
      "unix@/run/a.sock",
      "memory@a",
      "tcp@127.0.0.1:9001",
      "tcp@127.8.9.1:9001",
      "tcp@[::1]:9001",
      "tcp@localhost:9001",
      "http@localhost:9001",
      "tls@a.example:9001?path=/orders",
      "unix@/run/a.sock?path=/orders",
    ]
  ) {
    assertEquals(await sentTo(address), sent, address);
  }
  for (
    const address of [
      "tcp@10.0.0.1:9001",
      "tcp@a.example:9001",
      "http@a.example:9001",
      "tcp@[fe80::1]:9001",
      "tcp@0.0.0.0:9001",
      "tcp@[::]:9001",
      "tcp@127.0.0.1.example:9001",
      "tcp@localhost.example:9001",
      "tcp@xlocalhost:9001",
      "tcp@[::ffff:10.0.0.1]:9001",
      "tcp@1270.0.0.1:9001",
    ]
  ) {
    const error = await failure(sentTo(address));
    assertFailure(error, {
      code: "unauthenticated",
      execution: "not_sent",
      address,
      message: "the credentials of A.B would be sent in the clear: use a tls@ address",
    });
    assert(!String(error).includes("s3cret"));
    assertEquals(await sentTo(address, { insecure: true }), sent, address);
    assertEquals(
      (await failure(sentTo(address, { insecure: false })) as RpcError).code,
      "unauthenticated",
    );
  }
});

Deno.test("a fleet's call fails at once where its credentials may not go", async () => {
  const network = new MemoryNetwork();
  let dials = 0;
  const counting = {
    listen: network.listen.bind(network),
    connect: () => {
      dials++;
      return Promise.reject(new RpcError("unavailable", "nobody is there"));
    },
  };
  const interceptors = [credentials(() => ({ token: "s3cret" }))];
  await using xclient = new XClient(["tcp@10.0.0.1:1", "tcp@10.0.0.2:1"], {
    network: counting,
    interceptors,
  });
  const error = await assertFails(xclient.call("A.B", null, { timeoutMs: 5000 }), {
    code: "unauthenticated",
    execution: "not_sent",
  });
  assertEquals([error.attempts.length, dials], [1, 0]);
});

Deno.test("a call that needs no credentials goes anywhere", async () => {
  const one = credentials(() => undefined);
  const call = { serviceMethod: "A.B", meta: {}, attempts: [] } as unknown as ClientCall;
  const address = "tcp@a.example:1";
  const attempt: ClientAttempt = { call, address, number: 1, why: "direct", meta: {} };
  const send = () => Promise.resolve("sent");
  const reply = await one.call!(call, async () => await one.attempt!(attempt, send));
  assertEquals([reply, attempt.meta], ["sent", {}]);
});

Deno.test("what is no function or option is refused by name", () => {
  for (const get of [undefined, null, { token: "a" }, "a"]) {
    assertThrows(() => credentials(get as never), TypeError, "get must be a function");
  }
  for (const insecure of [null, 1, "yes"]) {
    const options = { insecure } as unknown as CredentialsOptions;
    assertThrows(
      () => credentials(() => ({}), options),
      TypeError,
      "insecure must be true or false",
    );
  }
  assertThrows(
    () => credentials(() => ({}), { insecur: true } as CredentialsOptions),
    TypeError,
    'credentials has no option "insecur"; did you mean "insecure"',
  );
});
