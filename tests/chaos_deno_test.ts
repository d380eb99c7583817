/**
 * Real processes under load, and everything that may befall them, one after
 * the other. Prints its seed and figures; takes half a minute or so.
 */

import { assert, assertEquals } from "@std/assert";
import { dial } from "../client.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError, TimeoutError } from "../errors.ts";
import { XClient } from "../xclient.ts";
import { seededRandom } from "../testing.ts";

const SEED = 20_240_613;
/** Calls are made in bursts of so many, every so many milliseconds. */
const BURST = 4;
const EVERY_MS = 5;
/** For so long after each change, calls that begin are not counted as calm. */
const CHANGE_MS = 1500;

/** One server process. */
class Process {
  address = "tcp@127.0.0.1:0";
  #child: Deno.ChildProcess | undefined;
  #stdin: WritableStreamDefaultWriter<Uint8Array> | undefined;

  constructor(readonly log: string) {}

  async start(address = this.address): Promise<void> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", serverPath, address, this.log],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    const said = new TextDecoder().decode(value).trim();
    if (said.startsWith("tcp@")) this.address = said;
  }

  tell(mood: string): Promise<void> {
    return this.#stdin!.write(new TextEncoder().encode(`${mood}\n`));
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

const serverPath = new URL("./support/chaos_server.ts", import.meta.url).pathname;

/** One call, as the caller saw it. */
interface Sample {
  readonly id: number;
  readonly idempotent: boolean;
  readonly beganMs: number;
  readonly tookMs: number;
  readonly error?: unknown;
}

function p99(samples: readonly Sample[]): number {
  const times = samples.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  return times[Math.min(Math.floor(times.length * 0.99), times.length - 1)];
}

Deno.test("chaos: no idempotent call fails, no other runs twice, and the rest stays calm", async () => {
  const folder = await Deno.makeTempDir({ prefix: "xclient_chaos_" });
  const processes = [0, 1, 2, 3].map((n) => new Process(`${folder}/${n}.log`));
  // One that is left in peace: what it takes there, the machine takes.
  const peace = new Process(`${folder}/peace.log`);
  const peaceful: Sample[] = [];
  const random = seededRandom(SEED);
  const samples: Sample[] = [];
  const story: string[] = [];
  try {
    await Promise.all([...processes, peace].map((process) => process.start()));
    const control = await dial(peace.address);
    const startMs = performance.now();
    const nowMs = () => performance.now() - startMs;
    const changes: number[] = [];
    const events = new Map<string, number>();
    const xclient = new XClient(
      new MultiServerDiscovery(processes.map(({ address }) => address)),
      {
        random,
        onEvent: ({ type }) => events.set(type, (events.get(type) ?? 0) + 1),
      },
    );

    const calls: Promise<void>[] = [];
    let id = 0;
    const call = async () => {
      const idempotent = random() < 0.5;
      const sample = { id: id++, idempotent, beganMs: nowMs() };
      let error: unknown;
      const reply = await xclient.call<number>("Work.Do", sample.id, {
        idempotent,
        timeoutMs: 15_000,
      }).catch((thrown) => (error = thrown, sample.id));
      assertEquals(reply, sample.id);
      samples.push({ ...sample, tookMs: nowMs() - sample.beganMs, error });
    };
    const callInPeace = async () => {
      const sample = { id: -1 - peaceful.length, idempotent: false, beganMs: nowMs() };
      await control.call("Work.Do", sample.id);
      peaceful.push({ ...sample, tookMs: nowMs() - sample.beganMs });
    };
    const load = setInterval(() => {
      calls.push(callInPeace());
      for (let n = 0; n < BURST; n++) calls.push(call());
    }, EVERY_MS);

    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const change = async (what: string, work: () => unknown, forMs = CHANGE_MS, thenMs = 1500) => {
      const fromMs = nowMs();
      changes.push(fromMs);
      await work();
      story.push(`${(fromMs / 1000).toFixed(1)} s: ${what}`);
      // Until it is over and `forMs` have passed.
      while (changes.at(-1)! < nowMs() + forMs - CHANGE_MS) changes.push(changes.at(-1)! + 500);
      await wait(forMs + thenMs);
    };

    await wait(5000);
    const calmUntilMs = nowMs();
    await change("kill -9", () => processes[0].kill());
    await change("restart", () => processes[0].start());
    await change("SIGSTOP", () => processes[1].signal("SIGSTOP"));
    await change("SIGCONT", () => processes[1].signal("SIGCONT"));
    await change("fails everything in 1 ms", () => processes[2].tell("reject"));
    await change("works again", () => processes[2].tell("work"));
    await change(
      "accepts and never answers",
      async () => {
        const { address } = processes[3];
        await processes[3].kill();
        await processes[3].start(address.replace("tcp@", "mute@"));
      },
      3000,
      2000,
    );
    await change("restart", async () => {
      await processes[3].kill();
      await processes[3].start();
    });
    clearInterval(load);
    await Promise.all(calls);
    await xclient.close({ graceMs: 1000 });
    await control.close();

    const ran = new Map<number, number>();
    for (const { log } of processes) {
      for (const line of (await Deno.readTextFile(log)).split("\n").slice(0, -1)) {
        ran.set(Number(line), (ran.get(Number(line)) ?? 0) + 1);
      }
    }
    const isChange = ({ beganMs }: Sample) =>
      changes.some((at) => beganMs >= at - 100 && beganMs < at + CHANGE_MS);
    const isCalm = ({ beganMs }: Sample) => beganMs > 1000 && beganMs < calmUntilMs - 100;
    const isLater = (one: Sample) => one.beganMs > calmUntilMs && !isChange(one);
    const [calm, later] = [samples.filter(isCalm), samples.filter(isLater)];
    const [calmPeace, laterPeace] = [peaceful.filter(isCalm), peaceful.filter(isLater)];
    const failed = samples.filter(({ error }) => error !== undefined);
    const failedIdempotent = failed.filter(({ idempotent }) => idempotent);
    const twice = samples.filter((one) => !one.idempotent && (ran.get(one.id) ?? 0) > 1);
    const again = samples.filter((one) => one.idempotent && (ran.get(one.id) ?? 0) > 1);
    const slowest = (some: readonly Sample[]) => Math.max(...some.map(({ tookMs }) => tookMs));
    console.log(story.join("\n"));
    console.log(
      `seed ${SEED}: ${samples.length} calls, ${failed.length} failed ` +
        `(${failedIdempotent.length} idempotent), ${twice.length} ran twice against the ` +
        `caller's will, ${again.length} with leave\n` +
        `p99 calm ${p99(calm).toFixed(1)} ms (${calm.length} calls), between changes ` +
        `${p99(later).toFixed(1)} ms (${later.length} calls), in all ${
          p99(samples).toFixed(1)
        } ms, ` +
        `slowest ${slowest(samples).toFixed(0)} ms; a server left in peace: ` +
        `${p99(calmPeace).toFixed(1)} ms, then ${p99(laterPeace).toFixed(1)} ms\n` +
        `events: ${[...events].map(([type, count]) => `${type} ${count}`).join(", ")}`,
    );
    for (const { error, id, beganMs } of failed) {
      assert(error instanceof RpcError || error instanceof TimeoutError, String(error));
      console.log(`call ${id} of ${(beganMs / 1000).toFixed(1)} s: ${error.message}`);
      assertEquals(error.execution, "unknown"); // all that is certain not to have run is repeated
    }
    assertEquals(failedIdempotent.length, 0, "idempotent calls failed");
    assertEquals(twice.length, 0, "calls ran twice");
    assert(
      samples.every(({ id, error }) => error !== undefined || ran.has(id)),
      "an answer without a call",
    );
    // A machine that others use too may itself have become slower meanwhile.
    const slower = Math.max(1, p99(laterPeace) / p99(calmPeace));
    assert(p99(later) <= 2 * slower * p99(calm), `p99 ${p99(later)} ms after ${p99(calm)} ms`);
  } finally {
    for (const process of [...processes, peace]) await process.kill();
    await Deno.remove(folder, { recursive: true });
  }
});
