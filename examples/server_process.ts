/** A server of the demo, seen from the process that starts it. */

import { ownStdFlags } from "../scripts/std.ts";

const PROGRAM = `${import.meta.dirname}/demo_server.ts`;

/** How long a server may take to end by itself, in milliseconds. */
const STOP_MS = 5000;

/** A server in a process of its own. */
export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  /** The events that it has printed and that were not waited for yet. */
  readonly #events: string[] = [];
  readonly #waiting: { event: string; resolve: (text: string) => void }[] = [];
  readonly #ended: Promise<never>;
  #address = "";

  /**
   * @param name The server's name, which is its first argument.
   * @param program The path of its program.
   * @param args More arguments.
   */
  constructor(readonly name: string, program = PROGRAM, args: readonly string[] = []) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...ownStdFlags(), program, name, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#ended = this.#listen();
    this.#ended.catch(() => {}); // handled where an event is waited for
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The address that it listens on, once it is {@linkcode ready}. */
  get address(): string {
    return this.#address;
  }

  /** Waits until it listens. */
  async ready(): Promise<this> {
    this.#address = await this.event("listening");
    return this;
  }

  /**
   * Waits for an event that it prints, or has printed already.
   *
   * @param event The first word of the line.
   * @returns The rest of the line.
   * @throws {Error} If it ends before that.
   */
  event(event: string): Promise<string> {
    const place = this.#events.findIndex((line) => line.startsWith(`${event} `));
    if (place >= 0) return Promise.resolve(rest(this.#events.splice(place, 1)[0]));
    const printed = new Promise<string>((resolve) => this.#waiting.push({ event, resolve }));
    return Promise.race([printed, this.#ended]);
  }

  /** Kills it, as a crash would, and waits for its end. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.stdin.close().catch(() => {}); // closed already
    await this.#child.status;
  }

  /** Lets it end by itself, and kills it if it does not within 5 s. Idempotent. */
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
      for (const line of lines) this.#onLine(line);
    }
    throw new Error(`server ${this.name} has ended`);
  }

  #onLine(line: string): void {
    const place = this.#waiting.findIndex(({ event }) => line.startsWith(`${event} `));
    if (place < 0) this.#events.push(line);
    else this.#waiting.splice(place, 1)[0].resolve(rest(line));
  }
}

function rest(line: string): string {
  return line.slice(line.indexOf(" ") + 1);
}
