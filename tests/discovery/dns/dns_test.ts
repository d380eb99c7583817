/** Discovery by DNS, with a resolver that the test plays and a clock that it moves. */

import { assert, assertEquals } from "@std/assert";
import {
  DnsDiscovery,
  type DnsDiscoveryOptions,
  type DnsResolver,
  type SourceEvent,
  type SrvAnswer,
} from "../../../dns.ts";
import { parseDnsAddress, parseNameServer } from "../../../discovery/dns/address.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { SelectMode } from "../../../selector.ts";
import { assertFails, deferred, failure, settled } from "../../support/helpers.ts";

/** A zone, and who asked what. */
class FakeZone implements DnsResolver {
  readonly questions: string[] = [];
  readonly records = new Map<string, { address: string; ttl?: number }[]>();
  readonly broken = new Set<string>();
  services: SrvAnswer[] = [];
  wait: Promise<void> | undefined;

  async srv(name: string): Promise<readonly SrvAnswer[]> {
    await this.#ask(`SRV ${name}`);
    return this.services;
  }

  async addresses(name: string, family: 4 | 6) {
    const question = `${family === 4 ? "A" : "AAAA"} ${name}`;
    await this.#ask(question);
    return this.records.get(question) ?? [];
  }

  set(question: string, addresses: string[], ttl?: number): void {
    this.records.set(question, addresses.map((address) => ({ address, ttl })));
  }

  async #ask(question: string): Promise<void> {
    this.questions.push(question);
    await this.wait;
    if (this.broken.has(question) || this.broken.has("*")) throw new Error("SERVFAIL");
  }
}

/** A discovery in a zone, which must leave nothing behind. */
async function inZone(
  address: string,
  options: DnsDiscoveryOptions,
  body: (
    world: {
      zone: FakeZone;
      clock: FakeClock;
      discovery: DnsDiscovery;
      events: SourceEvent[];
    },
  ) => Promise<void>,
): Promise<void> {
  const zone = new FakeZone();
  const clock = new FakeClock();
  const events: SourceEvent[] = [];
  const onEvent = (event: SourceEvent) => events.push(event);
  const random = () => 0;
  const discovery = new DnsDiscovery(address, {
    resolver: zone,
    clock,
    random,
    onEvent,
    ...options,
  });
  await body({ zone, clock, discovery, events });
  await discovery.close();
  assertEquals(clock.timers, 0, "timers are left");
}

Deno.test("dns: addresses", () => {
  assertEquals(parseDnsAddress("dns@_grpc._tcp.svc.example"), {
    name: "_grpc._tcp.svc.example",
    port: undefined,
    metadata: "",
  });
  assertEquals(parseDnsAddress("dns@host:9001?zone=a&protocol=gob"), {
    name: "host",
    port: 9001,
    metadata: "zone=a&protocol=gob",
  });
  assertEquals(parseNameServer("127.0.0.1"), { hostname: "127.0.0.1", port: 53 });
  assertEquals(parseNameServer("127.0.0.1:8600"), { hostname: "127.0.0.1", port: 8600 });
  assertEquals(parseNameServer("::1"), { hostname: "::1", port: 53 });
  assertEquals(parseNameServer("[::1]:8600"), { hostname: "::1", port: 8600 });
});

Deno.test("dns: wrong addresses are refused, naming them and the form", async () => {
  const wrong = [
    "",
    "host:9001",
    "tcp@host:9001",
    "dns@",
    "dns@host:0",
    "dns@host:99999",
    "dns@a b",
  ];
  for (const address of wrong) {
    const error = await failure(Promise.resolve().then(() => new DnsDiscovery(address)));
    await assertFails(Promise.reject(error), {
      code: "invalid_argument",
      message: `invalid address ${JSON.stringify(address)}: expected dns@_service`,
    });
  }
  for (const nameServer of ["", "ns.example", "127.0.0.1:0", "127.0.0.1:70000", "[::1"]) {
    const error = await failure(
      Promise.resolve().then(() => new DnsDiscovery("dns@a:1", { nameServer })),
    );
    await assertFails(Promise.reject(error), { code: "invalid_argument", message: "name server" });
  }
});

