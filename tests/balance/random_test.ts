import { assert } from "@std/assert";
import { createSelector, SelectMode } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { endpoints } from "../support/endpoint_views.ts";

Deno.test("random: uniform", () => {
  const selector = createSelector(SelectMode.Random, { random: seededRandom(3) });
  const from = endpoints(10);
  const counts = new Map<string, number>();
  for (let time = 0; time < 20_000; time++) {
    const { address } = selector.pick(from, { nowMs: 0 })!;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  // Four standard deviations of a binomial of 20,000 and 1/10.
  for (const { address } of from) assert(Math.abs(counts.get(address)! - 2000) < 170);
});
