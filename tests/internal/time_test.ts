import { assert, assertEquals, assertRejects } from "@std/assert";
import { sleep, TimeLimit } from "../../internal/time.ts";
import { FakeClock } from "../../testing.ts";
import { deferred, failure, settled } from "../support/helpers.ts";

Deno.test("a limit passes on how the work ends", async () => {
  const clock = new FakeClock();
  const limit = new TimeLimit({ clock });
  limit.set(100, () => new Error("late"));
  assertEquals(await limit.race(Promise.resolve(7)), 7);
  await assertRejects(() => limit.race(Promise.reject(new Error("broken"))), Error, "broken");
  limit.end();
  assertEquals(clock.timers, 0);
  assert(!limit.signal.aborted);
});

Deno.test("a limit ends work that takes too long, with the error that is made then", async () => {
  const clock = new FakeClock();
  const limit = new TimeLimit({ clock });
  limit.set(100, () => new Error(`late at ${clock.now()}`));
  const result = failure(limit.race(new Promise(() => {})));
  await clock.advance(99);
  assert(!limit.signal.aborted);
  await clock.advance(1);
  assertEquals((await result as Error).message, "late at 100");
  assertEquals(limit.signal.reason, await result);
  assertEquals(clock.timers, 0);
});

Deno.test("a limit that is set again counts from then", async () => {
  const clock = new FakeClock();
  const limit = new TimeLimit({ clock });
  limit.set(100, () => "first");
  await clock.advance(60);
  limit.set(100, () => "second");
  await clock.advance(60);
  assert(!limit.signal.aborted);
  await clock.advance(40);
  assertEquals(limit.signal.reason, "second");
});

Deno.test("a limit follows the caller's signal, with its reason, until it has ended", async () => {
  const clock = new FakeClock();
  const caller = new AbortController();
  const one = new TimeLimit({ clock, signal: caller.signal });
  const other = new TimeLimit({ clock, signal: caller.signal });
  one.set(100, () => "late");
  other.end();
  const result = failure(one.race(new Promise(() => {})));
  caller.abort("enough");
  assertEquals(await result, "enough");
  assert(!other.signal.aborted);
  assertEquals(clock.timers, 0);

  const late = new TimeLimit({ clock, signal: caller.signal });
  late.set(100, () => "late");
  assertEquals(await failure(late.race(Promise.resolve(1))), "enough");
  assertEquals(clock.timers, 0);
});

Deno.test("work that fails after it was given up causes no unhandled rejection", async () => {
  const clock = new FakeClock();
  const work = deferred();
  const limit = new TimeLimit({ clock });
  const result = failure(limit.race(work.promise));
  limit.abort("enough");
  work.reject(new Error("unheard"));
  assertEquals(await result, "enough");
  await settled();
});

Deno.test("sleep ends in time, or early without failure", async () => {
  const clock = new FakeClock();
  const woken: string[] = [];
  const controller = new AbortController();
  const all = [
    sleep(clock, 50).then(() => woken.push("time")),
    sleep(clock, 100, controller.signal).then(() => woken.push("signal")),
  ];
  await clock.advance(50);
  await settled();
  assertEquals(woken, ["time"]);
  controller.abort();
  await Promise.all(all);
  assertEquals(woken, ["time", "signal"]);
  await sleep(clock, 100, controller.signal);
  assertEquals(clock.timers, 0);
});
