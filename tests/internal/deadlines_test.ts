import { assert, assertEquals } from "@std/assert";
import type { Clock } from "../../clock.ts";
import { Deadlines, type Expiring } from "../../internal/deadlines.ts";
import { seededRandom } from "../../testing.ts";
import { between } from "../support/helpers.ts";

/** A clock that is moved by hand, without a task between timers. */
class HandClock implements Clock {
  time = 0;
  readonly timers = new Set<{ at: number; callback: () => void }>();
  sets = 0;
  now() {
    return this.time;
  }
  setTimer(delayMs: number, callback: () => void) {
    this.sets++;
    const timer = { at: this.time + delayMs, callback };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }
  advance(ms: number) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.callback();
    }
    this.time = end;
  }
}

class Entry implements Expiring {
  waiting = false;
  constructor(readonly id: number, public dueAt: number, readonly log: number[]) {}
  expire() {
    this.log.push(this.id);
  }
}

Deno.test("Deadlines does as a naive model does, and holds one timer at most", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed);
    const clock = new HandClock();
    const deadlines = new Deadlines(clock);
    const log: number[] = [];
    const model = new Map<number, { entry: Entry; dueAt: number }>();
    let id = 0;
    for (let step = 0; step < 2000; step++) {
      const choice = random();
      if (choice < 0.5) {
        const entry = new Entry(id, clock.time + between(random, 0, 50), log);
        deadlines.add(entry);
        assert(entry.waiting);
        model.set(id++, { entry, dueAt: entry.dueAt });
      } else if (choice < 0.9 && model.size > 0) {
        const ids = [...model.keys()];
        const victim = ids[between(random, 0, ids.length - 1)];
        const { entry } = model.get(victim)!;
        deadlines.remove(entry);
        deadlines.remove(entry); // a second time changes nothing
        assert(!entry.waiting);
        model.delete(victim);
      } else {
        clock.advance(between(random, 0, 20));
        const expected = [...model].filter(([, { dueAt }]) => dueAt <= clock.time);
        for (const [expired] of expected) model.delete(expired);
        assertEquals(
          log.splice(0).sort((a, b) => a - b),
          expected.map(([expired]) => expired),
          `seed ${seed}, step ${step}`,
        );
      }
      assert(clock.timers.size <= 1, "more than one timer");
      if (model.size > 0) assertEquals(clock.timers.size, 1, "no timer for what waits");
    }
    deadlines.clear();
    assertEquals(clock.timers.size, 0);
    clock.advance(1000);
    assertEquals(log, []);
  }
});

Deno.test("Deadlines expires in the order of time, each at its own", () => {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const seen: [number, number][] = [];
  for (const dueAt of [30, 10, 20, 10]) {
    const entry = new Entry(dueAt, dueAt, []);
    entry.expire = () => void seen.push([dueAt, clock.time]);
    deadlines.add(entry);
  }
  clock.advance(100);
  assertEquals(seen, [[10, 10], [10, 10], [20, 20], [30, 30]]);
});

Deno.test("Deadlines: entries may add, remove and clear while they expire", () => {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const log: number[] = [];
  const victim = new Entry(2, 10, log);
  const adds = new Entry(1, 10, log);
  adds.expire = () => {
    log.push(1);
    deadlines.remove(victim);
    deadlines.add(new Entry(3, 10, log)); // due at once
    deadlines.add(new Entry(4, 15, log));
  };
  deadlines.add(adds);
  deadlines.add(victim);
  clock.advance(12);
  assertEquals(log, [1, 3]);
  const clears = new Entry(5, 14, log);
  clears.expire = () => deadlines.clear();
  deadlines.add(clears);
  clock.advance(100);
  assertEquals(log, [1, 3]);
  assertEquals(clock.timers.size, 0);
});

Deno.test("Deadlines: one timer for many calls that end in time", () => {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  for (let n = 0; n < 10_000; n++) {
    const entry = new Entry(n, clock.time + 500, []);
    deadlines.add(entry);
    clock.advance(0.01);
    deadlines.remove(entry);
  }
  assert(clock.sets < 10, `${clock.sets} timers were set`);
});

Deno.test("Deadlines: an entry beyond the longest timer is waited for again", () => {
  const clock = new HandClock();
  const setTimer = clock.setTimer.bind(clock);
  clock.setTimer = (delayMs, callback) => setTimer(Math.min(delayMs, 1000), callback);
  const deadlines = new Deadlines(clock);
  const log: number[] = [];
  deadlines.add(new Entry(1, 3500, log));
  clock.advance(3499);
  assertEquals(log, []);
  clock.advance(1);
  assertEquals(log, [1]);
});

Deno.test("Deadlines: a timer that fires late gives what was read then a chance", () => {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const log: number[] = [];
  const [read, missed, later] = [10, 11, 400].map((dueAt) => new Entry(dueAt, dueAt, log));
  for (const entry of [read, missed, later]) deadlines.add(entry);
  clock.time = 300; // the process stood still
  const [late] = [...clock.timers];
  clock.timers.delete(late);
  late.callback();
  assertEquals([log, clock.timers.size], [[], 1]);
  deadlines.remove(read); // its reply lay there
  deadlines.add(new Entry(299, 299, log)); // it has passed, too, but nothing was read for it yet
  clock.advance(0);
  assertEquals(log, [11, 299]);
  clock.advance(200);
  assertEquals([log, clock.timers.size], [[11, 299, 400], 0]);
});
