/**
 * Go's own tests of `net/rpc`, `net/rpc/jsonrpc` and `encoding/gob`, in a copy that lasts as long as
 * the test: their clients call a server of ours, and what they encode goes through our gob.
 */

import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { run } from "./peer.ts";

const OURS = fileURLToPath(new URL("./go_suites/", import.meta.url));

/** The packages: where they are in Go, and what is changed in their files. */
const PACKAGES: readonly {
  readonly name: string;
  readonly from: string;
  readonly changes: readonly (readonly [file: RegExp, from: string, to: string])[];
}[] = [
  { name: "saferio", from: "internal/saferio", changes: [] },
  {
    name: "gob",
    from: "encoding/gob",
    changes: [
      [/^encoder\.go$/, ") EncodeValue(", ") goEncodeValue("],
      [/^decoder\.go$/, ") DecodeValue(", ") goDecodeValue("],
      [/^decoder\.go$/, "\tdec.r = r\n", "\tdec.r = recorded(r)\n"],
      [/^(decode|decoder)\.go$/, '"internal/saferio"', '"suites/saferio"'],
      [/^type_test\.go$/, '"encoding/gob.', '"suites/gob.'], // how the types here are named
      [/^example\w*_test\.go$/, '"encoding/gob"', '"suites/gob"'],
    ],
  },
  {
    name: "rpc",
    from: "net/rpc",
    changes: [
      [/^server_test\.go$/, "func startServer()", "func goStartServer()"],
      [/^server_test\.go$/, "func startNewServer()", "func goStartNewServer()"],
      [/^server_test\.go$/, "go newServer.ServeConn(c1)", "go serveOther(c1)"],
    ],
  },
  {
    name: "jsonrpc",
    from: "net/rpc/jsonrpc",
    changes: [
      [/^\w+\.go$/, '"net/rpc"', '"suites/rpc"'],
      [/^all_test\.go$/, "\tgo ServeConn(srv)", "\tgo serveOther(srv)"],
      [/^all_test\.go$/, "\tServeConn(srv)", "\tserveOther(srv)"],
    ],
  },
];

/** How one of Go's tests has ended. */
export interface GoTest {
  readonly package: string;
  readonly test: string;
  readonly passed: boolean;
  readonly output: string;
}

/** The copy. */
export class GoSuites {
  private constructor(readonly folder: string) {}

  /** Copies the packages, and makes the changes, each of which must find its place. */
  static async copy(): Promise<GoSuites> {
    const suites = new GoSuites(await mkdtemp(join(tmpdir(), "xclient_suites_")));
    try {
      const root = (await run("go", ["env", "GOROOT"])).trim();
      const version = /^go(\d+\.\d+)/.exec((await run("go", ["env", "GOVERSION"])).trim())?.[1];
      await writeFile(join(suites.folder, "go.mod"), `module suites\n\ngo ${version}\n`);
      for (const one of PACKAGES) await suites.#copy(join(root, "src", one.from), one);
      await cp(OURS, suites.folder, { recursive: true });
      return suites;
    } catch (error) {
      await suites.remove();
      throw error;
    }
  }

  async #copy(from: string, { name, changes }: typeof PACKAGES[number]): Promise<void> {
    const folder = join(this.folder, name);
    await mkdir(folder);
    const made = new Set<number>();
    for (const file of await readdir(from)) {
      if (!file.endsWith(".go")) continue;
      let text = await readFile(join(from, file), "utf-8");
      for (const [index, [files, before, after]] of changes.entries()) {
        if (!files.test(file) || !text.includes(before)) continue;
        text = text.replaceAll(before, after);
        made.add(index);
      }
      await writeFile(join(folder, file), text);
    }
    for (const [index, [files, before]] of changes.entries()) {
      if (!made.has(index)) throw new Error(`${from}: no ${before} in ${files}`);
    }
  }

  /** Runs the tests of a package. */
  async test(name: string, env: Readonly<Record<string, string>>): Promise<GoTest[]> {
    const child = spawn("go", ["test", "-count=1", "-vet=off", "-json", `./${name}`], {
      cwd: this.folder,
      env: { ...process.env, ...env },
    });
    let output = "";
    child.stdout.on("data", (data) => output += data);
    child.stderr.on("data", (data) => output += data);
    await new Promise((resolve, reject) => {
      child.on("close", resolve);
      child.on("error", reject);
    });
    return endsIn(name, output);
  }

  /** Removes the copy. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

/** Reads what `go test -json` prints. */
function endsIn(name: string, output: string): GoTest[] {
  const texts = new Map<string, string>();
  const tests: GoTest[] = [];
  for (const line of output.trim().split("\n")) {
    if (!line.startsWith("{")) throw new Error(`${name}: ${output.slice(-4000)}`);
    const { Action, Test, Output } = JSON.parse(line);
    if (Action === "build-fail" || Action === "build-output") {
      throw new Error(`${name} can't be built: ${output.slice(-4000)}`);
    }
    if (Test === undefined) continue;
    if (Action === "output") texts.set(Test, (texts.get(Test) ?? "") + Output);
    if (Action !== "pass" && Action !== "fail") continue;
    const passed = Action === "pass";
    tests.push({ package: name, test: Test, passed, output: texts.get(Test) ?? "" });
  }
  return tests;
}
