/** A program that is told things by lines, and answers by lines. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

/** It runs until its standard input ends. */
export class LineProgram {
  /** What it has written, line by line, that nobody has taken. */
  readonly #lines: string[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  #onLine: ((line: string) => void) | undefined;
  #errors = "";

  constructor(path: string, args: readonly string[], env?: Readonly<Record<string, string>>) {
    const child = this.#child = spawn(path, args, { env });
    let rest = "";
    child.stdout.setEncoding("utf-8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (this.#onLine === undefined) this.#lines.push(line);
        else this.#onLine(line);
      }
    });
    child.stderr.setEncoding("utf-8").on("data", (text) => this.#errors += text);
    this.#ended = new Promise((resolve) => child.on("close", resolve));
  }

  /** From here on each line is handed to a function; those that have come at once. */
  follow(onLine: (line: string) => void): void {
    this.#onLine = onLine;
    for (const line of this.#lines.splice(0)) onLine(line);
  }

  /** Its first line; nothing else may follow its lines yet. */
  firstLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.follow((line) => {
        this.#onLine = undefined;
        resolve(line);
      });
      void this.#ended.then((code) => reject(new Error(`it ended with ${code}: ${this.#errors}`)));
    });
  }

  /** Writes a line. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Ends its input; resolves to its exit code and what it has complained of. */
  async end(): Promise<{ code: number | null; errors: string }> {
    this.#child.stdin.end();
    return { code: await this.#ended, errors: this.#errors };
  }

  /** Asks it to end; resolves to what it has complained of. Deno gives it no exit code then. */
  async terminate(): Promise<string> {
    this.#child.kill("SIGTERM");
    return (await this.end()).errors;
  }

  /** Kills it, if it still runs. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
