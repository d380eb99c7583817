/** When a server is ejected, for how long, and what ends that. */

import { assert, assertEquals } from "@std/assert";
import { Health, healthOptions } from "../../fleet/health.ts";
import { seededRandom } from "../../testing.ts";

/** Fails so often in a row; returns whether the last failure asks for an ejection. */
function fail(health: Health, times: number, nowMs = 0): boolean {
  let out = false;
  for (let time = 0; time < times; time++) out = health.fail(nowMs);
  return out;
}

Deno.test("five failures in a row, and not one less", () => {
  const health = new Health(healthOptions());
  assertEquals(fail(health, 4), false);
  health.succeed(0);
  assertEquals(fail(health, 4), false);
  assertEquals(health.fail(0), true);
  assertEquals(health.state(0), "healthy"); // it ought to be; `eject` does it
});

Deno.test("each further failure asks for the ejection again until it happens", () => {
  const health = new Health(healthOptions());
  assertEquals(fail(health, 5), true);
  assertEquals(health.fail(0), true);
  health.succeed(0);
  assertEquals(health.fail(0), false);
});

Deno.test("under 80 % success over 30 s, with enough calls", () => {
  const health = new Health(healthOptions());
  // One failure after three successes: 75 %, never five in a row.
  let out = -1;
  for (let call = 0; call < 200 && out < 0; call++) {
    if (call % 4 === 3) {
      if (health.fail(call)) out = call;
    } else health.succeed(call);
  }
  assertEquals(out, 51); // the first failure with 50 calls behind it
});

Deno.test("80 % success is enough", () => {
  const health = new Health(healthOptions());
  for (let call = 0; call < 1000; call++) {
    if (call % 5 === 4) assertEquals(health.fail(call), false);
    else health.succeed(call);
  }
});

Deno.test("what is older than the window counts no more", () => {
  const health = new Health(healthOptions());
  for (let call = 0; call < 40; call++) {
    health.fail(0);
    health.succeed(0); // 50 %, but each failure is asked about only below
  }
  for (let call = 0; call < 60; call++) health.succeed(40_000);
  assertEquals(health.fail(40_000), false); // 60 of 61
});

Deno.test("what is within the window still counts", () => {
  const health = new Health(healthOptions());
  for (let call = 0; call < 40; call++) {
    health.fail(0);
    health.succeed(0);
  }
  for (let call = 0; call < 20; call++) health.succeed(19_000);
  assertEquals(health.fail(19_000), true); // 60 of 101
});

Deno.test("ejected for 10 s × times ejected, then on trial; a failed trial ejects it for longer", () => {
  const health = new Health(healthOptions());
  let now = 0;
  fail(health, 5, now);
  for (let times = 1; times <= 40; times++) {
    const forMs = Math.min(10_000 * times, 300_000);
    assertEquals(health.eject(now), now + forMs);
    assertEquals(health.state(now), "ejected");
    assertEquals(health.state(now + forMs - 1), "ejected");
    assertEquals(health.state(now + forMs), "trial");
    now += forMs;
    assertEquals(health.fail(now), true, "a trial that fails");
  }
});

Deno.test("a success on trial lets it back in, with a clean record", () => {
  const health = new Health(healthOptions());
  fail(health, 5);
  health.eject(0);
  assertEquals(health.succeed(5000), false, "a late answer from before");
  assertEquals(health.state(5000), "ejected");
  assertEquals(health.fail(9999), false, "a late failure from before");
  assertEquals(health.succeed(10_000), true);
  assertEquals(health.state(10_000), "healthy");
  assertEquals(fail(health, 4, 10_000), false);
  assertEquals(health.fail(10_000), true);
});

Deno.test("let back in, it is judged by the calls from then on, in the same part of the window too", () => {
  const health = new Health(healthOptions({ ejectionMs: 1 }));
  fail(health, 5);
  health.eject(0);
  assertEquals(health.succeed(1), true);
  let out = -1;
  for (let call = 0; call < 200 && out < 0; call++) {
    if (call % 4 === 3) {
      if (health.fail(2)) out = call;
    } else health.succeed(2);
  }
  assertEquals(out, 51);
});

Deno.test("times ejected are forgiven, one for each window in health", () => {
  const health = new Health(healthOptions());
  let now = 0;
  for (let times = 1; times <= 3; times++) {
    fail(health, 5, now);
    now = health.eject(now);
    assertEquals(health.succeed(now), true);
  }
  // Out at once again: the fourth time.
  fail(health, 5, now);
  assertEquals(health.eject(now), now + 40_000);
  now += 40_000;
  health.succeed(now);
  now += 2 * 30_000; // two are forgiven
  fail(health, 5, now);
  assertEquals(health.eject(now), now + 30_000);
  now += 30_000;
  health.succeed(now);
  now += 3_600_000; // all are
  fail(health, 5, now);
  assertEquals(health.eject(now), now + 10_000);
});

