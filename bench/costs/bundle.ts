/** Bundles as users make them, and which files of a bundle are loaded when. */

// deno-lint-ignore no-import-prefix -- in deno.json all users would load it
import type { BuildOptions, Metafile, OutputFile } from "npm:esbuild@^0.25";
import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { Missing } from "../stage.ts";

/** The size of some code, in bytes. */
export interface CodeSize {
  readonly minified: number;
  /** The sum over all files, each compressed by itself. */
  readonly gzipped: number;
  /** What each source file contributes, the largest first. */
  readonly modules: readonly [file: string, bytes: number][];
}

/** One bundle: files that import each other, some of them dynamically. */
export class Bundle {
  readonly #outputs: Metafile["outputs"];
  readonly #files: readonly OutputFile[];

  private constructor(outputs: Metafile["outputs"], files: readonly OutputFile[]) {
    this.#outputs = outputs;
    this.#files = files;
  }

  /**
   * Bundles and minifies for Node.
   *
   * @param folder The folder of the JavaScript.
   * @param code The source of an entry module, or the names of modules that are entries.
   */
  static async make(folder: string, code: string | readonly string[]): Promise<Bundle> {
    const entries: BuildOptions = typeof code === "string"
      ? { stdin: { contents: code, resolveDir: folder, sourcefile: "entry.js" } }
      : { entryPoints: code.map((name) => `${folder}/${name}`) };
    const { outputFiles, metafile } = await (await esbuild()).build({
      ...entries,
      absWorkingDir: folder,
      outdir: `${folder}/bundle`,
      bundle: true,
      splitting: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node20",
      external: Object.keys(config.imports), // users bring these along
      metafile: true,
      write: false,
    });
    return new Bundle(metafile.outputs, outputFiles);
  }

  /**
   * The files that are loaded on Node with a module: what it imports, and, of
   * what is imported dynamically, the modules for Node.
   *
   * @param entry The module's name.
   */
  loaded(entry: string): Set<string> {
    const found = Object.entries(this.#outputs).find(([, each]) => each.entryPoint === entry);
    if (found === undefined) throw new Error(`${entry} is not in the bundle`);
    const loaded = new Set([found[0]]);
    for (const path of loaded) {
      for (const { path: other, kind, external } of this.#outputs[path].imports) {
        const isLazy = kind === "dynamic-import";
        const forNode = this.#outputs[other]?.entryPoint?.endsWith("/node.js");
        if (!external && (!isLazy || forNode)) loaded.add(other);
      }
    }
    return loaded;
  }

  /** The size of some files together. */
  size(files: ReadonlySet<string>): CodeSize {
    const modules = new Map<string, number>();
    let minified = 0;
    let gzipped = 0;
    for (const path of files) {
      const { contents } = this.#files.find((file) => file.path.endsWith(`/${path}`))!;
      minified += contents.length;
      gzipped += gzipSync(contents, { level: 9 }).length;
      for (const [file, { bytesInOutput }] of Object.entries(this.#outputs[path].inputs)) {
        modules.set(file, (modules.get(file) ?? 0) + bytesInOutput);
      }
    }
    return { minified, gzipped, modules: [...modules].sort(([, a], [, b]) => b - a) };
  }
}

/** Stops the bundler's process. */
export async function stopBundler(): Promise<void> {
  await (await esbuild()).stop();
}

/** Loads the bundler, which comes from npm only when sizes are measured. */
async function esbuild() {
  try {
    // deno-lint-ignore no-import-prefix -- in deno.json all users would load it
    return await import("npm:esbuild@^0.25");
  } catch (cause) {
    throw new Missing("esbuild can't be installed from npm", { cause });
  }
}
