import { assertEquals } from "@std/assert";
import { createSelector, SelectMode } from "../../selector.ts";
import { endpoint, given, picks } from "../support/endpoint_views.ts";

Deno.test("round robin: in turn from a random start", () => {
  const from = ["a", "b", "c"].map((address) => endpoint(address));
  for (const [start, expected] of ["a b c a", "b c a b", "c a b c"].entries()) {
    const selector = createSelector(SelectMode.RoundRobin, { random: given(start / 3 + 0.1) });
    assertEquals(picks(selector, from, 4), expected);
  }
});

Deno.test("round robin keeps its place when the list changes", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((address) => endpoint(address));
  const selector = createSelector(SelectMode.RoundRobin, { random: () => 0 });
  assertEquals(picks(selector, [a, b, c], 2), "a b"); // c is due
  assertEquals(picks(selector, [d, c, a], 3), "c a d");
  assertEquals(picks(selector, [d, a, b, c], 1), "c"); // it was due again
  assertEquals(picks(selector, [a, b], 3), "a b a"); // d was due, then a
  assertEquals(picks(selector, [c, d], 2), "c d"); // none is left: a new start
});
