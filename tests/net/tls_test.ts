/** TLS on this runtime's own sockets: certificates, server names, and handshakes that do not end. */

import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { assertEquals, assertRejects } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial } from "../../client.ts";
import { systemNetwork } from "../../net/network.ts";
import { Server } from "../../server.ts";
import { deferred, failure, RawPeer } from "../support/helpers.ts";
import { finish, fixture, tls, trust } from "../support/transports.ts";

Deno.test("an abort during the handshake closes the socket", async () => {
  const sockets: Socket[] = [];
  const greeted = deferred();
  const gone = deferred();
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => greeted.resolve());
    socket.once("close", () => gone.resolve());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const controller = new AbortController();
  const connecting = failure(
    systemNetwork.connect(parseAddress(`tls@127.0.0.1:${port}`), { signal: controller.signal }),
  );
  await greeted.promise;
  controller.abort("enough");
  assertEquals(await connecting, "enough");
  // Deno 2.9 keeps a socket whose TLS handshake was given up until the peer closes it.
  if ("Deno" in globalThis) { for (const socket of sockets) socket.destroy(); }
  await gone.promise;
  await new Promise((resolve) => server.close(resolve));
});

for (
  const [what, address, options] of [
    ["a certificate of an unknown authority", "localhost", {}],
    ["a certificate for another name", "127.0.0.1", {
      ...trust,
      serverName: "elsewhere.example",
    }],
  ] as const
) {
  Deno.test(`${what} is refused`, async () => {
    const accepted: RawPeer[] = [];
    const listener = await systemNetwork.listen(parseAddress("tls@localhost:0"), (transport) => {
      accepted.push(new RawPeer(transport));
    }, { tls });
    const { port } = parseAddress(listener.address);
    const endpoint = parseAddress(`tls@${address}:${port}`);
    await assertRejects(() => systemNetwork.connect(endpoint, { tls: options }));
    await finish(...accepted);
    await listener.close();
  });
}

Deno.test("serverName takes the place of the address's host", async () => {
  const other = { cert: fixture("other.example.pem"), key: fixture("other.example.key") };
  const accepted = deferred<RawPeer>();
  const listener = await systemNetwork.listen(
    parseAddress("tls@127.0.0.1:0"),
    (transport) => accepted.resolve(new RawPeer(transport)),
    { tls: other },
  );
  const options = { ...trust, serverName: "other.example" };
  const ours = new RawPeer(
    await systemNetwork.connect(parseAddress(listener.address), { tls: options }),
  );
  await ours.write("hello");
  const theirs = await accepted.promise;
  await theirs.until(({ text }) => text === "hello");
  await finish(ours, theirs);
  await listener.close();
});

Deno.test("a client that never ends its handshake is disconnected when the server closes", async () => {
  const server = new Server();
  server.register("Echo", { Say: (text: string) => text });
  const { address } = await server.listen("tls@localhost:0", { tls });
  const silent = connectTcp(parseAddress(address).port, "localhost");
  const gone = deferred();
  silent.on("error", () => {}); // a reset is as good
  silent.on("close", () => gone.resolve());
  await new Promise<void>((resolve) => silent.once("connect", resolve));
  // Connections are accepted in order, so the silent one was accepted before.
  const client = await dial(address, { tls: trust });
  assertEquals(await client.call("Echo.Say", "hello"), "hello");
  await client.close();
  await server.close();
  // Deno 2.9 keeps a socket whose TLS handshake was given up until the peer closes it.
  if ("Deno" in globalThis) silent.destroy();
  await gone.promise;
});
