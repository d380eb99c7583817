/** Arguments that come item by item: they can be sent once. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RpcError } from "../../../errors.ts";
import { withTaps } from "../../support/streams.ts";

/** Numbers, and what has become of their iterator. */
function numbers(...all: number[]) {
  const seen = { taken: 0, isOver: false };
  async function* items() {
    try {
      for (const number of all) {
        seen.taken++;
        yield number;
      }
    } finally {
      seen.isOver = true;
    }
  }
  return { seen, items: items() };
}

Deno.test("a call's argument may be an async iterable", () =>
  withTaps(2, async ({ taps: [a], xclient }) => {
    const { seen, items } = numbers(1, 2, 3);
    assertEquals(await xclient.call<number>("Tap.Sum", items), 6);
    assertEquals(seen, { taken: 3, isOver: true });
    assertEquals(a.got, [1, 2, 3]);
  }));

Deno.test("it goes elsewhere while nothing was taken from it", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient }) => {
    world.network.setFaults(a.address, { refuse: true });
    const { seen, items } = numbers(1, 2, 3);
    assertEquals(await xclient.call<number>("Tap.Sum", items), 6);
    assertEquals(seen, { taken: 3, isOver: true });
    assertEquals([a.got, b.got], [[], [1, 2, 3]]);
  }));

Deno.test("once an item was taken it does not, and the caller's iterator is ended", () =>
  withTaps(2, async ({ taps: [a, b], xclient }) => {
    a.isRejecting = b.isRejecting = true;
    const { seen, items } = numbers(1, 2, 3);
    const call = () => xclient.call("Tap.Sum", items, { idempotent: true });
    const error = await assertRejects(call, RpcError);
    assertEquals([error.execution, error.address], ["rejected", a.address]);
    assert(seen.taken > 0);
    assert(seen.isOver);
  }));

Deno.test("an iterator that was not begun is left alone", () =>
  withTaps(1, async ({ world, taps: [a], xclient }) => {
    world.network.setFaults(a.address, { refuse: true });
    const { seen, items } = numbers(1);
    await assertRejects(() => xclient.call("Tap.Sum", items, { maxAttempts: 1 }), RpcError);
    assertEquals(seen, { taken: 0, isOver: false });
    world.network.setFaults(a.address, {});
  }));

Deno.test("calls to all servers refuse it: one could have it only", () =>
  withTaps(2, async ({ xclient }) => {
    const items = () => numbers(1).items;
    await assertRejects(() => xclient.broadcast("Tap.Sum", items()), TypeError, "one server only");
    await assertRejects(() => xclient.fork("Tap.Sum", items()), TypeError, "one server only");
    await assertRejects(() => xclient.inform("Tap.Sum", items()).next(), TypeError);
    assertThrows(() => xclient.streamAll("Tap.Sum", items()), TypeError, "one server only");
  }));
