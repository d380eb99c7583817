/** Whether the servers of a fleet offer what their callers need. */

import { assert, assertEquals } from "@std/assert";
import { gob } from "../../gob.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { Server, type ServerOptions } from "../../server.ts";
import type { EndpointCheck } from "../../fleet/check.ts";
import type { XClientOptions } from "../../fleet/options.ts";
import type { RegisterOptions } from "../../server.ts";
import type { Network } from "../../transport.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure, inWorld, settled, type World } from "../support/helpers.ts";
import { RawPeer } from "../support/raw_peer.ts";
import { parseAddress } from "../../address.ts";

const args = gob.struct({ A: gob.int, B: gob.int });
const arith = gob.service({ Sum: { args, reply: gob.int }, Divide: { args, reply: gob.float } });

/** A server at `memory@name`. */
async function serve(
  world: World,
  name: string,
  methods: Record<string, () => unknown>,
  { protocol, schema, ...options }:
    & ServerOptions
    & RegisterOptions
    & { protocol?: typeof PROTOCOLS[number] } = {},
): Promise<Server> {
  const server = new Server({ clock: world.clock, ...options });
  server.register("Arith", methods, { schema } as RegisterOptions);
  await server.listen(`memory@${name}`, { network: world.network, protocol });
  return server;
}

/** An `XClient`, closed behind the body. */
async function withXClient(
  world: World,
  list: string[],
  body: (xclient: XClient) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  const { network, clock } = world;
  const xclient = new XClient(list, { network, clock, ...options });
  await body(xclient);
  await xclient.close();
}

