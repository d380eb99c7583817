/** V8's sampling profiler, for a program that was started with `--inspect`. */

/** A profile, as far as it is used here. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  /** The `id` of the node of each sample. */
  readonly samples: readonly number[];
  /** The time before each sample, in microseconds. */
  readonly timeDeltas: readonly number[];
}

/** How much time was spent in each function itself, without the functions that it calls. */
export interface Shares {
  /** The share of the whole time in which nothing ran. */
  readonly idle: number;
  /** Shares of the rest, the largest first. */
  readonly functions: readonly { readonly name: string; readonly share: number }[];
}

const SAMPLE_EVERY_US = 200;

/** A profiler that is attached to a program. */
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
   * Attaches to a program, and starts to take samples.
   *
   * @param port The port of the program's inspector.
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

  /** Stops, and returns the profile. */
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

/** Sums up a profile by function. */
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
