/**
 * A user of the npm package, with a use of everything that it exports: compiled
 * and run as an ES module and as CommonJS.
 */

import {
  dial,
  introspect,
  MultiServerDiscovery,
  RpcError,
  SelectMode,
  Server,
  XClient,
} from "@geerpc/xclient";
import { DnsDiscovery } from "@geerpc/xclient/dns";
import { EtcdDiscovery } from "@geerpc/xclient/etcd";
import { decode, encode, gob } from "@geerpc/xclient/gob";
import { Registry, RegistryDiscovery } from "@geerpc/xclient/registry";
import { telemetry } from "@geerpc/xclient/telemetry";
import { FakeClock, FakeFleet, MemoryNetwork, seededRandom } from "@geerpc/xclient/testing";

const SERVER = "tcp@10.0.0.1:9001";

async function useCore() {
  const server = new Server();
  server.register("Arith", {
    Sum: (args: { A: number; B: number }) => args.A + args.B,
  });
  const { address } = await server.listen("tcp@127.0.0.1:0");

  const client = await dial(address, { interceptors: [(call, next) => next(call)] });
  expect(3, await client.call<number>("Arith.Sum", { A: 1, B: 2 }));
  expect("serving", await introspect(client).check("Arith"));
  expect(36, (await introspect(client).describe()).instance.length);
  await client.close();

  const discovery = new MultiServerDiscovery([address]);
  const xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });
  expect(7, await xclient.call<number>("Arith.Sum", { A: 3, B: 4 }));
  expect(9, await xclient.broadcast<number>("Arith.Sum", { A: 4, B: 5 }));
  const [checked] = await xclient.check({ contract: ["Arith.Sum"] });
  expect("ok", checked.result);
  const error: unknown = await xclient.call("Arith.None", {}).catch((e) => e);
  expect(true, error instanceof RpcError);
  await xclient.close();
  await server.close();
}

async function useGob() {
  expect("[1,2]", JSON.stringify(decode(encode([1, 2], gob.slice(gob.int)))));
  const schema = gob.service({
    Divide: {
      args: gob.struct({ A: gob.int32, B: gob.int32 }),
      reply: gob.float,
    },
  });
  const server = new Server();
  server.register("Typed", { Divide: ({ A, B }) => A / B }, { schema });
  const netrpc = { protocol: "netrpc/gob" } as const;
  const { address } = await server.listen("tcp@127.0.0.1:0", netrpc);
  const typed = await dial(address, netrpc);
  expect(4, await typed.service("Typed", schema).Divide({ A: 8, B: 2 }));
  await typed.close();
  await server.close();
}

async function useRegistry() {
  const registry = new Registry();
  const fetch = (url: string, init: RequestInit) =>
    Promise.resolve(registry.fetch(new Request(url, init)));
  const headers = { "X-Geerpc-Server": SERVER };
  await fetch("http://registry/_geerpc_/registry", { method: "POST", headers });
  const discovery = new RegistryDiscovery("http://registry", { fetch });
  expect(SERVER, String(await discovery.getAll()));
  await discovery.close();
  await registry.close();
}

async function useEtcd() {
  const kvs = [{ key: btoa("arith/a"), value: btoa(SERVER) }];
  const discovery = new EtcdDiscovery("arith/", {
    endpoints: "http://etcd:2379",
    fetch: (url) =>
      Promise.resolve(
        url.endsWith("/v3/kv/range")
          ? Response.json({ header: { revision: "7" }, kvs })
          : new Response('{"result":{}}\n'),
      ),
  });
  expect(SERVER, String(await discovery.getAll()));
  await discovery.close();
}

async function useDns() {
  const known = new DnsDiscovery("dns@pods.example:9001", {
    resolver: {
      srv: () => Promise.resolve([]),
      addresses: (_name, family) =>
        Promise.resolve(family === 4 ? [{ address: "10.0.0.1", ttlMs: 1000 }] : []),
    },
  });
  expect(SERVER, String(await known.getAll()));
  await known.close();

  // The runtime's own resolver, at a name server that is not there.
  const nameServer = "127.0.0.1:1";
  const lost = new DnsDiscovery("dns@pods.example:9001", { nameServer, requestTimeoutMs: 500 });
  const error: unknown = await lost.getAll().catch((e) => e);
  expect("unavailable", (error as RpcError).code);
  await lost.close();
}

async function useTesting() {
  const clock = new FakeClock();
  const network = new MemoryNetwork({ clock });
  const server = new Server({ clock });
  server.register("Echo", { Say: (args: unknown) => args });
  await server.listen("memory@a", { network });
  const client = await dial("memory@a", { network, clock });
  expect("hello", await client.call<string>("Echo.Say", "hello"));
  await client.close();
  await server.close();

  expect(seededRandom(7)(), seededRandom(7)());
  const services = { Echo: { Say: (args: unknown) => args } };
  const fleet = await FakeFleet.start(2, { services });
  await fleet.close();
}

async function useTelemetry() {
  const recorded = telemetry({ baggage: false });
  const server = new Server({ interceptors: [recorded] });
  server.register("Echo", { Say: (args: unknown) => args });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const { onEvent } = recorded;
  const xclient = new XClient([address], { interceptors: [recorded], onEvent });
  expect("hello", await xclient.call<string>("Echo.Say", "hello"));
  await xclient.close();
  await server.close();
}

async function main() {
  for (const use of [useCore, useGob, useRegistry, useEtcd, useDns, useTelemetry, useTesting]) {
    await use();
  }
  console.log("The package works.");
}

function expect<T>(expected: T, actual: T) {
  if (actual !== expected) throw new Error(`Not ${expected}: ${actual}`);
}

main();
