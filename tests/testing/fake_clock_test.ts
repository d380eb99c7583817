import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock, seededRandom } from "../../testing.ts";

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

Deno.test("FakeClock calls timers in the order of time, then in that of their setting", async () => {
  const clock = new FakeClock(1000);
  const seen: string[] = [];
  const note = (what: string) => () => void seen.push(`${what} ${clock.now()}`);
  clock.setTimer(20, note("late"));
  const random = seededRandom(3);
  for (let count = 0; count < 200; count++) clock.setTimer(100 + random() * 900, () => {}).cancel();
  clock.setTimer(10, note("first"));
  clock.setTimer(10, () => {
    note("second")();
    clock.setTimer(0, note("third"));
    clock.setTimer(5, note("fourth"));
  });
  assertEquals(clock.timers, 3);
  await clock.advance(20);
  assertEquals(seen, ["first 1010", "second 1010", "third 1010", "fourth 1015", "late 1020"]);
  assertEquals(clock.timers, 0);
  await assertRejects(() => clock.advance(-1), RangeError);
});

Deno.test("FakeClock lets what a timer starts run to its end before the next timer", async () => {
  const clock = new FakeClock();
  let hops = 0;
  clock.setTimer(1, async () => {
    for (; hops < 1000; hops++) await null;
  });
  let seen = 0;
  clock.setTimer(1.5, () => seen = hops);
  await clock.advance(2);
  assertEquals(seen, 1000);
});
