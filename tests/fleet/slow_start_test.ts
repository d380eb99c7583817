/** A server that comes gets its share over `slowStartMs`; what counts as coming, and what does not. */

import { assert, assertEquals } from "@std/assert";
import { SelectMode } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import type { XClient } from "../../xclient.ts";
import { settled } from "../support/helpers.ts";
import { answeredBy, type Case, type Node, withNodes } from "../support/fleet.ts";

const slowStartMs = 10_000;

/** Effective weights, in the order of the list. */
function weights(xclient: XClient): number[] {
  return xclient.endpoints().map(({ effectiveWeight }) => Math.round(effectiveWeight * 100) / 100);
}

/** How many of so many calls a server gets. */
async function share(xclient: XClient, { name }: Node, calls: number): Promise<number> {
  return (await answeredBy(xclient, calls)).split(name).length - 1;
}

/** Lets a server go and be there again, and the client find that. */
async function restart({ world, pass }: Case, node: Node, xclient: XClient): Promise<void> {
  world.network.cut(node.address);
  await settled();
  await answeredBy(xclient, 1); // dials it again
  await pass(0);
}

for (const mode of Object.values(SelectMode).filter((name) => name !== "consistent_hash")) {
  Deno.test(`slow start, ${mode}: a server that joins has its share by and by`, () =>
    withNodes(3, async ({ client, serve, list, nodes, world, pass }) => {
      const xclient = client({ mode, slowStartMs: 1e6, random: seededRandom(7) });
      const calls = async (count: number) => {
        for (let n = 0; n < count; n++) {
          const call = xclient.call("Work.Do");
          await pass(4);
          await call;
        }
      };
      const d = await serve("d");
      const all = [...nodes, d];
      for (const { address } of all) world.network.setFaults(address, { delayMs: 1 });
      await calls(30);
      await list(all);
      for (let tenth = 0; tenth <= 10; tenth++) {
        const before = d.came;
        await calls(400);
        const part = Math.max(0.1, tenth / 10);
        const expected = 400 * part / (3 + part);
        const got = d.came - before;
        const tolerance = tenth === 10
          ? 4 * Math.sqrt(expected) // chance
          : mode === "peak_ewma"
          ? 2 + 0.12 * expected // it goes by reply times, too
          : 2;
        assert(Math.abs(got - expected) <= tolerance, `${tenth}: ${got}, not ${expected}`);
        await pass(1e5 - 1600);
      }
      for (const { address } of all) world.network.setFaults(address);
    }));
}

Deno.test("slow start, consistent_hash: keys move to the new server by and by, and not back", () =>
  withNodes(3, async ({ client, serve, list, nodes, pass }) => {
    const xclient = client({ mode: SelectMode.ConsistentHash, slowStartMs });
    const homes = async () => {
      const found: string[] = [];
      for (let key = 0; key < 300; key++) {
        found.push(await xclient.call<string>("Work.Do", key, { key: `k${key}` }));
      }
      return found;
    };
    let before = await homes();
    const d = await serve("d");
    await list([...nodes, d]);
    const counts: number[] = [];
    for (let step = 0; step <= 5; step++) {
      const now = await homes();
      for (const [key, home] of now.entries()) {
        assert(home === before[key] || home === "d", `${key}: from ${before[key]} to ${home}`);
      }
      counts.push(now.filter((home) => home === "d").length);
      before = now;
      await pass(2000);
    }
    assertEquals(counts.toSorted((one, other) => one - other), counts);
    assert(counts[0] > 0 && counts[0] < 20, `${counts}`);
    assert(counts[5] > 60 && counts[5] < 90, `${counts}`);
  }));

Deno.test("slow start: not when the list is first filled, and not unless it is asked for", () =>
  withNodes(3, async ({ client, serve, list, nodes }) => {
    const slow = client({ slowStartMs });
    const plain = client({});
    for (const xclient of [slow, plain]) {
      await answeredBy(xclient, 3);
      assertEquals(weights(xclient), [1, 1, 1]);
    }
    await list([...nodes, await serve("d")]);
    for (const xclient of [slow, plain]) await answeredBy(xclient, 1);
    assertEquals([weights(slow), weights(plain)], [[1, 1, 1, 0.1], [1, 1, 1, 1]]);
    assertEquals(slow.endpoints()[3].weight, 1);
  }));

Deno.test("slow start: not in a list that was empty, nor in one that is replaced by others", () =>
  withNodes(3, async ({ client, serve, list, nodes, pass }) => {
    await list([]);
    const xclient = client({ slowStartMs });
    assertEquals(await answeredBy(xclient, 1), "-");
    await list(nodes);
    await answeredBy(xclient, 3);
    assertEquals(weights(xclient), [1, 1, 1]);
    await list([await serve("d"), await serve("e")]);
    await answeredBy(xclient, 2);
    assertEquals(weights(xclient), [1, 1]); // all are alike
    await pass(5000);
    await list([...xclient.endpoints().map(({ address }) => ({ address }) as Node), nodes[0]]);
    await answeredBy(xclient, 2);
    assertEquals(weights(xclient), [1, 1, 0.2]); // beside those that have come half-way
  }));

