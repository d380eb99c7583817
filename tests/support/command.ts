/** The command in a test: a terminal that is recorded, files in memory, keys that the test presses. */

import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import { main } from "../../cli/main.ts";
import type { Surroundings, WebServer } from "../../cli/surroundings.ts";
import type { Registry } from "../../registry.ts";
import { seededRandom } from "../../testing.ts";
import type { Network } from "../../transport.ts";

/** What a test may decide. */
export interface CommandOptions {
  readonly network?: Network;
  readonly clock?: Clock;
  readonly fetch?: Surroundings["fetch"];
  readonly isTerminal?: boolean;
  readonly hasColours?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly files?: Record<string, string>;
  readonly modules?: Record<string, Record<string, unknown>>;
  readonly input?: string;
  readonly env?: Record<string, string>;
}

/** What a run of the command has written, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The world around the command. */
export class CommandWorld {
  /** Files that it may read, and those that it has written. */
  readonly files: Record<string, string>;
  readonly around: Surroundings;
  readonly #interruption = new AbortController();
  readonly #options: CommandOptions;
  #out = "";
  #err = "";
  #onKey: ((key: string) => void) | undefined;
  #waiting: (() => void)[] = [];
  /** The registry that it runs, if it does. */
  registry: Registry | undefined;

  constructor(options: CommandOptions = {}) {
    this.#options = options;
    this.files = { ...options.files };
    this.around = this.#surroundings();
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** Whether it reads keys. */
  get readsKeys(): boolean {
    return this.#onKey !== undefined;
  }

  /** Runs the command to its end. */
  async run(...args: string[]): Promise<Ended> {
    const code = await main(args, this.around);
    return { code, out: this.#out, err: this.#err };
  }

  /** Waits until it has written something. */
  async untilOut(text: string): Promise<void> {
    while (!this.#out.includes(text)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  press(key: string): void {
    this.#onKey?.(key);
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.#interruption.abort(new Error("interrupted"));
  }

  #written(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #surroundings(): Surroundings {
    const options = this.#options;
    const { isTerminal = false, hasColours = false, columns = 80, rows = 24 } = options;
    return {
      terminal: {
        isTerminal,
        hasColours,
        size: () => ({ columns, rows }),
        write: (text) => {
          this.#out += text;
          this.#written();
        },
        writeError: (text) => {
          this.#err += text;
          this.#written();
        },
        onKey: (callback) => {
          this.#onKey = callback;
          return () => this.#onKey = undefined;
        },
      },
      files: {
        read: (path) => {
          const text = this.files[path];
          if (text === undefined) return Promise.reject(new Error(`no such file: ${path}`));
          return Promise.resolve(text);
        },
        write: (path, text) => {
          this.files[path] = text;
          return Promise.resolve();
        },
        load: (path) => {
          const module = options.modules?.[path];
          if (module === undefined) return Promise.reject(new Error(`no such module: ${path}`));
          return Promise.resolve(module);
        },
        input: () => Promise.resolve(options.input ?? ""),
      },
      clock: options.clock ?? systemClock,
      random: seededRandom(1),
      ...(options.network === undefined ? {} : { network: options.network }),
      fetch: options.fetch ?? ((url) => Promise.reject(new Error(`nobody answers at ${url}`))),
      interrupted: this.#interruption.signal,
      env: (name) => options.env?.[name],
      serveRegistry: (registry, host, port): Promise<WebServer> => {
        this.registry = registry;
        const url = `http://${host}:${port}`;
        return Promise.resolve({ url, close: () => Promise.resolve() });
      },
    };
  }
}

/** Runs the command once. */
export async function command(options: CommandOptions, ...args: string[]): Promise<Ended> {
  return await new CommandWorld(options).run(...args);
}

/** A screen without what differs from run to run: ports, times and names of instances. */
export function steady(text: string): string {
  return text
    .replace(/(127\.0\.0\.1:)\d+/g, "$1PORT")
    .replace(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/g, "ID")
    .replace(/ *\b\d+(?:\.\d+)? (?:µs|ms|s|min)\b/g, " TIME")
    .replace(/"(elapsedMs|connectMs)":[\d.]+/g, '"$1":0');
}
