/** What may be on its way to a reader that does not read. */

import { assert, assertEquals } from "@std/assert";
import { Credit, Window } from "../../../connection/streams/credit.ts";
import { seededRandom } from "../../../testing.ts";
import { between } from "../../support/helpers.ts";

Deno.test("an item goes if it fits, or if half of the window is free", () => {
  const table: [spent: number[], mostBytes: number][] = [
    [[], Infinity],
    [[50], Infinity],
    [[51], 49],
    [[51, 49], 0],
    [[1000], 0],
  ];
  for (const [spent, mostBytes] of table) {
    const credit = new Credit(10, 100);
    for (const bytes of spent) credit.spend(bytes);
    assertEquals(credit.mostBytes, mostBytes, String(spent));
  }
});

Deno.test("no item goes without credit for items, however many bytes are free", () => {
  const credit = new Credit(2, 100);
  credit.spend(1);
  credit.spend(1);
  assertEquals(credit.mostBytes, 0);
  credit.add(1, 2);
  assertEquals(credit.mostBytes, Infinity);
});

Deno.test("credit comes back in batches: half of the window, of items or of bytes", () => {
  const granted: [number, number][] = [];
  const window = new Window({
    items: 4,
    bytes: 100,
    grant: (items, bytes) => granted.push([items, bytes]),
  });
  for (const bytes of [10, 10, 50, 1]) assert(window.arrived(bytes));
  window.read(10);
  assertEquals(granted, []);
  window.read(10);
  assertEquals(granted, [[2, 20]]);
  window.read(50);
  assertEquals(granted, [[2, 20], [1, 50]]);
});

Deno.test("what comes without credit is noticed: too many items, too many bytes", () => {
  const items = new Window({ items: 2, bytes: 100, grant: () => {} });
  assertEquals([1, 1, 1].map((bytes) => items.arrived(bytes)), [true, true, false]);
  const bytes = new Window({ items: 10, bytes: 100, grant: () => {} });
  assertEquals([60, 60].map((one) => bytes.arrived(one)), [true, false]);
  const large = new Window({ items: 10, bytes: 100, grant: () => {} });
  assertEquals([5000, 1].map((one) => large.arrived(one)), [true, false]);
});

Deno.test("a window grows for a reader that keeps up with a fast stream, twice", () => {
  let nowMs = 0;
  const granted: number[] = [];
  const grant = (_items: number, bytes: number) => granted.push(bytes);
  const window = new Window({ items: 1000, bytes: 100, now: () => nowMs, grant });
  const pass = (bytes: number, tookMs: number) => {
    nowMs += tookMs;
    assert(window.arrived(bytes));
    window.read(bytes);
  };
  pass(50, 1000); // the first says nothing of how fast it is
  pass(50, 11);
  assertEquals(granted.splice(0), [50, 50]);
  assert(window.arrived(1)); // not read yet
  pass(50, 10);
  window.read(1);
  pass(49, 10);
  assertEquals(granted.splice(0), [50, 150]);
  pass(100, 0);
  pass(200, 0);
  pass(200, 0);
  assertEquals(granted, [300, 200, 200]);
});

/** Sends items of chance over a window of chance, and reads them late. */
function play(seed: number): void {
  const random = seededRandom(seed);
  const windowItems = between(random, 1, 20);
  const windowBytes = between(random, 1, 1000);
  const credit = new Credit(windowItems, windowBytes);
  const onTheirWay: number[] = [];
  const grants: [number, number][] = [];
  const held: number[] = [];
  let nowMs = 0;
  const now = random() < 0.5 ? () => nowMs : undefined;
  const window = new Window({
    items: windowItems,
    bytes: windowBytes,
    now,
    grant: (items, bytes) => grants.push([items, bytes]),
  });
  const growth = now === undefined ? 1 : 4;
  const largest = between(random, 1, 2000);
  for (let left = 200, next = between(random, 1, largest), idle = 0; left > 0;) {
    idle++;
    const step = between(random, 0, 3);
    if (step === 0 && credit.mostBytes >= next) {
      credit.spend(next);
      onTheirWay.push(next);
      next = between(random, 1, largest);
      left--;
      idle = 0;
    } else if (step === 1 && onTheirWay.length > 0) {
      const bytes = onTheirWay.shift()!;
      assert(window.arrived(bytes), `seed ${seed}: an honest sender is taken for another`);
      held.push(bytes);
      const sum = held.reduce((sum, one) => sum + one, 0);
      const most = growth * Math.max(windowBytes, windowBytes / 2) + Math.max(...held);
      assert(
        held.length <= growth * windowItems && sum <= most,
        `seed ${seed}: ${sum} bytes are held`,
      );
    } else if (step === 2 && held.length > 0) window.read(held.shift()!);
    else if (random() < 0.1) nowMs += between(random, 0, 20);
    else if (grants.length > 0) credit.add(...grants.shift()!);
    assert(idle < 1000, `seed ${seed}: nothing moves`);
  }
}

Deno.test("whatever is sent and read when, nothing stands still, and no more is held than may be", () => {
  for (let seed = 0; seed < 300; seed++) play(seed);
});
