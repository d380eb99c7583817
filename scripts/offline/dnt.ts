/**
 * Stand-in for `@deno/dnt`, used where JSR cannot be reached. It builds a
 * package of the same layout with TypeScript from npm, and marks it private:
 * it is there to be tried, not to be published. It runs no tests in it.
 */

// deno-lint-ignore no-import-prefix -- in deno.json all users would load it
import ts from "npm:typescript@^5.9";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { exec, npmPath } from "../exec.ts";
import imports from "./import_map.json" with { type: "json" };

const STAND_INS: Readonly<Record<string, string>> = imports.imports;

/** The options we use of the real ones. */
export interface BuildOptions {
  entryPoints: EntryPoint[];
  outDir: string;
  shims: { deno?: { test: boolean | "dev" } };
  package: { name: string; version: string; [field: string]: unknown };
  typeCheck: "both";
  test?: boolean;
  testPattern?: string;
  testPreloadModule?: string;
  /** Modules that stand for others, and npm packages that an import is of. */
  mappings?: Record<string, string | MappedPackage>;
  compilerOptions: { lib: ["ESNext"]; target: "ES2022" };
  postBuild?: () => void | Promise<void>;
}

/** What the package offers: a module, or a program. */
export interface EntryPoint {
  kind: "export" | "bin";
  name: string;
  path: string;
}

/** An npm package that users of the built one bring along. */
export interface MappedPackage {
  name: string;
  version: string;
  peerDependency: true;
}

/** Removes what is in a folder, or makes it. */
export async function emptyDir(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(path, { recursive: true });
}

/**
 * Builds the package: its sources in `src/`, ES modules in `esm/`, CommonJS in
 * `script/`, each with the types beside it.
 *
 * @throws {Error} It does not compile, or npm can't install what its types need.
 */
export async function build(options: BuildOptions): Promise<void> {
  const { entryPoints, outDir, package: fields, mappings = {}, postBuild } = options;
  const files = writeSources(entryPoints.map(({ path }) => resolve(path)), outDir, mappings);
  const peers = Object.values(mappings).filter((target) => typeof target !== "string");

  const points = entryPoints.map(({ kind, name, path }) => ({ kind, name, path: jsPath(path) }));
  const modules = points.filter(({ kind }) => kind === "export");
  const programs = points.filter(({ kind }) => kind === "bin");
  const both = (path: string) => ({ import: `./esm/${path}`, require: `./script/${path}` });
  const [main] = modules;
  writeJson(`${outDir}/package.json`, {
    ...fields,
    ...peers.length > 0 &&
      { peerDependencies: Object.fromEntries(peers.map(({ name, version }) => [name, version])) },
    private: true,
    main: `./script/${main.path}`,
    module: `./esm/${main.path}`,
    exports: Object.fromEntries(modules.map(({ name, path }) => [name, both(path)])),
    bin: Object.fromEntries(programs.map(({ name, path }) => [name, `./esm/${path}`])),
  });
  Deno.writeTextFileSync(`${outDir}/.npmignore`, "/src/\n/node_modules/\n/package-lock.json\n");
  const install = ["install", "--no-audit", "--no-fund", "--silent"];
  const { code } = await exec(npmPath(), install, { cwd: outDir });
  if (code !== 0) throw new Error(`npm failed with code ${code}`);

  compile(files, outDir, "esm");
  writeJson(`${outDir}/esm/package.json`, { type: "module" });
  compile(files, outDir, "script");
  writeJson(`${outDir}/script/package.json`, { type: "commonjs" });
  for (const { path } of programs) {
    const file = `${outDir}/esm/${path}`;
    Deno.writeTextFileSync(file, `#!/usr/bin/env node\n${Deno.readTextFileSync(file)}`);
  }
  await postBuild?.();
}

/** Writes all modules that the entry points need as one tree without Deno's ways of importing. */
function writeSources(
  entryPoints: readonly string[],
  outDir: string,
  mappings: Readonly<Record<string, string | MappedPackage>>,
): string[] {
  const src = `${outDir}/src`;
  const mapped = new Map(
    Object.entries(mappings).flatMap(([from, to]) =>
      typeof to === "string" ? [[resolve(from), resolve(to)]] : []
    ),
  );
  const targetOf = (file: string) => {
    const stood = relative(import.meta.dirname!, file);
    return join(src, stood.startsWith("..") ? relative(".", file) : `deps/@std/${stood}`);
  };

  const files = new Set(entryPoints);
  for (const file of files) {
    const written = targetOf(file);
    let source = Deno.readTextFileSync(file);
    // From the end, so that the positions before it stay right.
    for (const { fileName, pos } of ts.preProcessFile(source).importedFiles.toReversed()) {
      if (fileName.startsWith("node:")) continue;
      const target = STAND_INS[fileName];
      if (target?.startsWith("npm:") && mappings[target] !== undefined) continue;
      const imported = resolveImport(fileName, file);
      const module = mapped.get(imported) ?? imported;
      files.add(module);
      const path = relative(dirname(written), jsPath(targetOf(module)));
      const specifier = path.startsWith(".") ? path : `./${path}`;
      const start = source.indexOf(fileName, pos);
      source = source.slice(0, start) + specifier + source.slice(start + fileName.length);
    }
    write(written, source);
  }
  return Array.from(files, targetOf);
}

function resolveImport(specifier: string, from: string): string {
  if (specifier.startsWith(".")) return resolve(dirname(from), specifier);
  const path = STAND_INS[specifier];
  if (path === undefined) throw new Error(`${from} imports ${specifier}, which has no stand-in`);
  return fileURLToPath(new URL(path, import.meta.url));
}

/** Checks the types and writes JavaScript with declarations. */
function compile(files: readonly string[], outDir: string, kind: "esm" | "script"): void {
  console.log(`Compiling ${kind}/`);
  const asModule = kind === "esm";
  const program = ts.createProgram(files, {
    rootDir: `${outDir}/src`,
    outDir: `${outDir}/${kind}`,
    module: asModule ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS,
    moduleResolution: asModule ? ts.ModuleResolutionKind.Bundler : ts.ModuleResolutionKind.Node10,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.esnext.d.ts"],
    types: ["node"],
    typeRoots: [`${outDir}/node_modules/@types`],
    strict: true,
    useUnknownInCatchVariables: false,
    isolatedModules: true,
    esModuleInterop: !asModule,
    declaration: true,
    noEmitOnError: true,
  });
  const { diagnostics } = program.emit();
  const all = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (all.length === 0) return;
  const text = ts.formatDiagnostics(all, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => outDir,
    getNewLine: () => "\n",
  });
  throw new Error(`The package does not compile as ${kind}:\n${text}`);
}

function jsPath(path: string): string {
  return path.replace(/^\.\//, "").replace(/ts$/, "js");
}

function write(path: string, text: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, text);
}

function writeJson(path: string, value: unknown): void {
  write(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
