/** The DNS TTL: when DNS is asked again. */

import { assertEquals } from "@std/assert";
import { inZone } from "../../support/fake_zone.ts";

Deno.test("dns: the TTL decides when to ask again, within its bounds", async () => {
  const cases: [ttl: number | undefined, waitMs: number][] = [
    [0, 5000],
    [1, 5000],
    [60, 60_000],
    [86_400, 300_000],
    [undefined, 30_000],
  ];
  for (const [ttl, waitMs] of cases) {
    await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
      zone.set("A pods.example", ["10.0.0.1"], ttl);
      await discovery.refresh();
      await clock.advance(waitMs - 1);
      assertEquals(zone.questions.length, 1);
      await clock.advance(1);
      assertEquals(zone.questions.length, 2);
    });
  }
});

Deno.test("dns: up to a tenth of the wait is random", async () => {
  await inZone("dns@pods.example:1", { random: () => 0.5 }, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 60);
    await discovery.refresh();
    await clock.advance(62_999);
    assertEquals(zone.questions.length, 1);
    await clock.advance(1);
    assertEquals(zone.questions.length, 2);
  });
});
