/** Balancing policies: exact sequences, formulas, shares, and how little moves. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import {
  createSelector,
  type EndpointView,
  SelectMode,
  type Selector,
  subsetOf,
} from "../../selector.ts";
import { hashText } from "../../balance/consistent_hash.ts";
import { between } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

/** A server of which a test says what is known; it may change. */
type Server = { -readonly [Key in keyof EndpointView]: EndpointView[Key] };

function server(address: string, known: Partial<EndpointView> = {}): Server {
  return {
    address,
    weight: 1,
    inFlight: 0,
    oldestAtMs: 0,
    latencyMs: 0,
    peakMs: 0,
    updatedAtMs: 0,
    ...known,
  };
}

function servers(count: number, known: Partial<EndpointView> = {}): Server[] {
  return Array.from({ length: count }, (_, n) => server(`tcp@10.0.0.${n}:9001`, known));
}

/** The addresses of so many picks in a row. */
function picks(
  selector: Selector,
  from: readonly EndpointView[],
  count: number,
  nowMs = 0,
): string {
  const taken = Array.from({ length: count }, () => selector.pick(from, { nowMs })!.address);
  return taken.join(" ");
}

/** Randomness that a test writes down; it must be used up. */
function written(...numbers: number[]): () => number {
  return () => {
    const next = numbers.shift();
    if (next === undefined) throw new Error("more chance was taken than expected");
    return next;
  };
}

const zero = () => 0;
const modes = Object.values(SelectMode);

Deno.test("an unknown mode is refused, naming those there are", () => {
  const error = assertThrows(() => createSelector("best" as SelectMode), RpcError);
  assertEquals([error.code, error.execution], ["invalid_argument", "not_sent"]);
  for (const mode of modes) assert(error.message.includes(mode), error.message);
});

Deno.test("no servers, no pick; one server, that one", () => {
  for (const mode of modes) {
    const selector = createSelector(mode, { random: seededRandom(1) });
    const context = { nowMs: 5, key: "k" };
    assertEquals(selector.pick([], context), undefined, mode);
    const only = [server("a", { inFlight: 3 })];
    for (let time = 0; time < 3; time++) {
      assertStrictEquals(selector.pick(only, context), only[0], mode);
    }
    assertEquals(selector.pick([], context), undefined, mode);
  }
});

Deno.test("each policy picks one of those it is shown, whatever they are like", () => {
  const random = seededRandom(2);
  for (const mode of modes) {
    const selector = createSelector(mode, { random, boundedLoad: 1.25 });
    for (let time = 0; time < 300; time++) {
      const shown = servers(between(random, 1, 9)).filter(() => random() < 0.8);
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
      else assert(shown.includes(picked as Server), mode);
    }
  }
});

Deno.test("random: uniform", () => {
  const selector = createSelector(SelectMode.Random, { random: seededRandom(3) });
  const from = servers(10);
  const counts = new Map<string, number>();
  for (let time = 0; time < 20_000; time++) {
    const { address } = selector.pick(from, { nowMs: 0 })!;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  // Four standard deviations of a binomial of 20,000 and 1/10.
  for (const { address } of from) assert(Math.abs(counts.get(address)! - 2000) < 170);
});

Deno.test("round robin: in turn from a random start", () => {
  const from = ["a", "b", "c"].map((address) => server(address));
  for (const [start, expected] of ["a b c a", "b c a b", "c a b c"].entries()) {
    const selector = createSelector(SelectMode.RoundRobin, { random: written(start / 3 + 0.1) });
    assertEquals(picks(selector, from, 4), expected);
  }
});

Deno.test("round robin keeps its place when the list changes", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((address) => server(address));
  const selector = createSelector(SelectMode.RoundRobin, { random: zero });
  assertEquals(picks(selector, [a, b, c], 2), "a b"); // c is due
  assertEquals(picks(selector, [d, c, a], 3), "c a d");
  assertEquals(picks(selector, [d, a, b, c], 1), "c"); // it was due again
  assertEquals(picks(selector, [a, b], 3), "a b a"); // d was due, then a
  assertEquals(picks(selector, [c, d], 2), "c d"); // nobody is left: a new start
});

