/** An argument and a reply that are absent are so on every protocol: defaults apply, null is null. */

import { assertEquals } from "@std/assert";
import { dial } from "../client.ts";
import { gob } from "../gob.ts";
import type { Protocol } from "../protocol/codec.ts";
import { Server } from "../server.ts";
import { MemoryNetwork } from "../testing.ts";
import { assertFails } from "./support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: absent arguments and replies arrive as such`, async () => {
    const network = new MemoryNetwork();
    const server = new Server();
    const seen: unknown[] = [];
    server.register("Absent", {
      Greet: (name = "world") => `hello ${name}`,
      List: ({ limit = 10 }: { limit?: number } = {}) => limit,
      See: (args: unknown) => void seen.push(args),
      Undefined: () => {},
      Null: () => null,
      Later: () => Promise.resolve(undefined),
      Empty: () => ({}),
      Zero: () => 0,
      False: () => false,
      Text: () => "",
    });
    const schema = gob.service({ Greet: { args: gob.optional(gob.string), reply: gob.string } });
    server.register("Typed", { Greet: (name) => `hello ${name ?? "world"}` }, { schema });
    await server.listen("memory@a", { network, protocol });
    const client = await dial("memory@a", { network, protocol });

    assertEquals(await client.call("Absent.Greet"), "hello world");
    assertEquals(await client.call("Absent.Greet", undefined), "hello world");
    assertEquals(await client.call("Absent.Greet", "Ann"), "hello Ann");
    assertEquals(await client.call("Absent.List"), 10);
    assertEquals(await client.call("Absent.List", {}), 10);
    assertEquals(await client.call("Absent.List", { limit: 3 }), 3);
    for (const args of [undefined, null, {}, { a: null }]) await client.call("Absent.See", args);
    assertEquals(seen.slice(0, 3), [undefined, undefined, {}]);
    assertEquals(
      await client.call("Typed.Greet", undefined, { schema: schema.Greet }),
      "hello world",
    );
    assertEquals(await client.call("Typed.Greet", null, { schema: schema.Greet }), "hello world");
    assertEquals(await client.call("Typed.Greet", "Ann", { schema: schema.Greet }), "hello Ann");
    assertEquals(await client.call("Typed.Greet"), "hello world");

    // Between our ends on `geerpc/json` they can be told apart.
    const nothing = protocol === "geerpc/json" ? undefined : null;
    for (const method of ["Undefined", "Later"]) {
      assertEquals(await client.call(`Absent.${method}`), nothing, method);
    }
    assertEquals(await client.call("Absent.Null"), null);
    assertEquals(await client.call("Absent.Empty"), {});
    assertEquals(await client.call("Absent.Zero"), 0);
    assertEquals(await client.call("Absent.False"), false);
    assertEquals(await client.call("Absent.Text"), "");

    if (protocol.endsWith("/gob")) { // what a schema says is there can't be left out
      const args = gob.struct({ A: gob.int });
      await assertFails(client.call("Absent.See", undefined, { schema: { args } }), {
        code: "invalid_argument",
        execution: "not_sent",
      });
    }
    await client.close();
    await server.close();
  });
}
