/** What a server counts, and above all what it refuses and why. */

import { assert, assertEquals } from "@std/assert";
import type { ServerEvent } from "../../server.ts";
import { failure, inWorld, option, rawClient, request, settled } from "../support/helpers.ts";
import type { World } from "../support/helpers.ts";
import { withRemotes } from "../support/remotes.ts";

/** The counts that are not 0. */
function refused(server: World["sites"][number]["server"]): Record<string, number> {
  const all = Object.entries(server.figures().refused);
  assertEquals(all.length, 17);
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

Deno.test("figures: a frozen snapshot of the load, which does not change later", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a", { maxInFlight: 1 });
    const client = await world.dial(address);
    const before = server.figures();
    await world.clock.advance(500);
    const calls = [client.call("Gate.Wait"), client.call("Gate.Wait")];
    await gate.untilBegun(1);
    await settled();
    const { refused, ...figures } = server.figures();
    assertEquals(figures, {
      uptimeMs: 500,
      connections: 1,
      accepted: 1,
      running: 1,
      waiting: 1,
      maxConcurrent: 0,
      kept: { running: 0, answers: 0, bytes: 0, recalled: 0, refused: 0, dropped: 0 },
      streams: 0,
      itemsSent: 0,
      itemsReceived: 0,
      latencies: [],
    });
    assertEquals([before.uptimeMs, before.running, before.waiting], [0, 0, 0]);
    assert(
      Object.isFrozen(before) && Object.isFrozen(refused) && Object.isFrozen(before.latencies),
    );
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    gate.begun[1].end.resolve(2);
    await Promise.all(calls);
    await client.close();
    await settled();
    const { connections, accepted, running } = server.figures();
    assertEquals([connections, accepted, running], [0, 1, 0]);
  }));

Deno.test("figures: connections that are too many, too slow, idle or broken", () =>
  inWorld(async (world) => {
    const options = { maxConnections: 2, handshakeTimeoutMs: 100, idleTimeoutMs: 1000 };
    const { address, server } = await world.serve("a", options);
    const peers = await Promise.all([1, 2, 3].map(() => rawClient(world.network, address)));
    await settled();
    assertEquals(refused(server), { maxConnections: 1 });
    await peers[0].write(option());
    await world.clock.advance(100);
    assertEquals(refused(server), { maxConnections: 1, handshakeTimeoutMs: 1 });
    await world.clock.advance(1250);
    const all = { maxConnections: 1, handshakeTimeoutMs: 1, idleTimeoutMs: 1 };
    assertEquals(refused(server), all);
    await world.clock.advance(2000);
    const broken = await Promise.all([1, 2].map(() => rawClient(world.network, address)));
    await broken[0].write("nonsense of some length, which begins no handshake");
    await broken[1].write(option() + "nonsense\n");
    await settled();
    assertEquals(refused(server), { ...all, broken: 2 });
    await world.clock.advance(2000);
    // A page that is served is nothing refused.
    const browser = await rawClient(world.network, address);
    await browser.write("GET /debug/rpc HTTP/1.0\n\n");
    await browser.until(({ text }) => text.includes("200 OK"));
    assertEquals(refused(server), { ...all, broken: 2 });
    for (const peer of [...peers, ...broken, browser]) peer.close();
    await world.clock.advance(2000);
    assertEquals([server.figures().accepted, server.connections], [6, 0]);
  }));

