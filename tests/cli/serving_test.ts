/** `registry`, `serve` and `proxy`: they run until Ctrl-C. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { servicesOf } from "../../cli/serving/serve.ts";
import { gob } from "../../gob.ts";
import type { CallContext } from "../../server.ts";
import { RpcError } from "../../errors.ts";
import type { Network } from "../../transport.ts";
import { CommandWorld, steady } from "../support/command.ts";
import { failure, inWorld } from "../support/helpers.ts";

class Node {
  Name() {
    return "a";
  }
}

Deno.test("what a module exports becomes services", () => {
  const Sum = ({ A, B }: { A: number; B: number }) => A + B;
  const names = (exported: Record<string, unknown>) => [...servicesOf(exported, "Arith").keys()];
  assertEquals(names({ Sum, settings: { a: 1 }, LIMIT: 3, list: [1] }), ["Arith"]);
  assertEquals(names({ Node, Cache: { Flush: Sum }, node: new Node() }), ["Node", "Cache", "node"]);
  assertEquals(names({ default: { Sum } }), ["Arith"]);
  assertThrows(() => names({ LIMIT: 3 }), Error, "exports no function");
  assertThrows(() => names({ Sum, Arith: { Sum } }), Error, "--name gives");
});

Deno.test("a registry, servers that register, and a fleet that is found through it", async () => {
  await inWorld(async (world) => {
    const { clock, network } = world;
    const registry = new CommandWorld({ clock });
    const running = registry.run("registry", "--listen", "127.0.0.1:9999", "--lease", "30s");
    await registry.untilOut("clients:");
    const fetch = (url: string, init?: RequestInit) =>
      Promise.resolve(registry.registry!.fetch(new Request(url, init)));
    const modules = {
      "lib/arith.ts": { Sum: ({ A, B }: { A: number; B: number }) => A + B, Node },
    };
    const server = new CommandWorld({ clock, network, fetch, modules });
    const serving = server.run(
      ...["serve", "lib/arith.ts", "--listen", "memory@x", "--listen", "memory@y"],
      ...["--register", "http://registry:9999"],
    );
    await server.untilOut("registered as memory@y");
    assertEquals(
      server.out,
      "lib/arith.ts listens at memory@x\nlib/arith.ts listens at memory@y\n" +
        "registered as memory@x\nregistered as memory@y\n",
    );
    const options = { clock, network, fetch };
    const called = await new CommandWorld(options)
      .run("call", "--registry", "http://registry:9999", "Arith.Sum", '{"A": 1, "B": 2}');
    assertEquals(called, { code: 0, out: "3\n", err: "" });
    const informed = await new CommandWorld(options)
      .run("inform", "--registry", "http://registry:9999", "Node.Name");
    assertEquals(
      steady(informed.out),
      'ADDRESS   OUTCOME  TIME  REPLY\nmemory@x  ok TIME  "a"\nmemory@y  ok TIME  "a"\n2 of 2 succeeded\n',
    );
    server.interrupt();
    await clock.advance(5000);
    assertEquals((await serving).code, 0);
    assert(server.out.endsWith("ending: no new calls\n"));
    registry.interrupt();
    assertEquals((await running).code, 0);
    assertEquals(
      registry.out,
      `registry at http://127.0.0.1:9999/ (open it in a browser; Ctrl-C ends it)
  servers: xclient serve FILE --register http://127.0.0.1:9999
  clients: xclient list --registry http://127.0.0.1:9999
joined       memory@x
joined       memory@y
left         memory@x
left         memory@y
`,
    );
  });
});

Deno.test("wrong usage of what listens", async () => {
  const error = async (...args: string[]) => {
    const { code, err } = await new CommandWorld({ modules: { empty: {} } }).run(...args);
    assertEquals(code, 2, err);
    return err.split("\n")[0];
  };
  assertEquals(await error("serve"), "error: no file: name a module, as arith.ts");
  assertEquals(await error("serve", "x.ts"), "error: x.ts can't be loaded: no such module: x.ts");
  assertEquals(
    await error("serve", "empty"),
    "error: the module exports no function, no object of functions and no class",
  );
  assertEquals(
    await error("registry", "--listen", "here"),
    'error: --listen must be HOST:PORT, as 127.0.0.1:9999, got "here"',
  );
  assertEquals(
    await error("proxy", ":1", "--method", "Sum"),
    'error: --method must begin with Service.Method, got "Sum"',
  );
});

/** Runs a proxy in front of two servers. */
async function inFrontOf(
  args: readonly string[],
  body: (dial: { clock: World["clock"]; network: Network }, world: World) => Promise<void>,
): Promise<void> {
  await inWorld(async (world) => {
    const numbers = gob.struct({ A: gob.safeInt, B: gob.safeInt });
    for (const name of ["a", "b"]) {
      const { server } = await world.serve(name);
      server.register("Arith", {
        Divide: ({ A, B }: { A: number; B: number }) => {
          if (B === 0) throw new RpcError("invalid_argument", "divide by zero");
          return A / B;
        },
      }, { schema: { Divide: { args: numbers, reply: gob.float } } });
      server.register("Who", {
        Meta: (
          _args: unknown,
          ctx: CallContext,
        ) => [name, ctx.meta.user, ctx.deadline !== undefined],
      });
    }
    const { clock, network } = world;
    const proxy = new CommandWorld({ clock, network });
    const running = proxy.run("proxy", "memory@a", "memory@b", "--listen", "memory@front", ...args);
    await proxy.untilOut("listens at");
    await body({ clock, network }, world);
    proxy.interrupt();
    await clock.advance(5000);
    assertEquals((await running).code, 0, proxy.err);
  });
}
type World = Parameters<Parameters<typeof inWorld>[0]>[0];

