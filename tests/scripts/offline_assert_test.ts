/** The stand-in for `@std/assert`, tested with whichever is in use. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import * as offline from "../../scripts/offline/assert/mod.ts";

class Point {
  constructor(readonly x: number) {}
}
class Pixel extends Point {}

const cycle: Record<string, unknown> = { a: 1 };
cycle.self = cycle;
const sameCycle: Record<string, unknown> = { a: 1 };
sameCycle.self = sameCycle;

const EQUAL: [unknown, unknown][] = [
  [NaN, NaN],
  [0, -0],
  [{ a: [1, { b: undefined }] }, { a: [1, { b: undefined }] }],
  [new Map([[{ k: 1 }, [1]]]), new Map([[{ k: 1 }, [1]]])],
  [new Set([1, { a: 2 }]), new Set([{ a: 2 }, 1])],
  [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  [new Date(5), new Date(5)],
  [/a/g, /a/g],
  [new Point(1), new Point(1)],
  [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  [cycle, sameCycle],
];

const UNEQUAL: [unknown, unknown][] = [
  [1, "1"],
  [null, undefined],
  [{ a: undefined }, {}],
  [[1, 2], [2, 1]],
  [new Map([["a", 1]]), new Map([["a", 2]])],
  [new Set([1]), new Set([2])],
  [new Uint8Array([1]), new Uint16Array([1])],
  [new Date(5), new Date(6)],
  [/a/g, /a/i],
  [new Point(1), new Point(2)],
  [new Point(1), new Pixel(1)],
  [new Point(1), { x: 1 }],
  [() => 1, () => 1],
  [cycle, { a: 1, self: { a: 1, self: 1 } }],
];

Deno.test("offline equal() compares by value", () => {
  for (const [a, b] of EQUAL) offline.assertEquals(a, b);
  for (const [a, b] of UNEQUAL) offline.assertNotEquals(a, b);
});

Deno.test("offline assertEquals() shows the lines that differ", () => {
  const error = assertThrows(
    () => offline.assertEquals({ a: 1, b: 2 }, { a: 1, b: 3 }, "sum"),
    offline.AssertionError,
    "Values are not equal: sum",
  );
  assert(/-\s+b: 2.*\n\+\s+b: 3/.test(error.message), error.message);
});

Deno.test("offline assertions fail when they should", () => {
  const refused: (() => void)[] = [
    () => offline.assert(0),
    () => offline.assertFalse(1),
    () => offline.assertExists(null),
    () => offline.assertStrictEquals({}, {}),
    () => offline.assertNotStrictEquals(1, 1),
    () => offline.assertGreater(1, 1),
    () => offline.assertGreaterOrEqual(1, 2),
    () => offline.assertLess(1, 1),
    () => offline.assertLessOrEqual(2, 1),
    () => offline.assertAlmostEquals(1, 1.1),
    () => offline.assertInstanceOf(1, Date),
    () => offline.assertNotInstanceOf(new Date(), Date),
    () => offline.assertMatch("a", /b/),
    () => offline.assertNotMatch("a", /a/),
    () => offline.assertStringIncludes("abc", "d"),
    () => offline.assertArrayIncludes([{ a: 1 }], [{ a: 2 }]),
    () => offline.assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }),
    () => offline.assertIsError("text"),
    () => offline.assertThrows(() => {}),
    () => offline.fail("reason"),
    () => offline.unreachable(),
  ];
  for (const call of refused) assertThrows(call, offline.AssertionError);
});

Deno.test("offline assertions pass when they should", async () => {
  offline.assertObjectMatch({ a: { b: 1, c: 2 }, d: [1, 2] }, {
    a: { b: 1 },
    d: [1],
  });
  offline.assertArrayIncludes([{ a: 1 }, 2], [{ a: 1 }]);
  offline.assertAlmostEquals(0.1 + 0.2, 0.3);
  offline.assertIsError(new TypeError("bad input"), TypeError, /input$/);
  const thrown = offline.assertThrows(
    () => {
      throw new RangeError("far off");
    },
    RangeError,
    "far",
  );
  assertEquals(thrown.message, "far off");
  const reason = await offline.assertRejects(
    () => Promise.reject(new TypeError("no")),
    TypeError,
  );
  assertEquals(reason.message, "no");
});

Deno.test("offline assertRejects() wants a promise that rejects", async () => {
  for (const fn of [() => Promise.resolve(1), () => JSON.parse("{")]) {
    const failure = await offline.assertRejects(fn).catch((error) => error);
    assert(failure instanceof offline.AssertionError);
  }
});
