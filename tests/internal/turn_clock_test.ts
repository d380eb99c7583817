import { assertEquals } from "@std/assert";
import { TurnClock } from "../../internal/turn_clock.ts";

Deno.test("TurnClock reads its clock once between two microtasks", async () => {
  let reads = 0;
  const clock = new TurnClock({ now: () => ++reads, setTimer: () => ({ cancel() {} }) });
  assertEquals([clock.now(), clock.now()], [1, 1]);
  await undefined;
  assertEquals([clock.now(), clock.now()], [2, 2]);
  assertEquals(reads, 2);
});
