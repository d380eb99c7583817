import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../testing.ts";

Deno.test("FakeClock never goes back, though two advance it at once", async () => {
  const clock = new FakeClock();
  await Promise.all([100, 10].map((ms) => clock.advance(ms)));
  assertEquals(clock.now(), 100);
});

Deno.test("FakeClock calls timers in order, and lets promises settle between them", async () => {
  const clock = new FakeClock(100);
  const seen: string[] = [];
  const note = (text: string) => seen.push(`${text} at ${clock.now()}`);
  clock.setTimer(20, () => note("second"));
  clock.setTimer(20, () => note("third"));
  clock.setTimer(10, () => {
    note("first");
    clock.setTimer(5, () => note("nested"));
    Promise.resolve().then(() => {}).then(() => note("settled"));
  });
  clock.setTimer(10, () => note("never")).cancel();
  clock.setTimer(31, () => note("later"));
  assertEquals([clock.now(), clock.timers], [100, 4]);
  await clock.advance(30);
  assertEquals(seen, [
    "first at 110",
    "settled at 110",
    "nested at 115",
    "second at 120",
    "third at 120",
  ]);
  assertEquals([clock.now(), clock.timers], [130, 1]);
  await assertRejects(() => clock.advance(-1), RangeError, "-1 ms");
});
