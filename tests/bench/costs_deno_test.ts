import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { reached, TARGETS } from "../../bench/costs/targets.ts";
import { certain, trend } from "../../bench/costs/trend.ts";

Deno.test("a line through all points has no error", () => {
  const { slope, error } = trend([[1, 5], [2, 7], [3, 9], [4, 11]]);
  assertAlmostEquals(slope, 2);
  assertAlmostEquals(error, 0);
  assertAlmostEquals(certain({ slope, error }), 2);
});

Deno.test("the slope's standard error is as in a textbook's example", () => {
  // y = 2.2 + 0.6 x; the squared residuals sum up to 2.4, the squared deviations of x to 10.
  const { slope, error } = trend([[1, 2], [2, 4], [3, 5], [4, 4], [5, 5]]);
  assertAlmostEquals(slope, 0.6);
  assertAlmostEquals(error, Math.sqrt(2.4 / 3 / 10));
});

Deno.test("a slope within two standard errors counts as 0", () => {
  assertEquals(certain({ slope: 2, error: 1 }), 0);
  assertEquals(certain({ slope: -2, error: 1 }), 0);
  assertEquals(certain({ slope: -2.1, error: 1 }), 2.1);
});

Deno.test("a target is met up to its limit, and left out if its figure was not measured", () => {
  const [{ part, row, column, most }] = TARGETS;
  const at = (value: number) => reached(part, [{ row, column, value }]);
  assertEquals(at(most).map(({ met }) => met), [true]);
  assertEquals(at(most + 1).map(({ met }) => met), [false]);
  assertEquals(reached(part, []), []);
  assert(TARGETS.every(({ most }) => most > 0));
});
