/** Our half of gob, with a peer whose bytes the test writes. */

import { assert, assertEquals } from "@std/assert";
import type { Protocol } from "../../../protocol/codec.ts";
import { type Client, dial } from "../../../client.ts";
import { gob, GobEncoder } from "../../../gob.ts";
import { MemoryNetwork } from "../../../testing.ts";
import { GOB_PROTOCOLS, GobStream, withServer } from "../../support/gob_server.ts";
import { assertFails, option, rawClient, type RawPeer, RawServer } from "../../support/helpers.ts";

/** Runs a test with a client and one call in flight, whose reply the test writes. */
async function withCall(
  protocol: Protocol,
  body: (call: Promise<unknown>, peer: RawPeer, client: Client) => Promise<void>,
  maxMessageBytes?: number,
): Promise<void> {
  const network = new MemoryNetwork();
  const server = await RawServer.listen(network, "memory@a");
  const client = await dial("memory@a", { network, protocol, maxMessageBytes });
  const call = client.call("S.M", { A: 1 });
  const peer = await server.accept();
  await peer.until(({ bytes }) => bytes.length > (protocol === "geerpc/gob" ? 512 : 0));
  await body(call, peer, client);
  await client.close();
  await server.close();
}

Deno.test("the handshake is 512 bytes and goes with the first request", async () => {
  await withCall("geerpc/gob", async (call, peer) => {
    assertEquals(peer.chunks.length, 1);
    const option = new TextDecoder().decode(peer.bytes.subarray(0, 512));
    assertEquals(JSON.parse(option).CodecType, "application/gob");
    assertEquals(option.at(-1), "}");
    await peer.write(new GobStream().bytes({}, 7));
    assertEquals(await call, 7);
  });
});

Deno.test("a broken stream fails the connection", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    for (
      const [bytes, message] of [
        ["HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server?"],
        [new Uint8Array([3, 1, 2, 3]), "expected the header of a reply in gob"],
        [new GobEncoder().encode("no header"), "expected the header of a reply in gob"],
      ] as const
    ) {
      await withCall(protocol, async (call, peer) => {
        await peer.write(bytes);
        await assertFails(call, { code: "data_loss", execution: "unknown", message });
        await peer.ended;
      });
    }
    await withCall(protocol, async (call, peer) => {
      const reply = new GobStream().bytes({}, { A: "the end is cut off" });
      await peer.write(reply.subarray(0, -4));
      peer.close();
      await assertFails(call, {
        code: "data_loss",
        execution: "unknown",
        message: "in the middle",
      });
    });
    await withCall(protocol, async (call, peer, client) => {
      // The call whose reply is too long has failed by then; the other is still in flight.
      const other = client.call("S.M");
      await peer.write(new GobStream().bytes({}, "x".repeat(5000)).subarray(0, 3000));
      await assertFails(call, { code: "resource_exhausted", execution: "answered" });
      peer.close();
      await assertFails(other, { code: "data_loss", message: "in the middle" });
    }, 1000);
    await withCall(protocol, async (call, peer) => {
      // A definition of 2 GiB.
      await peer.write(new Uint8Array([0xfc, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x81, ...Array(7)]));
      await assertFails(call, { execution: "unknown", message: "maxMessageBytes" });
    });
  }
});

Deno.test("a reply to a call that is no longer in flight is dropped", async () => {
  await withCall("netrpc/gob", async (call, peer) => {
    const stream = new GobStream();
    await peer.write(stream.bytes({ Seq: 99 }, { A: 1 }));
    await peer.write(stream.bytes({ Seq: 98, Error: "nobody" }, {}));
    await peer.write(stream.bytes({}, { A: 2 }));
    assertEquals(await call, { A: 2 });
  });
});

Deno.test("after a call of an unknown method a GeeRPC connection takes no more calls", async () => {
  const network = new MemoryNetwork();
  const server = await RawServer.listen(network, "memory@a");
  const client = await dial("memory@a", { network, protocol: "geerpc/gob" });
  const other = client.call("S.M", { A: 1 });
  const unknown = client.call("S.None", { A: 1 });
  const peer = await server.accept();
  await peer.until(({ bytes }) => bytes.length > 512);
  const Error = "rpc server: can't find method None";
  await peer.write(new GobStream().bytes({ Seq: 2, Error }, {}, gob.struct({})));
  await assertFails(unknown, { code: "unimplemented", execution: "rejected" });
  assert(!client.available);
  await assertFails(client.call("S.M", { A: 1 }), { code: "unavailable", execution: "not_sent" });
  peer.close();
  await assertFails(other, { code: "unavailable", execution: "unknown" });
  await client.closed;
  await server.close();
});

Deno.test("pipelined handshakes, and requests behind them, are not lost", async () => {
  const handshakes: [string, Protocol | undefined, string][] = [
    [option({ CodecType: "application/gob" }), undefined, ""],
    // As Go writes it: not padded, with a newline.
    [option({ CodecType: "application/gob" }).trim() + "\n", undefined, ""],
    [
      "CONNECT /_geeprc_ HTTP/1.0\n\n" + option({ CodecType: "application/gob" }),
      undefined,
      "HTTP/1.0 200 Connected to Gee RPC\n\n",
    ],
    ["CONNECT /_goRPC_ HTTP/1.0\n\n", undefined, "HTTP/1.0 200 Connected to Go RPC\n\n"],
    ["CONNECT /_goRPC_ HTTP/1.0\n\n", "netrpc/gob", "HTTP/1.0 200 Connected to Go RPC\n\n"],
    ["", "netrpc/gob", ""],
  ];
  for (const [handshake, protocol, answer] of handshakes) {
    for (const chunkBytes of [1, 7, 513, 100_000]) {
      await withServer(protocol ?? "geerpc/json", async (network) => {
        const peer = await rawClient(network, "memory@a");
        const stream = new GobStream();
        const start = new TextEncoder().encode(handshake);
        const requests = ["first", "second"].map((text, at) =>
          stream.bytes({ ServiceMethod: "Plain.Echo", Seq: at + 1 }, text)
        );
        await peer.write(new Uint8Array([...start, ...requests.flatMap((each) => [...each])]));
        await peer.until(({ text }) => text.includes("second"));
        assert(peer.text.startsWith(answer));
        assert(peer.text.includes("first"));
        peer.close();
      }, chunkBytes);
    }
  }
});

Deno.test("a path that is not served, and a server that goes while gob is loaded", async () => {
  await withServer("netrpc/gob", async (network) => {
    const peer = await rawClient(network, "memory@a");
    await peer.write("CONNECT /elsewhere HTTP/1.0\n\n");
    await peer.ended;
    const gone = await rawClient(network, "memory@a");
    await gone.write(new GobStream().bytes({ ServiceMethod: "Plain.Echo" }, 1));
    gone.close();
    await gone.ended;
  });
});
