/** What a client and a server of `geerpc/json` write, for tests of the bytes. */

import { assertEquals } from "@std/assert";
import { inWorld, rawClient, settled } from "./helpers.ts";

/** GeeRPC's option as Go writes it. */
export const GO_HANDSHAKE =
  '{"MagicNumber":3927900,"CodecType":"application/json","ConnectTimeout":0,"HandleTimeout":0}';

/** GeeRPC's option as our client writes it, without its padding. */
export const HANDSHAKE = GO_HANDSHAKE.replace("}", ',"Ext":1}');

/** Checks the lines with which a server answers what a raw client has sent. */
export function assertAnswers(
  sent: string,
  lines: number,
  expected: string[],
  services: Record<string, object> = {},
) {
  return inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services);
    const peer = await rawClient(world.network, address);
    await peer.write(sent);
    await peer.untilLines(lines);
    await settled();
    assertEquals(peer.lines, expected);
    peer.close();
  });
}
