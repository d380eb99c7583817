/** A client whose server is played by the test. */

import { assert, assertEquals } from "@std/assert";
import type { Client, DialOptions } from "../../client.ts";
import { assertFails, inWorld, type RawPeer, RawServer, type World } from "./helpers.ts";

/** A client, and the server that the test plays for it. */
export interface Scene {
  world: World;
  raw: RawServer;
  peer: RawPeer;
  client: Client;
}

/** Runs a test in such a scene; nothing must be left at its end. */
export function facing(
  body: (scene: Scene) => Promise<void>,
  options: DialOptions = {},
): Promise<void> {
  return inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await world.dial("memory@raw", options);
    const peer = await raw.accept();
    await body({ world, raw, peer, client });
    await client.close();
    await raw.close();
    assertEquals(client.inFlight, 0);
    assertEquals(world.network.connections("memory@raw"), 0);
  });
}

/** Two calls are in flight; the first has Seq 1. */
export async function twoCalls({ client, peer }: Scene) {
  const first = client.call("S.First", 1);
  const second = client.call("S.Second", 2);
  await peer.untilLines(4);
  return { first, second };
}

/** Both calls are lost with the connection: each error names its call, and no new call is sent. */
export async function assertBothLost(
  calls: { first: Promise<unknown>; second: Promise<unknown> },
  client: Client,
  wanted: Parameters<typeof assertFails>[1],
) {
  const address = "memory@raw";
  await Promise.all([
    assertFails(calls.first, { ...wanted, address, serviceMethod: "S.First" }),
    assertFails(calls.second, { ...wanted, address, serviceMethod: "S.Second" }),
  ]);
  await client.closed;
  assert(!client.available);
  await assertFails(client.call("S.Third"), {
    code: "unavailable",
    execution: "not_sent",
    address,
    serviceMethod: "S.Third",
  });
}

/** How calls end that were sent on a stream that then breaks. */
export const BROKEN_STREAM = { code: "data_loss", execution: "unknown" } as const;
