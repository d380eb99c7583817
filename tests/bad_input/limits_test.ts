/** Messages, nesting and numbers of calls over the limits. */

import { assert, assertEquals } from "@std/assert";
import { MultiServerDiscovery } from "../../discovery.ts";
import { RpcError } from "../../errors.ts";
import { SelectMode } from "../../selector.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure, inWorld, option, rawClient, request } from "../support/helpers.ts";
import { assertBothLost, facing, twoCalls } from "../support/raw_scene.ts";

const MIB = 1024 * 1024;

Deno.test("a header of 5 MiB: from a server it ends the connection, as resource_exhausted", () =>
  facing(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.write(`{"ServiceMethod":"${"x".repeat(5 * MIB)}","Seq":1,"Error":""}\n1\n`);
    await assertBothLost(calls, all.client, {
      code: "resource_exhausted",
      execution: "unknown",
      message: "over the limit of 4194304 bytes",
    });
  }));

Deno.test("a header of 5 MiB: from a client it ends its connection, with a reason, and no other", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "x".repeat(5 * MIB), null));
    await peer.ended;
    const { Seq, Code, Error: text } = JSON.parse(peer.lines[0]);
    assertEquals([Seq, Code], [0, "resource_exhausted"]);
    assert(text.includes("a header over the limit of 4194304 bytes (maxMessageBytes)"), text);
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a header of 5 MiB: a client does not send one", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const name = "x".repeat(5 * MIB);
    const error = await failure(client.call(name));
    assert(error instanceof RpcError && error.serviceMethod === name);
    assertEquals([error.code, error.execution], ["resource_exhausted", "not_sent"]);
    const wanted = { code: "resource_exhausted", execution: "not_sent", address } as const;
    await assertFails(client.call("Gate.Echo", 1, { meta: { token: name } }), {
      ...wanted,
      serviceMethod: "Gate.Echo",
    });
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a message over the limit: the client's argument is refused before it is sent", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { maxMessageBytes: 100 });
    const waiting = client.call("Gate.Wait");
    await assertFails(client.call("Gate.Echo", "x".repeat(100)), {
      code: "resource_exhausted",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
      message: "over the limit of 100 bytes",
    });
    await assertFails(client.call("Gate.Echo", "é".repeat(50)), { code: "resource_exhausted" });
    assertEquals(await client.call("Gate.Echo", "x".repeat(98)), "x".repeat(98));
    gate.begun[0].end.resolve("still here");
    assertEquals(await waiting, "still here");
    await client.close();
  }));

Deno.test("a message over the limit: the server refuses the argument, and it did not run", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxMessageBytes: 200 });
    const client = await world.dial(address);
    const waiting = client.call("Gate.Wait");
    await assertFails(client.call("Gate.Wait", "x".repeat(199)), {
      code: "resource_exhausted",
      execution: "rejected",
      address,
      serviceMethod: "Gate.Wait",
      message: "rpc server: the arguments are over the limit of 200 bytes (maxMessageBytes)",
    });
    assertEquals(gate.begun.length, 1);
    gate.begun[0].end.resolve("still here");
    assertEquals(await waiting, "still here");
    assertEquals(await client.call("Gate.Echo", "x".repeat(198)), "x".repeat(198));
    await client.close();
  }));

Deno.test("a message over the limit: the server's reply is refused there, its call has run", () =>
  inWorld(async (world) => {
    const Big = { Sync: () => "x".repeat(200), Async: () => Promise.resolve("x".repeat(200)) };
    const { address } = await world.serve("a", { maxMessageBytes: 200 }, { Big });
    const client = await world.dial(address);
    for (const serviceMethod of ["Big.Sync", "Big.Async"]) {
      await assertFails(client.call(serviceMethod), {
        code: "resource_exhausted",
        execution: "answered",
        address,
        serviceMethod,
        message: "over the limit of 200 bytes",
      });
    }
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

for (const chunkBytes of [Infinity, 64]) {
  Deno.test(`a message over the limit: the client skips a reply, in chunks of ${chunkBytes}`, () =>
    inWorld(async (world) => {
      const { address, gate } = await world.serve("a");
      const client = await world.dial(address, { maxMessageBytes: 100 });
      const waiting = client.call("Gate.Wait");
      const big = client.call("Gate.Wait");
      await gate.untilBegun(2);
      gate.begun[1].end.resolve("x".repeat(5000));
      await assertFails(big, {
        code: "resource_exhausted",
        execution: "answered",
        address,
        serviceMethod: "Gate.Wait",
        message: "the reply is over the limit of 100 bytes (maxMessageBytes)",
      });
      gate.begun[0].end.resolve("still here");
      assertEquals(await waiting, "still here");
      await client.close();
    }, { chunkBytes }));
}

Deno.test("nesting over the limit: refused in both directions", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address, { maxDepth: 10 });
    const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    await assertFails(client.call("Gate.Wait", nested(101)), {
      code: "invalid_argument",
      execution: "rejected",
      message: "nested too deeply",
    });
    assertEquals(gate.begun.length, 0);
    await assertFails(client.call("Gate.Echo", nested(11)), {
      execution: "answered",
      address,
      serviceMethod: "Gate.Echo",
      message: "nested too deeply",
    });
    assertEquals(await client.call("Gate.Echo", nested(10)), nested(10));
    await client.close();
  }));

Deno.test("10,000 calls at once: each gets its own reply, one more is refused", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const calls = Array.from({ length: 10_000 }, (_, n) => client.call("Gate.Echo", n));
    assertEquals(client.inFlight, 10_000);
    await assertFails(client.call("Gate.Echo"), {
      code: "resource_exhausted",
      execution: "not_sent",
      address,
      serviceMethod: "Gate.Echo",
      message: "10000 calls are in flight already (maxInFlight)",
    });
    const replies = await Promise.all(calls);
    assert(replies.every((reply, n) => reply === n));
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("10,000 calls at once: on a socket, to handlers that wait, over a fleet", async () => {
  const server = new Server();
  server.register("Echo", { Say: (n: number) => Promise.resolve(n) });
  const sites = [];
  for (let n = 0; n < 3; n++) sites.push((await server.listen("tcp@127.0.0.1:0")).address);
  const xclient = new XClient(new MultiServerDiscovery(sites), { mode: SelectMode.RoundRobin });
  const signal = new AbortController().signal; // one that all share
  const calls = Array.from(
    { length: 10_000 },
    (_, n) => xclient.call("Echo.Say", n, { timeoutMs: 60_000, signal }),
  );
  const replies = await Promise.all(calls);
  assert(replies.every((reply, n) => reply === n));
  assertEquals(server.connections, 3);
  await xclient.close();
  await server.close();
});
