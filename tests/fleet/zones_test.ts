/** Calls stay in the caller's zone while it has room, and leave it for what it lacks. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type EndpointView, SelectMode, type Selector } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import type { XClientOptions } from "../../fleet/options.ts";
import { failure, inWorld, settled } from "../support/helpers.ts";
import {
  answeredBy,
  attemptsOf,
  type Case,
  healthOf,
  type Node,
  receipts,
  source,
  watch,
  withNodes,
} from "../support/fleet.ts";

/** A test whose servers `a`, `b`, … are in the zones of a text: `xxy` puts `c` in `y`. */
function withZones(
  zones: string,
  body: (test: Case & { zoned: XClient }) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  return withNodes(zones.length, async (test) => {
    await test.discovery.update(listIn(zones, test.nodes));
    await body({ ...test, zoned: test.client({ zone: "x", ...options }) });
  });
}

/** The list: `-` is no zone. */
function listIn(zones: string, nodes: readonly Node[]): string[] {
  return nodes.map(({ address }, place) =>
    zones[place] === "-" ? address : `${address}?zone=${zones[place]}`
  );
}

/** Who answered, in order of the alphabet, and how often: `2a 2b`. */
async function counts(xclient: XClient, calls: number): Promise<string> {
  const names = (await answeredBy(xclient, calls)).split("");
  return [...new Set(names)].sort()
    .map((name) => `${names.filter((one) => one === name).length}${name}`).join(" ");
}

/** Makes an endpoint unreachable, and the client find that. */
async function sever({ world }: Case, ...nodes: Node[]): Promise<void> {
  for (const { address } of nodes) {
    world.network.setFaults(address, { refuse: true });
    world.network.cut(address);
  }
  await settled();
}

for (const mode of Object.values(SelectMode).filter((name) => name !== "consistent_hash")) {
  Deno.test(`zones, ${mode}: calls stay in the caller's while it has room`, () =>
    withZones("xxyyy", async ({ zoned }) => {
      const answered = await answeredBy(zoned, 100);
      assertEquals(answered.replace(/[ab]/g, "").length, 1); // the one that looks
      const ofA = answered.split("a").length - 1;
      assert(ofA > 30 && ofA < 70, answered);
    }, { mode, random: seededRandom(3) }));

  Deno.test(`zones, ${mode}: a half of them lost, three tenths of the calls leave`, () =>
    withZones("xxyyyyy", async (test) => {
      const { zoned, nodes: [, b] } = test;
      await answeredBy(zoned, 10);
      await sever(test, b);
      await answeredBy(zoned, 20); // they find it out
      const answered = await answeredBy(zoned, 1000);
      const left = answered.replaceAll("a", "");
      assert(Math.abs(left.length - 300) <= 1, `${left.length}`);
      for (const name of "cdefg") {
        const got = left.split(name).length - 1;
        assert(Math.abs(got - 60) <= 25, `${name}: ${got}`);
      }
    }, { mode, random: seededRandom(3) }));
}

Deno.test("zones: consistent_hash knows none, so that a key is in one place for all", () =>
  withZones("xxyyy", async ({ zoned, client }) => {
    const mode = SelectMode.ConsistentHash;
    const elsewhere = client({ mode, zone: "y" });
    const anywhere = client({ mode });
    const seen = new Set<unknown>();
    for (let key = 0; key < 50; key++) {
      const options = { key: `k${key}` };
      const home = await zoned.call("Work.Do", 1, options);
      assertEquals(await elsewhere.call("Work.Do", 1, options), home);
      assertEquals(await anywhere.call("Work.Do", 1, options), home);
      seen.add(home);
    }
    assertEquals(seen.size, 5);
  }, { mode: SelectMode.ConsistentHash }));

Deno.test("zones: without one, or without a server in it, as ever", () =>
  withZones("yyz-", async ({ zoned, client }) => {
    assertEquals(await answeredBy(zoned, 8), "abcdabcd");
    assertEquals(await answeredBy(client({}), 8), "abcdabcd");
    assertEquals(await answeredBy(client({ zone: "" }), 4), "dddd");
    assertEquals(zoned.endpoints().map(({ zone }) => zone), ["y", "y", "z", ""]);
  }));

Deno.test("zones: those that are left out are not dialled", () =>
  withZones("xxyy", async ({ zoned, world, nodes }) => {
    await answeredBy(zoned, 10);
    assertEquals(nodes.map(({ address }) => world.network.connections(address)), [1, 1, 0, 0]);
    await zoned.ready();
    await settled();
  }));

Deno.test("zones: a weight counts, when a zone lacks some", () =>
  withNodes(4, async (test) => {
    const { client, discovery, nodes: [a, b, c, d] } = test;
    const zoned = client({ zone: "x", mode: SelectMode.WeightedRoundRobin });
    await discovery.update([
      `${a.address}?zone=x&weight=9`,
      `${b.address}?zone=x`,
      `${c.address}?zone=y`,
      `${d.address}?zone=z&weight=3`,
    ]);
    await answeredBy(zoned, 20);
    await sever(test, b);
    await answeredBy(zoned, 20);
    assert(Number.parseInt(await counts(zoned, 10)) >= 9); // 0.9 × 1.4 is more than all; one may look
    test.world.network.setFaults(b.address);
    await test.pass(2000);
    await answeredBy(zoned, 20);
    await sever(test, a);
    await answeredBy(zoned, 20);
    assertEquals(await counts(zoned, 200), "28b 43c 129d"); // 0.1 × 1.4 stay
  }));