Deno.test("weighted round robin: {5,1,1} gives a a b a c a a, up to the start", () => {
  const from = [server("a", { weight: 5 }), server("b"), server("c")];
  const turn = "a a b a c a a";
  for (const start of [0, 0.34, 0.67]) {
    const selector = createSelector(SelectMode.WeightedRoundRobin, { random: () => start });
    const rounds = picks(selector, from, 21);
    assert(`${turn} ${turn} ${turn} ${turn}`.includes(rounds), rounds);
  }
  const first = createSelector(SelectMode.WeightedRoundRobin, { random: zero });
  assertEquals(picks(first, from, 7), turn);
});

Deno.test("weighted round robin: over a round each is picked as often as its weight", () => {
  const random = seededRandom(4);
  for (let time = 0; time < 50; time++) {
    const from = servers(between(random, 1, 8));
    for (const one of from) one.weight = between(random, 1, 9);
    const sum = from.reduce((total, { weight }) => total + weight, 0);
    const selector = createSelector(SelectMode.WeightedRoundRobin, { random });
    const taken = picks(selector, from, sum).split(" ");
    for (const { address, weight } of from) {
      assertEquals(taken.filter((one) => one === address).length, weight);
    }
  }
});

Deno.test("weighted round robin: who stays keeps what it has earned", () => {
  const [a, b, c] = [server("a", { weight: 2 }), server("b"), server("c")];
  const selector = createSelector(SelectMode.WeightedRoundRobin, { random: zero });
  assertEquals(picks(selector, [a, b], 1), "a"); // earned: a -1, b 1
  assertEquals(picks(selector, [a, b, c], 1), "b"); // 1, 2, 1
});

Deno.test("two at random are always two distinct servers", () => {
  for (const mode of [SelectMode.LeastLoaded, SelectMode.PeakEwma] as const) {
    for (let length = 2; length <= 5; length++) {
      const seen = new Set<string>();
      for (let one = 0; one < length; one++) {
        for (let other = 0; other < length - 1; other++) {
          const looked = new Set<number>();
          const from = servers(length).map((known, place) =>
            new Proxy(known, {
              get: (target, field) => (looked.add(place), target[field as keyof Server]),
            })
          );
          const random = written((one + 0.5) / length, (other + 0.5) / (length - 1));
          createSelector(mode, { random }).pick(from, { nowMs: 0 });
          assertEquals(looked.size, 2);
          seen.add([...looked].sort().join());
        }
      }
      assertEquals(seen.size, length * (length - 1) / 2); // each pair can come
    }
  }
});

Deno.test("least loaded of two: (in flight + 1) / weight", () => {
  const both = () => written(0.1, 0.1); // the first and the second
  const pick = (a: Partial<EndpointView>, b: Partial<EndpointView>) =>
    picks(createSelector(SelectMode.LeastLoaded, { random: both() }), [
      server("a", a),
      server("b", b),
    ], 1);
  assertEquals(pick({ inFlight: 2 }, { inFlight: 1 }), "b");
  assertEquals(pick({ inFlight: 1 }, { inFlight: 2 }), "a");
  assertEquals(pick({ inFlight: 4, weight: 3 }, { inFlight: 1 }), "a"); // 5/3 and 2
  assertEquals(pick({ inFlight: 6, weight: 3 }, { inFlight: 1 }), "b"); // 7/3 and 2
});

