import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { hashText } from "../../balance/hash.ts";
import { RpcError } from "../../errors.ts";
import { createSelector, type EndpointView, SelectMode, type Selector } from "../../selector.ts";
import { seededRandom } from "../../testing.ts";
import { endpoint, endpoints, type View } from "../support/endpoint_views.ts";
import { between } from "../support/helpers.ts";

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
  assertEquals(byKey(hashing(), endpoints(10), 8).map((address) => address.at(-6)), [
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
  const from = endpoints(20);
  const expected = byKey(hashing(), from, 500);
  assertEquals(byKey(hashing(), from, 500), expected);
  assertEquals(byKey(hashing(), [...from].reverse(), 500), expected);
});

Deno.test("consistent hash: only the keys of an endpoint that left move", () => {
  const random = seededRandom(6);
  const selector = hashing();
  let from = endpoints(20);
  for (let time = 0; time < 10; time++) {
    const before = byKey(selector, from, 2000);
    const gone = from[between(random, 0, from.length - 1)];
    from = from.filter((one) => one !== gone);
    byKey(selector, from, 2000).forEach((address, n) => {
      if (before[n] !== gone.address) assertEquals(address, before[n]);
    });
  }
});

Deno.test("consistent hash: an endpoint that joins takes its share, from all, and only that", () => {
  const selector = hashing();
  const from = endpoints(20);
  const before = byKey(selector, from, 10_000);
  const after = byKey(selector, [...from, endpoint("tcp@new:1")], 10_000);
  const moved = after.filter((address, n) => address !== before[n]);
  assert(moved.every((address) => address === "tcp@new:1"));
  assert(moved.length > 370 && moved.length < 580, String(moved.length)); // 476 ± 5 σ
});

Deno.test("consistent hash: 100 endpoints have equal shares", () => {
  const counts = new Map<string, number>();
  for (const address of byKey(hashing(), endpoints(100), 100_000)) {
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  assertEquals(counts.size, 100);
  const most = Math.max(...counts.values()) / 1000;
  assert(most <= 1.12, `max/mean ${most}`);
});

Deno.test("consistent hash: shares by weight; a changed weight moves only what it must", () => {
  const from = endpoints(4);
  const before = byKey(hashing(), from, 20_000);
  from[1].weight = 3;
  const after = byKey(hashing(), from, 20_000);
  const share = (list: string[], one: View) =>
    list.filter((address) => address === one.address).length / list.length;
  assert(Math.abs(share(after, from[1]) - 1 / 2) < 0.02);
  assert(Math.abs(share(after, from[0]) - 1 / 6) < 0.02);
  after.forEach((address, n) => {
    if (address !== before[n]) assertEquals(address, from[1].address);
  });
});

Deno.test("consistent hash: only the ratio of the weights counts, however small they are", () => {
  const from = endpoints(4);
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
  const error = assertThrows(() => selector.pick(endpoints(2), { nowMs: 0 }), RpcError);
  assertEquals(error.code, "invalid_argument");
  assert(error.message.includes("key"));
  assert(selector.pick(endpoints(2), { nowMs: 0, key: "" }) !== undefined);
});

Deno.test("consistent hash: with a bounded load a busy endpoint's keys go to their second best", () => {
  const from = endpoints(5);
  const key = "hot";
  const home = hashing().pick(from, { nowMs: 0, key })!;
  const second = hashing().pick(from.filter((one) => one !== home), { nowMs: 0, key })!;
  const selector = hashing(1.5);
  const taken: string[] = [];
  for (let call = 0; call < 10; call++) {
    const picked = selector.pick(from, { nowMs: 0, key }) as View;
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
