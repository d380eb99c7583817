/** What may be repeated, when, and how often in all. */

import { assert, assertEquals } from "@std/assert";
import type { Execution, RpcCode } from "../../errors.ts";
import { backoffMs, mayRepeat, Quantile, redialMs, RetryBudget } from "../../fleet/retry.ts";
import { between } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

const executions: Execution[] = ["not_sent", "rejected", "unknown", "answered"];
const codes: RpcCode[] = [
  "canceled",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "permission_denied",
  "resource_exhausted",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unknown",
];

Deno.test("what is certain decides: each code and execution", () => {
  for (const code of codes) {
    const isFinal = ["canceled", "invalid_argument", "unimplemented"].includes(code);
    for (const idempotent of [false, true]) {
      const may = executions.map((execution) => mayRepeat({ code, execution }, idempotent));
      assertEquals(may, [
        !isFinal,
        !isFinal,
        idempotent && code !== "canceled",
        false,
      ], `${code}, ${idempotent}`);
    }
  }
});

Deno.test("what may have run is never repeated against the caller's will", () => {
  for (const code of codes) {
    assertEquals(mayRepeat({ code, execution: "unknown" }, false), false);
    assertEquals(mayRepeat({ code, execution: "answered" }, true), false);
  }
});

Deno.test("backoff: anything up to 50, 100, 200 … 2,000 ms", () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((round) => backoffMs(round, 1));
  assertEquals(most, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
  assertEquals([backoffMs(0, 0), backoffMs(9, 0)], [0, 0]);
  assertEquals(backoffMs(1, 0.25), 25);
});

Deno.test("dialling again: 1 s × 1.6 each time, ± 20 %, at most 120 s", () => {
  const middle = [1, 2, 3, 4].map((failures) => Math.round(redialMs(failures, 0.5)));
  assertEquals(middle, [1000, 1600, 2560, 4096]);
  assertEquals([redialMs(1, 0), redialMs(1, 1)].map(Math.round), [800, 1200]);
  for (const failures of [12, 100, 10_000]) {
    assertEquals([redialMs(failures, 0), redialMs(failures, 1)].map(Math.round), [80_000, 120_000]);
  }
});

Deno.test("a fresh budget has a second's worth, and no more", () => {
  const budget = new RetryBudget(0);
  const given = Array.from({ length: 12 }, () => budget.withdraw(0));
  assertEquals(given.filter(Boolean).length, 10);
});

Deno.test("a fifth of the calls", () => {
  const budget = new RetryBudget(0, { perSecond: 0 });
  assertEquals(budget.withdraw(1_000_000), false);
  let given = 0;
  for (let call = 0; call < 1000; call++) {
    budget.deposit();
    if (budget.withdraw(call)) given++;
  }
  assert(given >= 199 && given <= 200, String(given));
});

Deno.test("so many a second, also fewer than one", () => {
  for (const perSecond of [10, 1, 0.5, 0.1]) {
    const budget = new RetryBudget(0, { ratio: 0, perSecond });
    let given = 0;
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 10) if (budget.withdraw(nowMs)) given++;
    const due = 60 * perSecond + Math.max(1, perSecond);
    assert(given <= due + 1e-9 && given >= due - 2, `${given} at ${perSecond}/s`);
  }
});

Deno.test("what calls have saved is kept, up to a limit", () => {
  const budget = new RetryBudget(0, { perSecond: 0 });
  for (let call = 0; call < 100_000; call++) budget.deposit();
  let given = 0;
  while (budget.withdraw(0)) given++;
  assertEquals(given, 100);
});

Deno.test("never more than 0.2 × calls + 10/s + 10, whatever happens", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const startMs = random() * 1e6;
    const budget = new RetryBudget(startMs);
    let nowMs = startMs;
    let calls = 0;
    let given = 0;
    for (let step = 0; step < 1000; step++) {
      const dice = random();
      if (dice < 0.3) nowMs += random() ** 4 * between(random, 1, 5000);
      else if (dice < 0.6) {
        for (let n = between(random, 1, 20); n > 0; n--, calls++) budget.deposit();
      } else if (budget.withdraw(nowMs)) given++;
      const bound = 0.2 * calls + 10 * (nowMs - startMs) / 1000 + 10;
      assert(given <= bound + 1e-6, `seed ${seed}: ${given} of ${bound}`);
    }
  }
});

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
