/** Calls leave the caller's zone for what it lacks: servers that are lost, that fail, or that have just come. */

import { assert, assertEquals } from "@std/assert";
import { failure, settled } from "../support/helpers.ts";
import { answeredBy, attemptsOf, healthOf, watch } from "../support/fleet.ts";
import { counts, listIn, sever, withZones } from "../support/zones.ts";

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
