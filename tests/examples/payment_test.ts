/** The story of a payment whose connection is cut, with real processes. */

import { assert, assertEquals } from "@std/assert";
import { payments } from "../../examples/payment.ts";

Deno.test("a payment whose connection is cut: unknown without certain, the receipt with it, charged once", async () => {
  const lines: string[] = [];
  const outcome = await payments((line) => lines.push(line));
  assertEquals(outcome, {
    "A-1": { heard: "unknown", charged: 1 },
    "B-2": { heard: "receipt B-2: 12.50 EUR", charged: 1 },
    "C-3": { heard: "unknown" },
  }, lines.join("\n"));
  assert(lines.some((line) => /another process answers there now/.test(line)), lines.join("\n"));
});