const one = () => 1;
const short = (checks: readonly EndpointCheck[]) =>
  checks.map((
    { address, result, missing },
  ) => [address.replace("memory@", ""), result, ...missing]);

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: check tells which servers lack a method or have other types`, () =>
    inWorld(async (world) => {
      const both = { Sum: one, Divide: one };
      const other = gob.service({ Sum: { args, reply: gob.string }, Divide: { reply: gob.float } });
      const servers = [
        await serve(world, "same", both, { protocol, schema: arith }),
        await serve(world, "less", { Sum: one }, { protocol }),
        await serve(world, "other", both, { protocol, schema: other }),
        await serve(world, "bare", { ...both, More: one }, { protocol }),
      ];
      const list = ["same", "less", "other", "bare"].map((name) => `memory@${name}`);
      await withXClient(world, list, async (xclient) => {
        const checks = await xclient.check({ contract: { Arith: arith } });
        assertEquals(short(checks), [
          ["same", "ok"],
          ["less", "differs", "Arith.Divide"],
          ["other", "differs"],
          ["bare", "ok"], // it has no schema to compare with
        ]);
        assertEquals(checks.map(({ differing }) => differing), [[], [], [{
          serviceMethod: "Arith.Sum",
          part: "reply",
          wanted: "int",
          offered: "string",
        }], []]);
        assertEquals(checks[3].description?.services[0].methods.length, 3);
        assert(Object.isFrozen(checks) && checks.every(Object.isFrozen));
        assertEquals(checks.map(({ error }) => error), [
          undefined,
          undefined,
          undefined,
          undefined,
        ]);
        for (const contract of [["Arith.Sum", "Arith.Divide"], { Arith: ["Divide"] }]) {
          const results = (await xclient.check({ contract })).map(({ result }) => result);
          assertEquals(results, ["ok", "differs", "ok", "ok"]);
        }
        assertEquals(servers.map(({ connections }) => connections), [0, 0, 0, 0]);
        assertEquals(xclient.endpoints().map(({ connected }) => connected), Array(4).fill(false));
      }, { protocol });
      for (const server of servers) await server.close();
    }));
}

Deno.test("check: servers that can't be reached, are silent, or say nothing harm no other result", () =>
  inWorld(async (world) => {
    const servers = [
      await serve(world, "fine", { Sum: one }),
      await serve(world, "quiet", { Sum: one }, { introspection: "off" }),
      await serve(world, "down", { Sum: one }),
      await serve(world, "silent", { Sum: one }),
    ];
    world.network.setFaults("memory@down", { refuse: true });
    world.network.setFaults("memory@silent", { silent: true });
    const list = ["down", "quiet", "silent", "fine", "absent"].map((name) => `memory@${name}`);
    await withXClient(world, list, async (xclient) => {
      const checking = xclient.check({ contract: ["Arith.Sum"], timeoutMs: 3000 });
      await world.clock.advance(2999);
      await world.clock.advance(1);
      const checks = await checking;
      assertEquals(short(checks), [
        ["down", "unreachable"],
        ["quiet", "undescribed"],
        ["silent", "unreachable"],
        ["fine", "ok"],
        ["absent", "unreachable"],
      ]);
      const errors = checks.map(({ error }) => error as Error | undefined);
      assertEquals(errors.map((error) => error?.name), [
        "RpcError",
        "RpcError",
        "TimeoutError",
        undefined,
        "RpcError",
      ]);
      assert(errors[2]!.message.includes("memory@silent has not described itself within 3000 ms"));
      const { successes, failures } = xclient.endpoints()[2];
      assertEquals([successes, failures], [0, 0]);
    });
    world.network.setFaults("memory@silent");
    for (const server of servers) await server.close({ graceMs: 0 });
    await settled();
  }));

Deno.test("check: what is no description is undescribed, and a server that drains unreachable", () =>
  inWorld(async (world) => {
    const answers: [name: string, answer: string][] = [
      ["number", '{"ServiceMethod":"_xclient.Describe","Seq":1,"Error":""}\n7\n'],
      ["empty", '{"ServiceMethod":"_xclient.Describe","Seq":1,"Error":""}\n{"Services":[{}]}\n'],
      ["denied", `{"Seq":1,"Error":"no","Code":"permission_denied","Rejected":true}\nnull\n`],
      ["draining", `{"Seq":1,"Error":"no","Code":"unavailable","Rejected":true}\nnull\n`],
      ["broken", "nonsense\n"],
    ];
    const listeners = [];
    for (const [name, answer] of answers) {
      const accept = async (transport: ConstructorParameters<typeof RawPeer>[0]) => {
        const peer = new RawPeer(transport);
        await peer.untilLines(2);
        await peer.write(answer);
        await peer.ended;
        transport.close();
      };
      listeners.push(
        await world.network.listen(
          parseAddress(`memory@${name}`),
          (transport) => void accept(transport),
        ),
      );
    }
    await withXClient(world, answers.map(([name]) => `memory@${name}`), async (xclient) => {
      const checks = await xclient.check({ contract: ["Arith.Sum"] });
      assertEquals(short(checks), [
        ["number", "undescribed"],
        ["empty", "undescribed"],
        ["denied", "undescribed"],
        ["draining", "unreachable"],
        ["broken", "unreachable"],
      ]);
      assert(checks.every(({ error }) => error instanceof Error));
    });
    for (const listener of listeners) await listener.close();
    await settled();
  }));

Deno.test("check: of a large fleet not all are asked at once, and each has its own time", () =>
  inWorld(async (world) => {
    const names = Array.from({ length: 40 }, (_, n) => `s${n}`);
    const servers: Server[] = [];
    for (const name of names) servers.push(await serve(world, name, { Sum: one }));
    const first = names.slice(0, 32);
    for (const name of first) world.network.setFaults(`memory@${name}`, { silent: true });
    let asked = 0;
    const network: Network = {
      connect: (endpoint, options) => (asked++, world.network.connect(endpoint, options)),
      listen: () => Promise.reject(new Error("it only connects")),
    };
    await withXClient(world, names.map((name) => `memory@${name}`), async (xclient) => {
      const checking = xclient.check({ contract: ["Arith.Sum"], timeoutMs: 1000 });
      await settled();
      assertEquals(asked, 32);
      await world.clock.advance(1000);
      const results = (await checking).map(({ result }) => result);
      assertEquals(asked, 40);
      assertEquals(results, [...Array(32).fill("unreachable"), ...Array(8).fill("ok")]);
    }, { network });
    for (const name of first) world.network.setFaults(`memory@${name}`);
    for (const server of servers) await server.close({ graceMs: 0 });
    await settled();
  }));

Deno.test("check: gives up with the signal and with the client; nothing is left", () =>
  inWorld(async (world) => {
    const server = await serve(world, "a", { Sum: one });
    world.network.setFaults("memory@a", { held: true });
    const contract = ["Arith.Sum"];
    await withXClient(world, ["memory@a"], async (xclient) => {
      const controller = new AbortController();
      const checking = failure(xclient.check({ contract, signal: controller.signal }));
      await settled();
      controller.abort("enough");
      assertEquals(await checking, "enough");
      assertEquals(await failure(xclient.check({ contract, signal: controller.signal })), "enough");
      const closing = xclient.check({ contract });
      await settled();
      const failed = assertFails(closing, { code: "canceled", execution: "not_sent" });
      await xclient.close();
      await failed;
      await assertFails(xclient.check({ contract }), { code: "canceled", execution: "not_sent" });
    });
    world.network.setFaults("memory@a");
    await server.close({ graceMs: 0 });
    await settled();
  }));

Deno.test("check: without servers, and without a contract", () =>
  inWorld(async (world) => {
    await withXClient(world, [], async (xclient) => {
      await assertFails(xclient.check({ contract: ["A.B"] }), { code: "unavailable" });
      const wrong: [unknown, string][] = [
        [undefined, "contract must be a list of Service.Method, or an object of services"],
        [[], "contract must name at least one method"],
        [{ Arith: [] }, "contract must name at least one method"],
        [["Sum"], 'contract must name methods as Service.Method, got "Sum"'],
        [["A. B"], "contract must name methods as Service.Method"],
        [[7], "contract[0] must be a string, got 7"],
        [{ Arith: "Sum" }, "contract.Arith must be a list of methods' names, or a schema"],
        [{ "": ["Sum"] }, "contract must name methods as Service.Method"],
      ];
      for (const [contract, message] of wrong) {
        const error = await failure(xclient.check({ contract: contract as string[] }));
        assert(error instanceof TypeError && error.message.includes(message), String(error));
      }
    });
  }));

Deno.test("check: asks as the client calls, with its defaults and through its interceptors", () =>
  inWorld(async (world) => {
    const server = await serve(world, "a", { Sum: one }, {
      interceptors: [(call, next) => {
        const { meta } = call.context;
        if (meta.token === "secret" && meta.tenant === "t") return next(call);
        throw call.context.reject("no token", "unauthenticated");
      }],
    });
    const contract = ["Arith.Sum"];
    await withXClient(world, ["memory@a"], async (xclient) => {
      assertEquals(short(await xclient.check({ contract }))[0], ["a", "undescribed"]);
    });
    const options: XClientOptions = {
      defaults: { meta: { tenant: "t" } },
      interceptors: [(call, next) => {
        call.meta.token = "secret";
        return next(call);
      }],
    };
    await withXClient(world, ["memory@a"], async (xclient) => {
      assertEquals(short(await xclient.check({ contract }))[0], ["a", "ok"]);
    }, options);
    await server.close({ graceMs: 0 });
  }));
