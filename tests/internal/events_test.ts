/** One shape, one moment and one way to fail for the events of every part. */

import { assert, assertEquals } from "@std/assert";
import { DnsDiscovery } from "../../dns.ts";
import { EtcdDiscovery, EtcdRegistration } from "../../etcd.ts";
import { tell } from "../../internal/events.ts";
import { Heartbeat, Registry, RegistryDiscovery } from "../../registry.ts";
import { XClient } from "../../xclient.ts";
import { failure, inWorld, settled } from "../support/helpers.ts";
import { uncaughtIn } from "../support/uncaught.ts";

interface AnyEvent {
  readonly type: string;
}
type Listener = (event: AnyEvent) => void;

const SERVER = "tcp@10.0.0.1:9001";
const refused = () => Promise.reject(new TypeError("no connection"));

/** What brings each part to tell of something, by the part's name. */
const PARTS: Readonly<Record<string, (onEvent: Listener) => Promise<void>>> = {
  Server: (onEvent) =>
    inWorld(async (world) => {
      const { address } = await world.serve("a", { maxConnections: 1, onEvent });
      const clients = [await world.dial(address), await world.dial(address)];
      await settled();
      for (const client of clients) await client.close();
    }),
  XClient: (onEvent) =>
    inWorld(async (world) => {
      const { network, clock } = world;
      const xclient = new XClient(["memory@none"], { network, clock, onEvent, maxAttempts: 1 });
      await failure(xclient.call("Gate.Echo", 1));
      await xclient.close();
    }),
  Registry: async (onEvent) => {
    const registry = new Registry({ onEvent });
    const headers = { "X-Geerpc-Server": SERVER };
    const url = "http://registry/_geerpc_/registry";
    await registry.fetch(new Request(url, { method: "POST", headers }));
    await settled();
    await registry.close();
  },
  RegistryDiscovery: async (onEvent) => {
    const discovery = new RegistryDiscovery("http://registry", { fetch: refused, onEvent });
    await failure(discovery.getAll());
    await discovery.close();
  },
  Heartbeat: async (onEvent) => {
    const heartbeat = new Heartbeat("http://registry", SERVER, { fetch: refused, onEvent });
    await failure(heartbeat.tried());
    await settled();
    await heartbeat.close();
  },
  DnsDiscovery: async (onEvent) => {
    const resolver = { srv: refused, addresses: refused };
    const discovery = new DnsDiscovery("dns@pods.example:9001", { resolver, onEvent });
    await failure(discovery.getAll());
    await discovery.close();
  },
  EtcdDiscovery: async (onEvent) => {
    const options = { endpoints: "http://etcd:2379", fetch: refused, onEvent };
    const discovery = new EtcdDiscovery("arith/", options);
    await failure(discovery.getAll());
    await discovery.close();
  },
  EtcdRegistration: async (onEvent) => {
    const options = { endpoints: "http://etcd:2379", fetch: refused, onEvent };
    const registration = new EtcdRegistration("arith/", SERVER, options);
    await settled();
    await registration.close();
  },
};

Deno.test("tell: frozen, in a microtask of its own, and not at all without a listener", async () => {
  const told: AnyEvent[] = [];
  tell((event) => told.push(event), { type: "one" });
  tell(undefined, { type: "two" });
  assertEquals(told, []);
  await Promise.resolve();
  assertEquals(told, [{ type: "one" }]);
  assert(Object.isFrozen(told[0]));
});

// Bun's test runner lets no program have what is not caught.
const ignore = "Bun" in globalThis;
for (const [part, cause] of Object.entries(PARTS)) {
  Deno.test(`${part}: events are frozen plain objects with a type`, async () => {
    const told: AnyEvent[] = [];
    await cause((event) => told.push(event));
    assert(told.length > 0);
    for (const event of told) {
      assert(Object.isFrozen(event) && typeof event.type === "string", JSON.stringify(event));
      assertEquals(Object.getPrototypeOf(event), Object.prototype);
    }
  });

  Deno.test(`${part}: a listener that throws breaks nothing but itself`, { ignore }, async () => {
    let told = 0;
    const thrown = await uncaughtIn(async () => {
      await cause(({ type }) => {
        told++;
        throw new Error(type);
      });
      await settled();
    });
    assertEquals(thrown.length, told);
    assert(told > 0);
  });
}
