/** The command as a process of its own: arguments, streams, exit codes, Ctrl-C. */

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { scratchFolder } from "../support/processes.ts";
import { writeFileSync } from "node:fs";

const isDeno = "Deno" in globalThis;
const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const PROGRAM = isDeno
  // The offline import map serves wherever @std comes from: the command needs one function of it.
  ? [
    "run",
    "-A",
    "--no-check",
    `--import-map=${path("scripts/offline/import_map.json")}`,
    path("cli.ts"),
  ]
  : [path("cli.js")];

/** The command as a process. */
class Running {
  readonly #child;
  readonly ended: Promise<number | null>;
  out = "";
  err = "";
  #wake = () => {};

  constructor(...args: string[]) {
    const env = { ...process.env, NO_COLOR: "1" };
    this.#child = spawn(process.execPath, [...PROGRAM, ...args], { env });
    this.#child.stdout.on("data", (data) => {
      this.out += data;
      this.#wake();
    });
    this.#child.stderr.on("data", (data) => this.err += data);
    this.ended = new Promise((resolve) => this.#child.on("close", (code) => resolve(code)));
  }

  input(text: string): void {
    this.#child.stdin.end(text);
  }

  interrupt(): void {
    process.kill(this.#child.pid!, "SIGINT"); // Deno would report the signal as the end
  }

  async untilOut(text: string): Promise<void> {
    while (!this.out.includes(text)) {
      const changed = new Promise<"changed">((resolve) => this.#wake = () => resolve("changed"));
      const over = this.ended.then(() => "over" as const);
      if (await Promise.race([changed, over]) === "over") throw new Error(this.out + this.err);
    }
  }
}

async function run(...args: string[]): Promise<[code: number | null, out: string, err: string]> {
  const running = new Running(...args);
  running.input("");
  const code = await running.ended;
  return [code, running.out, running.err];
}

Deno.test("a fleet from nothing but the command: registry, server, calls, Ctrl-C", async () => {
  const folder = scratchFolder("xclient_command");
  const file = `${folder.path}/arith.mjs`;
  writeFileSync(file, "export function Sum({ A, B }) { return A + B; }\n");
  try {
    const registry = new Running("registry", "--listen", "127.0.0.1:0");
    await registry.untilOut("clients:");
    const [url] = /http:\S+\d/.exec(registry.out)!;
    const server = new Running("serve", file, "--listen", "tcp@127.0.0.1:0", "--register", url);
    await server.untilOut("registered as");
    const args = ["--registry", url, "Arith.Sum"];
    assertEquals(await run("call", ...args, '{"A": 1, "B": 2}'), [0, "3\n", ""]);
    const piped = new Running("call", ...args, "-");
    piped.input('{"A": 3, "B": 4}');
    assertEquals([await piped.ended, piped.out], [0, "7\n"]);
    server.interrupt();
    assertEquals(await server.ended, 0, server.err);
    registry.interrupt();
    assertEquals(await registry.ended, 0, registry.err);
    assert(registry.out.includes("left "), registry.out);
  } finally {
    folder.remove();
  }
});

Deno.test("exit codes: wrong usage, and nobody is reached", async () => {
  const [code, out, err] = await run("call", ":1", "A.B", "--tmeout", "1s");
  assertEquals([code, out], [2, ""]);
  assert(err.startsWith("error: there is no option --tmeout"), err);
  const [unreached] = await run("ping", "127.0.0.1:1");
  assertEquals(unreached, 3);
});