Deno.test("zones: where the others lack more, calls are shared by what there is", () =>
  withZones("xxxxyyyy", async (test) => {
    const { zoned, nodes } = test;
    await answeredBy(zoned, 12);
    await sever(test, ...nodes.slice(0, 3), ...nodes.slice(4, 7));
    await answeredBy(zoned, 30);
    assertEquals(await counts(zoned, 100), "50d 50h"); // a quarter × 1.4 each
  }));

Deno.test("zones: a zone that is lost, and there again", () =>
  withZones("xxyy", async (test) => {
    const { zoned, world, pass, nodes: [a, b] } = test;
    await answeredBy(zoned, 4);
    await sever(test, a, b);
    assertEquals((await answeredBy(zoned, 12)).replaceAll(/[cd]/g, ""), "");
    for (const { address } of [a, b]) world.network.setFaults(address);
    await pass(3000);
    await answeredBy(zoned, 4);
    await settled();
    await answeredBy(zoned, 4);
    assertEquals(await counts(zoned, 20), "10a 10b");
  }));

Deno.test("zones: a zone whose servers all fail is left, which is no panic, and found well again", () =>
  withZones("xxxyyy", async ({ zoned, nodes, pass }) => {
    for (const node of nodes.slice(0, 3)) node.behaviour = "broken";
    await answeredBy(zoned, 60);
    assertEquals(healthOf(zoned).map((state) => state[0]).join(""), "ecchhh");
    const minute = async () => {
      let answered = "";
      for (let second = 0; second < 60; second++) {
        await pass(1000);
        answered += await answeredBy(zoned, 50);
      }
      return answered;
    };
    // Of 3,000 calls one of 500, and the trials of the one that is ejected.
    const broken = (await minute()).split("-").length - 1;
    assert(broken >= 6 && broken <= 12, `${broken}`);
    for (const node of nodes) node.behaviour = "echo";
    await minute();
    assertEquals(healthOf(zoned), Array(6).fill("healthy"));
    const left = (await minute()).replaceAll(/[abc]/g, "").length;
    assert(left > 30 && left <= 60, `${left}`); // two of a hundred look
  }));

Deno.test("zones: those elsewhere that fail are rarely tried, and found well again", () =>
  withZones("xxyyy", async ({ zoned, nodes, pass }) => {
    const fails = async (seconds: number) => {
      let answered = "";
      for (let second = 0; second < seconds; second++) {
        await pass(1000);
        answered += await answeredBy(zoned, 200);
      }
      return answered.split("-").length - 1;
    };
    for (const node of nodes.slice(2)) node.behaviour = "broken";
    await fails(20); // until most are known to fail
    const broken = await fails(60);
    assert(broken >= 10 && broken <= 18, `${broken}`); // of 12,000
    for (const node of nodes) node.behaviour = "echo";
    await fails(60);
    assertEquals(healthOf(zoned), Array(5).fill("healthy"));
  }));

Deno.test("zones: half of a zone fails, which is no panic there while the others are well", () =>
  withZones("xxxxyyyy", async ({ zoned, nodes: [a, b] }) => {
    a.behaviour = b.behaviour = "broken";
    await answeredBy(zoned, 60);
    assertEquals(healthOf(zoned).map((state) => state[0]).join(""), "echhhhhh");
    const answered = await answeredBy(zoned, 100);
    const left = answered.replaceAll(/[abcd-]/g, "").length;
    assertEquals(left, 30); // 2 of 4 × 1.4
  }));

Deno.test("zones: if half of all fail, and the others have no room for all, zones count no more", () =>
  withZones("xxxyyy", async ({ zoned, nodes }) => {
    for (const node of nodes) node.behaviour = "broken";
    await answeredBy(zoned, 120);
    nodes[5].behaviour = "echo";
    await answeredBy(zoned, 60);
    const before = nodes.map(({ came }) => came);
    await answeredBy(zoned, 60);
    assertEquals(nodes.map(({ came }, place) => came - before[place]), Array(6).fill(10));
  }));

Deno.test("zones: a further attempt stays in the zone if it can, else it leaves", () =>
  withZones("xxyy", async ({ zoned, nodes: [a, b, c, d] }) => {
    a.behaviour = "reject";
    assertEquals(await answeredBy(zoned, 4), "bbbb");
    b.behaviour = "reject";
    assertEquals((await zoned.call<string>("Work.Do")).replace(/[cd]/, "y"), "y");
    c.behaviour = d.behaviour = "reject";
    const places = attemptsOf(await failure(zoned.call("Work.Do", 1, { maxAttempts: 4 })));
    assertEquals(places.map((text) => text[0]).join("").replace("ba", "ab"), "abcd");
  }, { retryBudget: { ratio: 1, perSecond: 1000 } }));

