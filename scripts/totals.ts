/** Reads the closing lines of test runners. */

/** What a runner counted, and the lines where it says so. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
  lines: string;
  /** The names of the tests that failed, as the runner writes them. */
  failures: string[];
}

/** One run of a test runner. */
export interface Run {
  runner: string;
  code: number;
  timedOut: boolean;
  /** Left out if the runner did not finish. */
  totals?: Totals;
}

/** From the output of `deno test`; `undefined` if it did not finish. */
export function denoTotals(output: string): Totals | undefined {
  const last = output.match(/^(ok|FAILED) \| \d+ passed.*$/gm)?.at(-1);
  if (!last) return;
  const count = (what: string) => Number(last.match(new RegExp(`\\| (\\d+) ${what}`))?.[1] ?? 0);
  return {
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("ignored"),
    lines: last,
    failures: output.split(/^ ?FAILURES\b.*$/m).at(-1)!.match(/^.+ => .+:\d+:\d+$/gm) ?? [],
  };
}

/** From the TAP output of `node --test`; `undefined` if it did not finish. */
export function nodeTotals(tap: string): Totals | undefined {
  const lines = tap.match(/^# tests \d+\n(# \w+ [\d.]+\n)+$(?![^])/m)?.[0]
    .trimEnd();
  if (!lines) return;
  const count = (what: string) =>
    Number(lines.match(new RegExp(`^# ${what} (\\d+)$`, "m"))?.[1] ?? 0);
  return {
    passed: count("pass"),
    failed: count("fail") + count("cancelled"),
    skipped: count("skipped") + count("todo"),
    lines,
    failures: [...tap.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name]) => name),
  };
}

/** From the JUnit report of `bun test`; `undefined` if it did not finish. */
export function bunTotals(xml: string): Totals | undefined {
  const suites = xml.match(/<testsuites [^>]*>/)?.[0];
  if (!suites) return;
  const count = (what: string) => Number(suites.match(new RegExp(` ${what}="(\\d+)"`))?.[1] ?? 0);
  const [tests, failed, skipped] = [count("tests"), count("failures"), count("skipped")];
  return {
    passed: tests - failed - skipped,
    failed,
    skipped,
    lines: `Ran ${tests} tests: ${failed} failed, ${skipped} skipped`,
    failures: [...xml.matchAll(/<testcase name="([^"]*)"[^>]*>\s*<failure/g)].map(([, name]) =>
      name
    ),
  };
}

/** Several runs of one runner as one: failed, stopped or without a result if one of them is. */
export function sumOf(runner: string, runs: readonly Run[]): Run {
  const totals = runs.flatMap((run) => run.totals ?? []);
  const sum = (key: "passed" | "failed" | "skipped") =>
    totals.reduce((total, each) => total + each[key], 0);
  const [passed, failed, skipped] = [sum("passed"), sum("failed"), sum("skipped")];
  const tests = passed + failed + skipped;
  return {
    runner,
    code: runs.find(({ code }) => code !== 0)?.code ?? 0,
    timedOut: runs.some(({ timedOut }) => timedOut),
    totals: totals.length < runs.length ? undefined : {
      passed,
      failed,
      skipped,
      lines: `Ran ${tests} tests: ${failed} failed, ${skipped} skipped`,
      failures: totals.flatMap(({ failures }) => failures),
    },
  };
}

/**
 * Shows the closing lines of all runs with what failed and, as the last line, their sum.
 * Returns whether every run had tests and passed them.
 */
export function report(runs: Run[]): boolean {
  const problems = runs.flatMap(({ runner, code, timedOut, totals }) => {
    if (timedOut) return `${runner} was stopped: it did not end in time`;
    if (!totals) return `${runner} ended without a result, code ${code}`;
    if (totals.passed + totals.failed === 0) return `${runner} ran no tests`;
    if (code === 0 || totals.failed > 0) return [];
    return `${runner} passed its tests but ended with code ${code}`;
  });
  for (const { runner, totals } of runs) {
    if (!totals) continue;
    console.log(`\n${runner}\n${totals.lines}`);
    for (const name of totals.failures) console.log(`Failed: ${name}`);
  }
  const totals = runs.flatMap((run) => run.totals ?? []);
  console.log();
  for (const problem of problems) console.log(problem);
  if (totals.length === runs.length) console.log(sumLine(totals));
  return problems.length === 0 && runs.every(({ code }) => code === 0);
}

/** The sum as one line: `12 passed, 0 failed`. */
function sumLine(totals: Totals[]): string {
  const sum = (key: "passed" | "failed" | "skipped") =>
    totals.reduce((total, each) => total + each[key], 0);
  const skipped = sum("skipped") ? `, ${sum("skipped")} skipped` : "";
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped}`;
}
