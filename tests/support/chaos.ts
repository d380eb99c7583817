/**
 * A fleet of real processes under load, and the faults that it goes through one
 * after the other; for the chaos test and its benchmark. Takes half a minute.
 */

import { assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import { seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { startOnPorts } from "./ports.ts";

/** Calls are made in bursts of so many, every so many milliseconds. */
const BURST = 4;
const EVERY_MS = 5;
const SERVERS = 4;
/** How long calls run before the first fault. */
const CALM_MS = 5000;
/** Calls that begin within this time after a change count as disturbed. */
const CHANGE_MS = 1500;
/** How long each state lasts beyond that. */
const REST_MS = 1500;

/** One call, as the caller saw it. */
export interface Sample {
  readonly id: number;
  readonly idempotent: boolean;
  readonly beganMs: number;
  readonly tookMs: number;
  readonly error?: unknown;
}

/** Calls before the first fault, and calls of later times in which nothing changed. */
export interface CalmSamples {
  readonly before: readonly Sample[];
  readonly between: readonly Sample[];
}

/** What came of it. */
export interface Chaos {
  /** All calls to the fleet, in the order in which they ended. */
  readonly samples: readonly Sample[];
  /** How often each call ran, by its number. */
  readonly runs: ReadonlyMap<number, number>;
  /** The faults: `5.0 s: kill -9`. */
  readonly story: readonly string[];
  /** How often the client reported each type of event. */
  readonly events: ReadonlyMap<string, number>;
  /** Calls to the fleet while nothing changed. */
  readonly calm: CalmSamples;
  /** The same of a server that has no faults: what takes time there, the machine takes. */
  readonly undisturbed: CalmSamples;
}

const PROGRAM = new URL("./chaos_server.ts", import.meta.url).pathname;

/** One server process. */
class Process {
  #child: Deno.ChildProcess | undefined;
  #stdin: WritableStreamDefaultWriter<Uint8Array> | undefined;

  constructor(readonly address: string, readonly log: string) {}

  /** Starts it; resolves when it listens. */
  async start(address = this.address): Promise<void> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", PROGRAM, address, this.log],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    await reader.cancel();
    if (done) throw new Error(`the server at ${address} ended: is the address in use?`);
  }

  setMode(mode: "work" | "reject"): Promise<void> {
    return this.#stdin!.write(new TextEncoder().encode(`${mode}\n`));
  }

  signal(signal: Deno.Signal): void {
    this.#child!.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#stdin!.close().catch(() => {});
    this.#child = undefined;
  }
}

/**
 * Starts the fleet, lets all faults happen, and leaves nothing behind.
 *
 * @param seed Which calls are idempotent, and which server is picked.
 */
export async function runChaos(seed: number): Promise<Chaos> {
  const folder = await Deno.makeTempDir({ prefix: "xclient_chaos_" });
  try {
    const [ports, processes] = await startOnPorts(SERVERS + 1, async (ports) => {
      const processes = ports.numbers.map((port) =>
        new Process(`tcp@127.0.0.1:${port}`, `${folder}/${port}.log`)
      );
      const starts = await Promise.allSettled(processes.map((process) => process.start()));
      const failed = starts.find((start) => start.status === "rejected");
      if (failed === undefined) return [ports, processes];
      await Promise.all(processes.map((process) => process.kill()));
      throw failed.reason;
    });
    try {
      return await disturb(processes, seed);
    } finally {
      for (const process of processes) await process.kill();
      await ports.release();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Calls all the time while one fault follows another; the last process has none. */
async function disturb(all: readonly Process[], seed: number): Promise<Chaos> {
  const [processes, control] = [all.slice(0, -1), all.at(-1)!];
  const random = seededRandom(seed);
  const events = new Map<string, number>();
  const controlClient = await dial(control.address);
  const xclient = new XClient(new MultiServerDiscovery(processes.map(({ address }) => address)), {
    random,
    onEvent: ({ type }) => events.set(type, (events.get(type) ?? 0) + 1),
  });

  const startMs = performance.now();
  const nowMs = () => performance.now() - startMs;
  const samples: Sample[] = [];
  const undisturbed: Sample[] = [];
  const calls: Promise<void>[] = [];
  let id = 0;
  const call = async () => {
    const sample = { id: id++, idempotent: random() < 0.5, beganMs: nowMs() };
    const options = { idempotent: sample.idempotent, timeoutMs: 15_000 };
    let error: unknown;
    const reply = await xclient.call<number>("Work.Do", sample.id, options)
      .catch((thrown) => (error = thrown, sample.id));
    assertEquals(reply, sample.id);
    samples.push({ ...sample, tookMs: nowMs() - sample.beganMs, error });
  };
  const callControl = async () => {
    const sample = { id: -1 - undisturbed.length, idempotent: false, beganMs: nowMs() };
    await controlClient.call("Work.Do", sample.id);
    undisturbed.push({ ...sample, tookMs: nowMs() - sample.beganMs });
  };
  const load = setInterval(() => {
    calls.push(callControl());
    for (let n = 0; n < BURST; n++) calls.push(call());
  }, EVERY_MS);

  const story: string[] = [];
  const changes: { fromMs: number; toMs: number }[] = [];
  const change = async (what: string, work: () => unknown, forMs = CHANGE_MS) => {
    const fromMs = nowMs();
    await work();
    story.push(`${(fromMs / 1000).toFixed(1)} s: ${what}`);
    changes.push({ fromMs: fromMs - 100, toMs: nowMs() + forMs });
    await wait(forMs + REST_MS);
  };
  let calmUntilMs: number;
  try {
    await wait(CALM_MS);
    calmUntilMs = nowMs();
    await change("kill -9", () => processes[0].kill());
    await change("restart", () => processes[0].start());
    await change("SIGSTOP", () => processes[1].signal("SIGSTOP"));
    await change("SIGCONT", () => processes[1].signal("SIGCONT"));
    await change("fails everything in 1 ms", () => processes[2].setMode("reject"));
    await change("works again", () => processes[2].setMode("work"));
    await change("accepts and never answers", async () => {
      await processes[3].kill();
      await processes[3].start(processes[3].address.replace("tcp@", "mute@"));
    }, 2 * CHANGE_MS);
    await change("restart", async () => {
      await processes[3].kill();
      await processes[3].start();
    });
  } finally {
    clearInterval(load);
    await Promise.all(calls);
    await xclient.close({ graceMs: 1000 });
    await controlClient.close();
  }

  const calmOf = (some: readonly Sample[]): CalmSamples => ({
    before: some.filter(({ beganMs }) => beganMs > 1000 && beganMs < calmUntilMs - 100),
    between: some.filter(({ beganMs }) =>
      beganMs > calmUntilMs &&
      !changes.some(({ fromMs, toMs }) => beganMs >= fromMs && beganMs < toMs)
    ),
  });
  return {
    samples,
    runs: await countRuns(processes),
    story,
    events,
    calm: calmOf(samples),
    undisturbed: calmOf(undisturbed),
  };
}

/** How often each call ran, from what the servers wrote down before they ran it. */
async function countRuns(processes: readonly Process[]): Promise<Map<number, number>> {
  const runs = new Map<number, number>();
  for (const { log } of processes) {
    for (const line of (await Deno.readTextFile(log)).split("\n").slice(0, -1)) {
      runs.set(Number(line), (runs.get(Number(line)) ?? 0) + 1);
    }
  }
  return runs;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
