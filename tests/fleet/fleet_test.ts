/** What the built-in policies are shown of a fleet. */

import { assert, assertEquals } from "@std/assert";
import { SelectMode, type Selector } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure, inWorld, settled } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";
import { came, source, withNodes } from "../support/fleet.ts";

Deno.test("consistent hash without a key fails the call", () =>
  withNodes(2, async ({ client }) => {
    const xclient = client({ mode: SelectMode.ConsistentHash });
    await assertFails(xclient.call("Work.Do"), { code: "invalid_argument", message: "key" });
    const first = await xclient.call("Work.Do", 1, { key: "k" });
    for (let n = 0; n < 5; n++) assertEquals(await xclient.call("Work.Do", 1, { key: "k" }), first);
  }));

Deno.test("consistent hash: a key goes home again when its server is back", () =>
  withNodes(4, async ({ client, nodes, world, pass }) => {
    const xclient = client({ mode: SelectMode.ConsistentHash });
    const home = await xclient.call<string>("Work.Do", 1, { key: "k" });
    const node = nodes.find(({ name }) => name === home)!;
    world.network.setFaults(node.address, { refuse: true });
    world.network.cut(node.address);
    await settled();
    const away = await xclient.call("Work.Do", 1, { key: "k" });
    assert(away !== home);
    world.network.setFaults(node.address);
    await pass(2000);
    await xclient.call("Work.Do", 1, { key: "k" });
    await settled();
    assertEquals(await xclient.call("Work.Do", 1, { key: "k" }), home);
  }));

Deno.test("a weight that changes counts from the next call on", () =>
  withNodes(2, async ({ client, nodes, discovery }) => {
    const xclient = client({ mode: SelectMode.WeightedRoundRobin });
    const [one, other] = nodes.map(({ address }) => address);
    await discovery.update([one, `${other}?weight=1`]);
    for (let call = 0; call < 8; call++) await xclient.call("Work.Do", 1);
    assertEquals(came(nodes), [4, 4]);
    await discovery.update([one, `${other}?weight=3`]);
    for (let call = 0; call < 8; call++) await xclient.call("Work.Do", 1);
    assertEquals(came(nodes), [6, 10]);
  }));

Deno.test("beyond 128 servers a policy that looks at each is shown 128, the others all", () =>
  inWorld(async ({ network, clock }) => {
    const list = Array.from({ length: 300 }, (_, n) => `memory@nobody-${n}`);
    const shown: number[] = [];
    const own = (subsets: boolean): Selector => ({
      subsets,
      pick: (candidates) => {
        shown.push(candidates.length);
        return candidates[0];
      },
    });
    for (const subsets of [true, false]) {
      const mode = own(subsets);
      const xclient = new XClient(source({ current: list }), {
        network,
        clock,
        mode,
        random: seededRandom(1),
        maxAttempts: 1,
      });
      await failure(xclient.call("Work.Do"));
      assertEquals(xclient.endpoints().length, 300);
      await xclient.close();
    }
    assertEquals(shown, [128, 300]);
  }));
