/** What holds on every protocol alike, between our client and our server. */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../client.ts";
import type { Protocol } from "../protocol/codec.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import { DRAINING } from "../protocol/go_errors.ts";
import { type CallContext, Server, type ServerOptions } from "../server.ts";
import { MemoryNetwork } from "../testing.ts";
import { XClient } from "../xclient.ts";
import { assertFails, assertFailure, deferred, failure } from "./support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

interface Site {
  readonly protocol: Protocol;
  readonly network: MemoryNetwork;
  readonly server: Server;
}

function onEach(
  name: string,
  body: (site: Site) => Promise<void>,
  options: ServerOptions = {},
): void {
  for (const protocol of PROTOCOLS) {
    Deno.test(`${protocol}: ${name}`, async () => {
      const network = new MemoryNetwork();
      const server = new Server(options);
      await server.listen("memory@a", { network, protocol });
      await body({ protocol, network, server });
      await server.close();
    });
  }
}

onEach("listen takes the protocol of the address before the option's", async (site) => {
  const { protocol, network, server } = site;
  server.register("Echo", { Say: (text: string) => text });
  const other = protocol === "netrpc/gob" ? "netrpc/json" : "netrpc/gob";
  const address = `memory@b?protocol=${protocol}`;
  await server.listen(address, { network, protocol: other });
  const client = await dial(address, { network, protocol: other });
  assertEquals(await client.call("Echo.Say", "hello"), "hello");
  await client.close();
});

onEach("a call that waits when the server drains is turned away: it did not run", async (site) => {
  const { protocol, network, server } = site;
  const begun = deferred();
  const end = deferred<string>();
  let calls = 0;
  server.register("Gate", { Wait: () => (calls++, begun.resolve(), end.promise) });
  const client = await dial("memory@a", { network, protocol });
  const running = client.call("Gate.Wait", 1);
  const waiting = [2, 3].map((n) => failure(client.call("Gate.Wait", n)));
  await begun.promise;
  const closing = server.close();
  for (const error of await Promise.all(waiting)) {
    assertFailure(error, { code: "unavailable", execution: "rejected", message: DRAINING });
  }
  assertEquals(calls, 1);
  end.resolve("done");
  assertEquals(await running, "done");
  await client.close();
  await closing;
}, { maxInFlight: 1 });

onEach("an error that a handler passes on is its answer: the call ran", async (site) => {
  const { protocol, network, server } = site;
  let charged = 0;
  const thrown = [
    () => new RpcError("unavailable", DRAINING, { execution: "rejected" }),
    () => new RpcError("unimplemented", "rpc server: can't find service Gate"),
    () => new Error("rpc server: can't find method Pay"),
    () => new Error("rpc: can't find service Gate.Pay"),
    () => new Error(DRAINING),
    () => new Error("rpc server: service/method request ill-formed: Gate.Pay"),
  ];
  server.register("Gate", {
    Pay: (place: number) => {
      charged++;
      throw thrown[place]();
    },
    Later: async (place: number) => {
      await Promise.resolve();
      charged++;
      throw thrown[place]();
    },
    Fine: () => "fine",
  });
  const addresses = ["memory@a", "memory@b"];
  await server.listen("memory@b", { network, protocol });
  const xclient = new XClient(new MultiServerDiscovery(addresses), { network, protocol });
  for (let place = 0; place < thrown.length; place++) {
    for (const serviceMethod of ["Gate.Pay", "Gate.Later"]) {
      charged = 0;
      const error = await failure(xclient.call(serviceMethod, place)) as RpcError;
      assertEquals([error.execution, error.attempts.length, charged], ["answered", 1, 1]);
      assert(error.message.includes(thrown[place]().message), error.message);
    }
  }
  assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true]);
  assertEquals(await xclient.call("Gate.Fine"), "fine");
  await assertFails(xclient.call("Gate.None"), { code: "unimplemented", execution: "rejected" });
  await xclient.close();
});

onEach("an error of any length costs only its own call", async ({ protocol, network, server }) => {
  const begun = deferred<void>();
  const end = deferred<string>();
  const text = "no ".repeat(1_500_000);
  server.register("Gate", {
    Wait: () => (begun.resolve(), end.promise),
    Now: () => {
      throw new Error(text);
    },
    Later: () => Promise.reject(new Error(text)),
  });
  const client = await dial("memory@a", { network, protocol, maxMessageBytes: 8_000_000 });
  const other = client.call("Gate.Wait");
  await begun.promise;
  for (const serviceMethod of ["Gate.Now", "Gate.Later"]) {
    const error = await failure(client.call(serviceMethod)) as RpcError;
    assertEquals([error.code, error.execution], ["unknown", "answered"]);
    assert(error.message.startsWith("no no ") && error.message.length < 100_000);
  }
  for (const name of [`N.${"x".repeat(3_000_000)}`, `${"x".repeat(3_000_000)}.N`]) {
    const error = await failure(client.call(name)) as RpcError;
    assert(error.code === "unimplemented" || error.code === "unknown", error.message.slice(0, 99));
  }
  end.resolve("still here");
  assertEquals(await other, "still here");
  await client.close();
});

