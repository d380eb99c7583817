/** Discovery and registration with a real etcd, which is killed under them. */

import { assertEquals } from "@std/assert";
import {
  EtcdDiscovery,
  type EtcdDiscoveryOptions,
  EtcdRegistration,
  type EtcdRegistrationEvent,
  type SourceEvent,
} from "../../../etcd.ts";
import { EtcdCluster, type EtcdClusterOptions, isEtcdMissing } from "../../support/etcd.ts";
import { assertFails } from "../../support/helpers.ts";
import { until } from "../../support/processes.ts";

const A = "tcp@10.0.0.1:9001";
const B = "tcp@10.0.0.2:9001?weight=3";
const C = "tcp@10.0.0.3:9001";

/** The range of all keys of the tests. */
const ALL = { key: btoa("arith/"), range_end: btoa("arith0"), count_only: true };

interface World {
  etcd: EtcdCluster;
  discovery: EtcdDiscovery;
  events: SourceEvent[];
  /** The discovery's connection to etcd: it can be cut, and counts the reads of all keys. */
  wire: { isCut: boolean; reads: number };
  register(address: string, ttlMs?: number): EtcdRegistration;
  /** Waits for a list. */
  untilListed(servers: string[]): Promise<void>;
}

function withEtcd(
  name: string,
  body: (world: World) => Promise<void>,
  options: EtcdClusterOptions = {},
  discoveryOptions: Partial<EtcdDiscoveryOptions> = {},
): void {
  Deno.test({
    name: `etcd (real): ${name}`,
    ignore: isEtcdMissing,
    fn: async () => {
      const etcd = await EtcdCluster.start(options);
      const { endpoints } = etcd;
      const events: SourceEvent[] = [];
      const registrations: EtcdRegistration[] = [];
      const wire = { isCut: false, reads: 0 };
      const discovery = new EtcdDiscovery("arith/", {
        endpoints,
        fetch: (url, init) => {
          if (wire.isCut) return Promise.reject(new TypeError("the wire is cut"));
          if (url.endsWith("/range")) wire.reads++;
          return fetch(url, init);
        },
        onEvent: (event) => events.push(event),
        ...discoveryOptions,
      });
      const { username, password } = discoveryOptions;
      const register = (address: string, ttlMs = 2000) => {
        const options = { endpoints, ttlMs, username, password };
        const registration = new EtcdRegistration("arith/", address, options);
        registrations.push(registration);
        return registration;
      };
      const untilListed = (servers: string[]) =>
        until(
          `${servers} are listed`,
          () => String(discovery.current) === String(servers),
        );
      try {
        await body({ etcd, discovery, events, wire, register, untilListed });
      } finally {
        await discovery.close();
        await Promise.all(registrations.map((registration) => registration.close()));
        await etcd.stop();
      }
    },
  });
}

withEtcd("servers register, are seen at once, and leave at once", async (world) => {
  const { etcd, discovery, events, register, untilListed } = world;
  await discovery.refresh();
  assertEquals(discovery.current, []);
  // No lease ends by itself while the test lasts.
  const [a, b] = [register(A, 300_000), register(B, 300_000)];
  await Promise.all([a.ready, b.ready]);
  await untilListed([A, B]);
  await etcd.put("arith/x", "nonsense");
  await etcd.put("brith/y", C);
  await a.close();
  await untilListed([B]);
  await until("the nonsense is reported", () => events.some(({ type }) => type === "invalid"));
  assertEquals(discovery.staleMs, 0);
});

withEtcd(
  "killed and started again, it costs no server, and the watch is resumed by itself",
  async (world) => {
    const { etcd, discovery, events, wire, register, untilListed } = world;
    const registrations = [register(A), register(B)];
    await Promise.all(registrations.map(({ ready }) => ready));
    await discovery.refresh();
    await untilListed([A, B]);
    const lists = events.filter(({ type }) => type === "changed").length;
    await etcd.kill();
    await until("the discovery notices", () => discovery.staleMs > 0);
    await until("the age of the list shows", () => discovery.staleMs > 3000); // over a lease
    assertEquals(await discovery.getAll(), [A, B]);
    await assertFails(discovery.refresh(), { code: "unavailable", address: etcd.endpoints[0] });
    const { reads } = wire;
    etcd.run();
    await until("the watch goes on", () => discovery.staleMs === 0);
    assertEquals(wire.reads, reads, "the watch is resumed, nothing is read again");
    const c = register(C);
    await c.ready;
    await untilListed([A, B, C]);
    assertEquals(
      events.filter(({ type }) => type === "changed").length,
      lists + 1,
      "no server was missing for a while",
    );
  },
);

withEtcd("a lease that is lost is replaced", async (world) => {
  const { etcd, discovery, untilListed } = world;
  const events: EtcdRegistrationEvent[] = [];
  const registration = new EtcdRegistration("arith/", A, {
    endpoints: etcd.endpoints,
    ttlMs: 2000,
    onEvent: (event) => events.push(event),
  });
  await registration.ready;
  await discovery.refresh();
  await etcd.put("arith/b", B);
  await untilListed([B, A]);
  const { leases } = await etcd.ask("/v3/lease/leases", {}) as { leases: { ID: string }[] };
  assertEquals(leases.length, 1);
  await etcd.ask("/v3/lease/revoke", leases[0]);
  await untilListed([B]);
  await untilListed([B, A]);
  await registration.close();
  assertEquals(events.map(({ type }) => type), ["registered", "lost", "registered"]);
});

