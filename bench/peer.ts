/**
 * Peers: programs that serve, each a process of its own, in any language.
 * A peer says on the first line of its standard output where it listens, and
 * ends when its standard input does.
 */

import { ownStdFlags } from "../scripts/std.ts";

const START_MS = 30_000;

/** A peer that runs. */
export class Peer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  /**
   * @param child Its process.
   * @param address Where it listens, as it says.
   */
  constructor(child: Deno.ChildProcess, readonly address: string) {
    this.#child = child;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child);
    await this.#child.status;
  }
}

/**
 * Starts a peer written for Deno.
 *
 * @param file Its name in `bench/peers/`.
 */
export function startDenoPeer(file: string): Promise<Peer> {
  const path = `${import.meta.dirname}/peers/${file}`;
  return startPeer(Deno.execPath(), ["run", "-A", ...ownStdFlags(), path]);
}

/**
 * Starts a peer.
 *
 * @param program The program.
 * @param args Its arguments.
 * @returns The peer, listening.
 */
export async function startPeer(program: string, args: string[]): Promise<Peer> {
  const command = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  });
  const child = command.spawn();
  const timer = setTimeout(() => kill(child), START_MS);
  try {
    return new Peer(child, await firstLine(child.stdout));
  } catch (cause) {
    kill(child);
    throw new Error(`${program} ${args.join(" ")} did not say where it listens`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function firstLine(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("it ended");
    text += value;
  }
  return text.slice(0, text.indexOf("\n"));
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