onEach("names that can't be answered about end the connection, not the server", async (site) => {
  const { protocol, network, server } = site;
  const end = deferred<string>();
  server.register("Gate", { Wait: () => end.promise, Echo: (value: unknown) => value });
  const client = await dial("memory@a", { network, protocol });
  const calls = [
    failure(client.call("Gate.Wait")), // holds the next one up
    failure(client.call(`N.${"x".repeat(60_000)}`)),
    failure(client.call("Gate.Echo", "x".repeat(30_000))),
  ];
  await Promise.resolve();
  end.resolve("x".repeat(70_000)); // its refusal does not fit either, or does
  await Promise.all(calls);
  await client.close();
  const next = await dial("memory@a", { network, protocol });
  assertEquals(await next.call("Gate.Echo", "here"), "here");
  await next.close();
}, { maxMessageBytes: 100, maxInFlight: 1 });

onEach("an argument whose encoding uses its own client disturbs no other call", async (site) => {
  const { protocol, network, server } = site;
  const ran: unknown[] = [];
  server.register("A", {
    Main: (args: unknown) => (ran.push(args), "main's reply"),
    Log: () => ran.push("logged"),
  });
  const client = await dial("memory@a", { network, protocol });
  const nested: Promise<unknown>[] = [];
  const logging = {
    get A() {
      nested.push(failure(client.call("A.Log")));
      return 1;
    },
  };
  assertEquals(await client.call("A.Main", logging), "main's reply");
  assertEquals(ran, [{ A: 1 }]);
  assert(nested.length > 0);
  for (const error of await Promise.all(nested)) {
    assertEquals((error as RpcError).execution, "not_sent");
  }
  assertEquals(await client.call("A.Main", { A: 2 }), "main's reply");

  const controller = new AbortController();
  const { signal } = controller;
  const aborting = {
    get A() {
      controller.abort("enough");
      return 3;
    },
  };
  assertEquals(await failure(client.call("A.Main", aborting, { signal })), "enough");
  const xclient = new XClient(new MultiServerDiscovery(["memory@a"]), { network, protocol });
  assertEquals(await xclient.call("A.Main", { A: 4 }), "main's reply");
  const again = new AbortController();
  const abortingToo = {
    get A() {
      again.abort("enough");
      return 5;
    },
  };
  const options = { signal: again.signal };
  assertEquals(await failure(xclient.call("A.Main", abortingToo, options)), "enough");
  assertEquals(await xclient.call("A.Main", { A: 6 }), "main's reply");
  assertEquals([client.inFlight, xclient.endpoints()[0].inFlight], [0, 0]);
  await xclient.close();

  const throwing = {
    get A() {
      throw new Error("not now");
    },
  };
  await assertFails(client.call("A.Main", throwing), {
    code: "invalid_argument",
    execution: "not_sent",
    message: "not now",
  });
  const closing = {
    get A() {
      client.close();
      return 7;
    },
  };
  ran.length = 0;
  const canceled = { code: "canceled", execution: "not_sent" } as const;
  await assertFails(client.call("A.Main", closing), canceled);
  await client.closed;
  assertEquals(ran, []);
});

onEach("a handler that turns a call away can say when there may be room", async (site) => {
  const { protocol, network, server } = site;
  const after: unknown[] = [1500, 0.2, 1e300, undefined, NaN];
  server.register("Jobs", {
    Run: (place: number, ctx: CallContext) => {
      throw ctx.reject("the queue is full", {
        code: "resource_exhausted",
        retryAfterMs: after[place] as number,
      });
    },
  });
  const client = await dial("memory@a", { network, protocol });
  const told = protocol.startsWith("geerpc") ? [1500, 1, 86_400_000, undefined] : [];
  for (let place = 0; place < 4; place++) {
    const error = await failure(client.call("Jobs.Run", place)) as RpcError;
    assertEquals([error.message, error.retryAfterMs], ["the queue is full", told[place]]);
    if (protocol.startsWith("geerpc")) {
      assertFailure(error, { code: "resource_exhausted", execution: "rejected" });
    }
  }
  const wrong = await failure(client.call("Jobs.Run", 4)) as RpcError;
  assertEquals(wrong.message, "retryAfterMs must be at least 0, got NaN");
  await client.close();
});
