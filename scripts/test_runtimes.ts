/**
 * Runs the tests on Node and Bun; the tasks `test:node` and `test:runtimes`.
 * The modules and tests are turned into JavaScript in a temporary folder, with
 * the stand-ins for `@std` and a `Deno.test` made of `node:test`. Files named
 * `*_deno_test.ts` stay out.
 *
 * On Bun only the suites run that use the library from outside, and those of
 * what depends on the engine; with `--black-box` on the others too.
 *
 * Arguments: names of runtimes (default: the Node on the path), then parts of
 * the paths of the test files to run (default: all).
 */

import { pathToFileURL } from "node:url";
import { exec } from "./exec.ts";
import { emitAll, npmPackages, ROOT } from "./javascript.ts";
import { installed } from "./packages.ts";
import { programOf, type Runtime, RUNTIMES } from "./runtimes.ts";
import { bunTotals, nodeTotals, report, type Run, sumOf, type Totals } from "./totals.ts";

/**
 * The suites that use the library from outside, and of the others those of what the engine itself
 * does, as which values its JSON loses.
 */
const BLACK_BOX =
  /^tests\/(?:(?!architecture)(?:(?:client|server|wire|bad_input)\/)?[^/]*|protocol\/json_values)_test\.ts$/;

const FILE_MS = 5 * 60_000;
const ALL_MS = 15 * 60_000;

/** Which test files run. */
export interface Selection {
  /** Parts of their paths; none selects all. */
  readonly parts?: readonly string[];
  /** Only the suites that use the library from outside. */
  readonly isBlackBox?: boolean;
}

/** Runs the selected test files on each runtime, one runtime after the other. */
export async function testOnRuntimes(
  runtimes: readonly Runtime[],
  { parts = [], isBlackBox = false }: Selection = {},
): Promise<Run[]> {
  const out = await Deno.makeTempDir({ prefix: "xclient_runtimes_" });
  try {
    const files = emitAll(out);
    await Deno.symlink(await installed(npmPackages("tests/")), `${out}/node_modules`);
    const tests = files.filter((file) =>
      /^tests\/.*_test\.ts$/.test(file) && !/_deno_test\.ts$/.test(file) &&
      (parts.length === 0 || parts.some((part) => file.includes(part)))
    );
    const runs: Run[] = [];
    for (const runtime of runtimes) {
      const isSome = isBlackBox || runtime.kind === "bun";
      const own = isSome ? tests.filter((file) => BLACK_BOX.test(file)) : tests;
      const emitted = own.map((file) => `${out}/${file.replace(/ts$/, "js")}`);
      runs.push(await testOn(runtime, emitted, out));
    }
    return runs;
  } finally {
    Deno.removeSync(out, { recursive: true });
  }
}

async function testOn(runtime: Runtime, tests: string[], out: string): Promise<Run> {
  const { name, kind } = runtime;
  // Without files, a runner would look for some by itself.
  if (tests.length === 0) {
    const totals = { passed: 0, failed: 0, skipped: 0, lines: "", failures: [] };
    return { runner: name, code: 1, timedOut: false, totals };
  }
  console.log(`\n${name}`);
  const polyfills = `${out}/scripts/node/polyfills.js`;
  const result = `${out}/result`;
  const program = await programOf(runtime);
  if (kind === "bun") {
    // Each has a process of its own, as on Node: some replace the timers or block the event loop.
    const runs: Run[] = [];
    for (const file of tests) {
      const args = ["test", `--preload=${polyfills}`, "--reporter=junit"];
      runs.push(
        await run(name, program, [...args, `--reporter-outfile=${result}`, file], bunTotals),
      );
    }
    return sumOf(name, runs);
  }
  const args = [
    "--enable-source-maps",
    `--import=${pathToFileURL(polyfills)}`,
    "--test",
    `--test-timeout=${FILE_MS}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=tap",
    `--test-reporter-destination=${result}`,
  ];
  return await run(name, program, [...args, ...tests], nodeTotals);

  async function run(
    runner: string,
    program: string,
    args: string[],
    totalsOf: (text: string) => Totals | undefined,
  ): Promise<Run> {
    const { code, timedOut } = await exec(program, args, { cwd: ROOT, timeoutMs: ALL_MS });
    const text = await Deno.readTextFile(result).catch(() => "");
    await Deno.remove(result).catch(() => {});
    return { runner, code, timedOut, totals: totalsOf(text) };
  }
}

if (import.meta.main) {
  const isBlackBox = Deno.args.includes("--black-box");
  const names = Deno.args.filter((arg) => Object.hasOwn(RUNTIMES, arg));
  const parts = Deno.args.filter((arg) => !names.includes(arg) && arg !== "--black-box");
  const runtimes = (names.length > 0 ? names : ["node"]).map((name) => RUNTIMES[name]);
  Deno.exit(report(await testOnRuntimes(runtimes, { parts, isBlackBox })) ? 0 : 1);
}
