/**
 * Runs the tests on Node; the task `test:node`. The modules and tests are
 * turned into JavaScript in a temporary folder, with the stand-ins for `@std`
 * and a `Deno.test` made of `node:test`. Files named `*_deno_test.ts` stay out.
 */

// deno-lint-ignore no-import-prefix -- in deno.json all users would load it
import ts from "npm:typescript@^5.9";
import config from "../deno.json" with { type: "json" };
import { exec } from "./exec.ts";
import offline from "./offline/import_map.json" with { type: "json" };
import { nodeTotals, report, type Run } from "./totals.ts";

const ROOT = `${import.meta.dirname}/..`;
const FILE_MS = 5 * 60_000;
const ALL_MS = 15 * 60_000;

// Without files, `node --test` would look for some by itself.
const NO_TESTS: Run = {
  runner: "Node",
  code: 1,
  timedOut: false,
  totals: { passed: 0, failed: 0, skipped: 0, lines: "" },
};

/** Where names without a path lead: our own name and the stand-ins. */
const MODULES = new Map([
  ...Object.entries(config.exports)
    .map(([name, path]) => [config.name + name.slice(1), path.slice(2)]),
  ...Object.entries(offline.imports)
    .map(([name, path]) => [name, `scripts/offline/${path.slice(2)}`]),
] as [string, string][]);

/** Runs the test files on Node, or only those whose path has a filter in it. */
export async function testOnNode(filters: string[]): Promise<Run> {
  const out = await Deno.makeTempDir({ prefix: "xclient_node_" });
  try {
    Deno.writeTextFileSync(`${out}/package.json`, '{ "type": "module" }');
    const files = [...sources(), ...list("scripts/"), ...list("tests/")];
    for (const file of files) emit(file, out);

    const tests = files.filter((file) =>
      /^tests\/.*_test\.ts$/.test(file) && !/_deno_test\.ts$/.test(file) &&
      (filters.length === 0 || filters.some((part) => file.includes(part)))
    );
    if (tests.length === 0) return NO_TESTS;
    const { code, timedOut } = await exec("node", [
      "--enable-source-maps",
      `--import=file://${out}/scripts/node/polyfills.js`,
      "--test",
      `--test-timeout=${FILE_MS}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      "--test-reporter=tap",
      `--test-reporter-destination=${out}/result.tap`,
      ...tests.map((file) => `${out}/${file.replace(/ts$/, "js")}`),
    ], { cwd: ROOT, timeoutMs: ALL_MS });

    const tap = await Deno.readTextFile(`${out}/result.tap`).catch(() => "");
    return { runner: "Node", code, timedOut, totals: nodeTotals(tap) };
  } finally {
    Deno.removeSync(out, { recursive: true });
  }
}

/** The library's own modules: the public ones at the top, and what is behind them in folders. */
export function sources(): string[] {
  const folders = config.publish.include.filter((path) => path.endsWith("/") && path !== "docs/");
  return [list("", false), ...folders.map((folder) => list(folder))].flat();
}

/** The files of a folder below the root, which ends in `/` if not empty. */
export function list(folder: string, deep = true): string[] {
  return [...Deno.readDirSync(`${ROOT}/${folder}`)].flatMap((entry) => {
    const path = folder + entry.name;
    if (entry.isDirectory) return deep ? list(`${path}/`) : [];
    return deep || path.endsWith(".ts") ? [path] : [];
  });
}

/** Writes a file as Node can use it. */
export function emit(file: string, out: string) {
  const target = `${out}/${file}`;
  Deno.mkdirSync(target.replace(/[^/]*$/, ""), { recursive: true });
  if (!file.endsWith(".ts")) {
    return Deno.copyFileSync(`${ROOT}/${file}`, target);
  }
  const up = "../".repeat(file.split("/").length - 1) || "./";
  let source = Deno.readTextFileSync(`${ROOT}/${file}`).replace(
    /(\bfrom\s*|\bimport\s*\(?\s*)"(@[^"]+)"/g,
    (all, before, name) => MODULES.has(name) ? `${before}"${up}${MODULES.get(name)}"` : all,
  );
  if (file.startsWith("tests/") && /\bDeno\.test\b/.test(source)) {
    source += `\nimport { Deno } from "${up}scripts/node/test_api.ts";\n`;
  }
  const { outputText } = ts.transpileModule(source, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      inlineSourceMap: true,
      inlineSources: true,
      sourceRoot: `file://${ROOT}/${file.replace(/[^/]*$/, "")}`,
    },
  });
  Deno.writeTextFileSync(target.replace(/ts$/, "js"), outputText);
}

if (import.meta.main) {
  Deno.exit(report([await testOnNode(Deno.args)]) ? 0 : 1);
}
