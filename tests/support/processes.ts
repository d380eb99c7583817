/**
 * Real servers of others, as processes of their own: killed as a crash would,
 * and gone when the test ends.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter } from "node:path";
import process from "node:process";

/** When a test that waits is taken to hang. */
const HANG_MS = 50_000;
const POLL_MS = 20;

/** Where a program is that has one of these names, or `undefined` if none is installed. */
export function findProgram(...names: string[]): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const paths = names.flatMap((name) => folders.map((folder) => `${folder}/${name}`));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether tests that need a program are skipped because it is not installed.
 * Where `CI` is set it has to be.
 *
 * @param debian Debian's package that has it.
 * @param names The names that the program may have.
 * @throws {Error} It is missing, and `CI` is set.
 */
export function isMissing(debian: string, ...names: string[]): boolean {
  if (findProgram(...names) !== undefined) return false;
  const how = `${names[0]} is not installed (Debian: apt-get install ${debian})`;
  if (process.env.CI) throw new Error(`${how}; in CI its tests are not skipped`);
  console.error(`Tests are skipped: ${how}`);
  return true;
}

/** A folder that is gone when the test ends. */
export function scratchFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(`${tmpdir()}/${name}_`);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Waits until something holds, asking again and again. The limit only ends a test that hangs. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = HANG_MS,
): Promise<void> {
  const startedAt = performance.now();
  while (!await holds()) {
    if (performance.now() - startedAt > limitMs) {
      throw new Error(`not within ${limitMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A program that runs. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = "";
  #isOver = false;

  constructor(name: string, args: string[]) {
    const path = findProgram(name);
    if (path === undefined) throw new Error(`${name} is not installed`);
    this.#child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on("data", (chunk) => this.#output = (this.#output + chunk).slice(-4000));
    }
    this.#ended = new Promise((resolve) => {
      this.#child.on("close", () => {
        this.#isOver = true;
        resolve();
      });
    });
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The last that it has written, for messages. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal. */
  signal(signal: "SIGHUP" | "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.#child.pid!, signal);
  }

  /** Kills it, as `kill -9` does. */
  async kill(): Promise<void> {
    if (!this.#isOver) process.kill(this.#child.pid!, "SIGKILL");
    await this.#ended;
  }
}
