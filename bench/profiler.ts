/** V8's sampling profiler, in a program that was started with `--inspect`. */

/** What the profiler gives, as far as it is used here. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  /** Which node each sample fell into. */
  readonly samples: readonly number[];
  /** The time before each sample, in microseconds. */
  readonly timeDeltas: readonly number[];
}

/** How much time was spent in each function itself, without those that it calls. */
export interface Shares {
  /** The part of all time in which nothing ran. */
  readonly idle: number;
  /** Parts of the rest, the largest first. */
  readonly functions: readonly { readonly name: string; readonly share: number }[];
}

const SAMPLE_EVERY_US = 200;

/** A profile that is being taken. */
export class Profiler {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: { profile: Profile }) => void>();
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    };
  }

  /**
   * Begins.
   *
   * @param port Where the program is inspected.
   */
  static async attach(port: number): Promise<Profiler> {
    const [{ webSocketDebuggerUrl }] = await (await fetch(`http://127.0.0.1:${port}/json/list`))
      .json();
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const profiler = new Profiler(socket);
    await profiler.#ask("Profiler.enable");
    await profiler.#ask("Profiler.setSamplingInterval", { interval: SAMPLE_EVERY_US });
    await profiler.#ask("Profiler.start");
    return profiler;
  }

  /** Ends, and gives what was seen. */
  async stop(): Promise<Profile> {
    const { profile } = await this.#ask("Profiler.stop");
    this.#socket.close();
    return profile;
  }

  #ask(method: string, params = {}): Promise<{ profile: Profile }> {
    const id = ++this.#asked;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

/** Sums a profile up. */
export function shares({ nodes, samples, timeDeltas }: Profile): Shares {
  const names = new Map(nodes.map(({ id, callFrame: { functionName, url } }) => {
    const file = url.split("/").at(-1);
    const name = functionName || "(anonymous)";
    return [id, file ? `${name}, ${file}` : name];
  }));
  const times = new Map<string, number>();
  samples.forEach((id, place) => {
    const name = names.get(id)!;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[place]);
  });
  const all = timeDeltas.reduce((sum, each) => sum + each, 0);
  const idle = times.get("(idle)") ?? 0;
  times.delete("(idle)");
  const functions = [...times]
    .map(([name, time]) => ({ name, share: time / (all - idle) }))
    .sort((one, other) => other.share - one.share);
  return { idle: idle / all, functions };
}
