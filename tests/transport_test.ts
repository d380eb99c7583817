/** What every connection does alike: memory, and this runtime's own sockets. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { parseAddress } from "../address.ts";
import { dial } from "../client.ts";
import { systemNetwork } from "../net/network.ts";
import { type CallContext, Server } from "../server.ts";
import { MemoryNetwork } from "../testing.ts";
import type { Network, TlsOptions, Transport } from "../transport.ts";
import * as nodeSockets from "../net/node.ts";
import {
  assertFails,
  assertFailure,
  deferred,
  failure,
  inWorld,
  RawPeer,
  RawServer,
  settled,
} from "./support/helpers.ts";

const fixture = (name: string) =>
  readFileSync(new URL(`./fixtures/${name}`, import.meta.url), "utf-8");
const tls: TlsOptions = { cert: fixture("localhost.pem"), key: fixture("localhost.key") };
const trust: TlsOptions = { caCerts: [fixture("ca.pem")] };

/** Node's sockets as a network, also on Deno (whose `node:tls` is another thing). */
const nodeNetwork: Network = {
  connect: nodeSockets.connect,
  listen: nodeSockets.listen,
};

interface Kind {
  network: Network;
  /** Where to listen; a new one each time. */
  address(): string;
}

const folder = mkdtempSync(join(tmpdir(), "xclient-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let paths = 0;
const unixPath = () => join(folder, `${++paths}.sock`);

const KINDS: Record<string, Kind> = {
  memory: { network: new MemoryNetwork(), address: () => `memory@${++paths}` },
  "memory in small chunks": {
    network: new MemoryNetwork({ chunkBytes: 1000 }),
    address: () => `memory@${++paths}`,
  },
  tcp: { network: systemNetwork, address: () => "tcp@127.0.0.1:0" },
  unix: { network: systemNetwork, address: () => `unix@${unixPath()}` },
  tls: { network: systemNetwork, address: () => "tls@localhost:0" },
  "tcp of Node": { network: nodeNetwork, address: () => "tcp@127.0.0.1:0" },
  "unix of Node": { network: nodeNetwork, address: () => `unix@${unixPath()}` },
};

/** Two ends of a connection. */
async function connected(
  { network, address }: Kind,
  body: (
    ours: Transport,
    theirs: Transport,
    listener: { address: string; close(): Promise<void> },
  ) => Promise<void>,
) {
  const accepted = deferred<Transport>();
  const listener = await network.listen(parseAddress(address()), accepted.resolve, { tls });
  const ours = await network.connect(parseAddress(listener.address), { tls: trust });
  const theirs = await accepted.promise;
  await body(ours, theirs, listener);
  ours.close();
  theirs.close();
  await listener.close();
  await listener.close(); // idempotent
}

/** Waits until both ends have heard the end. */
async function finish(...peers: RawPeer[]) {
  for (const peer of peers) peer.close();
  await Promise.all(peers.map(({ ended }) => ended));
}

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`${name}: bytes go both ways, in order and unchanged`, () =>
    connected(kind, async (ours, theirs) => {
      const [a, b] = [new RawPeer(ours), new RawPeer(theirs)];
      for (const text of ["one ", "", "two ", "é€😀"]) await a.write(text);
      await b.until(({ text }) => text === "one two é€😀");
      await b.write("back");
      await a.until(({ text }) => text === "back");
      await finish(a, b);
    }));

  Deno.test(`${name}: what comes before anybody reads is not lost`, () =>
    connected(kind, async (ours, theirs) => {
      const a = new RawPeer(ours);
      await a.write("early");
      await settled();
      const b = new RawPeer(theirs);
      await b.until(({ text }) => text === "early");
      await finish(a, b);
    }));

  Deno.test(`${name}: 8 MiB in one write arrive whole`, () =>
    connected(kind, async (ours, theirs) => {
      const bytes = new Uint8Array(8 * 1024 * 1024);
      for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
      let at = 0;
      let isSame = true;
      const done = deferred();
      theirs.start({
        data(chunk) {
          for (const byte of chunk) isSame &&= byte === bytes[at++];
          if (at === bytes.length) done.resolve();
        },
        end: () => done.resolve(),
      });
      const a = new RawPeer(ours);
      await a.write(bytes);
      await done.promise;
      assert(isSame);
      assertEquals(at, bytes.length);
      await finish(a);
    }));

  Deno.test(`${name}: a reader that pauses is not told more until it is ready`, () =>
    connected(kind, async (ours, theirs) => {
      const [a, b] = [new RawPeer(ours), new RawPeer(theirs)];
      b.pause();
      await a.write("first");
      await b.until(({ text }) => text.length > 0);
      const before = b.chunks.length;
      await a.write("second");
      for (let n = 0; n < 5; n++) await settled();
      assertEquals(b.chunks.length, before);
      b.resume();
      await b.until(({ text }) => text === "firstsecond");
      await finish(a, b);
    }));

  Deno.test(`${name}: a close is an end for both, once, without an error`, () =>
    connected(kind, async (ours, theirs) => {
      const isTls = ours.remote.startsWith("tls@");
      const ends: [string, unknown][] = [];
      const both = [deferred(), deferred()];
      const receiver = (who: string, done: { resolve(): void }) => ({
        data() {},
        end(error?: unknown) {
          ends.push([who, error]);
          done.resolve();
        },
      });
      ours.start(receiver("ours", both[0]));
      theirs.start(receiver("theirs", both[1]));
      await settled();
      ours.close();
      ours.close();
      await both[0].promise;
      await both[1].promise;
      theirs.close();
      await settled();
      assertEquals(ends.map(([who]) => who).sort(), ["ours", "theirs"]);
      // Who closes with bytes unread, as of TLS's session, may look to the other like one who is gone.
      const errors = ends.filter(([who, error]) =>
        error !== undefined && !(who === "theirs" && isTls)
      );
      assertEquals(errors, []);
      await assertRejects(() => ours.write(new Uint8Array([1])));
    }));

  Deno.test(`${name}: what was written before the close arrives before the end`, () =>
    connected(kind, async (ours, theirs) => {
      const b = new RawPeer(theirs);
      await ours.write(new TextEncoder().encode("last words"));
      const a = new RawPeer(ours);
      a.close();
      await b.ended;
      assertEquals(b.text, "last words");
      await finish(a, b);
    }));

  Deno.test(`${name}: addresses`, () =>
    connected(kind, (ours, theirs, { address }) => {
      const { scheme, port, hostname } = parseAddress(address);
      assertEquals(ours.remote, address);
      if (scheme === "tcp" || scheme === "tls") {
        assert(port > 0);
        assert(
          /^(tcp@127\.0\.0\.1|tls@(127\.0\.0\.1|\[::1\]|\[::ffff:127\.0\.0\.1\])):\d+$/.test(
            theirs.remote,
          ),
          theirs.remote,
        );
        assert(theirs.remote !== address && hostname !== "");
      }
      ours.start({ data() {}, end() {} });
      theirs.start({ data() {}, end() {} });
      return Promise.resolve();
    }));

  Deno.test(`${name}: an address that is taken, and one where nobody listens any more`, async () => {
    const { network, address } = kind;
    const listener = await network.listen(
      parseAddress(address()),
      (transport) => transport.close(),
      { tls },
    );
    const taken = parseAddress(listener.address);
    await assertRejects(() => Promise.resolve(network.listen(taken, () => {}, { tls })));
    await listener.close();
    await assertRejects(() => network.connect(taken, { tls: trust }));
    const again = await network.listen(taken, (transport) => transport.close(), { tls });
    await again.close();
    if (taken.scheme === "unix") assert(!existsSync(taken.path), "the socket's file is left");
  });

  Deno.test(`${name}: a signal that has aborted gives its reason`, async () => {
    const { network, address } = kind;
    const listener = await network.listen(
      parseAddress(address()),
      (transport) => transport.close(),
      { tls },
    );
    const reason = { any: "reason" };
    const signal = AbortSignal.abort(reason);
    const connecting = network.connect(parseAddress(listener.address), { signal, tls: trust });
    assertStrictEquals(await failure(connecting), reason);
    await listener.close();
  });
}

