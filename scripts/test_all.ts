/**
 * Runs the tests, and the examples in the docs, on Deno, then the tests on
 * Node; the task `test`. Arguments are test files to run instead of all.
 */

import { exec } from "./exec.ts";
import { stdFlags } from "./std.ts";
import { RUNTIMES } from "./runtimes.ts";
import { testOnRuntimes } from "./test_runtimes.ts";
import { denoTotals, report, type Run } from "./totals.ts";

const LIMIT_MS = 15 * 60_000;

const files = Deno.args;
const runs: Run[] = [await testOnDeno()];
if (files.length === 0 || files.some((file) => !/_deno_test\.ts$/.test(file))) {
  runs.push(...await testOnRuntimes([RUNTIMES.node], { parts: files }));
}
Deno.exit(report(runs) ? 0 : 1);

async function testOnDeno(): Promise<Run> {
  const { code, output, timedOut } = await exec(
    Deno.execPath(),
    ["test", "-A", "--doc", ...await stdFlags(), ...files],
    { capture: true, timeoutMs: LIMIT_MS },
  );
  return { runner: "Deno", code, timedOut, totals: denoTotals(output) };
}
