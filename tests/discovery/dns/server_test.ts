/** Discovery by DNS with a real name server, whose records change, and which is killed. */

import { assert, assertEquals } from "@std/assert";
import { DnsDiscovery, type DnsDiscoveryOptions, type SourceEvent } from "../../../dns.ts";
import { isDnsmasqMissing, NameServer } from "../../support/dnsmasq.ts";
import { assertFails } from "../../support/helpers.ts";
import { HeldPorts } from "../../support/ports.ts";
import { until } from "../../support/processes.ts";

interface World {
  server: NameServer;
  discover(address: string, options?: DnsDiscoveryOptions): DnsDiscovery;
  events: SourceEvent[];
}

function withNameServer(name: string, body: (world: World) => Promise<void>): void {
  Deno.test({
    name: `dns (real): ${name}`,
    ignore: isDnsmasqMissing,
    fn: async () => {
      const server = await NameServer.start();
      const events: SourceEvent[] = [];
      const discoveries: DnsDiscovery[] = [];
      const discover = (address: string, options: DnsDiscoveryOptions = {}) => {
        const discovery = new DnsDiscovery(address, {
          nameServer: server.address,
          minTtlMs: 100,
          onEvent: (event) => events.push(event),
          ...options,
        });
        discoveries.push(discovery);
        return discovery;
      };
      try {
        await body({ server, discover, events });
      } finally {
        await Promise.all(discoveries.map((discovery) => discovery.close()));
        await server.stop();
      }
    },
  });
}

function untilListed(discovery: DnsDiscovery, servers: string[]): Promise<void> {
  return until(`${servers} are listed`, () => String(discovery.current) === String(servers));
}

withNameServer("addresses change, and are asked for by their TTL", async (world) => {
  const { server, discover } = world;
  await server.setHosts({ "pods.example": ["10.0.0.2", "10.0.0.1"], "six.example": ["fd00::1"] });
  // Nothing but the TTL, a second, has it ask again while the test lasts.
  const pods = discover("dns@pods.example:9001?zone=a", { defaultTtlMs: 300_000 });
  const six = discover("dns@six.example:9001");
  assertEquals(await pods.getAll(), ["tcp@10.0.0.1:9001?zone=a", "tcp@10.0.0.2:9001?zone=a"]);
  assertEquals(await six.getAll(), ["tcp@[fd00::1]:9001"]);
  await server.setHosts({ "pods.example": ["10.0.0.2", "10.0.0.3"] });
  await untilListed(pods, ["tcp@10.0.0.2:9001?zone=a", "tcp@10.0.0.3:9001?zone=a"]);
});

withNameServer("services: priority, port, weight, and the targets' addresses", async (world) => {
  const { server, discover } = world;
  const name = "_grpc._tcp.arith.example";
  await server.setHosts({
    "a.example": ["10.0.0.1"],
    "b.example": ["10.0.0.2"],
    "spare.example": ["10.0.0.9"],
  });
  await server.setServices([
    { name, target: "a.example", port: 9001, weight: 30 },
    { name, target: "b.example", port: 9002, weight: 10 },
    { name, target: "spare.example", port: 9009, priority: 1 },
  ]);
  const discovery = discover(`dns@${name}`, { defaultTtlMs: 1000 });
  assertEquals(await discovery.getAll(), [
    "tcp@10.0.0.1:9001?weight=30",
    "tcp@10.0.0.2:9002?weight=10",
  ]);
  const names = discover(`dns@${name}`, { resolveTargets: false, scheme: "tls" });
  assertEquals(await names.getAll(), [
    "tls@a.example:9001?weight=30",
    "tls@b.example:9002?weight=10",
  ]);
  await server.setServices([{ name, target: "spare.example", port: 9009, priority: 1 }]);
  await untilListed(discovery, ["tcp@10.0.0.9:9009"]);
});

withNameServer("an answer too long for one packet comes whole", async (world) => {
  const { server, discover } = world;
  const name = "_many._tcp.example";
  const hosts = Array.from({ length: 150 }, (_, index) => `host-${100 + index}.example`);
  await server.setHosts({
    "many.example": hosts.map((_, index) => `10.0.1.${index}`),
    ...Object.fromEntries(hosts.map((host, index) => [host, [`10.0.2.${index}`]])),
  });
  await server.setServices(hosts.map((target) => ({ name, target, port: 9001 })));
  assertEquals((await discover("dns@many.example:9001").getAll()).length, 150);
  assertEquals((await discover(`dns@${name}`).getAll()).length, 150);
});

withNameServer("no such name, silence and death keep the last list", async (world) => {
  const { server, discover, events } = world;
  const { address } = server;
  await server.setHosts({ "pods.example": ["10.0.0.1"] });
  const pods = discover("dns@pods.example:9001", { requestTimeoutMs: 500 });
  const list = ["tcp@10.0.0.1:9001"];
  assertEquals(await pods.getAll(), list);

  await server.setHosts({});
  await assertFails(pods.refresh(), {
    code: "unavailable",
    address: "dns@pods.example:9001",
    message: `no such name (asked ${address})`,
  });
  server.pause();
  await assertFails(pods.refresh(), { code: "unavailable", message: "no answer within 500 ms" });
  server.resume();
  await server.kill();
  await assertFails(pods.refresh(), { code: "unavailable", message: address });
  assertEquals(await pods.getAll(), list);
  assert(pods.staleMs > 500, `${pods.staleMs}`);

  await server.run();
  await server.setHosts({ "pods.example": ["10.0.0.2"] });
  await untilListed(pods, ["tcp@10.0.0.2:9001"]);
  assertEquals(events.at(-2)?.type, "recovered");
});

withNameServer("down at start, it says so and recovers alone", async (world) => {
  const { server, discover } = world;
  const ports = await HeldPorts.take(1);
  const nowhere = `127.0.0.1:${ports.numbers[0]}`;
  const lost = discover("dns@pods.example:9001", { nameServer: nowhere, requestTimeoutMs: 300 });
  await assertFails(lost.refresh(), { code: "unavailable", message: nowhere });
  await lost.close();
  await ports.release();

  await server.kill();
  const pods = discover("dns@pods.example:9001", { requestTimeoutMs: 300 });
  await assertFails(pods.getAll(), { code: "unavailable", message: server.address });
  await server.run();
  await server.setHosts({ "pods.example": ["10.0.0.1"] });
  await untilListed(pods, ["tcp@10.0.0.1:9001"]);
});