Deno.test("peak EWMA of two: estimate × (in flight + 1), faded when idle", () => {
  const pick = (a: Partial<EndpointView>, b: Partial<EndpointView>, nowMs = 0) =>
    picks(
      createSelector(SelectMode.PeakEwma, { random: written(0.1, 0.1) }),
      [server("a", a), server("b", b)],
      1,
      nowMs,
    );
  assertEquals(pick({ peakMs: 20 }, { peakMs: 10 }), "b");
  assertEquals(pick({ peakMs: 20 }, { peakMs: 10, inFlight: 2 }), "a"); // 20 and 30
  assertEquals(pick({ peakMs: 20, inFlight: 1 }, { peakMs: 10, inFlight: 2 }), "b"); // 40 and 30
  // Ten seconds of idleness: 20/e = 7.36 against 10 of just now.
  const now = 10_000;
  assertEquals(pick({ peakMs: 20 }, { peakMs: 10, updatedAtMs: now }, now), "a");
  assertEquals(pick({ peakMs: 28 }, { peakMs: 10, updatedAtMs: now }, now), "b"); // 10.3
  // One that has answered nothing yet: tried once, not flooded.
  assertEquals(pick({ peakMs: 0 }, { peakMs: 10 }), "a");
  assertEquals(pick({ peakMs: 0, inFlight: 1 }, { peakMs: 10 }), "b");
});

/** What shortest expected delay takes of some servers; ties go to the first. */
function shortest(from: readonly EndpointView[], nowMs = 0): string {
  const selector = createSelector(SelectMode.ShortestExpectedDelay, { random: () => 0.999 });
  return picks(selector, from, 1, nowMs);
}

Deno.test("shortest expected delay: (in flight + 1) / weight among servers alike", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => server(address, { latencyMs: 10 }));
  [a.inFlight, b.inFlight, c.inFlight] = [2, 1, 3];
  assertEquals(shortest([a, b, c]), "b");
  a.weight = 2; // 3/2 against 2/1
  assertEquals(shortest([a, b, c]), "a");
});

Deno.test("shortest expected delay: who is up to 1.5 times slower counts as alike", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => server(address, { latencyMs: 10 }));
  b.inFlight = c.inFlight = 1;
  a.latencyMs = 14.9; // f = 1: a costs 1, the others 2
  assertEquals(shortest([a, b, c]), "a");
  a.latencyMs = 19; // f = 1.9
  assertEquals(shortest([a, b, c]), "a");
  a.latencyMs = 21; // f = 2.1
  assertEquals(shortest([a, b, c]), "b");
});

Deno.test("shortest expected delay: slowness fades while nothing is asked of it", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => server(address, { latencyMs: 10 }));
  b.inFlight = c.inFlight = 3; // they cost 4
  a.latencyMs = 100; // 10 × e^(−t/10 s) is below 4 from 9.163 s on
  for (const [nowMs, expected] of [[0, "b"], [9_100, "b"], [9_200, "a"]] as const) {
    b.updatedAtMs =
      c.updatedAtMs =
      b.oldestAtMs =
      c.oldestAtMs =
        nowMs;
    assertEquals(shortest([a, b, c], nowMs), expected, `at ${nowMs}`);
  }
});

Deno.test("shortest expected delay: the age of the oldest unanswered call counts", () => {
  const [a, b, c] = ["a", "b", "c"].map((address) => server(address, { latencyMs: 10 }));
  a.inFlight = 1;
  b.inFlight = c.inFlight = 3; // they cost 4, a costs 2 × age/10
  a.oldestAtMs = b.oldestAtMs = c.oldestAtMs = 1000;
  assertEquals(shortest([a, b, c], 1014), "a"); // 14 ms are nothing unusual
  b.oldestAtMs = c.oldestAtMs = 1021;
  assertEquals(shortest([a, b, c], 1019), "a"); // 3.8
  assertEquals(shortest([a, b, c], 1021), "b"); // 4.2
});

Deno.test("shortest expected delay: nobody is slow while no reply times are known", () => {
  const [a, b] = [server("a", { inFlight: 1, oldestAtMs: 0 }), server("b", { inFlight: 2 })];
  assertEquals(shortest([a, b], 60_000), "a");
});

