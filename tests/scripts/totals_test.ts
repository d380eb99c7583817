/** Reading the closing lines of test runners. */

import { assertEquals } from "@std/assert";
import { bunTotals, denoTotals, nodeTotals } from "../../scripts/totals.ts";

Deno.test("denoTotals() reads the last closing line", () => {
  const output = [
    "ok | 9 passed | 0 failed (1ms)",
    "a ... ok (1ms)",
    "",
    "FAILED | 3 passed (2 steps) | 1 failed (1 step) | 2 ignored (20ms)",
    "",
  ].join("\n");
  const totals = denoTotals(output)!;
  assertEquals([totals.passed, totals.failed, totals.skipped], [3, 1, 2]);
  assertEquals(totals.failures, []);
  assertEquals(denoTotals("error: Type checking failed.\n"), undefined);
});

Deno.test("denoTotals() names the tests that failed", () => {
  const output = [
    " ERRORS ",
    "",
    "b => ./tests/b_test.ts:2:6",
    "error: Error: nope",
    "",
    " FAILURES ",
    "",
    "b => ./tests/b_test.ts:2:6",
    "",
    "FAILED | 1 passed | 1 failed (20ms)",
  ].join("\n");
  assertEquals(denoTotals(output)!.failures, ["b => ./tests/b_test.ts:2:6"]);
});

Deno.test("nodeTotals() reads the closing lines only at the end", () => {
  const closing =
    "# tests 8\n# suites 0\n# pass 3\n# fail 1\n# cancelled 2\n# skipped 1\n# todo 1\n# duration_ms 5.25\n";
  const totals = nodeTotals(`not ok 1 - a\n# tests 1\n# pass 1\n1..8\n${closing}`)!;
  assertEquals([totals.passed, totals.failed, totals.skipped], [3, 3, 2]);
  assertEquals(totals.lines, closing.trimEnd());
  assertEquals(totals.failures, ["a"]);
  assertEquals(nodeTotals(`${closing}ok 9 - more\n`), undefined);
});

Deno.test("bunTotals() counts what the JUnit report sums up", () => {
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="bun test" tests="9" assertions="0" failures="2" skipped="1" time="0.4">',
    '  <testsuite name="a_test.js" tests="9" failures="2" skipped="1">',
    '    <testcase name="a" time="0">',
    "    </testcase>",
    '    <testcase name="b" time="0">',
    '      <failure type="AssertionError" />',
    "    </testcase>",
  ].join("\n");
  const totals = bunTotals(xml)!;
  assertEquals([totals.passed, totals.failed, totals.skipped], [6, 2, 1]);
  assertEquals(totals.failures, ["b"]);
  assertEquals(bunTotals(""), undefined);
});
