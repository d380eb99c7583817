/** Methods that are checked by zod, valibot, arktype and gob, on every protocol. */

import { assert, assertEquals } from "@std/assert";
import { type Client, dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { gob } from "../../gob.ts";
import { method } from "../../connection/method.ts";
import { Server } from "../../server.ts";
import type { Service } from "../../internal/service.ts";
import { MemoryNetwork } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure } from "../support/helpers.ts";
import { type, v, z } from "../support/validators.ts";

const PROTOCOLS = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"] as const;

/** What each library says of the same argument. */
const zod = z.object({
  id: z.number().int(),
  tags: z.array(z.string().min(1)).default([]),
  note: z.string().optional(),
});
const valibot = v.object({
  id: v.pipe(v.number(), v.integer()),
  tags: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), []),
  note: v.optional(v.string()),
});
const arktype = type({
  id: "number.integer",
  tags: type("string >= 1").array().default(() => []),
  "note?": "string",
});
const gobArgs = gob.struct({ id: gob.safeInt, tags: gob.slice(gob.string), note: gob.string });

type Found = { id: number; tags: string[]; note?: string };
const echo = ({ id, tags, note }: Found) => ({ id, tags: tags.join(), note: note ?? "" });

const services = {
  Zod: {
    Find: method({ args: zod }, echo),
    List: method({ args: z.tuple([z.number(), z.string()]) }, ([n, text]) => text.repeat(n)),
    Greet: method({ args: z.string().default("world") }, (name) => `hello ${name}`),
    Maybe: method({ args: z.string().nullable() }, (name) => name ?? "nobody"),
    Coerce: method({ args: z.object({ n: z.coerce.number() }) }, ({ n }) => n + 1),
    Taken: method({ args: z.string().refine(isFree, "is taken") }, (name) => name),
    Reply: method({ args: z.string(), reply: z.object({ name: z.string().max(3) }) }, (name) => {
      return { name, secret: "s3cret" };
    }),
  },
  Valibot: {
    Find: method({ args: valibot }, echo),
    List: method({ args: v.tuple([v.number(), v.string()]) }, ([n, text]) => text.repeat(n)),
    Greet: method({ args: v.optional(v.string(), "world") }, (name) => `hello ${name}`),
    Maybe: method({ args: v.nullable(v.string()) }, (name) => name ?? "nobody"),
    Coerce: method(
      { args: v.object({ n: v.pipe(v.unknown(), v.transform(Number), v.number()) }) },
      ({ n }) => n + 1,
    ),
    Taken: method(
      { args: v.pipeAsync(v.string(), v.checkAsync(isFree, "is taken")) },
      (name) => name,
    ),
    Reply: method(
      { args: v.string(), reply: v.object({ name: v.pipe(v.string(), v.maxLength(3)) }) },
      (name) => ({ name, secret: "s3cret" }),
    ),
  },
  ArkType: {
    Find: method({ args: arktype }, echo),
    List: method({ args: type(["number", "string"]) }, ([n, text]) => text.repeat(n)),
    Maybe: method({ args: type("string | null") }, (name) => name ?? "nobody"),
    Coerce: method({ args: type({ n: "string.numeric.parse | number" }) }, ({ n }) => n + 1),
    Reply: method(
      { args: type("string"), reply: type({ "+": "delete", name: "string <= 3" }) },
      (name) => ({ name, secret: "s3cret" }),
    ),
  },
  Gob: {
    Find: method({ args: gobArgs }, echo),
    Reply: method({ args: gob.string, reply: gob.struct({ name: gob.string }) }, (name) => {
      return { name, secret: "s3cret" };
    }),
    Half: method({ args: gob.struct({ N: gob.float, At: gob.time }), reply: gob.float }, (args) => {
      assert(args.At instanceof Date);
      return args.N / 2;
    }),
  },
};

/** An asynchronous check. */
async function isFree(name: string): Promise<boolean> {
  await Promise.resolve();
  return name !== "root";
}

/** How a library says what is wrong with a value that it refuses: the paths, without its words. */
function pathsOf(error: unknown, protocol: Protocol): string[] {
  assert(error instanceof RpcError);
  // Go's protocols carry no more than a text.
  const verdict = protocol.startsWith("netrpc/")
    ? ["unknown", "answered"]
    : ["invalid_argument", "rejected"];
  assertEquals([error.code, error.execution], verdict, error.message);
  const [, issues] = error.message.split(/^\w+\.\w+: /);
  return issues.split("; ").map((issue) => issue.split(": ")[0]);
}