Deno.test("condemned while too many others are ejected, until a success or its own ejection", () => {
  const health = new Health(healthOptions());
  assertEquals(health.fail(0), false);
  assertEquals(fail(health, 4), true);
  assertEquals([health.condemn(), health.state(0), health.isEjected], [true, "condemned", false]);
  assertEquals(health.fail(0), true); // it asks again each time
  assertEquals([health.condemn(), health.state(0)], [false, "condemned"]);
  assertEquals([health.succeed(0), health.state(0)], [false, "healthy"]); // it was never ejected
  fail(health, 5);
  health.condemn();
  health.eject(0);
  assertEquals([health.state(0), health.isEjected], ["ejected", true]);
  assertEquals(health.fail(10_000), true); // the trial
  assertEquals([health.condemn(), health.state(10_000)], [false, "trial"]);
});

Deno.test("one call at a time is the trial: the one for which it was reserved", () => {
  const health = new Health(healthOptions());
  const [early, trial, other] = [{}, {}, {}];
  health.begin(early);
  fail(health, 5);
  health.eject(0);
  assertEquals([health.isTrialDue(9_999), health.isTrialDue(10_000)], [false, true]);
  assertEquals([health.reserveTrial(), health.reserveTrial()], [true, false]);
  health.begin(trial);
  health.begin(other);
  assertEquals(health.reserveTrial(), false);
  for (const call of [early, other]) health.end(call);
  assertEquals(health.isTrialDue(10_000), false);
  health.end(trial);
  assertEquals([health.isTrialDue(10_000), health.reserveTrial()], [true, true]);
});

Deno.test("each limit is an option, and may be switched off", () => {
  const never = new Health(healthOptions({ failuresInARow: Infinity, minSuccessRate: 0 }));
  assertEquals(fail(never, 1000), false);
  const soon = new Health(
    healthOptions({ failuresInARow: 1, ejectionMs: 100, maxEjectionMs: 150 }),
  );
  assertEquals(soon.fail(0), true);
  assertEquals([soon.eject(0), soon.eject(100), soon.eject(250)], [100, 250, 400]);
  const rate = new Health(
    healthOptions({ failuresInARow: Infinity, minCalls: 2, minSuccessRate: 1 }),
  );
  assertEquals([rate.fail(0), rate.fail(0)], [false, true]);
});

Deno.test("a server that never fails is never ejected; one that always does, at once", () => {
  const random = seededRandom(1);
  const good = new Health(healthOptions());
  const bad = new Health(healthOptions());
  let now = 0;
  for (let call = 0; call < 1000; call++) {
    now += random() * 100;
    good.succeed(now);
    assertEquals(good.state(now), "healthy");
    assertEquals(bad.fail(now), call >= 4);
  }
  assert(now > 30_000);
});

Deno.test("refusals are neither failures nor successes; one that does nothing else for 5 s has hung", () => {
  const health = new Health(healthOptions());
  const refuse = (times: number, nowMs: number) => {
    let out = false;
    for (let time = 0; time < times; time++) out = health.refuse(nowMs);
    return out;
  };
  assertEquals([refuse(1000, 0), refuse(1000, 4999)], [false, false]);
  assertEquals(fail(health, 4, 4999), false);
  assertEquals(refuse(1, 4999), false);
  assertEquals(health.fail(4999), true); // it has failed five times in a row: they do not help it
  health.succeed(4999);
  assertEquals([refuse(1000, 5000), refuse(1000, 9999), refuse(1, 10_000)], [false, false, true]);
  health.eject(10_000);
  assertEquals(refuse(10, 10_001), false);
  assertEquals(health.state(20_000), "trial");
  assertEquals(refuse(1, 20_000), true); // still nothing else
  const well = new Health(healthOptions());
  fail(well, 5);
  well.eject(0);
  assertEquals([well.refuse(10_000), well.state(10_000)], [false, "trial"]); // that says nothing
  assertEquals(well.succeed(10_001), true);
  const few = new Health(healthOptions());
  assertEquals([few.refuse(0), few.refuse(60_000), few.refuse(60_001), few.refuse(60_002)], [
    false,
    false,
    false,
    false,
  ]);
  assertEquals(few.refuse(60_003), true);
});

Deno.test("one refusal after the other: busy for as long as it says, and for twice as long each time", () => {
  const table: readonly [roomInMs: number | undefined, forMs: readonly number[]][] = [
    [undefined, [0, 50, 100, 200, 400, 800, 1000, 1000]],
    [3, [0, 3, 6, 12, 24, 48, 96, 192, 384, 768, 1000]],
    [4000, [0, 4000, 4000, 4000]],
    [3_600_000, [0, 10_000, 10_000]],
  ];
  for (const [roomInMs, forMs] of table) {
    const health = new Health(healthOptions({ failuresInARow: Infinity }));
    let nowMs = 1000;
    for (const ms of forMs) {
      assertEquals(health.isBusy(nowMs), false);
      health.refuse(nowMs, roomInMs);
      if (ms > 0) assertEquals(health.isBusy(nowMs + ms - 1), true, `${roomInMs}: ${ms}`);
      nowMs += ms;
      assertEquals(health.isBusy(nowMs), false, `${roomInMs}: ${ms}`);
    }
    health.refuse(nowMs, roomInMs);
    health.succeed(nowMs);
    assertEquals(health.isBusy(nowMs), false);
    health.refuse(nowMs, roomInMs);
    assertEquals(health.isBusy(nowMs), false); // one says nothing
  }
});
