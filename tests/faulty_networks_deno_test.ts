/**
 * Real processes behind a faulty network: clients on Deno, on Node and in Go, servers on Deno, on
 * Node and in Go, and a proxy between them that delays, halves, cuts, drops and forgets. What is
 * waited for are events and answers; no time is measured.
 */

import { assert, assertEquals } from "@std/assert";
import type { Protocol } from "../protocol/codec.ts";
import { PROTOCOLS } from "../protocol/protocols.ts";
import { Server } from "../server.ts";
import { arith, arithSchema, typesSchema } from "./interop/services.ts";
import type { Fault } from "./support/faulty_client.ts";
import { FaultyPeers, type RemoteClient, type Runtime } from "./support/faulty_peers.ts";
import { TcpProxy } from "./support/tcp_proxy.ts";
import { needsGo } from "./interop/peer.ts";

type ServerKind = Runtime | "go";

/** A client, and a server behind a proxy. */
interface Scene {
  readonly proxy: TcpProxy;
  readonly protocol: Protocol;
  readonly serverKind: ServerKind;
  /** The server's address beside the proxy. */
  readonly direct: string;
  /** Opens a client through the proxy, whose name is the argument. */
  open(kind: "client" | "xclient", name: string, options?: object, more?: string[]): Promise<void>;
  /** Waits until an `XClient` has told of an event. */
  untilEvent(name: string, event: string): Promise<void>;
  /** Calls a method with a client. */
  call(name: string, method: "Sum" | "Slow", n: number, options?: object): Promise<Answer>;
  /** Closes the proxy and the clients. */
  end(): Promise<void>;
}

type Answer = { readonly value?: unknown; readonly fault?: Fault };

/**
 * What fails and is known to: by what is tried, the server and the protocol. Each must still fail:
 * whoever mends it takes it out.
 */
const KNOWN: readonly { readonly what: string; readonly is: (scene: Scene) => boolean }[] = [];

function isKnown(what: string, scene: Scene): boolean {
  return KNOWN.some((known) => known.what === what && known.is(scene));
}

/** How a call fails whose connection is lost while it may run. */
function assertLost({ fault }: Answer): void {
  assertEquals([fault?.code, fault?.execution], ["unavailable", "unknown"], fault?.message);
}

/** Starts a call that does not end by itself; resolves when the server has got it. */
async function inFlight({ call, proxy }: Scene, name: string, ms = 600_000) {
  const before = proxy.came.client;
  const answer = call(name, "Slow", ms);
  await proxy.until(({ came }) => came.client > before);
  return { answer };
}

/** The faults. Each begins and ends with a proxy that passes everything on. */
const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "delayed bytes are late, and all that is behind them": async ({ open, call, proxy }) => {
    await open("client", "late");
    proxy.hold();
    const answers = Array.from({ length: 20 }, (_, n) => call("late", "Sum", n));
    await proxy.until(({ held }) => held > 0);
    proxy.release();
    const values = (await Promise.all(answers)).map(({ value }) => value);
    assertEquals(values, values.map((_, n) => n + 1));
  },

  "writes may come in pieces of any size": async ({ open, call, proxy }) => {
    for (const bytes of [1, 7]) {
      await open("client", `pieces ${bytes}`);
      // GeeRPC's servers lose what they read together with the end of the handshake.
      assertEquals((await call(`pieces ${bytes}`, "Sum", 1)).value, 2);
      proxy.split(bytes);
      const answers = Array.from({ length: 30 }, (_, n) => call(`pieces ${bytes}`, "Sum", n));
      const values = (await Promise.all(answers)).map(({ value }) => value);
      assertEquals(values, values.map((_, n) => n + 1));
      proxy.split(Infinity);
    }
  },

  "a connection that is cut loses its calls, and the next has another": async (scene) => {
    const { open, call, proxy, untilEvent } = scene;
    await open("client", "cut");
    await open("xclient", "cut fleet");
    assertEquals((await call("cut fleet", "Sum", 1)).value, 2);
    const one = await inFlight(scene, "cut");
    const other = await inFlight(scene, "cut fleet");
    const { accepted } = proxy;
    proxy.cut();
    assertLost(await one.answer);
    assertLost(await other.answer);
    await untilEvent("cut fleet", "disconnected");
    assertEquals((await call("cut fleet", "Sum", 2)).value, 3);
    assertEquals(proxy.accepted, accepted + 1);
    const { fault } = await call("cut", "Sum", 2);
    assertEquals([fault?.code, fault?.execution], ["unavailable", "not_sent"]);
  },

  "a server that half-closes has ended the connection": async (scene) => {
    const { open, call, proxy } = scene;
    await open("xclient", "half");
    assertEquals((await call("half", "Sum", 1)).value, 2);
    const { answer } = await inFlight(scene, "half");
    proxy.halve("server");
    assertLost(await answer);
    assertEquals((await call("half", "Sum", 2)).value, 3);
  },

  "a request whose sender then half-closes is answered": async (scene) => {
    const { open, call, proxy, untilEvent } = scene;
    await open("xclient", "half-closed");
    assertEquals((await call("half-closed", "Sum", 1)).value, 2);
    const { answer } = await inFlight(scene, "half-closed", 20);
    proxy.halve("client");
    const { value } = await answer;
    await untilEvent("half-closed", "disconnected"); // a call that left before it would be lost
    assertEquals((await call("half-closed", "Sum", 2)).value, 3);
    assertEquals(value, 20);
  },

  "a server that refuses is left out, and used again": async ({ open, call, proxy, direct }) => {
    proxy.refuse();
    await open("xclient", "refused", {}, [direct]);
    const answers = Array.from(
      { length: 20 },
      (_, n) => call("refused", "Sum", n, { idempotent: true }),
    );
    const values = (await Promise.all(answers)).map(({ value }) => value);
    assertEquals(values, values.map((_, n) => n + 1));
    proxy.pass();
    // Its place is tried again after some backoff, by calls that need it not.
    while (proxy.open === 0) {
      assertEquals((await call("refused", "Sum", 1, { idempotent: true })).value, 2);
    }
  },

  "a connection that leads nowhere ends calls by their deadline alone": async (scene) => {
    const { open, call, proxy } = scene;
    proxy.drop();
    await open("xclient", "nowhere");
    const { fault } = await call("nowhere", "Sum", 1, { timeoutMs: 50 });
    assertEquals(fault?.code === "TimeoutError" || fault?.code === "deadline_exceeded", true);
    proxy.pass(); // which resets it
    let value: unknown;
    while (value !== 2) value = (await call("nowhere", "Sum", 1, { timeoutMs: 5000 })).value;
  },

  "a forgotten connection is given up": async (scene) => {
    const { open, call, proxy } = scene;
    const liveness = { silenceMs: 50, pongMs: 50, deadMs: 150, muteMs: 300 };
    await open("xclient", "forgotten", { liveness });
    assertEquals((await call("forgotten", "Sum", 1)).value, 2);
    proxy.forget();
    assertLost(await call("forgotten", "Slow", 600_000));
    assertEquals((await call("forgotten", "Sum", 1)).value, 2);
    assertEquals(proxy.accepted, 2);
  },
};

