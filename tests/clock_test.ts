import { assert } from "@std/assert";
import { systemClock } from "../clock.ts";

Deno.test("the system's clock: timers call back once, or not at all when cancelled", async () => {
  const before = systemClock.now();
  let cancelled = true;
  systemClock.setTimer(0, () => cancelled = false).cancel();
  systemClock.setTimer(1e12, () => {}).cancel(); // longer than the runtimes have
  const unrefd = systemClock.setTimer(1e12, () => {});
  unrefd.unref?.();
  unrefd.cancel();
  await new Promise<void>((resolve) => systemClock.setTimer(1, resolve));
  assert(cancelled);
  assert(systemClock.now() >= before);
});
