/**
 * One signal for a whole program: whatever follows it, it has one listener, and
 * none when the last has ended. Node warns of a leak from eleven listeners on.
 */

import { assert, assertEquals } from "@std/assert";
import { dial, MultiServerDiscovery, Server, XClient } from "../mod.ts";
import { parseAddress } from "../address.ts";
import { DnsDiscovery } from "../dns.ts";
import { EtcdDiscovery, EtcdRegistration } from "../etcd.ts";
import { systemNetwork } from "../net/network.ts";
import { Heartbeat, RegistryDiscovery, SourceDiscovery } from "../registry.ts";
import { FakeClock, MemoryNetwork } from "../testing.ts";
import { settled } from "./support/helpers.ts";
import { countingSignal } from "./support/signals.ts";

const MANY = 12;

/** What a test works with. */
interface Program {
  /** Counts its listeners. */
  readonly signal: AbortSignal;
  /** A network without delays; `silent` never answers a dial. */
  readonly network: MemoryNetwork;
  readonly clock: FakeClock;
  /** A client of three servers. */
  readonly xclient: XClient;
  /** For requests: never answers, and heeds its signal. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
}

/** Begins something that follows the signal until it ends, by itself or by the function that is given. */
type Begin = (program: Program) => (() => unknown) | void;

const options = { timeoutMs: 60_000 };
const quietly = (promise: Promise<unknown>) => void promise.catch(() => {});

const KINDS: Readonly<Record<string, Begin>> = {
  "a dial": ({ signal, network, clock }) =>
    quietly(dial("memory@silent", { signal, network, clock })),
  "a dial by HTTP CONNECT": ({ signal, clock }) => {
    const network = new MemoryNetwork({ clock, delayMs: 1 });
    quietly(dial("http@127.0.0.1:1", { signal, clock, network }));
  },
  "a network's connection": ({ signal, network }) =>
    quietly(network.connect(parseAddress("memory@silent"), { signal })),
  "a call of an XClient": ({ signal, xclient }) =>
    quietly(xclient.call("Wait.For", "ever", { ...options, signal })),
  "a call of a typed view": ({ signal, xclient }) =>
    quietly(xclient.service<{ For(what: string): void }>("Wait").For("ever", { signal })),
  "a broadcast": ({ signal, xclient }) =>
    quietly(xclient.broadcast("Wait.For", "ever", { ...options, signal })),
  "a fork": ({ signal, xclient }) =>
    quietly(xclient.fork("Wait.For", "ever", { ...options, signal })),
  "an inform": ({ signal, xclient }) => {
    const receipts = xclient.inform("Wait.For", "ever", { ...options, signal });
    quietly((async () => {
      for await (const _ of receipts);
    })());
  },
  "a broadcast that waits for discovery": ({ signal, fetch, clock, network }) => {
    const discovery = new RegistryDiscovery("http://registry", { fetch, clock });
    const xclient = new XClient(discovery, { clock, network });
    quietly(xclient.broadcast("Wait.For", "ever", { ...options, signal }));
    return async () => {
      await xclient.close();
      await discovery.close();
    };
  },
  "a watched list": ({ signal }) => {
    const lists = new MultiServerDiscovery(["tcp@a:1"]).watch(signal)[Symbol.asyncIterator]();
    quietly(lists.next().then(() => lists.next()));
  },
  "a watched registry": ({ signal, fetch, clock }) => {
    const discovery = new RegistryDiscovery("http://registry", { fetch, clock });
    quietly(discovery.watch(signal)[Symbol.asyncIterator]().next());
    return () => discovery.close();
  },
  "discovery by a registry": ({ signal, fetch, clock }) => {
    const discovery = new RegistryDiscovery("http://registry", { fetch, clock, signal });
    quietly(discovery.getAll());
    return () => discovery.close();
  },
  "discovery by DNS": ({ signal, clock }) => {
    const never = () => new Promise<never>(() => {});
    const resolver = { srv: never, addresses: never };
    const discovery = new DnsDiscovery("dns@a:1", { signal, clock, resolver });
    quietly(discovery.getAll());
    return () => discovery.close();
  },
  "discovery by etcd": ({ signal, fetch, clock }) => {
    const discovery = new EtcdDiscovery("a/", { endpoints: "http://etcd", fetch, clock, signal });
    quietly(discovery.getAll());
    return () => discovery.close();
  },
  "discovery by a source of one's own": ({ signal, clock }) => {
    const read = () => new Promise<never>(() => {});
    const source = { name: "own", firstRetryMs: 100, longestRetryMs: 1000, read };
    const discovery = new SourceDiscovery(source, { signal, clock });
    return () => discovery.close();
  },
  "a registration with a registry": ({ signal, fetch, clock }) => {
    const heartbeat = new Heartbeat("http://registry", "tcp@a:1", { fetch, clock, signal });
    return () => heartbeat.close();
  },
  "a registration with etcd": ({ signal, fetch, clock }) => {
    const etcd = { endpoints: "http://etcd", fetch, clock, signal };
    const registration = new EtcdRegistration("a/", "tcp@a:1", etcd);
    return () => registration.close();
  },
};

/** Runs a test on a fleet that answers no call, and ends all of it. */
async function inProgram(
  body: (
    program: Program,
    counts: { now: number; most: number },
    abort: () => void,
  ) => Promise<void>,
) {
  const { controller, signal, counts } = countingSignal();
  const clock = new FakeClock();
  const network = new MemoryNetwork({ clock });
  network.setFaults("memory@silent", { unroutable: true });
  const server = new Server({ clock });
  server.register("Wait", { For: () => new Promise(() => {}) });
  const addresses = ["memory@a", "memory@b", "memory@c"];
  for (const address of addresses) await server.listen(address, { network });
  const discovery = new MultiServerDiscovery(addresses);
  const xclient = new XClient(discovery, { network, clock });
  const fetch = (_url: string, { signal }: RequestInit) =>
    new Promise<never>((_resolve, reject) => {
      if (signal!.aborted) reject(signal!.reason);
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  await body({ signal, network, clock, xclient, fetch }, counts, () => controller.abort("enough"));
  await xclient.close();
  await server.close({ graceMs: 0 });
}

for (const [kind, begin] of Object.entries(KINDS)) {
  Deno.test(`${kind}: ${MANY} of them share one listener of a signal, and an abort ends all`, () =>
    inProgram(async (program, counts, abort) => {
      const ends = Array.from({ length: MANY }, () => begin(program));
      await settled();
      assert(counts.most <= 1, `${counts.most} listeners`);
      abort();
      await settled();
      assertEquals(counts.now, 0);
      await program.clock.advance(60_000); // the last requests of what closes have a limit
      for (const end of ends) await end?.();
      assertEquals(counts.now, 0);
    }));
}

Deno.test("all kinds together share one listener, and without an abort leave none behind", () =>
  inProgram(async (program, counts) => {
    const ends = Object.values(KINDS).map((begin) => begin(program));
    await settled();
    assertEquals([counts.now, counts.most], [1, 1]);
    const closing = Promise.all(ends.map((end) => end?.()));
    await program.clock.advance(120_000); // deadlines, and the last requests of what closes
    await closing;
    await program.xclient.close();
    await program.clock.advance(120_000);
    // Those that have no end of their own follow it still: lists that are watched, and a
    // connection of the network.
    assertEquals(counts.now, 1);
  }));

Deno.test("the system's network: dials share a listener of their signal", async () => {
  const { controller, signal, counts } = countingSignal();
  const listener = await systemNetwork.listen(parseAddress("tcp@127.0.0.1:0"), (transport) => {
    transport.start({ data() {}, end: () => transport.close() });
  });
  const dials = Array.from(
    { length: MANY },
    () => systemNetwork.connect(parseAddress(listener.address), { signal }),
  );
  const transports = await Promise.all(dials);
  controller.abort();
  for (const transport of transports) {
    transport.start({ data() {}, end() {} });
    transport.close();
  }
  await listener.close();
  // Deno's own connect listens too, and takes its listener away.
  assertEquals(counts.now, 0);
});
