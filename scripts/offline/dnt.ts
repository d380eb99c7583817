/** Stand-in for the part of `@deno/dnt` we use: it can only be type-checked. */

/** The options we use of the real ones. */
export interface BuildOptions {
  entryPoints: (string | { name: string; path: string })[];
  outDir: string;
  shims: { deno?: { test: boolean | "dev" } };
  package: { name: string; version: string; [field: string]: unknown };
  typeCheck?: "both" | "single" | false;
  test?: boolean;
  testPattern?: string;
  testPreloadModule?: string;
  mappings?: Record<string, string>;
  compilerOptions?: { lib?: string[]; target?: string };
  postBuild?: () => void | Promise<void>;
}

/** Always fails: there is no dnt without JSR. */
export function build(_options: BuildOptions): Promise<void> {
  throw new Error("@deno/dnt needs JSR");
}

/** Always fails: there is no dnt without JSR. */
export function emptyDir(_path: string): Promise<void> {
  throw new Error("@deno/dnt needs JSR");
}
