/**
 * A whole fleet in processes of its own: a registry, five servers, and an
 * `XClient` under load, while servers join, leave and are killed, and the
 * registry is killed and comes back.
 */

import { assert, assertEquals } from "@std/assert";
import { ownStdFlags } from "../../scripts/std.ts";
import { RegistryDiscovery } from "../../registry.ts";
import { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";

const PROGRAM = `${import.meta.dirname}/../support/registry_process.ts`;
/** A server that is killed is off the list when this has passed. */
const LEASE_MS = 1500;
const OUTAGE_MS = 3000;
/** When a test that waits is taken to hang. */
const HANG_MS = 50_000;
const CALLERS = 16;

/** A process, and the lines that it prints. */
class Process {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...ownStdFlags(), PROGRAM, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = lines(this.#child.stdout);
  }

  /** Waits for the next line, which must begin with this word; returns the other words. */
  async expect(word: string): Promise<string[]> {
    const { value, done } = await this.#lines.next();
    assert(!done, `the process has ended; ${word} was expected`);
    const [first, ...rest] = value.split(" ");
    assertEquals(first, word);
    return rest;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended();
  }

  /** Asks it to end. */
  async stop(): Promise<void> {
    await this.#child.stdin.close().catch(() => {}); // it was killed
    await this.#ended();
  }

  async #ended(): Promise<void> {
    while (!(await this.#lines.next()).done);
    await this.#child.status;
    await this.#child.stdin.close().catch(() => {});
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n");
    text = parts.pop()!;
    yield* parts;
  }
}

/** Callers that call again as soon as they are answered, and the calls that each server answered. */
class Load {
  readonly answers = new Map<string, number>();
  readonly errors: unknown[] = [];
  readonly firstAt = new Map<string, number>();
  readonly #callers: Promise<void>[];
  #waiting: { name: string; resolve(at: number): void }[] = [];
  #isOver = false;

  constructor(call: () => Promise<string>) {
    this.#callers = Array.from({ length: CALLERS }, () => this.#callOn(call));
  }

  /** Resolves to the time at which this server has answered its first call. */
  first(name: string): Promise<number> {
    const at = this.firstAt.get(name);
    if (at !== undefined) return Promise.resolve(at);
    return new Promise((resolve) => this.#waiting.push({ name, resolve }));
  }

  get total(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #callOn(call: () => Promise<string>): Promise<void> {
    while (!this.#isOver) {
      try {
        const name = await call();
        this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
        if (!this.firstAt.has(name)) this.#isNew(name);
      } catch (error) {
        this.errors.push(error);
        await new Promise((resolve) => setTimeout(resolve, 10)); // so that a run whose calls all fail ends too
      }
    }
  }

  #isNew(name: string): void {
    const at = Date.now();
    this.firstAt.set(name, at);
    this.#waiting = this.#waiting.filter((one) => {
      if (one.name === name) one.resolve(at);
      return one.name !== name;
    });
  }
}

Deno.test({
  name: "servers and the registry come, go and are killed, and no idempotent call fails",
  timeout: 60_000,
  fn: async () => {
    const startedAt = Date.now();
    const processes: Process[] = [];
    const start = (...args: string[]) => {
      const process = new Process(...args);
      processes.push(process);
      return process;
    };
    let registry = start("registry", "0");
    const [port] = await registry.expect("listening");
    const url = `http://127.0.0.1:${port}`;
    const serve = (name: string) => start("server", name, url, String(LEASE_MS));
    const registered = async (process: Process) => Number((await process.expect("registered"))[0]);

    const names = ["alpha", "beta", "gamma", "delta", "epsilon"];
    const servers = new Map(names.map((name) => [name, serve(name)]));
    await Promise.all([...servers.values()].map(registered));

    const discovery = new RegistryDiscovery(url, { refreshMs: 1000 });
    const xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });
    const listed = (name: string) =>
      discovery.current!.some((server) => server.endsWith(`name=${name}`));
    const gone = async (name: string): Promise<number> => {
      for await (const _ of discovery.watch(AbortSignal.timeout(HANG_MS))) {
        if (!listed(name)) return Date.now();
      }
      throw new Error(`${name} is still listed`);
    };
    const options = { idempotent: true, timeoutMs: 5000 };
    const load = new Load(() => xclient.call<string>("Node.Name", null, options));
    const figures: string[] = [];
    const measured = (what: string, tookMs: number) => figures.push(`${what}: ${tookMs} ms`);

    try {
      await Promise.all(names.map((name) => load.first(name)));

      const zeta = serve("zeta");
      const joinedAt = await registered(zeta);
      measured("a new server's first call", await load.first("zeta") - joinedAt);

      const alphaGone = gone("alpha");
      const alphaOut = servers.get("alpha")!.expect("deregistered");
      await servers.get("alpha")!.stop();
      const leftMs = await alphaGone - Number((await alphaOut)[0]);
      measured("a server that leaves is off the list", Math.max(0, leftMs));

      const killedAt = Date.now();
      const betaGone = gone("beta");
      await servers.get("beta")!.kill();
      measured("a killed server is off the list", await betaGone - killedAt);

      const outageAt = Date.now();
      const before = load.total;
      await registry.kill();
      await servers.get("gamma")!.kill();
      await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS)); // the outage itself
      figures.push(`calls while the registry was down: ${load.total - before}`);
      figures.push(`the list was ${Math.round(discovery.staleMs)} ms old at its end`);
      assert(discovery.staleMs > OUTAGE_MS / 2 && listed("gamma"), "the last good list");

      registry = start("registry", port);
      await registry.expect("listening");
      const backAt = Date.now();
      const gammaGone = gone("gamma");
      const eta = serve("eta");
      const etaAt = await registered(eta);
      measured("a new server's first call after it", await load.first("eta") - etaAt);
      measured("who died in it is off the list", await gammaGone - backAt);
      figures.push(`from the registry's death to a list of its own: ${Date.now() - outageAt} ms`);
      await discovery.refresh();
      for (const name of ["delta", "epsilon", "zeta", "eta"]) assert(listed(name), name);
      assertEquals(discovery.current!.length, 4);
    } finally {
      await load.stop();
      await xclient.close();
      await discovery.close();
      for (const process of processes.reverse()) await process.stop();
    }
    figures.push(`${load.total} calls, ${load.errors.length} failed`);
    figures.push(`all of it: ${Date.now() - startedAt} ms`);
    console.log(figures.map((figure) => `  ${figure}`).join("\n"));
    assertEquals(load.errors, []);
  },
});
