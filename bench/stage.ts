/** Starts the programs that are measured: on Deno, on Node with or without npm packages, in Go. */

import { ownStdFlags } from "../scripts/std.ts";
import { emit, list, npmPackages, sources } from "../scripts/javascript.ts";
import { installed, type Packages } from "../scripts/packages.ts";
import { Program } from "./program.ts";

const HERE = `${import.meta.dirname}`;

/** Something that a measurement needs is not installed; the measurement is left out. */
export class Missing extends Error {}

/** Starts a program that is written in TypeScript; the file is relative to `bench/`. */
export type Launch = (file: string, ...args: string[]) => Promise<Program>;

/** Starts programs, and ends all of them with itself. */
export class Stage implements AsyncDisposable {
  readonly #programs = new AsyncDisposableStack();
  readonly #made = new Map<string, Promise<unknown>>();
  readonly #out = Deno.makeTempDirSync({ prefix: "xclient_bench_" });

  /** Makes something once that several programs need. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as Promise<T>;
  }

  /** Starts any program. */
  async start(path: string, args: readonly string[]): Promise<Program> {
    return this.#programs.use(await Program.start(path, args));
  }

  /** Starts a file of `bench/` on Deno. */
  readonly deno: Launch = (file, ...args) => this.#onDeno([], file, args);

  /** Starts a file of `bench/` on Node, with the library compiled to JavaScript. */
  readonly node: Launch = (file, ...args) => this.#onNode([], file, args);

  /** As `node`, with another Node than that on the path. */
  nodeAt(path: string, file: string, ...args: string[]): Promise<Program> {
    return this.#onNode([], file, args, path);
  }

  /** As `deno` and `node`, with an inspector on a port. */
  inspected(runtime: "deno" | "node", port: number): Launch {
    const flags = [`--inspect=127.0.0.1:${port}`];
    return runtime === "deno"
      ? (file, ...args) => this.#onDeno(["--quiet", ...flags], file, args)
      : (file, ...args) => this.#onNode([...flags, "--inspect-publish-uid=http"], file, args);
  }

  #onDeno(flags: readonly string[], file: string, args: readonly string[]): Promise<Program> {
    const all = ["-A", "--v8-flags=--expose-gc", ...flags, ...ownStdFlags()];
    return this.start(Deno.execPath(), ["run", ...all, `${HERE}/${file}`, ...args]);
  }

  async #onNode(flags: readonly string[], file: string, args: readonly string[], node = "node") {
    const out = await this.javascript();
    const polyfills = `--import=file://${out}/scripts/node/polyfills.js`;
    const path = `${out}/bench/${file.replace(/ts$/, "js")}`;
    return await this.start(node, ["--expose-gc", polyfills, ...flags, path, ...args]);
  }

  /** Compiles library and `bench/` to JavaScript, for Node; resolves to the folder. */
  javascript(): Promise<string> {
    return this.once("node", () => this.#emit());
  }

  /** Starts a file on Node that needs packages: those of `bench/peers/npm/package.json`, and imported ones. */
  readonly npm: Launch = async (file, ...args) => {
    await this.once("npm", () => this.#install());
    return await this.node(file, ...args);
  };

  /** Builds a Go program of `bench/peers/`; resolves to its path. */
  go(folder: string): Promise<string> {
    return this.once(`go ${folder}`, async () => {
      const path = `${this.#out}/${folder}_peer`;
      await run("go", ["build", "-o", path, "."], `${HERE}/peers/${folder}`);
      return path;
    });
  }

  /** Ends all programs, and removes what was built for them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs.disposeAsync();
    await Deno.remove(this.#out, { recursive: true });
  }

  async #emit(): Promise<string> {
    await run("node", ["--version"], HERE);
    const out = this.#out;
    Deno.writeTextFileSync(`${out}/package.json`, '{ "type": "module" }');
    const files = [...sources(), ...list("scripts/"), ...list("bench/")];
    for (const file of files.filter((file) => /(?<!\.d)\.(ts|proto)$/.test(file))) {
      emit(file, out);
      if (!file.endsWith(".ts")) continue;
      const target = `${out}/${file.replace(/ts$/, "js")}`;
      // Source maps would count as code that is loaded.
      const source = Deno.readTextFileSync(target).replace(/^\/\/# sourceMappingURL.*$/m, "");
      Deno.writeTextFileSync(target, source);
    }
    return out;
  }

  async #install(): Promise<void> {
    const list = Deno.readTextFileSync(`${HERE}/peers/npm/package.json`);
    const named: Packages = JSON.parse(list).dependencies;
    const modules = await installed({ ...named, ...npmPackages("bench/peers/") }).catch((error) => {
      throw new Missing(error.message);
    });
    Deno.symlinkSync(modules, `${this.#out}/node_modules`);
  }
}

/** Runs a program to its end; resolves to its standard output. */
export async function run(path: string, args: string[], cwd: string): Promise<string> {
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command(path, { args, cwd, stdin: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Missing(`${path} is not installed`);
    throw error;
  }
  const { success, stdout, stderr } = result;
  if (success) return new TextDecoder().decode(stdout);
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Missing(`${path} ${args[0]} failed: ${lines.at(-1)}`);
}