withEtcd(
  "what was compacted away while the watch was lost is read again",
  async (world) => {
    const { etcd, discovery, untilListed } = world;
    await etcd.put("arith/a", A);
    await etcd.put("arith/b", B);
    await discovery.refresh();
    await untilListed([A, B]);
    await etcd.kill();
    await until("the discovery notices", () => discovery.staleMs > 0);
    // The discovery must not be back before the compaction, or it would miss nothing.
    etcd.run();
    await etcd.answers();
    await etcd.ask("/v3/kv/deleterange", { key: btoa("arith/a") });
    await etcd.put("arith/c", C);
    const { header } = await etcd.ask("/v3/kv/range", { key: btoa("a") }) as {
      header: { revision: string };
    };
    await etcd.ask("/v3/kv/compaction", { revision: header.revision, physical: true });
    await untilListed([B, C]);
  },
  {},
  { random: () => 0.999 },
);

const ROOT = { username: "root", password: "secret" };

async function addUser(etcd: EtcdCluster): Promise<void> {
  await etcd.ask("/v3/auth/user/add", { name: "root", password: "secret" });
  await etcd.ask("/v3/auth/role/add", { name: "root" });
  await etcd.ask("/v3/auth/user/grant", { user: "root", role: "root" });
}

async function tokenOf(etcd: EtcdCluster, password = "secret"): Promise<string> {
  const { token } = await etcd.ask("/v3/auth/authenticate", { name: "root", password });
  return String(token);
}

withEtcd(
  "users that come later, go and come again, and whose password changes, cost no registration",
  async ({ etcd, discovery, register, untilListed }) => {
    let password = "secret";
    const registrations = [register(A), register(B)];
    await Promise.all(registrations.map(({ ready }) => ready));
    await discovery.refresh();
    await untilListed([A, B]);
    await addUser(etcd);

    /** Each registration loses its lease, and the discovery reads all again. */
    const holds = async (token?: string) => {
      await discovery.refresh();
      const { leases = [] } = await etcd.ask("/v3/lease/leases", {}, token) as {
        leases: { ID: string }[];
      };
      for (const lease of leases) await etcd.ask("/v3/lease/revoke", lease, token);
      await until("both are registered again", async () => {
        const { count } = await etcd.ask("/v3/kv/range", ALL, token);
        return count === "2" && registrations.every(({ registered }) => registered);
      });
      await discovery.refresh();
      await untilListed([A, B]);
    };
    await etcd.ask("/v3/auth/enable", {});
    await holds(await tokenOf(etcd));
    await etcd.ask("/v3/auth/disable", {}, await tokenOf(etcd));
    await holds();
    await etcd.ask("/v3/auth/enable", {});
    await holds(await tokenOf(etcd));

    const other = new EtcdDiscovery("arith/", {
      endpoints: etcd.endpoints,
      username: "root",
      password: () => password,
    });
    assertEquals(await other.getAll(), [A, B]);
    const change = { name: "root", password: "other" };
    await etcd.ask("/v3/auth/user/changepw", change, await tokenOf(etcd));
    await assertFails(other.refresh(), { message: "authentication failed" });
    password = "other";
    await other.refresh();
    await other.close();
  },
  {},
  ROOT,
);

withEtcd(
  "with users: tokens are renewed, also after a restart",
  async ({ etcd, discovery, register, untilListed }) => {
    await addUser(etcd);
    await etcd.ask("/v3/auth/enable", {});
    const registration = register(A);
    await registration.ready;
    await discovery.refresh();
    await untilListed([A]);
    const stranger = new EtcdDiscovery("arith/", { endpoints: etcd.endpoints });
    await assertFails(stranger.refresh(), { message: "user name is empty" });
    await stranger.close();
    const guesser = new EtcdDiscovery("arith/", {
      endpoints: etcd.endpoints,
      username: "root",
      password: "guess",
    });
    await assertFails(guesser.refresh(), { message: "authentication failed" });
    await guesser.close();

    await etcd.kill(); // it forgets its tokens
    await until("the discovery notices", () => discovery.staleMs > 0);
    etcd.run();
    await until("the watch goes on", () => discovery.staleMs === 0);
    const other = register(B);
    await other.ready;
    await untilListed([A, B]);
  },
  {},
  ROOT,
);

withEtcd(
  "three members: the leader is killed, then another stands in",
  async (world) => {
    const { etcd, discovery, events, register, untilListed } = world;
    const registrations = [register(A), register(B)];
    await Promise.all(registrations.map(({ ready }) => ready));
    await discovery.refresh();
    await untilListed([A, B]);
    const lists = events.filter(({ type }) => type === "changed").length;
    const leader = await etcd.leader();
    await etcd.kill(leader);
    const c = register(C);
    await c.ready;
    await untilListed([A, B, C]);
    assertEquals(events.filter(({ type }) => type === "changed").length, lists + 1);

    // Without a majority nothing can be read again; the list stays.
    const second = etcd.names.find((name) => name !== leader)!;
    await etcd.kill(second);
    await until("the discovery notices", () => discovery.staleMs > 0);
    assertEquals(await discovery.getAll(), [A, B, C]);
    etcd.run(leader);
    etcd.run(second);
    await until("the watch goes on", () => discovery.staleMs === 0);
    await c.close();
    await untilListed([A, B]);
  },
  { members: 3 },
  { requestTimeoutMs: 1000 },
);