async function meets(scene: Scene, what: string, fault: (scene: Scene) => Promise<void>) {
  const { protocol, serverKind } = scene;
  let error: unknown;
  try {
    await fault(scene);
  } catch (thrown) {
    error = thrown;
  }
  const where = `${what}: ${protocol}, the server ${serverKind}`;
  if (isKnown(what, scene)) {
    assert(error !== undefined, `${where}: known to fail, and does not: take it out of the list`);
  } else if (error !== undefined) throw new Error(where, { cause: error });
}

async function sceneOf(
  client: RemoteClient,
  serverKind: ServerKind,
  protocol: Protocol,
  direct: string,
): Promise<Scene> {
  const proxy = await TcpProxy.start(direct.slice("tcp@".length));
  const opened: string[] = [];
  const full = (name: string) => `${serverKind} ${protocol} ${name}`;
  return {
    proxy,
    protocol,
    serverKind,
    direct,
    async open(kind, name, options = {}, more = []) {
      opened.push(full(name));
      const addresses = [`tcp@${proxy.address}`, ...more];
      const all = { protocol, ...options };
      const { fault } = await client.order({
        open: kind,
        name: full(name),
        addresses,
        options: all,
      });
      assertEquals(fault, undefined);
    },
    call: (name, method, n, options = {}) => {
      const args = method === "Sum" ? { A: n, B: 1 } : n;
      return client.order({ on: full(name), method, args, options });
    },
    untilEvent: (name, event) => client.untilEvent(full(name), event),
    async end() {
      await proxy.close();
      for (const name of opened) await client.order({ close: name });
    },
  };
}

/** One fault after the other, of one server and protocol. */
async function meetsAll(
  client: RemoteClient,
  serverKind: ServerKind,
  protocol: Protocol,
  direct: string,
): Promise<void> {
  for (const [what, fault] of Object.entries(FAULTS)) {
    const scene = await sceneOf(client, serverKind, protocol, direct);
    try {
      await meets(scene, what, fault);
    } finally {
      await scene.end();
    }
  }
}

for (const clientKind of ["deno", "node"] as const) {
  Deno.test(`a client on ${clientKind} meets every fault, with servers on Deno, Node and in Go`, async () => {
    await using peers = new FaultyPeers();
    const servers: [ServerKind, Record<Protocol, string>][] = [
      ["deno", await peers.server("deno")],
      ["node", await peers.server("node")],
    ];
    if (needsGo) servers.push(["go", (await peers.go()).addresses]);
    const client = peers.client(clientKind);
    await Promise.all(
      servers.flatMap(([serverKind, addresses]) =>
        PROTOCOLS.map((protocol) => meetsAll(client, serverKind, protocol, addresses[protocol]))
      ),
    );
    // It closes what is open, and nothing keeps it alive.
    assertEquals(await client.end(), { code: 0, errors: "" });
  });
}

Deno.test({
  name: "Go's clients call our server through delays and pieces",
  ignore: !needsGo,
  fn: async () => {
    await using peers = new FaultyPeers();
    const { peer } = await peers.go();
    const server = new Server();
    server.register("Arith", arith, { schema: arithSchema });
    server.register("Types", { Echo: (value) => value }, { schema: typesSchema });
    try {
      for (
        const [kind, protocol] of [
          ["tcp/gob", "netrpc/gob"],
          ["http/gob", "netrpc/gob"],
          ["tcp/json", "netrpc/json"],
          ["tcp/gee-gob", "geerpc/gob"],
          ["tcp/gee-json", "geerpc/json"],
        ] as const
      ) {
        const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
        const proxy = await TcpProxy.start(address.slice("tcp@".length));
        try {
          proxy.split(3);
          proxy.hold();
          const calling = peer.call(kind, proxy.address);
          await proxy.until(({ held }) => held > 0);
          proxy.release();
          const { right, last, lastError } = await calling;
          assertEquals([right, last, lastError], [200, 42, ""], kind);
        } finally {
          await proxy.close();
        }
      }
    } finally {
      await server.close();
    }
  },
});