Deno.test("a proxy balances every protocol onto a fleet, with errors, metadata and deadlines", async () => {
  for (const protocol of ["geerpc/json", "geerpc/gob", "netrpc/json", "netrpc/gob"] as const) {
    const args = protocol.startsWith("netrpc") ? ["--listen-protocol", protocol] : [];
    await inFrontOf(args, async (_options, world) => {
      const client = await world.dial("memory@front", { protocol });
      assertEquals(await client.call("Arith.Divide", { A: 8, B: 2 }), 4);
      assertEquals(await client.call("Arith.Divide", { A: 7, B: 2 }), 3.5);
      const error = await failure(client.call("Arith.Divide", { A: 1, B: 0 })) as RpcError;
      assertEquals([error.message, error.execution], ["divide by zero", "answered"]);
      const none = await failure(client.call("Arith.None", {})) as RpcError;
      assertEquals([none.code, none.execution], ["unimplemented", "rejected"]);
      if (protocol === "geerpc/json") {
        assertEquals(error.code, "invalid_argument");
        const options = { meta: { user: "ann" }, timeoutMs: 1000 };
        const replies = [];
        for (let n = 0; n < 8; n++) {
          replies.push(await client.call<unknown[]>("Who.Meta", null, options));
        }
        assertEquals(new Set(replies.map(([name]) => name)).size, 2, "both servers get calls");
        assertEquals(replies[0].slice(1), ["ann", true]);
      }
      await client.close();
    });
  }
});

Deno.test("a cancel reaches the fleet through the proxy; a fleet that is gone did not run the call", async () => {
  await inFrontOf(["--attempts", "1"], async (_options, world) => {
    const client = await world.dial("memory@front");
    const controller = new AbortController();
    const call = failure(client.call("Gate.Wait", 1, { signal: controller.signal }));
    while (world.sites.every(({ gate }) => gate.begun.length === 0)) await world.clock.advance(1);
    controller.abort("enough");
    assertEquals(await call, "enough");
    while (world.sites.every(({ gate }) => gate.aborted.length === 0)) await world.clock.advance(1);
    for (const { server } of world.sites) await server.close({ graceMs: 0 });
    const error = await failure(client.call("Gate.Echo", 1)) as RpcError;
    assertEquals([error.code, error.execution], ["unavailable", "rejected"]);
    await client.close();
  });
});
