/** What becomes of a dial whose transport can't be used. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { dialConnection } from "../../connection/dial.ts";
import { RpcError } from "../../errors.ts";
import { dial, Server, XClient } from "../../mod.ts";
import { MemoryNetwork } from "../../testing.ts";
import type { Network } from "../../transport.ts";

/** A network whose transports to `memory@a` throw when they are started. */
function throwing() {
  const inner = new MemoryNetwork();
  let closed = 0;
  const network: Network = {
    connect: async (endpoint, options) => {
      const transport = await inner.connect(endpoint, options);
      if (endpoint.address !== "memory@a") return transport;
      return {
        remote: transport.remote,
        start() {
          throw new Error("it is gone already");
        },
        write: (bytes) => transport.write(bytes),
        close() {
          closed++;
          transport.close();
        },
      };
    },
    listen: (endpoint, accept) => inner.listen(endpoint, accept),
  };
  return { network, closed: () => closed };
}

Deno.test("a transport that can't be started is closed, and its dial fails like any other", async () => {
  const { network, closed } = throwing();
  const server = new Server();
  server.register("Where", { Am: () => true });
  await server.listen("memory@a", { network });
  await server.listen("memory@b", { network });
  const error = await assertRejects(() => dialConnection("memory@a", { network }), RpcError);
  assertEquals(
    [error.code, error.execution, error.address, error.message],
    [
      "unavailable",
      "not_sent",
      "memory@a",
      "memory@a: can't connect: it is gone already",
    ],
  );
  assertEquals(closed(), 1);
  await assertRejects(() => dial("memory@a", { network }), RpcError, "can't connect");
  assertEquals(closed(), 2);
  // A call goes elsewhere.
  const xclient = new XClient(["memory@a", "memory@b"], { network, mode: "round_robin" });
  for (let call = 0; call < 4; call++) assert(await xclient.call("Where.Am"));
  assertEquals(closed(), 3); // the next dial comes later
  await xclient.close();
  await server.close();
  assertEquals(server.connections, 0);
});

Deno.test("what a network of one's own throws fails the dial; an abort's reason stays as it is", async () => {
  const network: Network = {
    connect: () => Promise.reject(new TypeError("no tunnel")),
    listen: () => Promise.reject(new Error("not needed")),
  };
  const error = await assertRejects(() => dialConnection("memory@a", { network }), RpcError);
  assertEquals(
    [error.code, error.execution, error.message, error.cause instanceof TypeError],
    ["unavailable", "not_sent", "memory@a: can't connect: no tunnel", true],
  );
  const reason = new Error("not wanted any more");
  const options = { network, signal: AbortSignal.abort(reason) };
  assertEquals(await dialConnection("memory@a", options).catch((error) => error), reason);
});
