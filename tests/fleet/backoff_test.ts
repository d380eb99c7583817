/** How long calls and dials wait after failures. */

import { assertEquals } from "@std/assert";
import { RETRY_BACKOFF } from "../../fleet/call.ts";
import { REDIAL_BACKOFF } from "../../fleet/connector.ts";
import { backoffMs } from "../../internal/backoff.ts";

const retryMs = (round: number, random: number) => backoffMs(RETRY_BACKOFF, round, random);
const redialMs = (failures: number, random: number) =>
  backoffMs(REDIAL_BACKOFF, failures - 1, random);

Deno.test("backoff: anything up to 50, 100, 200 … 2,000 ms", () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((round) => retryMs(round, 1));
  assertEquals(most, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
  assertEquals([retryMs(0, 0), retryMs(9, 0)], [0, 0]);
  assertEquals(retryMs(1, 0.25), 25);
});

Deno.test("dialling again: 1 s × 1.6 each time, ± 20 %, at most 120 s", () => {
  const middle = [1, 2, 3, 4].map((failures) => Math.round(redialMs(failures, 0.5)));
  assertEquals(middle, [1000, 1600, 2560, 4096]);
  assertEquals([redialMs(1, 0), redialMs(1, 1)].map(Math.round), [800, 1200]);
  for (const failures of [12, 100, 10_000]) {
    assertEquals([redialMs(failures, 0), redialMs(failures, 1)].map(Math.round), [80_000, 120_000]);
  }
});