Deno.test("dns: A records with a port are servers, in one order whatever the answer's", async () => {
  await inZone("dns@pods.example:9001?zone=a", {}, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.2", "10.0.0.1"], 60);
    const servers = ["tcp@10.0.0.1:9001?zone=a", "tcp@10.0.0.2:9001?zone=a"];
    assertEquals(await discovery.getAll(), servers);
    const { current } = discovery;
    zone.set("A pods.example", ["10.0.0.1", "10.0.0.2"], 60);
    await clock.advance(60_000);
    assertEquals(zone.questions, ["A pods.example", "A pods.example"]);
    assert(discovery.current === current, "the same list is the same array");
    assertEquals(
      [await discovery.get(SelectMode.RoundRobin), await discovery.get(SelectMode.RoundRobin)]
        .sort(),
      servers,
    );
  });
});

Deno.test("dns: AAAA records are used where there are no A records, or as asked", async () => {
  await inZone("dns@pods.example:9001", {}, async ({ zone, discovery }) => {
    zone.set("AAAA pods.example", ["fd00::1"]);
    assertEquals(await discovery.getAll(), ["tcp@[fd00::1]:9001"]);
    zone.set("A pods.example", ["10.0.0.1"]);
    await discovery.refresh();
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001"]);
    assertEquals(zone.questions, ["A pods.example", "AAAA pods.example", "A pods.example"]);
  });
  for (const [family, wanted] of [[6, 1], ["both", 2]] as const) {
    await inZone("dns@pods.example:9001", { family }, async ({ zone, discovery }) => {
      zone.set("A pods.example", ["10.0.0.1"]);
      zone.set("AAAA pods.example", ["fd00::1"]);
      assertEquals((await discovery.getAll()).length, wanted);
    });
  }
});

Deno.test("dns: SRV records bring port and weight; only the lowest priority counts", async () => {
  await inZone("dns@_a._tcp.example", { scheme: "tls" }, async ({ zone, discovery }) => {
    zone.services = [
      { target: "c.example.", port: 9003, priority: 10, weight: 0 },
      { target: "b.example.", port: 9002, priority: 10, weight: 5 },
      { target: "spare.example.", port: 9001, priority: 20, weight: 5 },
    ];
    assertEquals(await discovery.getAll(), [
      "tls@b.example:9002?weight=5",
      "tls@c.example:9003?weight=0.1",
    ]);
    zone.services = zone.services.slice(2);
    await discovery.refresh();
    assertEquals(await discovery.getAll(), ["tls@spare.example:9001"]);
    assertEquals(zone.questions, ["SRV _a._tcp.example", "SRV _a._tcp.example"]);
  });
});

Deno.test("dns: equal weights change nothing, as Kubernetes divides 100 among the pods", async () => {
  await inZone("dns@_a._tcp.example", {}, async ({ zone, discovery }) => {
    const pod = (name: string, weight: number) => ({ target: name, port: 1, priority: 0, weight });
    zone.services = [pod("a", 50), pod("b", 50)];
    assertEquals(await discovery.getAll(), ["tcp@a:1", "tcp@b:1"]);
    zone.services = [pod("a", 33), pod("b", 33), pod("c", 33)];
    await discovery.refresh();
    assertEquals(await discovery.getAll(), ["tcp@a:1", "tcp@b:1", "tcp@c:1"]);
  });
});

