/** How the two ends learn that they know our extensions, and that nobody else sees them. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Settler } from "../../connection/pending_calls.ts";
import { dialConnection } from "../../connection/dial.ts";
import { deferred } from "../../internal/deferred.ts";
import { assertFails, inWorld, option, rawClient, RawServer, request } from "../support/helpers.ts";
import { GO_HANDSHAKE, HANDSHAKE } from "../support/wire.ts";

const EXTENDED = '{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"i-1","Load":3}}\nnull\n';

Deno.test("a server says at once that it knows them, and who it is, to those that ask", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const peers = await Promise.all([1, 2].map(() => rawClient(world.network, address)));
    for (const peer of peers) await peer.write(HANDSHAKE);
    for (const peer of peers) await peer.untilLines(2);
    const [header, body] = peers[0].lines;
    assertMatch(
      header,
      /^{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"[-\da-f]{36}","Load":0}}$/,
    );
    assertEquals(body, "null");
    assertEquals(peers[1].lines, peers[0].lines);
    for (const peer of peers) peer.close();
  }));

Deno.test("one that does not ask is told nothing", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    for (const handshake of [GO_HANDSHAKE, option().padStart(512)]) {
      const peer = await rawClient(world.network, address);
      await peer.write(handshake + request(1, "Gate.Echo", 1));
      await peer.untilLines(2);
      assertEquals(peer.lines, ['{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}', "1"]);
      peer.close();
    }
  }));

/** A connection whose server is played by the test, with a call that waits to know what the server is. */
function waiting(
  body: (scene: Awaited<ReturnType<typeof begin>>) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const scene = await begin(world.network);
    await body(scene);
    await scene.connection.close();
    await scene.raw.close();
  });
}

async function begin(network: Parameters<typeof RawServer.listen>[0]) {
  const raw = await RawServer.listen(network, "memory@raw");
  const connection = await dialConnection("memory@raw", { network });
  const peer = await raw.accept();
  const reply = deferred<unknown>();
  const settler: Settler = { resolve: reply.resolve, reject: reply.reject };
  const call = connection.send("S.M", 7, { awaitsExtensions: true }, settler)!;
  return { raw, connection, peer, call, reply: reply.promise };
}

Deno.test("what needs them waits for the server's word", () =>
  waiting(async ({ connection, peer, reply }) => {
    await peer.untilLines(2);
    assertEquals(peer.lines, ['{"ServiceMethod":"","Seq":2,"Ping":true}', "null"]);
    assertEquals(connection.server, undefined);
    await peer.write(EXTENDED);
    await peer.untilLines(4);
    assertEquals(peer.lines.slice(2), ['{"ServiceMethod":"S.M","Seq":1}', "7"]);
    assertEquals(connection.server, { instance: "i-1", load: 3 });
    await peer.write('{"ServiceMethod":"","Seq":2,"Ping":true}\nnull\n');
    await peer.reply(1, "fine");
    assertEquals(await reply, "fine");
    assertEquals(connection.server, { instance: "i-1", load: 3 });
  }));

Deno.test("one that answers a ping without that word has none; the call is sent all the same", () =>
  waiting(async ({ connection, peer, reply }) => {
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"","Seq":2,"Error":"rpc server: no such method"}\n{}\n');
    await peer.untilLines(4);
    assertEquals(peer.lines.slice(2), ['{"ServiceMethod":"S.M","Seq":1}', "7"]);
    await peer.reply(1, "fine");
    assertEquals(await reply, "fine");
    assertEquals(connection.server, undefined);
  }));

Deno.test("a call that is given up while it waits is never sent", () =>
  waiting(async ({ peer, call, reply }) => {
    await peer.untilLines(2);
    call.abort(new Error("enough"));
    await peer.write(EXTENDED);
    await peer.write('{"ServiceMethod":"","Seq":2,"Ping":true}\nnull\n');
    await reply.then(() => assert(false), (error) => assertEquals(error.message, "enough"));
    assertEquals(peer.lines.length, 2);
  }));

Deno.test("one that waits when its connection is lost was not sent", () =>
  waiting(async ({ peer, reply }) => {
    await peer.untilLines(2);
    peer.close();
    await assertFails(reply, { code: "unavailable", execution: "not_sent" });
  }));

Deno.test("a wrong word ends the connection", () =>
  waiting(async ({ peer, reply }) => {
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"","Seq":0,"Ext":{"Instance":5}}\nnull\n');
    await assertFails(reply, { code: "data_loss", execution: "not_sent", message: "extensions" });
  }));

Deno.test("a call that its own argument gives up is cancelled, as it is on its way then", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const connection = await dialConnection("memory@raw", { network: world.network });
    const peer = await raw.accept();
    const reply = deferred<unknown>();
    const args = {
      get n() {
        call.abort(new Error("enough"));
        return 7;
      },
    };
    const call = connection.send("S.M", args, { awaitsExtensions: true }, reply)!;
    await peer.untilLines(2);
    await peer.write(EXTENDED);
    await reply.promise.then(() => assert(false), (error) => assertEquals(error.message, "enough"));
    await peer.untilLines(6);
    assertEquals(peer.lines.slice(2), [
      '{"ServiceMethod":"S.M","Seq":1}',
      '{"n":7}',
      '{"ServiceMethod":"","Seq":1,"Cancel":true}',
      "null",
    ]);
    await connection.close();
    await raw.close();
  }));
