/**
 * One server of the demo: `deno run -A examples/demo_server.ts alpha`.
 *
 * It says on its standard output where it listens and what its handlers see,
 * one event a line, and ends when its standard input does: it can't outlive
 * the process that started it.
 */

import { type CallContext, Server } from "@geerpc/xclient";

const [name = "server", address = "tcp@127.0.0.1:0"] = Deno.args;

/** Who answers. */
export class Node {
  /** Its name. */
  Name(): string {
    return name;
  }

  /** The same, after work of one to three milliseconds. */
  async Work(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 1 + 2 * Math.random()));
    return name;
  }
}

/** A few settings, kept in memory. */
export class Settings {
  readonly #values = new Map<string, string>();

  /** Sets one; replies with the name of the server. */
  Set({ key, value }: { key: string; value: string }): string {
    this.#values.set(key, value);
    return name;
  }

  /** All of them, with the name of the server. */
  All(): { name: string; values: Record<string, string> } {
    return { name, values: Object.fromEntries(this.#values) };
  }
}

/** Work that takes so long that its end is worth waiting for. */
export class Index {
  readonly #fails = new Set<(error: Error) => void>();

  /** Works until it fails, or nobody waits for it any more. */
  Rebuild(_args: unknown, { signal, serviceMethod }: CallContext): Promise<never> {
    console.log(`started ${serviceMethod}`);
    return new Promise((_resolve, reject) => {
      this.#fails.add(reject);
      signal.addEventListener("abort", () => {
        this.#fails.delete(reject);
        console.log(`aborted ${signal.reason.message}`);
        reject(signal.reason);
      });
    });
  }

  /** Makes the work that goes on fail. */
  Break(why: string): number {
    const fails = [...this.#fails];
    this.#fails.clear();
    for (const fail of fails) fail(new Error(why));
    return fails.length;
  }
}

if (import.meta.main) {
  const server = new Server();
  server.register("Node", new Node());
  server.register("Settings", new Settings());
  server.register("Index", new Index());
  const listener = await server.listen(address);
  console.log(`listening ${listener.address}`);

  // Nothing is written to the standard input: it ends, and so does this.
  await Deno.stdin.readable.pipeTo(new WritableStream());
  await server.close({ graceMs: 1000 });
}
