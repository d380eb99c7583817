/** Our client and our server speak gob with each other. */

import { assertEquals } from "@std/assert";
import { limitsOf } from "../../../protocol/codec.ts";
import { dial } from "../../../client.ts";
import { MultiServerDiscovery } from "../../../discovery.ts";
import { GobClientCodec } from "../../../protocol/gob/client.ts";
import { GobServerCodec } from "../../../protocol/gob/server.ts";
import { gob } from "../../../gob.ts";
import { Server } from "../../../server.ts";
import { XClient } from "../../../xclient.ts";
import { arith, GOB_PROTOCOLS, withServer } from "../../support/gob_server.ts";
import { assertFails, deferred } from "../../support/helpers.ts";

Deno.test("gob between our client and our server, in chunks of every size", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    for (const chunkBytes of [1, 5, 100_000]) {
      await withServer(protocol, async (network) => {
        const client = await dial("memory@a", { network, protocol });
        const typed = client.service("Arith", arith);
        const calls = Array.from({ length: 50 }, (_, n) => typed.Sum({ A: n, B: -7 }));
        assertEquals(await Promise.all(calls), Array.from({ length: 50 }, (_, n) => n - 7));
        // A whole number and a fraction are sent as one type.
        assertEquals(await typed.Divide({ A: 8, B: 2 }), 4);
        assertEquals(await typed.Divide({ A: 1, B: 2 }), 0.5);
        const values = [1, "☃", [1, 2], { A: { B: "x" } }, new Map([["k", 1.5]]), true];
        for (const value of values) assertEquals(await client.call("Plain.Echo", value), value);
        assertEquals(await client.call("Plain.Void"), null);
        assertEquals(await client.call("Plain.Echo", null), null);
        await assertFails(client.call("Plain.Fail"), { code: "unknown", message: /^no ☃$/ });
        const unknown = { code: "unimplemented", execution: "rejected" } as const;
        await assertFails(client.call("Plain.None", 1), unknown);
        await assertFails(client.call("None.None", { A: 1 }), unknown);
        // Our server reads the argument of a call that it refuses: the connection goes on.
        assertEquals(await typed.Sum({ A: 1, B: 2 }), 3);
        await client.close();
      }, chunkBytes);
    }
  }
});

Deno.test("a method whose value was a fraction once has floats, whole numbers too", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    await withServer(protocol, async (network, server) => {
      const float = gob.service({ Typed: { args: gob.float, reply: gob.float } });
      server.register("Floats", { Typed: (n) => n }, { schema: float });
      const client = await dial("memory@a", { network, protocol });
      const reply = { schema: { reply: gob.float } };
      // As an int each of the whole numbers would be refused.
      await assertFails(client.call("Floats.Typed", 2), {
        message: "int received where the schema says float",
      });
      for (const value of [0.5, 2, -3, NaN, 0, 2 ** 53]) {
        assertEquals(await client.call("Floats.Typed", value), value);
        if (value === 0.5 || value === 2) {
          assertEquals(await client.call("Plain.Echo", value, reply), value);
        }
      }
      assertEquals(await client.call("Plain.Void", 1), null); // that of another method is an int
      await client.close();
    });
  }
});

Deno.test("a value that does not fit fails its own call", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    await withServer(protocol, async (network) => {
      const client = await dial("memory@a", { network, protocol });
      const notSent = { code: "invalid_argument", execution: "not_sent" } as const;
      await assertFails(client.service("Arith", arith).Sum({ A: 1.5, B: 2 }), {
        ...notSent,
        serviceMethod: "Arith.Sum",
        address: "memory@a",
      });
      await assertFails(client.call("Plain.Echo", () => {}), notSent);
      await assertFails(client.call("Plain.Echo", [1, "x"]), notSent);
      const wrong = { "~types": undefined };
      await assertFails(client.call("Plain.Echo", 1, { schema: { args: wrong } }), notSent);
      await assertFails(client.call("Plain.Echo", 1, { schema: { reply: wrong } }), notSent);
      await assertFails(client.call("Wrong.Echo", 1), { message: "none of gob's" });
      await assertFails(client.call("Plain.Echo", "x", { schema: { reply: gob.float } }), {
        code: "data_loss",
        execution: "answered",
        message: "the reply can't be decoded",
      });
      // At the server: an argument, and a reply.
      await assertFails(client.call("Arith.Sum", "x"), {
        message: "the arguments can't be decoded",
      });
      await assertFails(client.call("Arith.Sum", { A: 2 ** 52, B: 2 ** 53 - 1 }), {
        message: "the reply is refused",
        execution: "answered",
      });
      assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
      await client.close();
    });
  }
});

Deno.test("limits hold in both directions", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    await withServer(protocol, async (network) => {
      const limited = await dial("memory@a", { network, protocol, maxMessageBytes: 2000 });
      const tooLarge = { code: "resource_exhausted", execution: "not_sent" } as const;
      await assertFails(limited.call("Plain.Echo", "x".repeat(3000)), tooLarge);
      assertEquals(await limited.call("Plain.Echo", "x"), "x");
      await limited.close();
      let deep: unknown = 1;
      for (let level = 0; level < 50; level++) deep = [deep];
      const shallow = await dial("memory@a", { network, protocol, maxDepth: 20 });
      await assertFails(shallow.call("Plain.Echo", deep), tooLarge);
      await shallow.close();
    });
  }
});

