import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { healthOptions } from "../../fleet/health.ts";
import type { InFlight } from "../../fleet/load.ts";
import { Member, type MemberHost } from "../../fleet/endpoint.ts";
import { assertFailure, failure, inWorld, settled, type World } from "../support/helpers.ts";

function hostOf(world: World): MemberHost {
  return {
    options: world,
    health: healthOptions(),
    random: () => 0.5,
    nowMs: () => world.clock.now(),
    tell() {},
  };
}

function link(): InFlight {
  return { startedAtMs: 0, older: undefined, newer: undefined };
}

Deno.test("a member dials once for all who wait, and keeps the client while it is available", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const member = new Member(parseAddress(address), hostOf(world));
    assertEquals(member.client, undefined);
    const clients = await Promise.all([member.connect(), member.connect()]);
    assertStrictEquals(clients[0], clients[1]);
    assertStrictEquals(await member.connect(), clients[0]);
    assertStrictEquals(member.client, clients[0]);
    world.network.cut(address);
    await clients[0].closed;
    assertEquals(member.client, undefined);
    const next = await member.connect();
    assert(next !== clients[0] && next.available);
    await settled();
    assertEquals(server.connections, 1);
    await member.close();
    assert(!next.available);
  }));

Deno.test("a member that leaves waits for its calls, also those that only wait for the dial", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const member = new Member(parseAddress(address), hostOf(world));
    const [one, other] = [link(), link()];
    member.begin(one, 0);
    member.begin(other, 0);
    let isOver = false;
    const leaving = member.leave().then(() => isOver = true);
    const client = await member.connect();
    member.end(one, 0, "success");
    await settled();
    assert(!isOver && client.available);
    member.end(other, 0, "success");
    member.idle();
    await leaving;
    assert(!client.available);
    const message = "the server has left the list";
    const wanted = { code: "unavailable", execution: "not_sent", address, message } as const;
    assertFailure(await failure(member.connect()), wanted);
  }));

Deno.test("a member that is closed while it dials tells who waits, and opens nothing", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    world.network.setFaults(address, { delayMs: 10 });
    const member = new Member(parseAddress(address), hostOf(world));
    const outcome = failure(member.connect());
    await world.clock.advance(5);
    await member.close();
    assertFailure(await outcome, { code: "canceled", execution: "not_sent", address });
    assertFailure(await failure(member.connect()), { code: "canceled", address });
    await world.clock.advance(100);
    assertEquals(server.connections, 0);
  }));

Deno.test("a member is closed with all its clients, one that drains among them", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const member = new Member(parseAddress(address), hostOf(world));
    const before = await member.connect();
    const call = failure(before.call("Gate.Wait"));
    await gate.untilBegun(1);
    const closing = server.close();
    await settled();
    assert(!before.available && before.inFlight === 1);
    await member.close();
    assertFailure(await call, { code: "canceled", execution: "unknown", address });
    await closing;
  }));
