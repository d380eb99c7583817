/** Calls stay in the caller's zone; what counts as one, and who knows of it. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type EndpointView, SelectMode, type Selector } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { failure, inWorld, settled } from "../support/helpers.ts";
import { answeredBy, receipts, source, withNodes } from "../support/fleet.ts";
import { counts, listIn, sever, withZones } from "../support/zones.ts";

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

Deno.test("zones: servers elsewhere are dialled when they are needed, or by ready", () =>
  withZones("xxyy", async ({ zoned, client, world, nodes }) => {
    const connections = () => nodes.map(({ address }) => world.network.connections(address));
    await answeredBy(zoned, 10);
    assertEquals(connections(), [1, 1, 0, 0]);
    await client({ zone: "x" }).ready();
    await settled();
    assertEquals(connections(), [2, 2, 1, 1]);
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
    assertEquals(await counts(zoned, 200), "40b 40c 120d"); // a fifth would be there without zones
  }));

Deno.test("zones: never more calls leave than would without zones", () =>
  withNodes(3, async (test) => {
    const { client, discovery, nodes: [a, b, c] } = test;
    const zoned = client({ zone: "x", mode: SelectMode.WeightedRoundRobin });
    await discovery.update([
      `${a.address}?zone=x&weight=4`,
      `${b.address}?zone=x&weight=4`,
      `${c.address}?zone=y`,
    ]);
    await answeredBy(zoned, 20);
    await sever(test, b);
    await answeredBy(zoned, 20);
    assertEquals(await counts(zoned, 100), "80a 20c"); // not 30, which `b` lacks
  }));

Deno.test("zones: where the others lack more, calls are shared by what there is", () =>
  withZones("xxxxyyyy", async (test) => {
    const { zoned, nodes } = test;
    await answeredBy(zoned, 12);
    await sever(test, ...nodes.slice(0, 3), ...nodes.slice(4, 7));
    await answeredBy(zoned, 30);
    assertEquals(await counts(zoned, 100), "50d 50h"); // a quarter × 1.4 each
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
