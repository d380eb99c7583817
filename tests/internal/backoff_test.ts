import { assertAlmostEquals, assertEquals } from "@std/assert";
import { backoffMs } from "../../internal/backoff.ts";

const fullJitter = { least: 0, range: 1 };

Deno.test("a wait doubles with each failure, up to the longest", () => {
  const backoff = { firstMs: 50, maxMs: 2000, jitter: { least: 1, range: 0 } };
  const waits = [0, 1, 2, 3, 4, 5, 6, 100, 5000].map((n) => backoffMs(backoff, n, 0.5));
  assertEquals(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
});

Deno.test("factor and jitter can be chosen", () => {
  const dial = { firstMs: 1000, maxMs: 100_000, factor: 1.6, jitter: { least: 0.8, range: 0.4 } };
  assertEquals(backoffMs(dial, 0, 0), 800);
  assertAlmostEquals(backoffMs(dial, 1, 1), 1920);
  assertEquals(backoffMs(dial, 60, 0.5), 100_000);
  assertEquals(backoffMs({ firstMs: 100, maxMs: 100, jitter: fullJitter }, 3, 0), 0);
});

Deno.test("by default half of a wait is fixed and half of it random", () => {
  assertEquals(backoffMs({ firstMs: 100, maxMs: 1000 }, 0, 0), 50);
  assertEquals(backoffMs({ firstMs: 100, maxMs: 1000 }, 1, 0.5), 150);
});
