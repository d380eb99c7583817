import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../testing.ts";

Deno.test("equal seeds give equal numbers, which are spread evenly", () => {
  const one = seededRandom(42);
  const other = seededRandom(42);
  const counts = new Array(10).fill(0);
  for (let count = 0; count < 10_000; count++) {
    const number = one();
    assertEquals(other(), number);
    counts[Math.floor(number * 10)]++;
  }
  assert(counts.every((count) => count > 850 && count < 1150), counts.join());
  assert(seededRandom(1)() !== seededRandom(2)());
});
