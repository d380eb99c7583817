/** `list`, `describe`, `ping` and `health`: what servers tell of themselves. */

import { assert, assertEquals } from "@std/assert";
import { servicesIn } from "../../cli/about/debug_page.ts";
import { gob } from "../../gob.ts";
import { Server } from "../../server.ts";
import type { ServerInterceptor } from "../../mod.ts";
import { command, steady } from "../support/command.ts";
import { inWorld, type World } from "../support/helpers.ts";

async function serveArith(world: World): Promise<Server> {
  const server = new Server({ clock: world.clock });
  const numbers = gob.struct({ A: gob.int, B: gob.int });
  const schema = gob.service({ Sum: { args: numbers, reply: gob.int } });
  server.register("Arith", { Sum: ({ A, B }) => Number(A) + Number(B) }, { schema });
  server.register("Node", { Status: () => "fine", Name: () => "a" });
  await server.listen("memory@arith", { network: world.network });
  return server;
}

Deno.test("list and describe show what our servers offer", async () => {
  await inWorld(async (world) => {
    const server = await serveArith(world);
    const { options } = world;
    assertEquals(await command(options, "list", "memory@arith"), {
      code: 0,
      out: "memory@arith\n  Arith.Sum\n  Node.Name\n  Node.Status\n",
      err: "",
    });
    server.setStatus("Node", "not_serving");
    const { code, out } = await command(options, "describe", "memory@arith");
    assertEquals(code, 0);
    assertEquals(
      steady(out).replace(/version [\d.]+/, "version V"),
      `memory@arith
  version V, up TIME, serving, instance ID
  Arith
    Sum  struct { A int; B int } -> int
  Node (not serving)
    Name
    Status
`,
    );
    const json = await command(options, "describe", "memory@arith", "memory@none", "--json");
    assertEquals(json.code, 1);
    const [one, other] = JSON.parse(json.out);
    assertEquals([one.address, one.ok, one.services[0].methods[0].name], [
      "memory@arith",
      true,
      "Sum",
    ]);
    assertEquals([other.ok, other.error.code], [false, "unavailable"]);
    await server.close();
  });
});

Deno.test("ping measures, health asks whether calls are taken", async () => {
  await inWorld(async (world) => {
    const server = await serveArith(world);
    const { options, clock } = world;
    const pinged = command(options, "ping", "memory@arith", "memory@none", "--count", "2");
    await clock.advance(100);
    const { code, out, err } = await pinged;
    assertEquals(code, 1);
    assertEquals(
      steady(out),
      `ADDRESS       CONNECT       MIN  MEAN   MAX
memory@arith TIME TIME TIME TIME
memory@none   unavailable
`,
    );
    assertEquals(err, "memory@none: memory@none: can't connect: connection refused\n");
    assertEquals(await command(options, "health", "memory@arith", "--service", "Node"), {
      code: 0,
      out: "ADDRESS       STATUS\nmemory@arith  serving\n",
      err: "",
    });
    server.setStatus("", "not_serving");
    assertEquals(await command(options, "health", "memory@arith"), {
      code: 1,
      out: "ADDRESS       STATUS\nmemory@arith  not_serving\n",
      err: "",
    });
    assertEquals((await command(options, "health", "memory@none")).code, 3);
    const none = await command(options, "health", "memory@arith", "--service", "None", "--json");
    assertEquals([none.code, JSON.parse(none.out)[0].error.code], [1, "not_found"]);
    await server.close();
  });
});

Deno.test("a server that tells nobody says so, and what would help", async () => {
  await inWorld(async (world) => {
    await world.serve("a", { introspection: "off" });
    const { code, err } = await command(world.options, "describe", "memory@a");
    assertEquals(code, 1);
    assert(err.includes("does not describe itself to us"), err);
    assert(err.includes('introspection: "everyone"'), err);
    const health = await command(world.options, "health", "memory@a");
    assertEquals(health.code, 0);
    assert(health.out.includes("memory@a  unknown  it is reached"), health.out);
  });
});

Deno.test("a server that never answers is given up in time", async () => {
  await inWorld(async (world) => {
    const silent: ServerInterceptor = { handle: () => new Promise(() => {}) };
    await world.serve("mute", { interceptors: [silent] });
    const asked = command(world.options, "ping", "memory@mute", "--timeout", "1s");
    await world.clock.advance(999);
    await world.clock.advance(1);
    const { code, out, err } = await asked;
    assertEquals(code, 4);
    assert(out.includes("memory@mute  deadline_exceeded"), out);
    assertEquals(err, "memory@mute: memory@mute has not answered within 1000 ms\n");
  });
});

Deno.test("Go's debug page is read: services, methods, types, counts", () => {
  const page = `<html>
	<body>
	<title>Services</title>
	<hr>
	Service Arith
	<hr>
		<table>
		<th align=center>Method</th><th align=center>Calls</th>
			<tr>
			<td align=left font=fixed>Divide(main.Args, *float64) error</td>
			<td align=center>12</td>
			</tr>
			<tr>
			<td align=left font=fixed>Find(map[string]func(int, int), *chan&lt;- int) error</td>
			<td align=center>0</td>
			</tr>
		</table>
	<hr>
	Service Node
	<hr>
		<table>
		</table>
	</body>
	</html>`;
  assertEquals(servicesIn(page), [
    {
      name: "Arith",
      methods: [
        { name: "Divide", args: "main.Args", reply: "float64", calls: 12 },
        { name: "Find", args: "map[string]func(int, int)", reply: "chan<- int", calls: 0 },
      ],
    },
    { name: "Node", methods: [] },
  ]);
  assertEquals(servicesIn("<html>404</html>"), []);
});
