/** A server of the demo, as the process that starts it sees it. */

import { ownStdFlags } from "../scripts/std.ts";

const PROGRAM = `${import.meta.dirname}/demo_server.ts`;

/** How long a server may take to end by itself. */
const STOP_MS = 5000;

/** A server in a process of its own. */
export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  /** What it has said and nobody has waited for yet. */
  readonly #said: string[] = [];
  readonly #waiting: { event: string; resolve: (text: string) => void }[] = [];
  readonly #ended: Promise<never>;
  #address = "";

  /**
   * @param name What it calls itself.
   * @param program Which program it is.
   * @param args Its arguments behind the name.
   */
  constructor(readonly name: string, program = PROGRAM, args: readonly string[] = []) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...ownStdFlags(), program, name, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#ended = this.#listen();
    this.#ended.catch(() => {}); // for those who wait for an event
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Where it listens, once it is {@linkcode ready}. */
  get address(): string {
    return this.#address;
  }

  /** Resolves when it listens. */
  async ready(): Promise<this> {
    this.#address = await this.heard("listening");
    return this;
  }

  /**
   * Waits for an event, which may have come already.
   *
   * @param event The first word of its line.
   * @returns The rest of the line.
   */
  heard(event: string): Promise<string> {
    const place = this.#said.findIndex((line) => line.startsWith(`${event} `));
    if (place >= 0) return Promise.resolve(rest(this.#said.splice(place, 1)[0]));
    const heard = new Promise<string>((resolve) => this.#waiting.push({ event, resolve }));
    return Promise.race([heard, this.#ended]);
  }

  /** Kills it, as a crash would; resolves when it is gone. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.stdin.close().catch(() => {}); // closed already
    await this.#child.status;
  }

  /** Asks it to end, and kills it if it does not. Idempotent. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.kill(), STOP_MS);
    await this.#child.stdin.close().catch(() => {}); // killed already
    await this.#child.status;
    clearTimeout(timer);
  }

  async #listen(): Promise<never> {
    let text = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split("\n");
      text = lines.pop()!;
      for (const line of lines) this.#say(line);
    }
    throw new Error(`server ${this.name} has ended`);
  }

  #say(line: string): void {
    const place = this.#waiting.findIndex(({ event }) => line.startsWith(`${event} `));
    if (place < 0) this.#said.push(line);
    else this.#waiting.splice(place, 1)[0].resolve(rest(line));
  }
}

function rest(line: string): string {
  return line.slice(line.indexOf(" ") + 1);
}