Deno.test("zones: a hedge stays in the zone if it can, else it leaves", () =>
  withZones("xxyy", async ({ client, nodes: [a, b, c, d], pass, discovery, nodes }) => {
    const zoned = client({
      zone: "x",
      failMode: "failbackup",
      idempotent: () => true,
      hedgeBudget: { ratio: 1, perSecond: 100 },
      liveness: { silenceMs: Infinity },
    });
    a.behaviour = "hold";
    const call = watch(zoned.call("Work.Do", 1, { hedgeAfterMs: 10 }));
    await pass(10);
    assertEquals([call.value, a.came, b.came, c.came + d.came], ["b", 1, 1, 0]);
    await discovery.update(listIn("xyyy", nodes));
    const other = watch(zoned.call("Work.Do", 1, { hedgeAfterMs: 10 }));
    await pass(10);
    assertEquals([other.state, a.came, b.came + c.came + d.came], ["resolved", 2, 2]);
  }));

Deno.test("zones: calls to all are to all", () =>
  withZones("xyz", async ({ zoned }) => {
    assertEquals((await receipts(zoned)).sort(), ["a a", "b b", "c c"]);
  }));

Deno.test("zones: a list in which a server has another zone counts from the next call on", () =>
  withZones("xxyy", async ({ zoned, discovery, nodes, world }) => {
    await answeredBy(zoned, 4);
    await discovery.update(listIn("yxxy", nodes));
    assertEquals(await counts(zoned, 10), "5b 5c");
    assertEquals(zoned.endpoints().map(({ zone }) => zone).join(""), "yxxy");
    assertEquals(world.network.connections(nodes[0].address), 1); // it is the same connection
    await discovery.update(listIn("y", nodes.slice(0, 1)));
    assertEquals(await answeredBy(zoned, 2), "aa");
    await discovery.update([]);
    assertEquals(await answeredBy(zoned, 1), "-");
    await discovery.update(listIn("yyyx", nodes));
    assertEquals(await answeredBy(zoned, 2), "dd");
  }));

Deno.test("zones: of an address that is listed twice one entry counts", () =>
  inWorld(async ({ network, clock }) => {
    const current = ["memory@a?zone=x", "memory@b?zone=y", "memory@a?zone=y"];
    const xclient = new XClient(source({ current }), { network, clock, zone: "x" });
    assertEquals(
      xclient.endpoints().map(({ address, zone }) => `${address} ${zone}`),
      ["memory@a y", "memory@b y"],
    );
    await xclient.close();
  }));

Deno.test("zones: of a large fleet a policy is shown 128 of the own zone, or of the others", () =>
  inWorld(async ({ network, clock }) => {
    const zone = (n: number) => n < 200 ? "x" : n < 400 ? "y" : "z";
    const current = Array.from({ length: 600 }, (_, n) => `memory@n${n}?zone=${zone(n)}`);
    const shown: (readonly EndpointView[])[] = [];
    const mode: Selector = {
      subsets: true,
      pick: (candidates) => (shown.push(candidates), candidates[0]),
    };
    const options = { network, clock, mode, zone: "x", random: seededRandom(1), maxAttempts: 2 };
    const xclient = new XClient(source({ current }), options);
    await failure(xclient.call("Work.Do"));
    assertEquals(shown[0].length, 128);
    for (const candidates of shown) {
      assert(candidates.every(({ zone }) => zone === "x"));
    }
    await xclient.close();
  }));

Deno.test("zones: a policy of the caller's own is shown those of the zone, and what zones they are in", () =>
  withNodes(4, async (test) => {
    const { client, discovery, nodes } = test;
    const shown: (readonly EndpointView[])[] = [];
    const mode: Selector = {
      pick: (candidates) => (shown.push(candidates), candidates[0]),
    };
    const zones = () => shown.at(-1)!.map(({ zone }) => zone).join("");
    await discovery.update(listIn("xxyz", nodes));
    const zoned = client({ mode, zone: "x" });
    const plain = client({ mode });
    await answeredBy(plain, 1);
    assertEquals(zones(), "xxyz");
    await answeredBy(zoned, 2);
    assertEquals(zones(), "xx");
    assertStrictEquals(shown.at(-1), shown.at(-2));
    await sever(test, nodes[0]);
    await answeredBy(zoned, 20);
    const last = shown.slice(-20).map((views) => views.map(({ zone }) => zone).join(""));
    assertEquals([...new Set(last)].sort(), ["x", "yz"]);
  }));

Deno.test("zones: a server in its slow start is not all that its zone needs", () =>
  withZones("xxyy", async ({ zoned, world, nodes: [a], pass }) => {
    await answeredBy(zoned, 4);
    world.network.cut(a.address);
    await settled();
    await answeredBy(zoned, 1);
    await settled();
    await answeredBy(zoned, 1);
    // 1.1 of 2 × 1.4: 23 % leave
    const answered = await answeredBy(zoned, 100);
    assertEquals(answered.replaceAll(/[ab]/g, "").length, 23);
    await pass(10_000);
    assertEquals(await counts(zoned, 10), "5a 5b");
  }, { slowStartMs: 10_000 }));
