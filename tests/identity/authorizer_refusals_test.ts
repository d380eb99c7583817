/** Who may not call a method: in no protocol they reach one, or learn of what there is. */

import { assert, assertEquals } from "@std/assert";
import { authorize, dial, RpcError, type Rules, Server } from "../../mod.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { PING_METHOD } from "../../protocol/unknown_method.ts";
import { MemoryNetwork } from "../../testing.ts";
import { gob } from "../../gob.ts";
import {
  assertFails,
  assertFailure,
  failure,
  inWorld,
  rawClient,
  settled,
} from "../support/helpers.ts";
import {
  byToken,
  denied,
  guarded,
  RULES,
  unauthenticated,
  type User,
  USERS,
} from "../support/guarded.ts";

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: who is not known reaches nothing, and learns nothing of what there is`, () =>
    guarded(async (one) => {
      const client = await one.client(protocol);
      for (
        const method of [
          "Users.Find",
          "Users.Delete",
          "Admin.Stop",
          "Unlisted.Do",
          "users.find",
          "USERS.FIND",
          "Users.find",
          "Users.Nothing",
          "Nothing.Find",
          "health.Check",
          "Health.check",
          "Health.Check.",
          "Health.Check.More",
          "Health .Check",
          "Nothing",
          ".Find",
          "Users.",
          ".",
          "*",
          "Users.*",
          "__proto__.toString",
          "Users.toString",
          "Users.constructor",
          "XClient.Pings",
        ]
      ) {
        await assertFails(client.call(method, { name: "Ann" }), unauthenticated(method));
      }
      assertEquals(one.ran, []);
      assertEquals(await client.call("Health.Check"), "a stranger");
      await client.close();
    }));

  Deno.test(`${protocol}: who is known and may not is told so, of methods that there are not, too`, () =>
    guarded(async (one) => {
      const client = await one.client(protocol);
      for (
        const method of ["Users.Delete", "Admin.Stop", "Unlisted.Do", "Unlisted.Nothing", "No.No"]
      ) {
        await assertFails(client.call(method), denied(method));
      }
      assertEquals(await client.call("Users.Find"), "Ann");
      await assertFails(client.call("Users.Nothing"), {
        code: "unimplemented",
        execution: "rejected",
      });
      assertEquals(one.ran, ["Users.Find by Ann"]);
      await client.close();
    }, { identify: () => USERS.get("ann's") }));

  Deno.test(`${protocol}: a client's question for a sign of life is answered`, async () => {
    await inWorld(async (world) => {
      const authorizer = authorize(byToken, RULES);
      const server = new Server({ interceptors: [authorizer], clock: world.clock });
      server.register("Users", { Find: () => 1 });
      await server.listen("memory@a", { network: world.network, protocol });
      const client = await world.dial("memory@a", { protocol });
      for (let minute = 0; minute < 5; minute++) {
        await world.clock.advance(60_000);
        await settled();
      }
      await assertFails(client.call("Users.Find"), unauthenticated("Users.Find"));
      await client.close();
      await server.close();
    });
  });
}

Deno.test("the method of that question is none, whoever calls it, and nobody is asked who that is", () =>
  guarded(async (one) => {
    for (const protocol of PROTOCOLS) {
      const client = await one.client(protocol);
      await assertFails(client.call(PING_METHOD), { code: "unimplemented", execution: "rejected" });
      await client.close();
    }
    assertEquals(one.ran, []);
  }, { identify: () => assert(false) as never }));

Deno.test("an argument that can't be decoded for its schema tells strangers nothing of the method", async () => {
  const schema = gob.service({ Find: { args: gob.struct({ Id: gob.int }), reply: gob.int } });
  const network = new MemoryNetwork();
  for (const [who, expected] of [[undefined, "unauthenticated"], ["ann's", "invalid_argument"]]) {
    const authorizer = authorize(() => who === undefined ? undefined : USERS.get(who), RULES);
    const server = new Server({ interceptors: [authorizer] });
    let calls = 0;
    server.register("Users", { Find: () => ++calls }, { schema });
    const address = `memory@${who}`;
    for (const protocol of ["geerpc/gob", "netrpc/gob"] as const) {
      await server.listen(`${address}-${protocol}`, { network, protocol });
      const client = await dial(`${address}-${protocol}`, { network, protocol });
      const error = await failure(client.call("Users.Find", { Id: "no number" }));
      assert(error instanceof RpcError);
      if (protocol === "geerpc/gob") {
        assertEquals([error.code, error.execution], [expected, "rejected"]);
      } else if (who === undefined) {
        assertFailure(error, unauthenticated("Users.Find"));
      }
      const other = await failure(client.call("Users.Lost", { Id: "no number" }));
      if (who === undefined) assertFailure(other, unauthenticated("Users.Lost"));
      await client.close();
    }
    assertEquals(calls, 0);
    await server.close();
  }
});

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: what a server tells of itself is for those whom a rule lets ask`, async () => {
    const network = new MemoryNetwork();
    const rules: Rules<User> = { "_xclient.Check": "anyone", "_xclient.Figures": "authenticated" };
    await using server = new Server({ interceptors: [authorize(byToken, rules)] });
    server.register("Users", { Find: () => 1 });
    await server.listen("memory@a", { network, protocol });
    await using client = await dial("memory@a", { network, protocol });
    assertEquals(await client.call("_xclient.Check", {}), { Status: "serving" });
    for (const name of ["_xclient.Figures", "_xclient.Describe"]) {
      await assertFails(client.call(name, {}), unauthenticated(name));
    }
    const meta = { token: "ann's" };
    if (protocol !== "geerpc/json") return; // no other has metadata
    assert(await client.call("_xclient.Figures", {}, { meta }) !== undefined);
    await assertFails(client.call("_xclient.Describe", {}, { meta }), denied("_xclient.Describe"));
  });
}

Deno.test("the pages that list the services list nothing", async () => {
  for (const isGuarded of [false, true]) {
    const server = new Server(isGuarded ? { interceptors: [authorize(byToken, RULES)] } : {});
    server.register("Secrets", { Reveal: () => 1 });
    const network = new MemoryNetwork();
    await server.listen("memory@a", { network });
    for (const path of ["/debug/rpc", "/debug/geerpc"]) {
      const peer = await rawClient(network, "memory@a");
      await peer.write(`GET ${path} HTTP/1.0\r\n\r\n`);
      await peer.ended;
      const page = peer.text;
      assertEquals(page.includes("Secrets"), !isGuarded, page);
      assertEquals(page.startsWith(isGuarded ? "HTTP/1.0 403" : "HTTP/1.0 200"), true, page);
      peer.close();
    }
    await server.close();
  }
});
