/** Packages from npm that Node needs: for tests, and for what benchmarks measure. */

import { exec, npmPath } from "./exec.ts";

const INSTALL = [
  "install",
  "--silent",
  "--no-audit",
  "--no-fund",
  "--no-package-lock",
  "--ignore-scripts",
];

/** The versions of packages by their names. */
export type Packages = Readonly<Record<string, string>>;

/** An import of a package in some version, as Deno has it: `npm:name@1.2.3/path`. */
const IMPORT = /"npm:((?:@[\w.-]+\/)?[\w.-]+)@([^"/]+)((?:\/[^"]*)?)"/g;

/** The packages that a source imports, each with its version. */
export function packagesIn(source: string): Packages {
  return Object.fromEntries(
    [...source.matchAll(IMPORT)].map(([, name, version]) => [name, version]),
  );
}

/** A source whose imports of packages are as Node has them: `name/path`. */
export function withoutVersions(source: string): string {
  return source.replace(IMPORT, '"$1$3"');
}

/**
 * Installs packages outside of the repository, once for each list.
 *
 * @param manifest The text of a package.json.
 * @returns The path of `node_modules`.
 * @throws {Error} npm can't install them.
 */
export async function installPackages(manifest: string): Promise<string> {
  const folder = `${cacheFolder()}/xclient-packages/${await digest(manifest)}`;
  const modules = `${folder}/node_modules`;
  const done = `${folder}/installed`;
  if (exists(done)) return modules;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(`${folder}/package.json`, manifest);
  const { code } = await exec(npmPath(), INSTALL, { cwd: folder });
  if (code !== 0) throw new Error(`npm can't install what ${folder}/package.json lists`);
  Deno.writeTextFileSync(done, "");
  return modules;
}

/**
 * Installs packages, as {@linkcode installPackages} does.
 *
 * @param packages What to install.
 * @returns The path of `node_modules`.
 * @throws {Error} npm can't install them.
 */
export function installed(packages: Packages): Promise<string> {
  const dependencies = Object.fromEntries(Object.entries(packages).sort());
  return installPackages(JSON.stringify({ private: true, dependencies }));
}

function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  return Deno.env.get("XDG_CACHE_HOME") ?? (home ? `${home}/.cache` : Deno.makeTempDirSync());
}

/** Whether there is a file or a folder. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 12);
}
