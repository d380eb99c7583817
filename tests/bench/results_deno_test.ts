/** The documentation quotes the figures that the benchmarks have written. */

import { assert, assertEquals } from "@std/assert";

const read = (file: string) => Deno.readTextFileSync(`${import.meta.dirname}/../../${file}`);

/** The rows of all tables, without the spaces that align them. */
function rowsOf(markdown: string): string[] {
  return markdown.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()).join("|"));
}

const measured = new Set(
  ["peers", "costs"].flatMap((name) => rowsOf(read(`docs/performance/${name}.md`))),
);
const judged = [...measured].filter((row) => /\|(met|MISSED)\|$/.test(row));

Deno.test("docs/performance.md shows every target as it was measured", () => {
  const shown = rowsOf(read("docs/performance.md"));
  for (const row of judged) assert(shown.includes(row), `not in docs/performance.md: ${row}`);
  const isResult = (row: string) => /\|(met|MISSED)?\|$/.test(row) && row.split("|").length > 5;
  for (const row of shown.filter(isResult)) assert(measured.has(row), `not measured: ${row}`);
});

Deno.test("README.md quotes three ratios that were measured", () => {
  const quoted = rowsOf(read("README.md")).filter((row) => row.includes("|64|"));
  assertEquals(quoted.length, 3);
  for (const row of quoted) {
    const found = judged.some((whole) => whole.startsWith(row));
    assert(found, `not measured: ${row}`);
  }
});
