/** When a server reads on from a connection whose requests are too many. */

import { assertEquals } from "@std/assert";
import { ReadGate } from "../../connection/read_gate.ts";
import { FakeClock } from "../../testing.ts";

function gated() {
  const clock = new FakeClock();
  const held = { isBehind: false, isOverfull: false };
  const gate = new ReadGate(clock, {
    isBehind: () => held.isBehind,
    isOverfull: () => held.isOverfull,
  });
  /** A read has ended: until when nothing more is read. */
  const read = async () => {
    let untilMs = NaN;
    Promise.resolve(gate.wait()).then(() => untilMs = clock.now());
    await clock.advance(0);
    return () => untilMs;
  };
  return { clock, held, gate, read };
}

Deno.test("a pause lasts for a second at most; then requests are turned away", async () => {
  const { clock, held, gate, read } = gated();
  held.isOverfull = true;
  const until = await read();
  await clock.advance(999);
  assertEquals([until(), gate.isRefusing], [NaN, false]);
  await clock.advance(1);
  assertEquals([until(), gate.isRefusing, clock.timers], [1000, true, 0]);
});

Deno.test("a pause ends when there is room, and the next one may follow at once", async () => {
  const { clock, held, gate, read } = gated();
  for (const endMs of [300, 600]) {
    held.isOverfull = true;
    const until = await read();
    await clock.advance(300);
    held.isOverfull = false;
    gate.update();
    await clock.advance(0);
    assertEquals([until(), gate.isRefusing, clock.timers], [endMs, false, 0]);
  }
});

Deno.test("no second pause follows one that was too long: a cancel behind it would wait for both", async () => {
  const { clock, held, gate, read } = gated();
  held.isOverfull = true;
  await read();
  await clock.advance(1000);
  held.isOverfull = false; // a cancel was read
  assertEquals((await read())(), 1000);
  held.isOverfull = true; // and behind it a large request
  assertEquals([(await read())(), gate.isRefusing], [1000, true]);
  await clock.advance(999);
  assertEquals([(await read())(), gate.isRefusing], [1999, true]);
  // As long as too much waits, requests are turned away; when there is room, all is as at first.
  await clock.advance(5000);
  assertEquals([(await read())(), gate.isRefusing], [6999, true]);
  held.isOverfull = false;
  assertEquals((await read())(), 6999);
  held.isOverfull = true;
  const until = await read();
  assertEquals([until(), gate.isRefusing], [NaN, false]);
  gate.open();
  await clock.advance(0);
  assertEquals([until(), clock.timers], [6999, 0]);
});
