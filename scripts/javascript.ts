/** Turns the modules, tests and benchmarks into JavaScript that Node and Bun run. */

// deno-lint-ignore no-import-prefix -- in deno.json all users would load it
import ts from "npm:typescript@^5.9";
import config from "../deno.json" with { type: "json" };
import offline from "./offline/import_map.json" with { type: "json" };
import { type Packages, packagesIn, withoutVersions } from "./packages.ts";

/** The folder of the repository. */
export const ROOT = `${import.meta.dirname}/..`;

/** Where names without a path lead: our own name and the stand-ins. */
const MODULES = new Map([
  ...Object.entries(config.exports)
    .map(([name, path]) => [config.name + name.slice(1), path.slice(2)]),
  ...Object.entries(offline.imports)
    .filter(([, path]) => path.startsWith("./"))
    .map(([name, path]) => [name, `scripts/offline/${path.slice(2)}`]),
] as [string, string][]);

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

/** Writes all modules, examples, scripts and tests as JavaScript below `out`, with their import map resolved. */
export function emitAll(out: string): readonly string[] {
  Deno.writeTextFileSync(`${out}/package.json`, '{ "type": "module" }');
  const files = [
    ...sources(),
    ...["examples/", "scripts/", "tests/"].flatMap((folder) => list(folder)),
    "deno.json",
  ];
  for (const file of files) emit(file, out);
  return files;
}

/** The npm packages that the library imports, and the modules of a folder below the root. */
export function npmPackages(folder: string): Packages {
  const sources = [
    JSON.stringify(config.imports),
    ...list(folder).filter((file) => file.endsWith(".ts"))
      .map((file) => Deno.readTextFileSync(`${ROOT}/${file}`)),
  ];
  return Object.assign({}, ...sources.map(packagesIn));
}

/** Writes a module as JavaScript below `out`, and copies a file that is no module. */
export function emit(file: string, out: string) {
  const target = `${out}/${file}`;
  Deno.mkdirSync(target.replace(/[^/]*$/, ""), { recursive: true });
  if (!file.endsWith(".ts")) {
    return Deno.copyFileSync(`${ROOT}/${file}`, target);
  }
  const up = "../".repeat(file.split("/").length - 1) || "./";
  let source = withoutVersions(Deno.readTextFileSync(`${ROOT}/${file}`)).replace(
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
