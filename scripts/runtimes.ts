/**
 * The runtimes that the library is tested on beside Deno, and where they come
 * from: the npm registry has a package with the program of each.
 */

import { npxPath } from "./exec.ts";

/** A runtime beside Deno. */
export interface Runtime {
  /** As reports call it. */
  readonly name: string;
  readonly kind: "node" | "bun";
  /** Its package on npm, with the version; without one, the program on the path. */
  readonly npm?: string;
}

/** All of them, by the names that the tasks take. */
export const RUNTIMES: Readonly<Record<string, Runtime>> = {
  node: { name: "Node", kind: "node" },
  node20: { name: "Node 20", kind: "node", npm: "node@20" },
  node22: { name: "Node 22", kind: "node", npm: "node@22" },
  node24: { name: "Node 24", kind: "node", npm: "node@24" },
  bun: { name: "Bun", kind: "bun", npm: "bun@1" },
};

/** What the package claims to run on, in the words of package.json: no more than is tested. */
export const ENGINES = { node: "^20 || ^22 || >=24", bun: ">=1.4" };

/**
 * The compilers that the types of the package are tried with: the first release of the oldest line
 * that the README names, the last of 5.x, and those after it.
 */
export const TYPESCRIPTS = ["5.7.2", "5.9.3", "6.0.3", "7.0.2"] as const;

/**
 * Where the program of a runtime is.
 *
 * @throws {Error} It can't be installed.
 */
export async function programOf({ name, kind, npm }: Runtime): Promise<string> {
  if (npm === undefined) return kind;
  const { success, stdout, stderr } = await new Deno.Command(npxPath(), {
    args: ["-y", "-p", npm, kind, "-e", "console.log(process.execPath)"],
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`${name} can't be had from npm: ${text(stderr)}`);
  return text(stdout).split("\n").at(-1)!;
}
