/** The quantile of reply times. */

import { assert, assertEquals } from "@std/assert";
import { Quantile } from "../../fleet/quantile.ts";
import { seededRandom } from "../../testing.ts";

Deno.test("a quantile is not known from a few", () => {
  const quantile = new Quantile(0.95);
  for (let n = 0; n < 19; n++) quantile.observe(5);
  assertEquals(quantile.valueMs, undefined);
  quantile.observe(5);
  assert(quantile.valueMs !== undefined);
});

Deno.test("a quantile is at most 10 % off, for any distribution", () => {
  const distributions: Record<string, (random: () => number) => number> = {
    uniform: (random) => random() * 100,
    exponential: (random) => -Math.log(1 - random()) * 10,
    heavy: (random) => (1 - random()) ** -0.7,
    constant: () => 7,
    microseconds: (random) => 0.05 + random() * 0.05,
  };
  for (const [name, draw] of Object.entries(distributions)) {
    for (const share of [0.5, 0.95, 0.99]) {
      const random = seededRandom(9);
      const quantile = new Quantile(share);
      const all: number[] = [];
      for (let n = 0; n < 999; n++) {
        const took = draw(random);
        all.push(took);
        quantile.observe(took);
      }
      all.sort((one, other) => one - other);
      const exact = all[Math.min(Math.floor(share * all.length), all.length - 1)];
      const ratio = quantile.valueMs! / exact;
      assert(ratio > 0.9 && ratio < 1.1, `${name}, ${share}: ${quantile.valueMs} for ${exact}`);
    }
  }
});

Deno.test("a quantile follows when times change", () => {
  const quantile = new Quantile(0.95);
  for (let n = 0; n < 5000; n++) quantile.observe(100);
  for (let n = 0; n < 6000; n++) quantile.observe(10);
  assert(quantile.valueMs! < 11, String(quantile.valueMs));
  for (let n = 0; n < 300; n++) quantile.observe(1000);
  assert(quantile.valueMs! > 900, String(quantile.valueMs));
});

Deno.test("a quantile takes any time there is", () => {
  const quantile = new Quantile(0.95);
  for (let n = 0; n < 100; n++) quantile.observe([0, 1e-9, 1e12, 5][n % 4]);
  assert(quantile.valueMs! > 0 && Number.isFinite(quantile.valueMs));
});