for (const [name, { network }] of Object.entries({ tls: KINDS.tls })) {
  Deno.test(`${name}: an abort during the handshake closes the socket`, async () => {
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
      network.connect(parseAddress(`tls@127.0.0.1:${port}`), { signal: controller.signal }),
    );
    await greeted.promise;
    controller.abort("enough");
    assertEquals(await connecting, "enough");
    // Deno 2.9 holds a socket whose TLS handshake was given up until the peer closes it.
    if ("Deno" in globalThis) { for (const socket of sockets) socket.destroy(); }
    await gone.promise;
    await new Promise((resolve) => server.close(resolve));
  });

  for (
    const [what, address, options] of [
      ["a certificate of nobody's", "localhost", {}],
      ["a certificate for another name", "127.0.0.1", {
        ...trust,
        serverName: "elsewhere.example",
      }],
    ] as const
  ) {
    Deno.test(`${name}: ${what} is refused`, async () => {
      const accepted: RawPeer[] = [];
      const listener = await network.listen(parseAddress("tls@localhost:0"), (transport) => {
        accepted.push(new RawPeer(transport));
      }, { tls });
      const { port } = parseAddress(listener.address);
      const endpoint = parseAddress(`tls@${address}:${port}`);
      await assertRejects(() => network.connect(endpoint, { tls: options }));
      await finish(...accepted);
      await listener.close();
    });
  }

  Deno.test(`${name}: serverName stands in for the address's host`, async () => {
    const other = { cert: fixture("other.example.pem"), key: fixture("other.example.key") };
    const accepted = deferred<RawPeer>();
    const listener = await network.listen(
      parseAddress("tls@127.0.0.1:0"),
      (transport) => accepted.resolve(new RawPeer(transport)),
      { tls: other },
    );
    const options = { ...trust, serverName: "other.example" };
    const ours = new RawPeer(
      await network.connect(parseAddress(listener.address), { tls: options }),
    );
    await ours.write("hello");
    const theirs = await accepted.promise;
    await theirs.until(({ text }) => text === "hello");
    await finish(ours, theirs);
    await listener.close();
  });
}

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