Deno.test("figures: calls that are too many, by the limit, and those of what is not offered", () =>
  inWorld(async (world) => {
    const options = { maxInFlight: 1, maxWaitMs: 500, maxRunning: 1, maxMessageBytes: 1000 };
    const { address, server, gate } = await world.serve("a", options);
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1) + request(2, "Gate.Echo", 1));
    const other = await world.dial(address);
    await failure(other.call("Gate.Echo"));
    assertEquals(refused(server), { maxRunning: 1 });
    await world.clock.advance(500);
    assertEquals(refused(server), { maxRunning: 1, maxInFlight: 1 });
    await failure(other.call("Gate.None"));
    await failure(other.call("None.None"));
    const soFar = { maxRunning: 1, maxInFlight: 1, unimplemented: 2 };
    assertEquals(refused(server), soFar);
    await failure(other.call("Gate.Echo", "x".repeat(2000)));
    assertEquals(refused(server), { ...soFar, arguments: 1 });
    gate.begun[0].end.resolve(1);
    await other.close();
    peer.close();
    await settled();
  }));

Deno.test("pings of net/rpc's protocols are no calls that were refused", () =>
  inWorld(async (world) => {
    const { server, gate } = await world.serve("unused");
    const protocol = "netrpc/json";
    const { address } = await server.listen("memory@b", { network: world.network, protocol });
    const client = await world.dial(address, { protocol });
    const call = client.call("Gate.Wait");
    await gate.untilBegun(1);
    await world.clock.advance(5000); // it is asked for signs of life meanwhile
    assertEquals(refused(server), {});
    gate.begun[0].end.resolve("fine");
    assertEquals(await call, "fine");
    await client.close();
  }));

Deno.test("maxConnectionsPerPeer: a peer that has as many is told so; others have room", () =>
  inWorld(async (world) => {
    const events: ServerEvent[] = [];
    const onEvent = (event: ServerEvent) => events.push(event);
    const { server } = await world.serve("unused", { maxConnectionsPerPeer: 2, onEvent });
    let peer = "tcp@10.0.0.1:";
    let port = 5000;
    const network = withRemotes(world.network, () => peer + port++);
    const { address } = await server.listen("memory@b", { network });
    const dial = () => world.dial(address);
    const clients = [await dial(), await dial()];
    const third = await dial();
    const error = await failure(third.call("Gate.Echo", 1)) as Error;
    assert(error.message.includes("drain"), error.message);
    await third.closed;
    await settled();
    const reason = "2 connections of this peer are open already (maxConnectionsPerPeer)";
    assertEquals(events, [{ type: "turned_away", remote: "tcp@10.0.0.1:5002", reason }]);
    assert(Object.isFrozen(events[0]));
    assertEquals(refused(server), { maxConnectionsPerPeer: 1, draining: 1 });

    peer = "tcp@10.0.0.2:";
    const other = await dial();
    assertEquals(await other.call("Gate.Echo", "room"), "room");
    peer = "unix@/run/a.sock?";
    const local = await Promise.all([1, 2, 3].map(dial));
    assertEquals(await local[2].call("Gate.Echo", "room"), "room");

    peer = "tcp@10.0.0.1:";
    await clients[0].close();
    await settled();
    const again = await dial();
    assertEquals(await again.call("Gate.Echo", "room"), "room");
    for (const client of [clients[1], other, ...local, again]) await client.close();
  }));

Deno.test("maxConnectionsPerPeer: a flood of one peer takes no room from others", () =>
  inWorld(async (world) => {
    const options = { maxConnections: 12, maxConnectionsPerPeer: 10 };
    const { server } = await world.serve("unused", options);
    let remote = "tcp@10.0.0.1:1";
    const network = withRemotes(world.network, () => remote);
    const { address } = await server.listen("memory@b", { network });
    const dial = () => rawClient(world.network, address);
    const flood = await Promise.all(Array.from({ length: 500 }, dial));
    await settled();
    assertEquals(server.connections, 110); // a hundred of them only to be told so
    remote = "tcp@10.0.0.2:1";
    const other = await world.dial(address);
    assertEquals(await other.call("Gate.Echo", "room"), "room");
    assertEquals(refused(server), { maxConnectionsPerPeer: 490 });
    await other.close();
    for (const peer of flood) peer.close();
    await world.clock.advance(2000);
    assertEquals(server.connections, 0);
  }));
