import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { connectThrough, HeadReader } from "../../net/http_connect.ts";
import type { Transport } from "../../transport.ts";
import { parseAddress } from "../../address.ts";
import {
  assertFails,
  assertFailure,
  failure,
  RawPeer,
  RawServer,
  settled,
  World,
} from "../support/helpers.ts";

const ANSWER = "HTTP/1.0 200 Connected to Gee RPC\n\n";

Deno.test("HeadReader: head and rest are the same wherever chunks are cut, and for every line end", () => {
  const encoder = new TextEncoder();
  for (const end of ["\n\n", "\r\n\r\n", "\n\r\n", "\r\n\n"]) {
    const bytes = encoder.encode(`HTTP/1.0 200 OK${end}behind\n\n`);
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new HeadReader();
      let read = reader.push(bytes.slice(0, at));
      let rest = read ? [...read.rest, ...bytes.slice(at)] : [];
      if (read === undefined) {
        read = reader.push(bytes.slice(at))!;
        rest = [...read.rest];
      }
      assertEquals(read.head.trimEnd(), "HTTP/1.0 200 OK");
      assertEquals(new TextDecoder().decode(new Uint8Array(rest)), "behind\n\n");
    }
  }
});

Deno.test("HeadReader: a head that is too long is refused", () => {
  const reader = new HeadReader();
  const line = new TextEncoder().encode("x".repeat(1000) + "\n");
  for (let n = 0; n < 8; n++) assertEquals(reader.push(line), undefined);
  const error = assertThrows(() => reader.push(line), RpcError, "HTTP CONNECT");
  assertEquals(error.code, "data_loss");
});

/** The two ends of a connection on which CONNECT is to come. */
async function ends() {
  const world = new World();
  const raw = await RawServer.listen(world.network, "memory@proxy");
  const transport = await world.network.connect(parseAddress("memory@proxy"));
  return { world, raw, transport, peer: await raw.accept() };
}

Deno.test("CONNECT: bytes behind the answer come first, then later ones, then the end", async () => {
  const { transport, peer } = await ends();
  const connecting = connectThrough(transport, "/_geeprc_", new AbortController().signal);
  await peer.until(({ text }) => text.endsWith("\n\n"));
  assertEquals(peer.text, "CONNECT /_geeprc_ HTTP/1.0\n\n");
  await peer.write(ANSWER.slice(0, 9));
  await peer.write(ANSWER.slice(9) + "early ");
  await peer.write("too ");
  const connected = await connecting;
  await peer.write("before start, ");
  await settled();
  const ours = new RawPeer(connected);
  assertEquals(connected.remote, "memory@proxy");
  await peer.write("and after");
  peer.close();
  await ours.ended;
  assertEquals(ours.text, "early too before start, and after");
  connected.close();
});

Deno.test("CONNECT: an end before the reader starts reaches it when it does", async () => {
  const { transport, peer } = await ends();
  const connecting = connectThrough(transport, "/", new AbortController().signal);
  await peer.write(ANSWER + "last words");
  peer.close();
  const ours = new RawPeer(await connecting);
  await ours.ended;
  assertEquals(ours.text, "last words");
});

for (
  const [name, answer, message] of [
    ["another status", "HTTP/1.1 404 Not Found\r\n\r\n", 'the answer was "HTTP/1.1 404 Not Found"'],
    [
      "a status that begins with 200",
      "HTTP/1.1 2000 OK\r\n\r\n",
      'the answer was "HTTP/1.1 2000 OK"',
    ],
    ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "SSH-2.0"],
    ["no end", "x".repeat(9000), "the answer is not HTTP"],
    ["nothing", "", "closed the connection without an answer"],
    ["half of it", "HTTP/1.0 200", "closed the connection without an answer"],
  ]
) {
  Deno.test(`CONNECT answered by ${name} fails as unavailable, and closes the connection`, async () => {
    const { transport, peer } = await ends();
    const connecting = failure(
      connectThrough(transport, "/_geeprc_", new AbortController().signal),
    );
    await peer.write(answer);
    if (answer.length < 20) peer.close();
    assertFailure(await connecting, {
      code: "unavailable",
      execution: "not_sent",
      address: "memory@proxy",
      message,
    });
    await peer.ended;
  });
}

Deno.test("CONNECT: an abort closes the connection", async () => {
  const { transport, peer } = await ends();
  const controller = new AbortController();
  const connecting = failure(connectThrough(transport, "/", controller.signal));
  await settled();
  controller.abort("enough");
  assertEquals(await connecting, "enough");
  await peer.ended;
});

Deno.test("CONNECT: a signal that has aborted already closes the connection at once", async () => {
  const { transport, peer } = await ends();
  const reason = new Error("before");
  const seen: unknown[] = [];
  connectThrough(transport, "/", AbortSignal.abort(reason)).catch((error) => seen.push(error));
  await settled();
  assertStrictEquals(seen[0], reason);
  await peer.ended;
});

Deno.test("CONNECT: a write that fails fails it as unavailable", async () => {
  let closes = 0;
  const transport: Transport = {
    remote: "tcp@a:1",
    start() {},
    write: () => Promise.reject(new Error("broken pipe")),
    close: () => void closes++,
  };
  await assertFails(connectThrough(transport, "/", new AbortController().signal), {
    code: "unavailable",
    execution: "not_sent",
    address: "tcp@a:1",
  });
  assert(closes > 0);
});