Deno.test("slow start: a connection that is lost and there again", () =>
  withNodes(3, async (test) => {
    const { client, nodes, pass } = test;
    const xclient = client({ slowStartMs });
    await answeredBy(xclient, 3);
    await restart(test, nodes[0], xclient);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [0.1, 1, 1]);
    await pass(6000);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [0.6, 1, 1]);
    await restart(test, nodes[0], xclient);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [0.1, 1, 1]); // from the beginning
    await pass(10_000);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [1, 1, 1]);
  }));

Deno.test("slow start: one that could not be reached when the list was filled", () =>
  withNodes(3, async ({ client, nodes: [a], world, pass }) => {
    world.network.setFaults(a.address, { refuse: true });
    const xclient = client({ slowStartMs });
    await answeredBy(xclient, 3);
    world.network.setFaults(a.address);
    await pass(2000);
    await answeredBy(xclient, 1);
    await settled();
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [0.1, 1, 1]);
  }));

Deno.test("slow start: one whose ejection is over", () =>
  withNodes(4, async ({ client, nodes: [a], pass }) => {
    const xclient = client({ slowStartMs });
    a.behaviour = "broken";
    await answeredBy(xclient, 20);
    a.behaviour = "echo";
    await pass(10_100);
    assertEquals(await answeredBy(xclient, 1), "a"); // its trial
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [0.1, 1, 1, 1]);
    assertEquals(await share(xclient, a, 100), 3);
  }));

Deno.test("slow start: one that drains and is there again", () =>
  withNodes(3, async ({ client, nodes: [a], world, pass }) => {
    const xclient = client({ slowStartMs });
    await answeredBy(xclient, 3);
    await a.site.server.close();
    await answeredBy(xclient, 3);
    await world.serve("a", {}, { Work: { Do: () => "a" } });
    await pass(2000);
    await answeredBy(xclient, 1);
    await settled();
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [0.1, 1, 1]);
  }));

Deno.test("slow start: a fleet of one, and one of two, of which the other never gets more than all", () =>
  withNodes(2, async (test) => {
    const { client, list, nodes: [a, b] } = test;
    await list([a]);
    const xclient = client({ slowStartMs });
    assertEquals(await answeredBy(xclient, 5), "aaaaa");
    await restart(test, a, xclient);
    assertEquals(await answeredBy(xclient, 5), "aaaaa");
    await list([a, b]);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [1, 1]); // `a` has just come, too
  }));

Deno.test("slow start: while most are new, no other carries more than twice its share", () =>
  withNodes(10, async (test) => {
    const { client, nodes, pass } = test;
    const xclient = client({ slowStartMs, mode: SelectMode.WeightedRoundRobin });
    await answeredBy(xclient, 10);
    // A rolling restart: every server, one each second.
    let most = 0;
    for (const node of nodes) {
      await restart(test, node, xclient);
      await answeredBy(xclient, 1);
      const all = weights(xclient);
      const sum = all.reduce((one, other) => one + other);
      assert(sum >= 4.99, `${all}`);
      most = Math.max(most, Math.max(...all) / sum);
      await pass(1000);
    }
    assert(most > 0.15 && most < 0.201, `${most}`);
    await pass(10_000);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), Array(10).fill(1));
  }));

Deno.test("slow start: a weight that changes meanwhile counts at once", () =>
  withNodes(2, async ({ client, discovery, nodes: [a, b], pass }) => {
    await discovery.update([a.address]);
    const xclient = client({ slowStartMs, mode: SelectMode.WeightedRoundRobin });
    await answeredBy(xclient, 1);
    await discovery.update([a.address, b.address]);
    await pass(5000);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [1, 0.5]);
    await discovery.update([a.address, `${b.address}?weight=4`]);
    await answeredBy(xclient, 1);
    assertEquals(weights(xclient), [1, 2]);
    assertEquals(await share(xclient, b, 30), 20);
    await discovery.update([a.address, `${b.address}?weight=1&zone=z`]);
    assertEquals(xclient.endpoints().map(({ weight, zone }) => [weight, zone]), [[1, ""], [
      1,
      "z",
    ]]);
  }));

Deno.test("slow start: in its turn a server that is busier than another gets nothing", () =>
  withNodes(3, async ({ client, serve, list, nodes, pass }) => {
    for (const mode of [SelectMode.ShortestExpectedDelay, SelectMode.LeastLoaded]) {
      const xclient = client({ mode, slowStartMs, liveness: { silenceMs: Infinity } });
      await answeredBy(xclient, 3);
      const d = await serve("d");
      d.behaviour = "hold";
      await list([...nodes, d]);
      await pass(9000);
      const calls: Promise<unknown>[] = [];
      for (let n = 0; n < 50; n++) {
        calls.push(xclient.call("Work.Do"));
        await settled();
      }
      assertEquals(d.came, 1);
      d.held[0].resolve("d");
      await Promise.all(calls);
      await list(nodes);
      await answeredBy(xclient, 1);
      await d.site.server.close();
    }
  }));
