/** How many attempts beyond the first there may be. */

import { assert, assertEquals } from "@std/assert";
import { RetryBudget } from "../../fleet/retry_budget.ts";
import { seededRandom } from "../../testing.ts";
import { between } from "../support/helpers.ts";

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
