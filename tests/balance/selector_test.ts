/** What holds for every policy. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { createSelector, SelectMode } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { endpoint, endpoints, type View } from "../support/endpoint_views.ts";
import { between } from "../support/helpers.ts";

const modes = Object.values(SelectMode);

Deno.test("an unknown mode is refused; the message lists those there are", () => {
  const error = assertThrows(() => createSelector("best" as SelectMode), RpcError);
  assertEquals([error.code, error.execution], ["invalid_argument", "not_sent"]);
  for (const mode of modes) assert(error.message.includes(mode), error.message);
});

Deno.test("without endpoints there is no pick; a single endpoint is picked", () => {
  for (const mode of modes) {
    const selector = createSelector(mode, { random: seededRandom(1) });
    const context = { nowMs: 5, key: "k" };
    assertEquals(selector.pick([], context), undefined, mode);
    const only = [endpoint("a", { inFlight: 3 })];
    for (let time = 0; time < 3; time++) {
      assertStrictEquals(selector.pick(only, context), only[0], mode);
    }
    assertEquals(selector.pick([], context), undefined, mode);
  }
});

Deno.test("each policy picks one of the endpoints that it is given, whatever their figures", () => {
  const random = seededRandom(2);
  for (const mode of modes) {
    const selector = createSelector(mode, { random, boundedLoad: 1.25 });
    for (let time = 0; time < 300; time++) {
      const shown = endpoints(between(random, 1, 9)).filter(() => random() < 0.8);
      for (const one of shown) {
        one.weight = between(random, 1, 5);
        one.inFlight = between(random, 0, 3);
        one.latencyMs = random() < 0.3 ? 0 : random() * 100;
        one.peakMs = one.latencyMs * 2;
        one.oldestAtMs = random() * 1000;
        one.updatedAtMs = random() * 1000;
      }
      const picked = selector.pick(shown, { nowMs: 1000, key: String(time) });
      if (shown.length === 0) assertEquals(picked, undefined);
      else assert(shown.includes(picked as View), mode);
    }
  }
});
