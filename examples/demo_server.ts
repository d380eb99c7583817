/**
 * A server of the demo: `deno run -A examples/demo_server.ts alpha`.
 *
 * It prints the address that it listens on and what its handlers see, one event
 * per line. It ends when its standard input does, so that it can't outlive the
 * process that started it.
 */

import { type CallContext, Server } from "@geerpc/xclient";

const [name = "server", address = "tcp@127.0.0.1:0"] = Deno.args;

/** Which server answers. */
export class Node {
  /** Replies with the name of the server. */
  Name(): string {
    return name;
  }

  /** The same after one to three milliseconds. */
  async Work(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 1 + 2 * Math.random()));
    return name;
  }
}

/** A few settings, kept in memory. */
export class Settings {
  readonly #values = new Map<string, string>();

  /** Sets a value; replies with the name of the server. */
  Set({ key, value }: { key: string; value: string }): string {
    this.#values.set(key, value);
    return name;
  }

  /** Replies with all values, and the name of the server. */
  All(): { name: string; values: Record<string, string> } {
    return { name, values: Object.fromEntries(this.#values) };
  }
}

/** Work that goes on until it fails or is canceled. */
export class Index {
  readonly #fails = new Set<(error: Error) => void>();

  /** Runs until `Break` is called, or the call is canceled. */
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

  /** Makes all calls of `Rebuild` fail; replies how many they were. */
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

  // The standard input has no content. When it ends, so does this program.
  await Deno.stdin.readable.pipeTo(new WritableStream());
  await server.close({ graceMs: 1000 });
}
