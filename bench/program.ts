/**
 * Programs that are measured, in processes of their own and in any language. A
 * program prints a first line when it is ready: a server, its addresses. Then it
 * answers each line of its standard input with a line, and ends when that ends.
 */

const START_MS = 60_000;

/** A program that is running. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;
  /** The first line that it printed. */
  firstLine = "";

  private constructor(child: Deno.ChildProcess, name: string) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#lines = linesOf(child.stdout);
    this.#name = name;
  }

  /**
   * Starts a program and waits for its first line.
   *
   * @param path The program.
   * @param args Its arguments.
   */
  static async start(path: string, args: readonly string[]): Promise<Program> {
    const command = new Deno.Command(path, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    const name = [path, ...args].map((part) => part.replace(/.*\//, "")).join(" ").slice(0, 80);
    const program = new Program(command.spawn(), name);
    const timer = setTimeout(() => program.#kill(), START_MS);
    try {
      program.firstLine = await program.#line();
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The number of its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends it a line, and parses its answer as JSON. */
  async ask<T>(line: string): Promise<T> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    return JSON.parse(await this.#line());
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#name} has ended`);
    return value;
  }

  /** Kills it, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#child.status;
    await this.#writer.abort().catch(() => {});
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

/** The lines of a stream. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}
