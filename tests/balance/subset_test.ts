import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { subsetOf } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { endpoint, endpoints } from "../support/endpoint_views.ts";
import { between } from "../support/helpers.ts";

Deno.test("a subset: so many, in the list's order, the same for the same seed", () => {
  const fleet = endpoints(500);
  const mine = subsetOf(fleet, 7, 128);
  assertEquals(mine.length, 128);
  assertEquals(mine, fleet.filter((one) => mine.includes(one)));
  assertEquals(subsetOf(fleet, 7, 128), mine);
  assertStrictEquals(subsetOf(fleet, 7, 500), fleet);
});

Deno.test("a subset: at most one change for each change of an endpoint", () => {
  const random = seededRandom(8);
  let fleet = endpoints(300);
  let mine = new Set(subsetOf(fleet, 9, 128).map(({ address }) => address));
  for (let time = 0; time < 200; time++) {
    fleet = random() < 0.5 ? [...fleet, endpoint(`tcp@joined-${time}:1`)] : fleet;
    if (random() < 0.5) fleet = fleet.toSpliced(between(random, 0, fleet.length - 1), 1);
    const next = new Set(subsetOf(fleet, 9, 128).map(({ address }) => address));
    const joined = [...next].filter((address) => !mine.has(address)).length;
    assert(joined <= 2, `${joined} joined`); // up to two endpoints have changed
    mine = next;
  }
});

Deno.test("a subset: one endpoint less moves one at the most, one more too", () => {
  const fleet = endpoints(300);
  const mine = subsetOf(fleet, 10, 128);
  for (let place = 0; place < fleet.length; place += 7) {
    const without = subsetOf(fleet.toSpliced(place, 1), 10, 128);
    const joined = without.filter((one) => !mine.includes(one)).length;
    assertEquals(joined, mine.includes(fleet[place]) ? 1 : 0);
  }
});

Deno.test("a subset: many clients spread over all endpoints", () => {
  const random = seededRandom(11);
  const fleet = endpoints(400);
  const clients = new Map<string, number>();
  for (let client = 0; client < 300; client++) {
    for (const { address } of subsetOf(fleet, Math.floor(random() * 2 ** 32), 128)) {
      clients.set(address, (clients.get(address) ?? 0) + 1);
    }
  }
  assertEquals(clients.size, 400);
  // 96 ± 8.1: five standard deviations.
  for (const count of clients.values()) assert(count > 55 && count < 137, String(count));
});
