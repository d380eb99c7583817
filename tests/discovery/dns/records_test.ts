/** Which servers A, AAAA and SRV records become. */

import { assert, assertEquals } from "@std/assert";
import { SelectMode } from "../../../selector.ts";
import { inZone } from "../../support/fake_zone.ts";
import { assertFails } from "../../support/helpers.ts";

Deno.test("dns: A records are servers with the given port, sorted whatever the answer's order", async () => {
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

Deno.test("dns: AAAA records are used where there are no A records, or as family says", async () => {
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

Deno.test("dns: SRV records have port and weight; only the lowest priority counts", async () => {
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

Deno.test("dns: equal weights are left out, as Kubernetes divides 100 among the pods", async () => {
  await inZone("dns@_a._tcp.example", {}, async ({ zone, discovery }) => {
    const pod = (name: string, weight: number) => ({ target: name, port: 1, priority: 0, weight });
    zone.services = [pod("a", 50), pod("b", 50)];
    assertEquals(await discovery.getAll(), ["tcp@a:1", "tcp@b:1"]);
    zone.services = [pod("a", 33), pod("b", 33), pod("c", 33)];
    await discovery.refresh();
    assertEquals(await discovery.getAll(), ["tcp@a:1", "tcp@b:1", "tcp@c:1"]);
  });
});

Deno.test("dns: with a name server of one's own targets are looked up, each name once", async () => {
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
    zone.broken.add("A n2.node.consul"); // a target that can't be looked up keeps its addresses
    await clock.advance(7000);
    assertEquals(zone.questions.length, 10);
    assertEquals((await discovery.getAll()).length, 4);

    zone.broken.clear(); // some resolvers report such a failure as an answer without records
    zone.records.delete("A n2.node.consul");
    await discovery.refresh();
    assertEquals((await discovery.getAll()).length, 4);
    zone.records.clear();
    await assertFails(discovery.refresh(), { code: "unavailable", message: "has no addresses" });
    zone.services = zone.services.slice(0, 2); // a target that is no longer listed is gone
    zone.set("A n1.node.consul", ["10.0.0.1"], 7);
    await discovery.refresh();
    assertEquals((await discovery.getAll()).length, 2);
  });
});

Deno.test("dns: an invalid address is reported once and left out", async () => {
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

Deno.test("dns: targets with more than 10,000 addresses in all are a failure, and the rest is not asked for", async () => {
  await inZone("dns@_a._tcp.example", { resolveTargets: true }, async ({ zone, discovery }) => {
    const many = Array.from({ length: 4000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    zone.services = Array.from({ length: 100 }, (_, n) => {
      zone.set(`A ${n}.example`, many);
      return { target: `${n}.example`, port: 9001, priority: 0, weight: 0 };
    });
    await assertFails(discovery.refresh(), {
      code: "unavailable",
      message: "the targets have more than 10000 addresses",
    });
    assert(zone.questions.length < 20, `${zone.questions.length} questions`);
  });
});
