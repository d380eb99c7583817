import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { RpcError } from "../errors.ts";
import { type Candidate, createSelector, SelectMode } from "../selector.ts";
import { between, seeded } from "./helpers.ts";

function candidates(...names: string[]): Candidate[] {
  return names.map((address) => ({ address }));
}

Deno.test("an unknown mode is refused, naming those there are", () => {
  for (const mode of ["best", "", "toString", undefined]) {
    const error = assertThrows(
      () => createSelector(mode as SelectMode),
      RpcError,
      "unknown select mode",
    );
    assertEquals([error.code, error.execution], ["invalid_argument", "not_sent"]);
    for (const known of Object.values(SelectMode)) assert(error.message.includes(known));
  }
});

for (const mode of Object.values(SelectMode)) {
  Deno.test(`${mode}: none of none, the one of one, and always one of those there are`, () => {
    const random = seeded(2);
    const selector = createSelector(mode, random);
    assertEquals(selector.pick([]), undefined);
    const [one] = candidates("a");
    assertStrictEquals(selector.pick([one]), one);
    for (let round = 0; round < 100; round++) {
      const names = ["a", "b", "c", "d", "e"].filter(() => random() < 0.6);
      const list = candidates(...names);
      for (let n = between(random, 0, 10); n > 0; n--) {
        const picked = selector.pick(list);
        assertEquals(picked !== undefined && list.includes(picked), list.length > 0);
      }
    }
  });
}

Deno.test("random: each as likely as the others", () => {
  const selector = createSelector(SelectMode.Random, seeded(4));
  const list = candidates("a", "b", "c", "d");
  const counts = new Map<string, number>();
  for (let n = 0; n < 40_000; n++) {
    const { address } = selector.pick(list)!;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  for (const count of counts.values()) assert(Math.abs(count - 10_000) < 400, `${count}`);
  assertEquals(counts.size, 4);
});

Deno.test("round robin: in turn, from a random start", () => {
  const list = candidates("a", "b", "c");
  for (const [chance, expected] of [[0, "abcabc"], [0.4, "bcabca"], [0.99, "cabcab"]] as const) {
    const selector = createSelector(SelectMode.RoundRobin, () => chance);
    const picked = Array.from({ length: 6 }, () => selector.pick(list)!.address);
    assertEquals(picked.join(""), expected);
  }
});

Deno.test("round robin: two selectors do not share their turns", () => {
  const list = candidates("a", "b");
  const [one, two] = [1, 2].map(() => createSelector(SelectMode.RoundRobin, () => 0));
  assertEquals(
    [one, two, one, two].map((selector) => selector.pick(list)!.address).join(""),
    "aabb",
  );
});

Deno.test("round robin keeps its turn while the list changes, at random, as a model does", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  for (let seed = 1; seed <= 50; seed++) {
    const random = seeded(seed);
    const selector = createSelector(SelectMode.RoundRobin, () => 0);
    let list = candidates();
    /** The model: all in the order in which they are due. */
    let queue: string[] = [];
    for (let step = 0; step < 100; step++) {
      if (random() < 0.3) {
        const next = names.filter(() => random() < 0.6);
        if (random() < 0.3) next.sort(() => random() - 0.5);
        list = candidates(...next);
        const due = queue.find((name) => next.includes(name)) ?? next[0];
        const place = next.indexOf(due);
        queue = [...next.slice(place), ...next.slice(0, place)];
      }
      assertEquals(selector.pick(list)?.address, queue[0], `seed ${seed}, step ${step}`);
      if (queue.length > 0) queue.push(queue.shift()!);
    }
  }
});