Deno.test("dns: targets are looked up with an own name server, each name once", async () => {
  const options = { nameServer: "127.0.0.1:8600" };
  await inZone("dns@a.service.consul", options, async ({ zone, clock, discovery }) => {
    zone.services = [
      { target: "n1.node.consul", port: 9001, priority: 1, weight: 4 },
      { target: "n1.node.consul", port: 9002, priority: 1, weight: 3 },
      { target: "n2.node.consul", port: 9001, priority: 1, weight: 6 },
      { target: "n3.node.consul", port: 9001, priority: 1, weight: 6 },
    ];
    zone.set("A n1.node.consul", ["10.0.0.1"], 7);
    zone.set("A n2.node.consul", ["10.0.0.2", "10.1.0.2"], 9);
    assertEquals(await discovery.getAll(), [
      "tcp@10.0.0.1:9001?weight=4",
      "tcp@10.0.0.1:9002?weight=3",
      "tcp@10.0.0.2:9001?weight=3",
      "tcp@10.1.0.2:9001?weight=3",
    ]);
    assertEquals(zone.questions.length, 1 + 2 + 2); // n3 is asked for A and AAAA
    zone.broken.add("A n2.node.consul"); // a target that can't be looked up stays as it was
    await clock.advance(7000);
    assertEquals(zone.questions.length, 10);
    assertEquals((await discovery.getAll()).length, 4);

    zone.broken.clear(); // some resolvers tell of such a failure as if there were no records
    zone.records.delete("A n2.node.consul");
    await discovery.refresh();
    assertEquals((await discovery.getAll()).length, 4);
    zone.records.clear();
    await assertFails(discovery.refresh(), { code: "unavailable", message: "has no addresses" });
    zone.services = zone.services.slice(0, 2); // a target that is listed no more is gone
    zone.set("A n1.node.consul", ["10.0.0.1"], 7);
    await discovery.refresh();
    assertEquals((await discovery.getAll()).length, 2);
  });
});

Deno.test("dns: the TTL decides when to ask again, within floor and ceiling", async () => {
  const cases: [ttl: number | undefined, waitMs: number][] = [
    [0, 5000],
    [1, 5000],
    [60, 60_000],
    [86_400, 300_000],
    [undefined, 30_000],
  ];
  for (const [ttl, waitMs] of cases) {
    await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
      zone.set("A pods.example", ["10.0.0.1"], ttl);
      await discovery.refresh();
      await clock.advance(waitMs - 1);
      assertEquals(zone.questions.length, 1);
      await clock.advance(1);
      assertEquals(zone.questions.length, 2);
    });
  }
});

Deno.test("dns: up to a tenth of the wait is chance", async () => {
  await inZone("dns@pods.example:1", { random: () => 0.5 }, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 60);
    await discovery.refresh();
    await clock.advance(62_999);
    assertEquals(zone.questions.length, 1);
    await clock.advance(1);
    assertEquals(zone.questions.length, 2);
  });
});

Deno.test("dns: no calls ask, and those who refresh at once share one question", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 60);
    const gate = deferred();
    zone.wait = gate.promise;
    const answers = [
      ...Array.from({ length: 100 }, () => discovery.refresh()),
      ...Array.from({ length: 100 }, () => discovery.getAll()),
    ];
    await settled();
    gate.resolve();
    await Promise.all(answers);
    for (let call = 0; call < 100; call++) await discovery.get(SelectMode.Random);
    assertEquals(zone.questions.length, 1);
  });
});

Deno.test("dns: an empty answer, an error and silence keep the last list; its age shows", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery, events }) => {
    assertEquals(discovery.staleMs, Infinity);
    zone.set("A pods.example", ["10.0.0.1"], 10);
    await discovery.refresh();
    assertEquals(discovery.staleMs, 0);
    const { current } = discovery;

    zone.records.clear();
    await assertFails(discovery.refresh(), {
      code: "unavailable",
      address: "dns@pods.example:1",
      message: "no A or AAAA records",
    });
    zone.broken.add("*");
    await assertFails(discovery.refresh(), { code: "unavailable", message: "SERVFAIL" });
    zone.wait = new Promise(() => {});
    const silence = assertFails(discovery.refresh(), {
      code: "unavailable",
      message: "no answer within 5000 ms (asked the system's name servers)",
    });
    await clock.advance(5000);
    await silence;
    assert(discovery.current === current);
    assertEquals(discovery.staleMs, 5000);
    assertEquals(events.map(({ type }) => type), ["changed", "failed", "failed", "failed"]);

    zone.wait = undefined;
    zone.broken.clear();
    zone.set("A pods.example", ["10.0.0.2"], 10);
    await clock.advance(30_000);
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.2:1"]);
    assertEquals(events.slice(4).map(({ type }) => type), ["recovered", "changed"]);
  });
});

