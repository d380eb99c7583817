/** How a connection begins, in bytes: handshake and HTTP CONNECT. */

import { assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { systemNetwork } from "../../net/network.ts";
import { inWorld, option, rawClient, RawServer, request, settled } from "../support/helpers.ts";
import { assertAnswers, GO_HANDSHAKE, HANDSHAKE } from "../support/wire.ts";

Deno.test("what is pipelined behind the handshake is kept, wherever it is cut", async () => {
  const sent = option() + request(1, "Gate.Echo", "é1") + request(2, "Gate.Echo", 2);
  const bytes = new TextEncoder().encode(sent);
  const cuts = [1, 2, 300, 500, 510, 511, 512, 513, 514, 540, 560, 561, 562, bytes.length - 1];
  for (const cut of cuts) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a");
      const peer = await rawClient(world.network, address);
      await peer.write(bytes.slice(0, cut));
      await settled();
      await peer.write(bytes.slice(cut));
      const lines = await peer.untilLines(4);
      assertEquals([lines[1], lines[3]], ['"é1"', "2"], `cut at ${cut}`);
      peer.close();
    });
  }
});

Deno.test("a handshake as Go writes it: no padding, a newline behind it", () =>
  assertAnswers(GO_HANDSHAKE + "\n" + request(1, "Gate.Echo", 1), 2, [
    '{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}',
    "1",
  ]));

Deno.test("HTTP CONNECT: the request, the answer, and then the protocol", async () => {
  const raw = await RawServer.listen(systemNetwork, "http@127.0.0.1:0");
  const dialling = dial(raw.address);
  const peer = await raw.accept();
  await peer.until(({ text }) => text.endsWith("\n\n"));
  assertEquals(peer.text, "CONNECT /_geeprc_ HTTP/1.0\n\n");
  await peer.write("HTTP/1.0 200 Connected to Gee RPC\n\n");
  const client = await dialling;
  const call = client.call("S.M", 1);
  await peer.until(({ text }) => text.endsWith("\n1\n"));
  assertEquals(
    peer.text.slice(27 + 1),
    HANDSHAKE.padStart(512) + '{"ServiceMethod":"S.M","Seq":1}\n1\n',
  );
  await peer.reply(1, "fine");
  assertEquals(await call, "fine");
  await client.close();
  await peer.ended;
  await raw.close();
});

Deno.test("HTTP CONNECT: our server's answer, and what is pipelined behind the request", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      "CONNECT /_geeprc_ HTTP/1.0\r\nHost: a\r\n\r\n" + option() + request(1, "Gate.Echo", 1),
    );
    await peer.untilLines(4);
    assertEquals(
      peer.text,
      'HTTP/1.0 200 Connected to Gee RPC\n\n{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}\n1\n',
    );
    peer.close();
  }));
