/** Peers written in Go: built when they are first needed. */

import { startPeer } from "./peer.ts";
import type { Peer } from "./peer.ts";
import { linesOf } from "./program.ts";

/** A Go program that has been built into a folder of its own. */
export class GoProgram implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Builds the program in `bench/peers/go/`; nothing where there is no Go. */
  static async build(): Promise<GoProgram | undefined> {
    const folder = await Deno.makeTempDir({ prefix: "xclient_bench_" });
    const program = new GoProgram(folder);
    try {
      const build = new Deno.Command("go", {
        args: ["build", "-o", program.path, "."],
        cwd: `${import.meta.dirname}/peers/go`,
        stderr: "inherit",
      });
      if ((await build.output()).success) return program;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await program[Symbol.asyncDispose]();
    return undefined;
  }

  /** Where it is. */
  get path(): string {
    return `${this.#folder}/peer`;
  }

  /** Starts the servers; the peer's address is two: in gob, and in JSON. */
  serve(): Promise<Peer> {
    return startPeer(this.path, ["serve"]);
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Go's own client, in a process of its own. */
export class GoCaller implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#lines = linesOf(child.stdout);
  }

  /** Starts it and lets it connect. */
  static async start(program: GoProgram, kind: "gob" | "json", address: string): Promise<GoCaller> {
    const command = new Deno.Command(program.path, {
      args: ["call", kind, address],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    const caller = new GoCaller(command.spawn());
    await caller.#line();
    return caller;
  }

  /** Lets it call for a while; returns calls a second. */
  async callsPerSecond(inFlight: number, ms: number): Promise<number> {
    await this.#writer.write(new TextEncoder().encode(`${inFlight} ${ms}\n`));
    return Number(await this.#line());
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("Go's client ended");
    return value;
  }
}
