/**
 * A server that streams, for `log_tail.ts` and `fleet_job.ts`:
 * `deno run -A examples/streams_server.ts alpha tcp@127.0.0.1:9001`.
 *
 * It prints the address that it listens on and what its handlers do, one event
 * per line. It ends when its standard input does.
 */

import { type CallContext, Server } from "@geerpc/xclient";

const [name = "server", address = "tcp@127.0.0.1:0"] = Deno.args;

/** A line of a server's log. */
export interface LogLine {
  /** Which line it is, from 1. */
  readonly number: number;
  /** What it says. */
  readonly text: string;
}

/** The log of this server, to which a line is added every now and then. */
export class Logs {
  readonly #lines: LogLine[] = [];
  #wake = () => {};
  #isWoken = new Promise<void>((resolve) => this.#wake = resolve);

  /** Adds a line, and wakes those who wait for one. */
  add(text: string): void {
    this.#lines.push({ number: this.#lines.length + 1, text });
    this.#wake();
    this.#isWoken = new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** The last lines, then those that come, as `tail -f` shows them. */
  async *Tail({ last }: { last: number }, { signal }: CallContext): AsyncGenerator<LogLine> {
    const left = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    let at = Math.max(0, this.#lines.length - last);
    while (!signal.aborted) {
      if (at < this.#lines.length) yield this.#lines[at++];
      else await Promise.race([this.#isWoken, left]);
    }
  }
}

/** How far the search for primes has come. */
export interface Progress {
  /** All numbers up to this one have been looked at. */
  readonly upTo: number;
  /** How many primes are among them. */
  readonly primes: number;
}

/** Jobs that take their time. */
export class Jobs {
  /**
   * Counts primes, and tells how far it has come. It can begin behind any
   * progress that was told, here or by another server.
   */
  async *CountPrimes(
    { most, after, step, pauseMs }: {
      most: number;
      after: Progress;
      step: number;
      pauseMs: number;
    },
    { signal }: CallContext,
  ): AsyncGenerator<Progress> {
    console.log(`counting after ${after.upTo}`);
    let { upTo, primes } = after;
    while (upTo < most && !signal.aborted) {
      const until = Math.min(upTo + step, most);
      while (upTo < until) if (isPrime(++upTo)) primes++;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      yield { upTo, primes };
    }
  }
}

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return number > 1;
}

if (import.meta.main) {
  const server = new Server();
  const logs = new Logs();
  server.register("Logs", logs, { methods: ["Tail"] });
  server.register("Jobs", new Jobs());
  const listener = await server.listen(address);
  console.log(`listening ${listener.address}`);
  logs.add(`${name} listens at ${listener.address}`);
  const timer = setInterval(() => logs.add(`${name} is well`), 20);

  // The standard input has no content. When it ends, so does this program.
  await Deno.stdin.readable.pipeTo(new WritableStream());
  logs.add(`${name} ends`);
  clearInterval(timer);
  await server.close({ graceMs: 500 });
}
