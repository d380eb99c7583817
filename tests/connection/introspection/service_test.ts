/** What a server tells of itself, on every protocol, and whom it tells. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import config from "../../../deno.json" with { type: "json" };
import { type Client, dial } from "../../../client.ts";
import { introspect } from "../../../connection/introspection/view.ts";
import { gob } from "../../../gob.ts";
import { VERSION } from "../../../internal/version.ts";
import type { RpcError } from "../../../errors.ts";
import { PROTOCOLS } from "../../../protocol/protocols.ts";
import { type CallContext, Server, type ServerOptions } from "../../../server.ts";
import { FakeClock, MemoryNetwork } from "../../../testing.ts";
import type { Network } from "../../../transport.ts";
import { XClient } from "../../../xclient.ts";
import { assertFails, failure, inWorld, settled } from "../../support/helpers.ts";
import { withRemotes } from "../../support/remotes.ts";
import { tls, trust, unixPath } from "../../support/transports.ts";

const args = gob.struct({ A: gob.int32, B: gob.int32 }, { name: "Args" });
const schema = gob.service({ Sum: { args, reply: gob.safeInt }, Reset: {} });

async function withServer(
  options: ServerOptions & { remote?: string; protocol?: typeof PROTOCOLS[number] },
  body: (client: Client, server: Server, clock: FakeClock, network: Network) => Promise<void>,
): Promise<void> {
  const { remote = "memory@client", protocol, ...rest } = options;
  const clock = new FakeClock();
  const network = withRemotes(new MemoryNetwork({ clock }), () => remote);
  const server = new Server({ clock, ...rest });
  server.register("Arith", { Sum: ({ A, B }) => A + B, Reset: () => undefined }, { schema });
  server.register("Echo", { Say: (text: unknown) => text });
  const { address } = await server.listen("memory@a", { network, protocol });
  const client = await dial(address, { network, clock, protocol });
  await body(client, server, clock, network);
  await client.close();
  await server.close({ graceMs: 0 });
  await settled();
  assertEquals([server.connections, clock.timers], [0, 0]);
}

Deno.test("the version that is told is the package's", () => {
  assertEquals(VERSION, config.version);
});

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: a server tells whether it serves, what it offers, and its figures`, () =>
    withServer({ protocol, latencies: true }, async (client, server, clock) => {
      const about = introspect(client);
      assertEquals(await about.check(), "serving");
      assertEquals(await about.check("Arith"), "serving");
      server.setStatus("Arith", "not_serving");
      assertEquals(await about.check("Arith"), "not_serving");
      assertEquals(await about.check("Echo"), "serving");
      const unknown = await failure(about.check("None")) as Error;
      assert(unknown.message.includes("there is no service None here"), unknown.message);

      await clock.advance(1234);
      const described = await about.describe();
      const { instance, services, ...rest } = described;
      assertEquals(rest, { version: VERSION, uptimeMs: 1234, status: "serving" });
      assert(/^[0-9a-f-]{36}$/.test(instance), instance);
      assertEquals(services.map(({ hash: _, ...service }) => service), [
        {
          name: "Arith",
          status: "not_serving",
          methods: [
            { name: "Reset", args: "", reply: "" },
            { name: "Sum", args: "struct { A int32; B int32 }", reply: "int" },
          ],
        },
        { name: "Echo", status: "serving", methods: [{ name: "Say", args: "", reply: "" }] },
      ]);
      assert(services.every(({ hash }) => /^[0-9a-f]{16}$/.test(hash)));
      assert(Object.isFrozen(services[0].methods[0]));
      assertEquals((await about.describe()).instance, instance);

      await client.call("Echo.Say", "hello");
      await failure(client.call("Echo.None"));
      const figures = await about.figures();
      assertEquals(figures, server.figures());
      assertEquals([figures.connections, figures.accepted, figures.running], [1, 1, 0]);
      assertEquals(figures.refused.unimplemented, 1);
      assertEquals(figures.latencies.map(({ method, count }) => [method, count]), [[
        "Echo.Say",
        1,
      ]]);
      assert(Object.isFrozen(figures) && Object.isFrozen(figures.refused));
    }));

  Deno.test(`${protocol}: to a peer from elsewhere the service is as one that does not exist`, () =>
    withServer({ protocol, remote: "tcp@10.0.0.7:5000" }, async (client) => {
      for (const method of ["Check", "Describe", "Figures", "None"]) {
        const own = await failure(client.call(`_xclient.${method}`)) as Error;
        const other = await failure(client.call(`_yclient.${method}`)) as Error;
        assertEquals(own.message.replaceAll("_xclient", "_yclient"), other.message);
        assertEquals({ ...own, serviceMethod: "" }, { ...other, serviceMethod: "" });
      }
    }));
}

Deno.test("introspection: everyone, or nobody, as the option says", async () => {
  const remote = "tcp@10.0.0.7:5000";
  await withServer({ introspection: "everyone", remote }, async (client) => {
    assertEquals(await introspect(client).check(), "serving");
  });
  await withServer({ introspection: "off" }, async (client) => {
    const about = introspect(client);
    for (const asked of [about.check(), about.describe(), about.figures()]) {
      await assertFails(asked, { code: "unimplemented", execution: "rejected" });
    }
  });
  await withServer({ remote: "tcp@[::1]:5000" }, async (client) => {
    assertEquals(await introspect(client).check(), "serving");
  });
});

Deno.test("the service's name is not to be had, and it is on no list", async () => {
  const server = new Server();
  const error = assertThrows(() => server.register("_xclient", { Check: () => 1 }), TypeError);
  assert(error.message.includes("the service _xclient is the server's own"), error.message);
  server.register("_other", { Check: () => 1 });
  await withServer({}, async (client) => {
    const { services } = await introspect(client).describe();
    assertEquals(services.map(({ name }) => name), ["Arith", "Echo"]);
    await assertFails(client.call("_xclient.Nothing"), { code: "unimplemented" });
    await assertFails(client.call("_xclient.Check", { Service: 7 }), { code: "invalid_argument" });
  });
});

Deno.test("setStatus: what does not serve as a whole serves nowhere; wrong names are refused", () =>
  withServer({}, async (client, server) => {
    const about = introspect(client);
    server.setStatus("", "not_serving");
    assertEquals([await about.check(), await about.check("Echo")], ["not_serving", "not_serving"]);
    assertEquals(await client.call("Echo.Say", "still answered"), "still answered");
    server.setStatus("Echo", "not_serving");
    server.setStatus("", "serving");
    assertEquals([await about.check(), await about.check("Echo")], ["serving", "not_serving"]);
    server.setStatus("Echo", "serving");
    assertEquals(await about.check("Echo"), "serving");
    assertThrows(() => server.setStatus("None", "serving"), TypeError, 'no service "None"');
    assertThrows(() => server.setStatus("", "up" as "serving"), TypeError, "status must be one of");
  }));

for (const protocol of ["geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
  Deno.test(`${protocol}: a server that drains says that it does not serve`, () =>
    inWorld(async (world) => {
      const { server, gate } = await world.serve("unused");
      const { address } = await server.listen("memory@b", { network: world.network, protocol });
      // Its clients, as Go's, are not told that it drains, and make their calls.
      const client = await world.dial(address, { protocol });
      const held = client.call("Gate.Wait");
      await gate.untilBegun(1);
      const closing = server.close({ graceMs: 1000 });
      const checks = [failure(client.call("Gate.Echo", 1)), client.call("_xclient.Check")];
      const [refused, status] = await Promise.all(checks);
      assertEquals(status, { Status: "not_serving" });
      assert((refused as Error).message.includes("drain"), String(refused));
      assertEquals(server.figures().refused.draining, 1);
      gate.begun[0].end.resolve("done");
      assertEquals(await held, "done");
      await client.close();
      await closing;
    }));
}

Deno.test("a server that has too much to do answers what it is asked about itself", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a", { maxInFlight: 1, maxRunning: 1 });
    const client = await world.dial(address);
    const first = client.call("Gate.Wait");
    const second = client.call("Gate.Wait");
    await gate.untilBegun(1);
    await settled();
    const { running, waiting } = await introspect(client).figures();
    assertEquals([running, waiting], [1, 1]);
    const other = await world.dial(address);
    await assertFails(other.call("Gate.Echo"), { code: "resource_exhausted" });
    assertEquals((await introspect(other).figures()).refused.maxRunning, 1);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    gate.begun[1].end.resolve(2);
    assertEquals(await Promise.all([first, second]), [1, 2]);
    assertEquals(server.running, 0);
    await Promise.all([client.close(), other.close()]);
  }));

Deno.test("what is no report of a server is no answer", async () => {
  for (const answer of [null, undefined, 7, "serving", [], {}, { Status: "fine" }]) {
    const about = introspect({ call: () => Promise.resolve(answer) });
    await assertFails(about.check(), { code: "data_loss", execution: "answered" });
    if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) continue;
    await assertFails(about.describe(), { code: "data_loss", execution: "answered" });
    await assertFails(about.figures(), { code: "data_loss", execution: "answered" });
  }
});

Deno.test("a connection that is one too many is answered all the same, when it asks at once", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", { maxConnections: 1 });
    const first = await world.dial(address);
    const probe = await world.dial(address);
    assertEquals(await introspect(probe).check(), "serving");
    assertEquals((await introspect(first).figures()).refused.maxConnections, 1);
    await Promise.all([first.close(), probe.close()]);
  }));

Deno.test("an XClient asks one of its servers", () =>
  withServer({}, async (_client, _server, clock, network) => {
    const xclient = new XClient(["memory@a"], { network, clock });
    assertEquals(await introspect(xclient).check("Echo", { failMode: "failfast" }), "serving");
    await xclient.close();
  }));

for (
  const place of ["tcp@127.0.0.1:0", "tls@localhost:0", `unix@${unixPath()}`, "http@127.0.0.1:0"]
) {
  Deno.test(`${place.split("@")[0]}@: this runtime's own sockets show who is on this machine`, async () => {
    const server = new Server();
    server.register("Echo", { Say: (text: unknown) => text });
    const { address } = await server.listen(place, { tls });
    const client = await dial(address, { tls: trust });
    assertEquals(await introspect(client).check("Echo"), "serving");
    const xclient = new XClient([address], { tls: trust });
    assertEquals((await xclient.check({ contract: ["Echo.Say"] }))[0].result, "ok");
    await Promise.all([client.close(), xclient.close()]);
    await server.close();
  });
}

Deno.test("a server's interceptors stand around its own service, which they can't keep without end", async () => {
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const interceptor = async (
    { context }: { context: CallContext },
    next: () => Promise<unknown>,
  ) => {
    if (context.meta.token !== "secret") throw context.reject("no token", "unauthenticated");
    held++;
    await gate.promise;
    return await next();
  };
  await withServer(
    { interceptors: [(call, next) => interceptor(call, () => next(call))], maxInFlight: 2 },
    async (client) => {
      const { code, execution } = await failure(client.call("_xclient.Check")) as RpcError;
      assertEquals([code, execution], ["unauthenticated", "rejected"]);
      const meta = { token: "secret" };
      const calls = Array.from({ length: 5 }, () => client.call("_xclient.Check", {}, { meta }));
      const { code: full } = await failure(calls[4]) as RpcError;
      assertEquals([full, held], ["resource_exhausted", 4]);
      gate.resolve();
      assertEquals(await calls[3], { Status: "serving" });
      await Promise.all(calls.slice(0, 4));
    },
  );
});
