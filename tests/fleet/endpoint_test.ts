import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { healthOptions } from "../../fleet/health.ts";
import { InFlight } from "../../fleet/load.ts";
import { Endpoint, type EndpointHost } from "../../fleet/endpoint.ts";
import { Reports } from "../../fleet/reports.ts";
import { callOn } from "../support/fleet.ts";
import { assertFailure, failure, inWorld, settled, type World } from "../support/helpers.ts";

function hostOf(world: World): EndpointHost {
  return {
    options: world,
    health: healthOptions(),
    random: () => 0.5,
    clock: world.clock,
    liveness: { watch() {} },
    reports: new Reports(),
    mayEject: () => true,
    endpointChanged() {},
  };
}

/** A call that ends without having been sent. */
class Call extends InFlight {
  readonly client = undefined;
}

Deno.test("an endpoint dials once for all calls, and keeps the client while it is available", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const endpoint = new Endpoint(parseAddress(address), hostOf(world));
    assertEquals(endpoint.client, undefined);
    const clients = await Promise.all([endpoint.connector.connect(), endpoint.connector.connect()]);
    assertStrictEquals(clients[0], clients[1]);
    assertStrictEquals(await endpoint.connector.connect(), clients[0]);
    assertStrictEquals(endpoint.client, clients[0]);
    world.network.cut(address);
    await clients[0].closed;
    assertEquals(endpoint.client, undefined);
    const next = await endpoint.connector.connect();
    assert(next !== clients[0] && next.available);
    await settled();
    assertEquals(server.connections, 1);
    await endpoint.close();
    assert(!next.available);
  }));

Deno.test("an endpoint that leaves waits for its calls, also those that only wait for the dial", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const endpoint = new Endpoint(parseAddress(address), hostOf(world));
    const [one, other] = [new Call(), new Call()];
    endpoint.begin(one, 0);
    endpoint.begin(other, 0);
    let isOver = false;
    const leaving = endpoint.leave().then(() => isOver = true);
    const client = await endpoint.connector.connect();
    endpoint.end(one, 0, "success");
    await settled();
    assert(!isOver && client.available);
    endpoint.end(other, 0, "success");
    await leaving;
    assert(!client.available);
    const message = "the server has left the list";
    const wanted = { code: "unavailable", execution: "not_sent", address, message } as const;
    assertFailure(await failure(endpoint.connector.connect()), wanted);
  }));

Deno.test("an endpoint that leaves waits for a call that begins in the turn in which the last one ends", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const endpoint = new Endpoint(parseAddress(address), hostOf(world));
    const [one, other] = [new Call(), new Call()];
    const client = await endpoint.connector.connect();
    endpoint.begin(one, 0);
    const leaving = endpoint.leave();
    endpoint.end(one, 0, "success");
    endpoint.begin(other, 0);
    const call = callOn(client, "Gate.Echo", 1);
    await settled();
    assertEquals(await call, 1);
    assert(client.available);
    endpoint.end(other, 0, "success");
    await leaving;
    assert(!client.available);
  }));

Deno.test("an endpoint that is closed while it dials fails the waiting calls, and opens no connection", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    world.network.setFaults(address, { delayMs: 10 });
    const endpoint = new Endpoint(parseAddress(address), hostOf(world));
    const outcome = failure(endpoint.connector.connect());
    await world.clock.advance(5);
    await endpoint.close();
    assertFailure(await outcome, { code: "canceled", execution: "not_sent", address });
    assertFailure(await failure(endpoint.connector.connect()), { code: "canceled", address });
    await world.clock.advance(100);
    assertEquals(server.connections, 0);
  }));

Deno.test("an endpoint is closed with all its clients, one that drains among them", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const endpoint = new Endpoint(parseAddress(address), hostOf(world));
    const before = await endpoint.connector.connect();
    const call = failure(callOn(before, "Gate.Wait"));
    await gate.untilBegun(1);
    const closing = server.close();
    await settled();
    assert(!before.available && before.inFlight === 1);
    await endpoint.close();
    assertFailure(await call, { code: "canceled", execution: "unknown", address });
    await closing;
  }));

Deno.test("an endpoint that stalls notifies each call in flight, once", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const endpoint = new Endpoint(parseAddress(address), hostOf(world));
    let told = 0;
    class Watching extends Call {
      override endpointStalled(): void {
        told++;
        endpoint.end(this, 0, "given_up"); // calls may end while the others learn of it
      }
    }
    const client = await endpoint.connector.connect();
    for (let n = 0; n < 3; n++) endpoint.begin(new Watching(), 0);
    endpoint.connectionSilent(client, "stalled");
    endpoint.connectionSilent(client, "stalled");
    assertEquals([told, endpoint.inFlight, endpoint.isFit(0)], [3, 0, false]);
    await endpoint.close();
  }));
