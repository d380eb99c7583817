/** Clients that end their side of a connection: those that wait for their replies, and those that are gone. */

import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { systemNetwork } from "../../net/network.ts";
import { type ClientCodec, limitsOf, type Protocol } from "../../protocol/codec.ts";
import { openClientCodec, PROTOCOLS } from "../../protocol/protocols.ts";
import { type CallContext, Server } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import type { Network, Transport } from "../../transport.ts";
import { type Deferred, deferred, settled } from "../support/helpers.ts";
import { tls, trust, unixPath } from "../support/transports.ts";

/** The replies that have come, by the numbers of their calls. */
class Replies {
  readonly ended = deferred();
  readonly values = new Map<number, unknown>();
  error: unknown;

  constructor(transport: Transport, codec: ClientCodec) {
    transport.start({
      data: (chunk) =>
        codec.receive(chunk, {
          take: (seq) => ({
            serviceMethod: "Slow.Get",
            resolve: (value) => void this.values.set(seq, value),
            fail: (code, message) => void this.values.set(seq, `${code}: ${message}`),
            failDecode: (_code, what) => void this.values.set(seq, what),
          }),
          drain() {},
        }),
      end: (error) => {
        this.error = error;
        this.ended.resolve();
      },
    });
  }
}

/** A server whose handlers end when the test says so, and the bytes of three calls to it. */
async function scene(network: Network, address: string, protocol: Protocol, clock?: FakeClock) {
  const ends: Deferred<unknown>[] = [];
  const aborted: unknown[] = [];
  const begun = deferred();
  const server = new Server({ clock });
  server.register("Slow", {
    Get: (_: unknown, { signal }: CallContext) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      const end = deferred<unknown>();
      if (ends.push(end) === 3) begun.resolve();
      return end.promise;
    },
  });
  const listener = await server.listen(address, { network, protocol, tls });
  const codec = await openClientCodec(protocol, limitsOf(), 0);
  for (const seq of [1, 2, 3]) codec.request(seq, "Slow.Get", { n: seq }, {});
  const transport = await network.connect(parseAddress(listener.address), { tls: trust });
  await transport.write(codec.take());
  return { server, ends, aborted, begun: begun.promise, transport, codec };
}

const KINDS: Record<string, () => [network: Network, address: string, clock?: FakeClock]> = {
  memory: () => {
    const clock = new FakeClock();
    return [new MemoryNetwork({ clock }), "memory@a", clock];
  },
  tcp: () => [systemNetwork, "tcp@127.0.0.1:0"],
  unix: () => [systemNetwork, `unix@${unixPath()}`],
  tls: () => [systemNetwork, "tls@localhost:0"],
};

for (const [kind, where] of Object.entries(KINDS)) {
  for (const protocol of PROTOCOLS) {
    Deno.test(`${kind}, ${protocol}: a client that ends its side gets its answers, then the end`, async () => {
      const [network, address, clock] = where();
      const { server, ends, aborted, begun, transport, codec } = await scene(
        network,
        address,
        protocol,
        clock,
      );
      await transport.closeWrite!();
      const replies = new Replies(transport, codec);
      await begun;
      for (let n = 0; n < 5; n++) await settled();
      await clock?.advance(60_000); // slow handlers; meanwhile it is asked whether it is there
      assertEquals([aborted, server.connections], [[], 1]);
      const large = "x".repeat(3_000_000);
      ends[2].resolve(large);
      ends[0].resolve("one");
      ends[1].reject(new Error("no two"));
      await replies.ended.promise;
      transport.close();
      assertEquals(replies.values.get(1), "one");
      assertEquals(replies.values.get(2), "unknown: no two");
      assert(replies.values.get(3) === large);
      assertEquals([replies.error, aborted], [undefined, []]);
      await settled();
      await server.close({ graceMs: 0 });
      assertEquals([server.connections, server.running, clock?.timers ?? 0], [0, 0, 0]);
    });

    Deno.test(`${kind}, ${protocol}: a client that is gone is missed, and its handlers are told`, async () => {
      const [network, address, clock] = where();
      const { server, ends, aborted, begun, transport, codec } = await scene(
        network,
        address,
        protocol,
        clock,
      );
      const replies = new Replies(transport, codec);
      await begun;
      transport.close();
      await replies.ended.promise;
      for (let n = 0; aborted.length < 3; n++) {
        if (clock === undefined) await settled();
        else await clock.advance(n < 3 ? 100 : NaN); // the second question finds it out at most
      }
      assertEquals([server.connections, server.running], [0, 3]);
      for (const { resolve } of ends) resolve("for nobody");
      await settled();
      assertEquals([server.running, clock?.timers ?? 0], [0, 0]);
      await server.close();
    });
  }
}

Deno.test("what waits when the client ends its side runs, too", async () => {
  const [network, address, clock] = KINDS.memory();
  let run = 0;
  const server = new Server({ clock, maxInFlight: 1 });
  server.register("Slow", { Get: async (n: unknown) => (await settled(), run++, n) });
  await server.listen(address, { network });
  const codec = await openClientCodec("geerpc/json", limitsOf(), 0);
  for (let seq = 1; seq <= 20; seq++) codec.request(seq, "Slow.Get", seq, {});
  const transport = await network.connect(parseAddress(address));
  const replies = new Replies(transport, codec);
  await transport.write(codec.take());
  await transport.write(new TextEncoder().encode('{"ServiceMethod":"Slow.G')); // and half a call
  await transport.closeWrite!();
  await replies.ended.promise;
  replies.values.delete(0); // the server's word that it knows our extensions
  assertEquals([run, replies.values.size], [20, 20]);
  transport.close();
  await server.close();
});
