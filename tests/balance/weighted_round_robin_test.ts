import { assert, assertEquals } from "@std/assert";
import { createSelector, SelectMode } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { endpoint, endpoints, picks } from "../support/endpoint_views.ts";
import { between } from "../support/helpers.ts";

Deno.test("weighted round robin: {5,1,1} gives a a b a c a a, up to the start", () => {
  const from = [endpoint("a", { weight: 5 }), endpoint("b"), endpoint("c")];
  const turn = "a a b a c a a";
  for (const start of [0, 0.34, 0.67]) {
    const selector = createSelector(SelectMode.WeightedRoundRobin, { random: () => start });
    const rounds = picks(selector, from, 21);
    assert(`${turn} ${turn} ${turn} ${turn}`.includes(rounds), rounds);
  }
  const first = createSelector(SelectMode.WeightedRoundRobin, { random: () => 0 });
  assertEquals(picks(first, from, 7), turn);
});

Deno.test("weighted round robin: over a round each is picked as often as its weight", () => {
  const random = seededRandom(4);
  for (let time = 0; time < 50; time++) {
    const from = endpoints(between(random, 1, 8));
    for (const one of from) one.weight = between(random, 1, 9);
    const sum = from.reduce((total, { weight }) => total + weight, 0);
    const selector = createSelector(SelectMode.WeightedRoundRobin, { random });
    const taken = picks(selector, from, sum).split(" ");
    for (const { address, weight } of from) {
      assertEquals(taken.filter((one) => one === address).length, weight);
    }
  }
});

Deno.test("weighted round robin: an endpoint that stays keeps its credit", () => {
  const [a, b, c] = [endpoint("a", { weight: 2 }), endpoint("b"), endpoint("c")];
  const selector = createSelector(SelectMode.WeightedRoundRobin, { random: () => 0 });
  assertEquals(picks(selector, [a, b], 1), "a"); // credits: a -1, b 1
  assertEquals(picks(selector, [a, b, c], 1), "b"); // 1, 2, 1
});