Deno.test("tls@: a client that never ends its handshake is cut off by the server's close", async () => {
  const server = new Server();
  server.register("Echo", { Say: (text: string) => text });
  const { address } = await server.listen("tls@localhost:0", { tls });
  const silent = connectTcp(parseAddress(address).port, "localhost");
  const gone = deferred();
  silent.on("error", () => {}); // a reset is as good
  silent.on("close", () => gone.resolve());
  await new Promise<void>((resolve) => silent.once("connect", resolve));
  // Those who come first are accepted first.
  const client = await dial(address, { tls: trust });
  assertEquals(await client.call("Echo.Say", "hello"), "hello");
  await client.close();
  await server.close();
  // Deno 2.9 holds a socket whose TLS handshake was given up until the peer closes it.
  if ("Deno" in globalThis) silent.destroy();
  await gone.promise;
});

Deno.test("http@ and tcp@ are served at the same address", async () => {
  const server = new Server();
  server.register("Arith", new Arith());
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const client = await dial(address.replace("tcp@", "http@"));
  assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
  await client.close();
  await server.close();
});

Deno.test("a client whose process is gone: the server hears of it", async () => {
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
  const { option, request } = await import("./support/helpers.ts");
  await client.write(option() + request(1, "Wait.Do", null));
  await begun.promise;
  client.close();
  await aborted.promise;
  await client.ended;
  await server.close();
});

Deno.test("MemoryNetwork: delay, faults and cuts", () =>
  inWorld(async ({ clock, network }) => {
    const raw = await RawServer.listen(network, "memory@a");
    const connecting = network.connect(parseAddress("memory@a"));
    await clock.advance(9);
    assertEquals(raw.peers.length, 0);
    await clock.advance(1);
    const ours = new RawPeer(await connecting);
    const theirs = await raw.accept();
    assertEquals(network.connections("memory@a"), 1);

    await ours.write("late");
    await clock.advance(9);
    assertEquals(theirs.text, "");
    await clock.advance(1);
    assertEquals(theirs.text, "late");

    network.setFaults("memory@a", { silent: true });
    await ours.write("lost");
    await clock.advance(1000);
    assertEquals([theirs.text, ours.isOver], ["late", false]);
    const hanging = network.connect(parseAddress("memory@a"), {
      signal: AbortSignal.abort("enough"),
    });
    assertEquals(await failure(hanging), "enough");

    network.setFaults("memory@a", { refuse: true });
    const refused = failure(network.connect(parseAddress("memory@a")));
    await clock.advance(10);
    assertFailure(await refused, {
      code: "unavailable",
      execution: "not_sent",
      address: "memory@a",
    });

    network.setFaults("memory@a");
    network.cut("memory@a");
    await clock.advance(10);
    await Promise.all([ours.ended, theirs.ended]);
    assertEquals(network.connections("memory@a"), 0);
    await raw.close();
  }, { delayMs: 10 }));

Deno.test("MemoryNetwork: what is sent later never arrives earlier, nor what is lost at all", () =>
  inWorld(async ({ clock, network }) => {
    const raw = await RawServer.listen(network, "memory@a");
    const ours = new RawPeer(await network.connect(parseAddress("memory@a")));
    const theirs = await raw.accept();
    network.setFaults("memory@a", { delayMs: 100 });
    await ours.write("one ");
    network.setFaults("memory@a", { held: true });
    await ours.write("two ");
    network.setFaults("memory@a", { silent: true }); // what was held is lost with it
    await ours.write("three ");
    network.setFaults("memory@a", { delayMs: 50 });
    await ours.write("four ");
    await clock.advance(50);
    network.setFaults("memory@a");
    await ours.write("five");
    ours.close();
    await clock.advance(49);
    assertEquals([theirs.text, theirs.isOver], ["", false]);
    await clock.advance(1);
    assertEquals([theirs.text, theirs.isOver], ["one four five", true]);
    await raw.close();
  }));
