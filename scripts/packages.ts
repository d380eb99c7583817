/** Packages from npm that tests and benchmarks need on Node, kept outside of the repository. */

import { exec, npmPath } from "./exec.ts";

/** The versions of packages by their names. */
export type Packages = Readonly<Record<string, string>>;

/** An import of a package, as Deno has it: `npm:name@1.2.3/path`. */
const IMPORT = /"npm:((?:@[\w.-]+\/)?[\w.-]+)@([^"/]+)((?:\/[^"]*)?)"/g;

/** The packages that a source imports. */
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
 * Installs packages in the user's cache folder, once for each list of them.
 *
 * @param packages What to install.
 * @returns The path of their `node_modules`.
 * @throws {Error} npm can't install them.
 */
export async function installed(packages: Packages): Promise<string> {
  const sorted = Object.fromEntries(Object.entries(packages).sort());
  const manifest = JSON.stringify({ private: true, dependencies: sorted });
  const folder = `${cacheFolder()}/xclient-packages/${await digest(manifest)}`;
  const done = `${folder}/installed`;
  if (!exists(done)) {
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(`${folder}/package.json`, manifest);
    const args = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
    const { code } = await exec(npmPath(), [...args, "--silent"], { cwd: folder });
    if (code !== 0) throw new Error(`npm can't install ${Object.keys(sorted).join(", ")}`);
    Deno.writeTextFileSync(done, "");
  }
  return `${folder}/node_modules`;
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

function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  return Deno.env.get("XDG_CACHE_HOME") ?? (home ? `${home}/.cache` : Deno.makeTempDirSync());
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 12);
}
