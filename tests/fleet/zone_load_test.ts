/** Calls leave a zone that is slow beside the others. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { ZoneLoad } from "../../fleet/zone_load.ts";
import { SelectMode } from "../../selector.ts";
import { FakeClock, FakeFleet, seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";

/** Both zones reply so often each second, in such times; what leaves after so many seconds. */
function after(
  seconds: number,
  { ownMs, othersMs, perSecond = 20, most = 1, load = new ZoneLoad(), fromMs = 0 }: {
    ownMs: number;
    othersMs: number;
    perSecond?: number;
    most?: number;
    load?: ZoneLoad;
    fromMs?: number;
  },
): number {
  const own = { replies: 0, repliesMs: 0 };
  const others = { replies: 0, repliesMs: 0 };
  let leaving = load.update([own], [others], most, fromMs);
  for (let second = 1; second <= seconds; second++) {
    own.replies += perSecond;
    own.repliesMs += perSecond * ownMs;
    others.replies += perSecond;
    others.repliesMs += perSecond * othersMs;
    leaving = load.update([own], [others], most, fromMs + 1000 * second);
  }
  return leaving;
}

Deno.test("zone load: calls leave a zone that is more than twice as slow, the slower the more", () => {
  assertEquals(after(20, { ownMs: 10, othersMs: 10 }), 0);
  assertEquals(after(20, { ownMs: 19.9, othersMs: 10 }), 0);
  assertAlmostEquals(after(4, { ownMs: 30, othersMs: 10 }), 0.3); // 0.025 × 3 each second
  assertAlmostEquals(after(2, { ownMs: 80, othersMs: 10 }), 0.4);
  assertAlmostEquals(after(2, { ownMs: 1000, othersMs: 10 }), 0.5); // 10 times counts at most
  assertAlmostEquals(after(60, { ownMs: 30, othersMs: 10, most: 0.6 }), 0.6);
});

Deno.test("zone load: nothing is concluded from a few replies, nor from short ones", () => {
  assertEquals(after(4, { ownMs: 100, othersMs: 10, perSecond: 1 }), 0);
  assert(after(10, { ownMs: 100, othersMs: 10, perSecond: 1 }) > 0);
  assertEquals(after(20, { ownMs: 0.9, othersMs: 0.1 }), 0);
});

Deno.test("zone load: calls stay again bit by bit once the zone is as fast as the others", () => {
  const load = new ZoneLoad();
  assertAlmostEquals(after(8, { load, ownMs: 30, othersMs: 10 }), 0.6);
  const fromMs = 8000;
  // Between 1.5 and 2 times all stays as it is, once what came before counts no more.
  const held = after(10, { load, fromMs, ownMs: 18, othersMs: 10 });
  assert(held >= 0.6 && held < 0.8, `${held}`);
  assertEquals(after(10, { load, fromMs: 18_000, ownMs: 18, othersMs: 10 }), held);
  const less = after(10, { load, fromMs: 28_000, ownMs: 14, othersMs: 10 });
  assertAlmostEquals(held - less, 0.2, 0.05); // 0.02 each second
  assertEquals(after(60, { load, fromMs: 38_000, ownMs: 10, othersMs: 10 }), 0);
});

Deno.test("zone load: a pause in which nothing was called counts as no more than a second", () => {
  const load = new ZoneLoad();
  const own = { replies: 100, repliesMs: 3000 };
  const others = { replies: 100, repliesMs: 1000 };
  load.update([own], [others], 1, 0);
  assertAlmostEquals(load.update([own], [others], 1, 600_000), 0.075);
});

/** So many servers in `x` and in `y`, and as many clients in both: which part of each second's calls fails, and which is at `x`. */
async function simulate(
  inX: number,
  inY: number,
  load: number,
  fault: (fleet: FakeFleet, clock: FakeClock) => void = () => {},
): Promise<{ failed: number[]; atX: number[] }> {
  const clock = new FakeClock();
  const random = seededRandom(1);
  const fleet = await FakeFleet.start(inX + inY, {
    clock,
    services: { Work: { Do: () => null } },
    workMs: (_, random) => -10 * Math.log(1 - random()),
    cores: 1,
    random,
  });
  const list = fleet.addresses.map((address, n) => `${address}?zone=${n < inX ? "x" : "y"}`);
  const mode = SelectMode.ShortestExpectedDelay;
  const clients = Array.from({ length: 10 }, (_, n) => {
    const zone = n % 2 === 0 ? "x" : "y";
    const own = { random: seededRandom(100 + n), mode, zone };
    return new XClient(list, { ...fleet.clientOptions, ...own });
  });
  fault(fleet, clock);
  const seconds = 30;
  let calls = 0;
  const failed: number[] = Array(seconds).fill(0);
  const atX: number[] = [];
  let before = [0, 0];
  const callsAt = (from: number, to: number) =>
    fleet.servers.slice(from, to).reduce((sum, server) => sum + server.calls, 0);
  for (let second = 1; second <= seconds; second++) {
    clock.setTimer(1000 * second, () => {
      const now = [callsAt(0, inX), callsAt(inX, inX + inY)];
      atX.push((now[0] - before[0]) / (now[0] + now[1] - before[0] - before[1]));
      before = now;
    });
  }
  const next = () => {
    if (clock.now() >= 1000 * seconds) return;
    clock.setTimer(-10 / (inX + inY) / load * Math.log(1 - random()), () => {
      const client = clients[calls++ % clients.length];
      const second = Math.min(seconds - 1, Math.floor(clock.now() / 1000));
      client.call("Work.Do", null, { timeoutMs: 1000 }).catch(() => failed[second]++);
      next();
    });
  };
  next();
  await clock.advance(1000 * seconds + 2000);
  await Promise.all(clients.map((client) => client.close()));
  await fleet.close();
  return { failed: failed.map((count) => count / calls * seconds), atX };
}

const meanOf = (some: number[]) => some.reduce((one, other) => one + other) / some.length;

Deno.test("zone load, simulated: half of the callers in the zone of a fifth of the servers", async () => {
  const { failed, atX } = await simulate(2, 8, 0.7);
  // It takes some seconds. If all calls stayed, 6 % would fail, and as many at the end.
  assert(meanOf(failed) < 0.025, `${failed}`);
  assert(meanOf(failed.slice(10)) < 0.001, `${failed}`);
  const later = meanOf(atX.slice(-15));
  assert(later > 0.1 && later < 0.3, `${atX.map((part) => part.toFixed(2))}`);
});

Deno.test("zone load, simulated: a zone that is three times slower for a while", async () => {
  const { failed, atX } = await simulate(5, 5, 0.5, (fleet, clock) => {
    const setSlow = (slow: number) => {
      for (const server of fleet.servers.slice(0, 5)) server.setFaults({ slow });
    };
    clock.setTimer(5000, () => setSlow(3));
    clock.setTimer(15_000, () => setSlow(1));
  });
  assert(meanOf(failed) < 0.015, `${failed}`); // 5 % if all stayed
  assert(meanOf(failed.slice(9)) < 0.001, `${failed}`);
  assert(meanOf(atX.slice(0, 5)) > 0.45, `${atX}`);
  assert(meanOf(atX.slice(10, 15)) < 0.35, `${atX}`);
  assert(meanOf(atX.slice(-3)) > 0.37, `${atX.map((part) => part.toFixed(2))}`);
});
