/** `inform`: the outcome of each server as it comes. */

import { assert, assertEquals } from "@std/assert";
import { failure, settled } from "../support/helpers.ts";
import { aborted, came, hold, receipts, short, withNodes } from "../support/fleet.ts";

Deno.test("inform: one receipt for each server, in the order of their outcomes, the unreachable included", () =>
  withNodes(4, async ({ xclient, world, nodes }) => {
    const [a, b, c, d] = nodes;
    hold([a]);
    b.behaviour = "fail";
    world.network.setFaults(c.address, { refuse: true });
    const seen: string[] = [];
    const over = (async () => {
      for await (const receipt of xclient.inform("Work.Do", 1)) {
        seen.push(short(receipt));
        assert(receipt.elapsedMs >= 0);
        assertEquals("reply" in receipt, receipt.ok);
      }
    })();
    await settled();
    assertEquals([...seen].sort(), ["b unknown", "c unavailable", "d d"]);
    a.held[0].resolve("a");
    await over;
    assertEquals([seen.length, seen[3], d.came], [4, "a a", 1]);
  }));

Deno.test("inform: a caller that stops early cancels the rest", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes.slice(1));
    for await (const receipt of xclient.inform("Work.Do", 1)) {
      assertEquals(short(receipt), "a a");
      break;
    }
    await settled();
    assertEquals(aborted(nodes), [0, 1, 1]);
  }));

Deno.test("inform: after an abort every server that is left has a receipt with the reason", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes.slice(1));
    const controller = new AbortController();
    const all = receipts(xclient, { signal: controller.signal });
    await settled();
    controller.abort("enough");
    assertEquals((await all).sort(), ["a a", "b enough", "c enough"]);
    await settled();
    assertEquals(aborted(nodes), [0, 1, 1]);
    const late = receipts(xclient, { signal: controller.signal });
    assertEquals(await failure(late), "enough");
  }));

Deno.test("inform: at the deadline every server that is left has a receipt with a TimeoutError", () =>
  withNodes(3, async ({ xclient, nodes, pass }) => {
    hold(nodes.slice(1));
    const all = receipts(xclient, { timeoutMs: 60_000 });
    await pass(60_000);
    assertEquals((await all).sort(), ["a a", "b TimeoutError", "c TimeoutError"]);
  }));

Deno.test("inform, quorum: ends when enough have succeeded", () =>
  withNodes(4, async ({ xclient, nodes }) => {
    nodes[0].behaviour = "fail";
    hold(nodes.slice(3));
    const all = await receipts(xclient, { quorum: 2 });
    assertEquals(all.sort(), ["a unknown", "b b", "c c"]);
    await settled();
    assertEquals(aborted(nodes), [0, 0, 0, 1]);
  }));

Deno.test("inform: without iteration nothing is sent", () =>
  withNodes(2, async ({ xclient, nodes }) => {
    const receipts = xclient.inform("Work.Do", 1);
    await settled();
    assertEquals(came(nodes), [0, 0]);
    await receipts.return(undefined);
  }));
