/**
 * A fleet of real processes that is restarted under load, one server after the
 * other: SIGTERM, and another process in its place. The processes run on the
 * same runtime as this one.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { MultiServerDiscovery } from "../../discovery.ts";
import type { XClientEvent } from "../../fleet/options.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { Registry, RegistryDiscovery } from "../../registry.ts";
import type { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";

/** What is restarted, and how. */
export interface RestartPlan {
  readonly protocol: Protocol;
  readonly mode: SelectMode;
  /** `list`: kept by hand. `registry`: the servers register themselves. */
  readonly source: "list" | "registry";
  /**
   * How often each server is restarted: in the first round each process comes
   * back at its address, in the second at another one, and so on in turn.
   */
  readonly rounds: number;
}

/** What came of it. */
export interface RestartReport {
  readonly calls: number;
  /** What calls failed with. */
  readonly lost: readonly unknown[];
  /** How many calls ran at the servers. */
  readonly ran: number;
  /** Each event with its time, for looking into a failure. */
  readonly events: readonly string[];
}

const SERVERS = 3;
const CALLERS = 16;
const isDeno = "Deno" in globalThis;
const PROGRAM = fileURLToPath(new URL(`./restart_server.${isDeno ? "ts" : "js"}`, import.meta.url));
const FLAGS = isDeno
  ? ["run", "--quiet", "--no-check", "-A"]
  : ["--import", new URL("../../scripts/node/polyfills.js", import.meta.url).href];

/** One server process, which prints its events, one a line. */
class ServerProcess {
  readonly #child: ChildProcess;
  readonly #printed = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  /** The end of its output, and of the process, in either order. */
  #endsToCome = 2;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [...FLAGS, PROGRAM, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdin!.on("error", () => {}); // it has ended
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on("line", (line) => {
      const [event, rest = ""] = line.split(" ");
      this.#printed.set(event, rest);
      this.#changed();
    });
    const ended = () => {
      this.#endsToCome--;
      this.#changed();
    };
    lines.on("close", ended);
    this.#child.on("exit", ended);
  }

  get #isOver(): boolean {
    return this.#endsToCome === 0;
  }

  /** Waits for an event, and gives the rest of its line. */
  async event(event: "loaded" | "listening" | "called" | "ran"): Promise<string> {
    while (!this.#printed.has(event)) {
      if (this.#isOver) throw new Error(`a server ended before it printed "${event}"`);
      await this.#change();
    }
    return this.#printed.get(event)!;
  }

  /** Lets it listen, and gives its address. */
  async listen(address: string): Promise<string> {
    await this.event("loaded");
    this.#child.stdin!.write(`${address}\n`);
    return await this.event("listening");
  }

  /** Ends it by SIGTERM, and gives how many calls it has run. */
  async terminate(): Promise<number> {
    process.kill(this.#child.pid!, "SIGTERM"); // `child.kill` of Deno reads no output behind it
    const ran = await this.event("ran");
    await this.#ended();
    return Number(ran);
  }

  async kill(): Promise<void> {
    if (!this.#isOver) process.kill(this.#child.pid!, "SIGKILL");
    await this.#ended();
  }

  async #ended(): Promise<void> {
    while (!this.#isOver) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Starts the fleet and the load, restarts it, and leaves nothing behind. */
export async function runRestarts(plan: RestartPlan): Promise<RestartReport> {
  const { protocol, mode, source, rounds } = plan;
  const registry = source === "registry" ? await serveRegistry() : undefined;
  const args = registry === undefined ? [protocol] : [protocol, registry.url];
  const processes = new Set<ServerProcess>();
  const start = () => {
    const process = new ServerProcess(args);
    processes.add(process);
    return process;
  };
  const list = new MultiServerDiscovery();
  const discovery = registry === undefined ? list : new RegistryDiscovery(registry.url);
  const events: string[] = [];
  const note = (what: string) => events.push(`${performance.now().toFixed(1)} ${what}`);
  const xclient = new XClient(discovery, {
    protocol,
    mode,
    onEvent: ({ type, address }: XClientEvent) => note(`${type} ${address}`),
  });
  try {
    const fleet = await Promise.all(Array.from({ length: SERVERS }, async () => {
      const process = start();
      return { process, address: await process.listen("tcp@127.0.0.1:0") };
    }));
    const relist = () => list.update(fleet.map(({ address }) => address));
    await relist();
    if (registry !== undefined) await discovery.refresh();
    const load = new Load(xclient, note);
    let ran = 0;
    let standby = start();
    for (let n = 0; n < rounds * SERVERS; n++) {
      const server = fleet[n % SERVERS];
      await Promise.all([standby.event("loaded"), server.process.event("called")]);
      const [next, old] = [standby, server.process];
      standby = start();
      note(`SIGTERM ${server.address}`);
      if (n / SERVERS % 2 >= 1) {
        const before = server.address;
        server.address = await next.listen("tcp@127.0.0.1:0");
        await list.update([...fleet.map(({ address }) => address), before]);
        ran += await old.terminate();
        await relist();
      } else {
        ran += await old.terminate();
        note(`ended ${server.address}`);
        await next.listen(server.address);
      }
      note(`listening ${server.address}`);
      processes.delete(old);
      server.process = next;
      await next.event("called");
    }
    await load.stop();
    for (const { process } of fleet) {
      ran += await process.terminate();
      processes.delete(process);
    }
    return { calls: load.calls, lost: load.lost, ran, events };
  } finally {
    await xclient.close();
    await (discovery as Partial<RegistryDiscovery>).close?.();
    for (const process of processes) await process.kill();
    await registry?.close();
  }
}

/** Callers, each of which makes its next call when the last one has ended. None may run twice. */
class Load {
  calls = 0;
  readonly lost: unknown[] = [];
  readonly #callers: Promise<void>[];
  #isOver = false;

  constructor(xclient: XClient, note: (what: string) => void) {
    this.#callers = Array.from({ length: CALLERS }, async () => {
      while (!this.#isOver) {
        const id = this.calls++;
        try {
          const reply = await xclient.call("Work.Do", id, { key: String(id) });
          if (Number(reply) !== id) throw new Error(`call ${id} got the answer ${reply}`);
        } catch (error) {
          note(`lost ${error}`);
          this.lost.push(error);
        }
        // So that timers and sockets of this process have their turn, as in one that does other work.
        if (id % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }
}

async function serveRegistry(): Promise<{ url: string; close(): Promise<void> }> {
  const registry = new Registry();
  const http = createServer(registry.nodeHandler);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async close() {
      await registry.close();
      await new Promise((resolve) => {
        http.close(resolve);
        http.closeAllConnections();
      });
    },
  };
}