Deno.test("dns: down at start, refresh says so, calls fail at once, and it recovers alone", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
    zone.broken.add("*");
    await assertFails(discovery.refresh(), { code: "unavailable", message: "SERVFAIL" });
    for (let call = 0; call < 100; call++) {
      await assertFails(discovery.getAll(), { code: "unavailable", message: "SERVFAIL" });
    }
    assertEquals(zone.questions.length, 1, "calls do not ask");
    await clock.advance(120_000);
    const waited = zone.questions.length;
    assert(waited >= 10 && waited <= 20, `backs off: ${waited}`);
    zone.broken.clear();
    zone.set("A pods.example", ["10.0.0.1"], 60);
    await clock.advance(30_000);
    assertEquals(discovery.current, ["tcp@10.0.0.1:1"]);
  });
});

Deno.test("dns: what is no address is reported once, and skipped", async () => {
  await inZone("dns@_a._tcp.example", {}, async ({ zone, clock, discovery, events }) => {
    zone.services = [
      { target: "bad/host", port: 1, priority: 0, weight: 1 },
      { target: "good.example", port: 1, priority: 0, weight: 1 },
    ];
    assertEquals(await discovery.getAll(), ["tcp@good.example:1"]);
    await clock.advance(30_000);
    assertEquals(zone.questions.length, 2);
    const invalid = events.filter((event) => event.type === "invalid");
    assertEquals(invalid.map(({ server }) => server), ["tcp@bad/host:1"]);
  });
});

Deno.test("dns: changes reach those who watch, until they or the discovery end", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 10);
    const seen: string[][] = [];
    const leaving = new AbortController();
    const first = (async () => {
      for await (const servers of discovery.watch(leaving.signal)) seen.push([...servers]);
    })();
    const second = (async () => {
      for await (const _ of discovery.watch(new AbortController().signal));
    })();
    await clock.advance(0);
    zone.set("A pods.example", ["10.0.0.1", "10.0.0.2"], 10);
    await clock.advance(10_000);
    assertEquals(seen, [["tcp@10.0.0.1:1"], ["tcp@10.0.0.1:1", "tcp@10.0.0.2:1"]]);
    leaving.abort();
    await first;
    await discovery.close();
    await second;
  });
});

Deno.test("dns: a signal ends it; who waits hears so; the last list stays", async () => {
  const ending = new AbortController();
  await inZone("dns@pods.example:1", { signal: ending.signal }, async (world) => {
    const { zone, discovery, clock } = world;
    zone.set("A pods.example", ["10.0.0.1"], 10);
    await discovery.refresh();
    zone.wait = new Promise(() => {});
    const refreshed = assertFails(discovery.refresh(), { code: "canceled" });
    await settled();
    ending.abort();
    await refreshed;
    await assertFails(discovery.refresh(), { code: "canceled", message: "is closed" });
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:1"]);
    await clock.advance(1_000_000);
    assertEquals(zone.questions.length, 2);
  });
  const never = new DnsDiscovery("dns@pods.example:1", { signal: ending.signal });
  await assertFails(never.getAll(), { code: "canceled" });
});

Deno.test("dns: a list put in place by hand holds until the next answer", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 10);
    await discovery.refresh();
    await discovery.update(["tcp@10.9.9.9:1"]);
    assertEquals(await discovery.getAll(), ["tcp@10.9.9.9:1"]);
    await clock.advance(10_000);
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:1"]);
  });
});
