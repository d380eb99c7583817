/** The connection of one endpoint: its states, and what leads from one to another. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { Connector, type ConnectorHost } from "../../fleet/connector.ts";
import { callOn } from "../support/fleet.ts";
import { assertFailure, failure, inWorld, settled, type World } from "../support/helpers.ts";

function connectorOf(world: World, address: string) {
  const events: string[] = [];
  const host: ConnectorHost = {
    dialAddress: address,
    options: world,
    random: () => 0.5,
    clock: world.clock,
    connectionOpened() {},
    connectionChanged: (event) => void events.push(event),
    connectionReplaced() {},
    connectionLoaded() {},
  };
  return { connector: new Connector(host), events };
}

const closed = new RpcError("canceled", "closed", { execution: "not_sent" });

Deno.test("idle, dialling, ready, backing off: a connection that is lost is dialled at once", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { connector, events } = connectorOf(world, address);
    assertEquals([connector.state, connector.isReachable(0)], ["idle", true]);
    const dial = connector.connect();
    assertEquals([connector.state, connector.isDialDue(0)], ["dialling", false]);
    const client = await dial;
    assertEquals([connector.state, connector.isDialDue(0)], ["ready", false]);
    await callOn(client, "Gate.Echo", 1); // a server that has said something was really there
    world.network.cut(address);
    await client.closed;
    await settled();
    assertEquals([connector.state, connector.client], ["backing off", undefined]);
    assertEquals([connector.isReachable(0), connector.isDialDue(0)], [false, true]);
    await connector.connect();
    assertEquals([connector.state, events], ["ready", ["connected", "disconnected", "connected"]]);
    await connector.close(closed, 0);
  }));

Deno.test("a dial that fails: backing off, due after a second, and sooner if there is hope", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { connector, events } = connectorOf(world, address);
    world.network.setFaults(address, { refuse: true });
    assertFailure(await failure(connector.connect()), { code: "unavailable", address });
    assertEquals([connector.state, connector.wasUnreachable], ["backing off", true]);
    assertEquals([999, 1000].map((ms) => connector.isDialDue(ms)), [false, true]);
    connector.redialSoon();
    assertEquals(connector.isDialDue(0), true);
    await failure(connector.connect());
    assertEquals([1599, 1600].map((ms) => connector.isDialDue(ms)), [false, true]);
    world.network.setFaults(address);
    await connector.connect();
    assertEquals([connector.wasUnreachable, events], [
      true,
      ["unreachable", "unreachable", "connected"],
    ]);
    await connector.close(closed, 0);
  }));

Deno.test("a first dial counts as reachable for half a second, a later one does not", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { connector } = connectorOf(world, address);
    world.network.setFaults(address, { unroutable: true });
    const first = failure(connector.connect());
    assertEquals([0, 499, 500].map((ms) => connector.isReachable(ms)), [true, true, false]);
    await world.clock.advance(10_000);
    await first;
    const second = failure(connector.connect());
    assertEquals([connector.state, connector.isReachable(10_000)], ["dialling", false]);
    await connector.close(closed, 0);
    assertStrictEquals(await second, closed);
    assertStrictEquals(await failure(connector.connect()), closed);
  }));

Deno.test("a connection that drains stays, beside the one that is dialled in its place", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const { connector } = connectorOf(world, address);
    const before = await connector.connect();
    const call = callOn(before, "Gate.Wait");
    await gate.untilBegun(1);
    const closing = server.close();
    await settled();
    assertEquals([connector.state, connector.client], ["ready", undefined]);
    assertEquals(connector.isReachable(0), false);
    assertEquals([249, 250].map((ms) => connector.isDialDue(ms)), [false, true]);
    await world.serve("a");
    const dial = connector.connect();
    await world.clock.advance(250);
    const after = await dial;
    assert(after !== before);
    assertEquals([...connector.clients], [before, after]);
    gate.begun[0].end.resolve("ended");
    assertEquals(await call, "ended");
    await closing;
    await settled();
    assertEquals([[...connector.clients], connector.state], [[after], "ready"]);
    await connector.close(closed, 0);
  }));

Deno.test("only the present connection can stall and resume, with one event each", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { connector, events } = connectorOf(world, address);
    const before = await connector.connect();
    assertEquals([connector.stall(before), connector.stall(before)], [true, false]);
    assertEquals(connector.isStalled, true);
    connector.resume(before);
    connector.resume(before);
    assertEquals([connector.stall(before), connector.isStalled], [true, true]);
    world.network.cut(address);
    await before.closed;
    await settled();
    assertEquals(connector.isStalled, false);
    await connector.connect();
    assertEquals([connector.stall(before), connector.isStalled], [false, false]);
    assertEquals(events, [
      "connected",
      "stalled",
      "resumed",
      "stalled",
      "disconnected",
      "connected",
    ]);
    await connector.close(closed, 0);
  }));