type Protocol = typeof PROTOCOLS[number];

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: methods checked by zod, valibot and arktype`, () =>
    onServer(protocol, async (client) => {
      for (const name of ["Zod", "Valibot", "ArkType"] as const) {
        const call = (method: string, args?: unknown) => client.call(`${name}.${method}`, args);
        const paths = async (call: Promise<unknown>) => pathsOf(await failure(call), protocol);
        assertEquals(await call("Find", { id: 1 }), { id: 1, tags: "", note: "" });
        assertEquals(await call("Find", { id: 0, tags: ["a", "b"], note: "n" }), {
          id: 0,
          tags: "a,b",
          note: "n",
        });
        // Where an empty list can't be told from none.
        assertEquals(await call("Find", { id: 1, tags: [] }), { id: 1, tags: "", note: "" });
        assertEquals(await paths(call("Find", { id: 1.5, tags: ["a", "", ""] })), [
          "args.id",
          "args.tags[1]",
          "args.tags[2]",
        ], name);
        assertEquals(await paths(call("Find", { id: 1, note: 5 })), ["args.note"]);
        assertEquals(await paths(call("Find", "text")), ["args"]);
        for (const absent of [undefined, null]) {
          assertEquals(await paths(call("Find", absent)), ["args"]);
          assertEquals(await call("Maybe", absent), "nobody");
        }
        if (name !== "ArkType") assertEquals(await call("Greet"), "hello world");
        assertEquals(await call("Coerce", { n: "41" }), 42);

        const wrong = await assertFails(call("Reply", "long"), {
          code: protocol.startsWith("netrpc/") ? "unknown" : "internal",
          execution: "answered",
          message: "rpc server: the reply is refused: ",
        });
        assert(!wrong.message.includes("name") && !wrong.message.includes("s3cret"), wrong.message);
        assertEquals(await call("Reply", "Ann"), { name: "Ann" });
        if (name === "ArkType") continue; // its checks are never asynchronous
        assertEquals(await call("Taken", "ann"), "ann");
        assertEquals(await paths(call("Taken", "root")), ["args"]);
      }
    }));

  Deno.test(`${protocol}: one schema of gob says the types and checks, and nothing else is told`, () =>
    onServer(protocol, async (client, told) => {
      const isGob = protocol.endsWith("gob");
      const view: Service<typeof services.Gob> = client.service<typeof services.Gob>("Gob");
      // The types on the wire are the server's, whatever the client has inferred.
      assertEquals(await client.call("Gob.Find", { id: 7 }), { id: 7, tags: "", note: "" });
      assertEquals(await client.call("Gob.Find", { id: 7, tags: ["a"], other: 1 }), {
        id: 7,
        tags: "a",
        note: "",
      });
      assertEquals(await view.Reply("Ann"), { name: "Ann" });
      const schema = gob.service({
        Half: { args: gob.struct({ N: gob.float, At: gob.time }), reply: gob.float },
      });
      const half = await client.service("Gob", schema).Half({ N: 8, At: new Date(7) });
      assertEquals(half, 4);
      for (const args of [{ id: "7" }, { id: 1, tags: "a" }, "text", { ID: 1 }]) {
        const error = await failure(client.call("Gob.Find", args));
        assert(error instanceof RpcError);
        if (!isGob) assert(pathsOf(error, protocol).every((path) => path.startsWith("args")));
        else if (protocol === "geerpc/gob") {
          assertEquals([error.code, error.execution], ["invalid_argument", "rejected"]);
        }
      }
      if (!isGob) {
        const wrong = { id: 2 ** 60, tags: [1, "a", 2] };
        const error = await failure(client.call("Gob.Find", wrong));
        assertEquals(pathsOf(error, protocol), ["args.id", "args.tags[0]", "args.tags[2]"]);
      }
      assertEquals(told, []);
    }));
}

for (const protocol of ["geerpc/json", "netrpc/json"] as const) {
  Deno.test(`${protocol}: an argument may be a list`, () =>
    onServer(protocol, async (client) => {
      for (const name of ["Zod", "Valibot", "ArkType"]) {
        assertEquals(await client.call(`${name}.List`, [2, "ab"]), "abab");
        const error = await failure(client.call(`${name}.List`, ["2", "ab"]));
        assertEquals(pathsOf(error, protocol), ["args[0]"]);
      }
    }));
}

Deno.test("an XClient does not take a refused argument to another server", async () => {
  const network = new MemoryNetwork();
  let checks = 0;
  const args = z.number().refine(() => ++checks < 0);
  const servers = ["memory@a", "memory@b", "memory@c"];
  const started = await Promise.all(servers.map(async (address) => {
    const server = new Server();
    server.register("S", { M: method({ args }, () => 1) });
    await server.listen(address, { network });
    return server;
  }));
  const xclient = new XClient(servers, { network });
  const error = await assertFails(xclient.call("S.M", 1), {
    code: "invalid_argument",
    execution: "rejected",
    message: "S.M: args: ",
  });
  assertEquals([checks, error.attempts.length], [1, 1]);
  await xclient.close();
  await Promise.all(started.map((server) => server.close()));
});

Deno.test("gob's types count on the wire, and another schema limits the values", async () => {
  const network = new MemoryNetwork();
  const schema = gob.service({
    Grow: { args: gob.struct({ By: gob.float }), reply: gob.float },
  });
  const limits = v.object({ By: v.pipe(v.number(), v.minValue(0), v.maxValue(100)) });
  // The schema that is registered counts on the wire, not the method's own.
  const own = gob.struct({ By: gob.int });
  for (const args of [limits, own] as const) {
    const server = new Server();
    const Grow = method({ args }, ({ By }) => Number(By) * 2);
    server.register("Plant", { Grow }, { schema });
    await server.listen("memory@a", { network });
    const client = await dial("memory@a", { network, protocol: "geerpc/gob" });
    const plant = client.service("Plant", schema);
    assertEquals(await plant.Grow({ By: 4 }), 8);
    const refused = { code: "invalid_argument", execution: "rejected" } as const;
    await assertFails(plant.Grow({ By: -0.5 }), { ...refused, message: "Plant.Grow: args.By: " });
    await client.close();
    await server.close();
  }
});

/** Runs a test with a client of a server that offers the services. */
async function onServer(
  protocol: Protocol,
  body: (client: Client, told: unknown[]) => Promise<void>,
): Promise<void> {
  const network = new MemoryNetwork();
  const told: unknown[] = [];
  const server = new Server({ onError: (error) => told.push(error) });
  for (const [name, methods] of Object.entries(services)) server.register(name, methods);
  await server.listen("memory@a", { network, protocol });
  const client = await dial("memory@a", { network, protocol });
  await body(client, told);
  await client.close();
  await server.close();
}