Deno.test("a message over the limit costs only its own call", async () => {
  const long = "x".repeat(3000);
  for (const protocol of GOB_PROTOCOLS) {
    const code = protocol === "geerpc/gob" ? "resource_exhausted" : "unknown";
    for (const chunkBytes of [50, 100_000]) {
      await withServer(
        protocol,
        async (network, server) => {
          const begun = deferred<void>();
          const end = deferred<string>();
          server.register("Slow", { Call: () => (begun.resolve(), end.promise) });
          const client = await dial("memory@a", { network, protocol });
          const other = client.call("Slow.Call");
          const refused = client.call("Plain.Echo", long);
          await begun.promise;
          await assertFails(refused, { code, message: "bytes, beyond maxMessageBytes, 2000" });
          end.resolve("still here");
          assertEquals(await other, "still here");
          await client.close();
        },
        chunkBytes,
        2000,
      );
      await withServer(protocol, async (network) => {
        const client = await dial("memory@a", { network, protocol, maxMessageBytes: 2000 });
        const spell = client.call("Plain.Spell");
        const other = client.call("Plain.Echo", "still here");
        await assertFails(spell, {
          code: "resource_exhausted",
          execution: "answered",
          message: "the reply can't be decoded: gob: a message of 3005 bytes",
        });
        assertEquals(await other, "still here");
        await client.close();
      }, chunkBytes);
    }
  }
});

Deno.test("type definitions over the limit cost only the call that needs them", async () => {
  const shape = (name: number) => ({ [`Field${name}`]: 1, [`Other${name}`]: 2 });
  for (const protocol of GOB_PROTOCOLS) {
    await withServer(
      protocol,
      async (network, server) => {
        let replies = 0;
        server.register("Shapes", { Next: () => shape(replies++) });
        const client = await dial("memory@a", { network, protocol, maxMessageBytes: 2000 });
        let error: unknown;
        for (let calls = 0; error === undefined && calls < 100; calls++) {
          await client.call("Shapes.Next").catch((reason) => error = reason);
        }
        await assertFails(Promise.reject(error), {
          code: protocol === "geerpc/gob" ? "resource_exhausted" : "unknown",
          message: "type definitions of more than 2000 bytes",
        });
        error = undefined;
        for (let calls = 0; error === undefined && calls < 100; calls++) {
          await client.call("Plain.Void", shape(calls)).catch((reason) => error = reason);
        }
        await assertFails(Promise.reject(error), {
          code: "resource_exhausted",
          execution: "not_sent",
          message: "type definitions of more than 2000 bytes",
        });
        assertEquals(await client.call("Plain.Void", shape(0)), null);
        await assertFails(client.call("Plain.Fail"), { code: "unknown", message: /^no ☃$/ });
        await client.close();
      },
      100_000,
      2000,
    );
  }
});

Deno.test("a ping is a call of a method that no server has, on netrpc only", async () => {
  assertEquals(new GobClientCodec("geerpc", limitsOf(), 0).ping, undefined);
  const pinging = new GobClientCodec("netrpc", limitsOf(), 0);
  pinging.ping!(5);
  const server = new GobServerCodec("netrpc", limitsOf());
  const found = deferred<unknown[]>();
  server.receive(pinging.take(), {
    call: (seq, serviceMethod) => found.resolve([seq, serviceMethod]),
    refuse: () => {},
    cancel: () => {},
    answered: () => {},
  });
  assertEquals(await found.promise, [5, "XClient.Ping"]);
});

Deno.test("a schema for a method that the service does not have is refused", () => {
  const server = new Server();
  let message = "";
  try {
    server.register("Arith", { Sum: () => 1 } as never, { schema: { Product: {} } });
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals(message, "service Arith has no method Product, which its schema names; it has Sum");
});

Deno.test("schemas go along through XClient, dials, deadlines and broadcasts", async () => {
  await withServer("netrpc/gob", async (network) => {
    const xclient = new XClient(new MultiServerDiscovery(["memory@a?protocol=netrpc/gob"]), {
      network,
    });
    const service = xclient.service("Arith", arith);
    const { signal } = new AbortController();
    const half: number = await service.Divide({ A: 1, B: 2 }, { timeoutMs: 60_000, signal });
    assertEquals(half, 0.5);
    assertEquals(await service.Divide({ A: 8, B: 2 }, { timeoutMs: 60_000, signal }), 4);
    const schema = arith.Divide;
    assertEquals(await xclient.broadcast("Arith.Divide", { A: 8, B: 2 }, { schema }), 4);
    await assertFails(xclient.broadcast("Arith.Divide", { A: 0.5, B: 2 }, { schema }), {
      code: "invalid_argument",
      execution: "not_sent",
    });
    // @ts-expect-error the types follow from the schema
    await assertFails(service.Sum({ A: "x", B: 2 }), { code: "invalid_argument" });
    await xclient.close();
  });
});