Deno.test("shortest expected delay: ties are broken at random, each alike", () => {
  const random = seededRandom(5);
  const selector = createSelector(SelectMode.ShortestExpectedDelay, { random });
  const from = [server("busy", { inFlight: 1 }), ...servers(4)];
  const counts = new Map<string, number>();
  for (let time = 0; time < 8000; time++) {
    const { address } = selector.pick(from, { nowMs: 0 })!;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  assertEquals(counts.has("busy"), false);
  for (const { address } of from.slice(1)) {
    assert(Math.abs(counts.get(address)! - 2000) < 160); // four standard deviations
  }
});

Deno.test("shortest expected delay: the median is looked at every 100 ms", () => {
  const selector = createSelector(SelectMode.ShortestExpectedDelay, { random: zero });
  const [a, b, c] = ["a", "b", "c"].map((address) => server(address, { latencyMs: 10 }));
  const from = [a, b, c];
  b.inFlight = c.inFlight = 1;
  assertEquals(picks(selector, from, 1, 0), "a");
  a.latencyMs = b.latencyMs = c.latencyMs = 1000; // all alike, but that is not known yet
  b.inFlight = c.inFlight = 0;
  a.inFlight = 0;
  a.updatedAtMs = b.updatedAtMs = c.updatedAtMs = 99;
  a.latencyMs = 1400;
  assert(picks(selector, from, 1, 99) !== "a");
  b.inFlight = c.inFlight = 1;
  assertEquals(picks(selector, from, 1, 100), "a"); // 1.4 times the median is alike
});

function byKey(selector: Selector, from: readonly EndpointView[], keys: number): string[] {
  return Array.from(
    { length: keys },
    (_, n) => selector.pick(from, { nowMs: 0, key: `user-${n}` })!.address,
  );
}

const hashing = (boundedLoad?: number) =>
  createSelector(SelectMode.ConsistentHash, { boundedLoad });

Deno.test("consistent hash: the hash is the same in every process", () => {
  // Written down once; whoever changes them moves every key of every user.
  assertEquals(["", "a", "user-7", "tcp@10.0.0.1:9001", "ü€😀"].map(hashText), [
    2872998923,
    444641715,
    4289841318,
    57417302,
    1992963933,
  ]);
  assertEquals(byKey(hashing(), servers(10), 8).map((address) => address.at(-6)), [
    "2",
    "9",
    "7",
    "2",
    "7",
    "5",
    "1",
    "5",
  ]);
});

Deno.test("consistent hash: the order of the list and other instances change nothing", () => {
  const from = servers(20);
  const expected = byKey(hashing(), from, 500);
  assertEquals(byKey(hashing(), from, 500), expected);
  assertEquals(byKey(hashing(), [...from].reverse(), 500), expected);
});

Deno.test("consistent hash: only the keys of a server that left move", () => {
  const random = seededRandom(6);
  const selector = hashing();
  let from = servers(20);
  for (let time = 0; time < 10; time++) {
    const before = byKey(selector, from, 2000);
    const gone = from[between(random, 0, from.length - 1)];
    from = from.filter((one) => one !== gone);
    byKey(selector, from, 2000).forEach((address, n) => {
      if (before[n] !== gone.address) assertEquals(address, before[n]);
    });
  }
});

Deno.test("consistent hash: a server that joins takes its share, from all, and only that", () => {
  const selector = hashing();
  const from = servers(20);
  const before = byKey(selector, from, 10_000);
  const after = byKey(selector, [...from, server("tcp@new:1")], 10_000);
  const moved = after.filter((address, n) => address !== before[n]);
  assert(moved.every((address) => address === "tcp@new:1"));
  assert(moved.length > 370 && moved.length < 580, String(moved.length)); // 476 ± 5 σ
});

Deno.test("consistent hash: 100 servers have shares alike", () => {
  const counts = new Map<string, number>();
  for (const address of byKey(hashing(), servers(100), 100_000)) {
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  assertEquals(counts.size, 100);
  const most = Math.max(...counts.values()) / 1000;
  assert(most <= 1.12, `max/mean ${most}`);
});

Deno.test("consistent hash: shares by weight; a changed weight moves only what it must", () => {
  const from = servers(4);
  const before = byKey(hashing(), from, 20_000);
  from[1].weight = 3;
  const after = byKey(hashing(), from, 20_000);
  const share = (list: string[], one: Server) =>
    list.filter((address) => address === one.address).length / list.length;
  assert(Math.abs(share(after, from[1]) - 1 / 2) < 0.02);
  assert(Math.abs(share(after, from[0]) - 1 / 6) < 0.02);
  after.forEach((address, n) => {
    if (address !== before[n]) assertEquals(address, from[1].address);
  });
});

Deno.test("consistent hash: only the ratio of the weights counts, however small they are", () => {
  const from = servers(4);
  const weigh = (unit: number) => from.forEach((one, place) => one.weight = (place + 1) * unit);
  weigh(1);
  const expected = byKey(hashing(), from, 2000);
  for (const unit of [1e-6, 1e-3, 1e6]) {
    weigh(unit);
    assertEquals(byKey(hashing(), from, 2000), expected);
  }
});

Deno.test("consistent hash: a call without a key is refused; an empty key is one", () => {
  const selector = hashing();
  const error = assertThrows(() => selector.pick(servers(2), { nowMs: 0 }), RpcError);
  assertEquals(error.code, "invalid_argument");
  assert(error.message.includes("key"));
  assert(selector.pick(servers(2), { nowMs: 0, key: "" }) !== undefined);
});

Deno.test("consistent hash: with a bounded load a busy server's keys go to their second best", () => {
  const from = servers(5);
  const key = "hot";
  const home = hashing().pick(from, { nowMs: 0, key })!;
  const second = hashing().pick(from.filter((one) => one !== home), { nowMs: 0, key })!;
  const selector = hashing(1.5);
  const taken: string[] = [];
  for (let call = 0; call < 10; call++) {
    const picked = selector.pick(from, { nowMs: 0, key }) as Server;
    // At most ⌈1.5 × the mean, this call included⌉.
    assert(picked.inFlight < Math.ceil(1.5 * (call + 1) / 5));
    picked.inFlight++;
    taken.push(picked.address);
  }
  assertEquals(taken.slice(0, 2), [home.address, second.address]);
  for (const one of from) one.inFlight = 0;
  assertStrictEquals(selector.pick(from, { nowMs: 0, key }), home);
  assertThrows(() => hashing(0.9), RangeError);
  assertThrows(() => hashing(NaN), RangeError);
});

Deno.test("a subset: so many, in the list's order, the same for the same seed", () => {
  const fleet = servers(500);
  const mine = subsetOf(fleet, 7, 128);
  assertEquals(mine.length, 128);
  assertEquals(mine, fleet.filter((one) => mine.includes(one)));
  assertEquals(subsetOf(fleet, 7, 128), mine);
  assertStrictEquals(subsetOf(fleet, 7, 500), fleet);
});

Deno.test("a subset: at most one change for each change of a server", () => {
  const random = seededRandom(8);
  let fleet = servers(300);
  let mine = new Set(subsetOf(fleet, 9, 128).map(({ address }) => address));
  for (let time = 0; time < 200; time++) {
    fleet = random() < 0.5 ? [...fleet, server(`tcp@joined-${time}:1`)] : fleet;
    if (random() < 0.5) fleet = fleet.toSpliced(between(random, 0, fleet.length - 1), 1);
    const next = new Set(subsetOf(fleet, 9, 128).map(({ address }) => address));
    const joined = [...next].filter((address) => !mine.has(address)).length;
    assert(joined <= 2, `${joined} joined`); // up to two servers have changed
    mine = next;
  }
});

Deno.test("a subset: one server less moves one at the most, one more too", () => {
  const fleet = servers(300);
  const mine = subsetOf(fleet, 10, 128);
  for (let place = 0; place < fleet.length; place += 7) {
    const without = subsetOf(fleet.toSpliced(place, 1), 10, 128);
    const joined = without.filter((one) => !mine.includes(one)).length;
    assertEquals(joined, mine.includes(fleet[place]) ? 1 : 0);
  }
});

Deno.test("a subset: many clients spread over all servers", () => {
  const random = seededRandom(11);
  const fleet = servers(400);
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
