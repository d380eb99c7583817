/** Connections that come while a server closes: none is reset, and each call is known to have run or not. */

import { connect as connectTcp, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { Server } from "../../server.ts";
import { FakeClock } from "../../testing.ts";
import { deferred, failure, option, request } from "../support/helpers.ts";
import { tls, trust } from "../support/transports.ts";

/** All that a socket has read, when it has ended; an error if it was reset. */
function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => text += chunk.toString());
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

Deno.test("what has connected when the server closes is told that it drains, and not reset", async () => {
  let runs = 0;
  const server = new Server();
  server.register("Count", { Up: () => ++runs });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const { port } = parseAddress(address);
  const count = 50;
  const connected = deferred();
  let open = 0;
  const sockets = Array.from({ length: count }, () => {
    const socket = connectTcp({ host: "127.0.0.1", port }, () => {
      if (++open === count) connected.resolve();
    });
    socket.write(option() + request(1, "Count.Up", "x".repeat(10_000)));
    return socket;
  });
  const texts = sockets.map(readAll);
  // On the way of the first one the others are in the backlog.
  await new Promise((resolve) => sockets[0].once("connect", resolve));
  const closing = server.close();
  await connected.promise;
  for (const text of await Promise.all(texts)) {
    const lines = text.split("\n").filter((_, n) => n % 2 === 0).slice(0, -1)
      .map((line) => JSON.parse(line));
    assert(lines.some(({ Drain }) => Drain), text);
    const reply = lines.find(({ Seq }) => Seq === 1);
    assert(reply.Error === "" || reply.Rejected && reply.Code === "unavailable", text);
  }
  for (const socket of sockets) socket.destroy();
  await closing;
  assertEquals(server.connections, 0);
});

for (const scheme of ["tcp", "tls"]) {
  for (const protocol of PROTOCOLS) {
    Deno.test(`${scheme}, ${protocol}: calls made while the server closes have run, or certainly not`, async () => {
      let runs = 0;
      // How long the server waits for what is on its way is not to depend on how busy the machine is.
      const clock = new FakeClock();
      const server = new Server({ clock });
      server.register("Count", { Up: () => ++runs });
      const listener = await server.listen(`${scheme}@localhost:0`, { protocol, tls });
      const count = scheme === "tls" ? 5 : 20; // each TLS handshake takes Node some time
      const options = { protocol, tls: trust, connectTimeoutMs: 60_000 };
      const clients = await Promise.all(
        Array.from({ length: count }, () => dial(listener.address, options)),
      );
      const calls = clients.map((client) => client.call("Count.Up").catch((error) => error));
      let isClosed = false;
      const closing = server.close().then(() => isClosed = true);
      const outcomes = await Promise.all(calls);
      while (!isClosed) {
        await clock.advance(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await closing;
      const failed = outcomes.filter((outcome) => typeof outcome !== "number");
      for (const error of failed) {
        assert(error instanceof RpcError);
        assertEquals([error.code, error.execution], ["unavailable", "rejected"]);
      }
      assertEquals(runs, outcomes.length - failed.length);
      await Promise.all(clients.map((client) => client.close()));
    });
  }
}

Deno.test("a client that is given up reads why, though it has not been read to the end", async () => {
  const server = new Server({ maxMessageBytes: 1000 });
  server.register("Echo", { Say: (text: string) => text });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const socket = connectTcp({ host: "127.0.0.1", port: parseAddress(address).port });
  const text = readAll(socket);
  socket.write(option() + `{"ServiceMethod":"${"x".repeat(5_000_000)}`);
  assert((await text).includes("a header over the limit of 1000 bytes"));
  socket.destroy();
  await server.close();
  const error = await failure(dial(address));
  assert(error instanceof RpcError && error.code === "unavailable");
});
