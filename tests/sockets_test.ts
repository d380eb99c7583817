/** Server and client on real sockets, by each scheme of an address. */

import { assertEquals } from "@std/assert";
import { parseAddress } from "../address.ts";
import { dial } from "../client.ts";
import { systemNetwork } from "../net/network.ts";
import { type CallContext, Server } from "../server.ts";
import { assertFails, deferred, option, RawPeer, request } from "./support/helpers.ts";
import { tls, trust, unixPath } from "./support/transports.ts";

class Arith {
  Sum({ A, B }: { A: number; B: number }) {
    return A + B;
  }
  Remote(_: unknown, ctx: CallContext) {
    return ctx.remote;
  }
}

for (
  const address of ["tcp@127.0.0.1:0", "http@127.0.0.1:0", "tls@localhost:0", `unix@${unixPath()}`]
) {
  Deno.test(`${address.split("@")[0]}@: a server and a client, from dial to close`, async () => {
    const server = new Server();
    server.register("Arith", new Arith());
    const listener = await server.listen(address, { tls });
    const client = await dial(listener.address, { tls: trust });
    const sums = Array.from({ length: 500 }, (_, n) => client.call("Arith.Sum", { A: n, B: 1 }));
    assertEquals(await Promise.all(sums), sums.map((_, n) => n + 1));
    const remote = await client.call<string>("Arith.Remote");
    assertEquals(remote.split("@")[0], address.split("@")[0]);
    const big = "é".repeat(1_000_000);
    await assertFails(client.call("Arith.Nothing", big), { code: "unimplemented" });
    assertEquals(server.connections, 1);
    await server.close();
    await client.closed;
    await client.close();
    assertEquals(server.connections, 0);
  });
}

Deno.test("http@ and tcp@ are served at the same address", async () => {
  const server = new Server();
  server.register("Arith", new Arith());
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const client = await dial(address.replace("tcp@", "http@"));
  assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
  await client.close();
  await server.close();
});

Deno.test("a client whose process is gone: its calls are aborted at the server", async () => {
  const aborted = deferred();
  const begun = deferred();
  const server = new Server();
  server.register("Wait", {
    Do: (_: unknown, ctx: CallContext) => {
      ctx.signal.addEventListener("abort", () => aborted.resolve());
      begun.resolve();
      return new Promise(() => {});
    },
  });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const transport = await systemNetwork.connect(parseAddress(address));
  const client = new RawPeer(transport);
  await client.write(option() + request(1, "Wait.Do", null));
  await begun.promise;
  client.close();
  await aborted.promise;
  await client.ended;
  await server.close();
});
