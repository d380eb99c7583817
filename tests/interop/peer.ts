/** Builds and runs the Go programs of the interop tests. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The module of the Go programs. */
export const SOURCE = fileURLToPath(new URL("./go/", import.meta.url));
const hasGo = spawnSync("go", ["version"]).status === 0;

/** Whether tests with Go run: where `CI` is set it has to be there, and they fail without. */
export const needsGo: boolean = hasGo || Boolean(process.env.CI);

/** The addresses of the Go servers. */
export interface GoAddresses {
  /** `netrpc/gob` over TCP, a unix socket, and HTTP CONNECT (there for all protocols). */
  readonly gob: string;
  readonly unix: string;
  readonly http: string;
  /** The same over a unix socket. */
  readonly unixHttp: string;
  /** `netrpc/json` over TCP. */
  readonly json: string;
  /** GeeRPC over TCP, in either encoding. */
  readonly gee: string;
  /** GeeRPC over TCP as it was published, in gob alone. */
  readonly geeGob: string;
}

/** A test that needs Go. Without Go it is skipped, and its name says so; in CI it fails. */
export function goTest(name: string, body: () => Promise<void>): void {
  if (needsGo) Deno.test(name, body);
  else Deno.test({ name: `${name} (skipped: there is no Go here)`, ignore: true, fn() {} });
}

// The first build compiles Go's own packages too: longer, on a busy machine, than a test may
// take. If it fails, the test that builds says why.
if (hasGo) await run("go", ["build", "-o", devNull, "."], SOURCE).catch(() => {});

/** Runs a program to its end and returns its output. */
export function run(program: string, args: string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd });
    let output = "";
    let errors = "";
    child.stdout.on("data", (data) => output += data);
    child.stderr.on("data", (data) => errors += data);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${args.join(" ")} ended with ${code}: ${errors}`));
    });
  });
}

/** The Go program, which is built for each test. Go caches what it has built. */
export class GoPeer {
  readonly #folder: string;
  readonly #program: string;
  #server: ChildProcessWithoutNullStreams | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#program = join(folder, "peer");
  }

  static async build(): Promise<GoPeer> {
    const peer = new GoPeer(await mkdtemp(join(tmpdir(), "xclient_go_")));
    await run("go", ["build", "-o", peer.#program, "."], SOURCE);
    return peer;
  }

  /** Starts all servers. */
  async serve(): Promise<GoAddresses> {
    const server = this.#server = spawn(this.#program, ["serve"]);
    server.stderr.on("data", (data) => console.error(String(data)));
    let output = "";
    return JSON.parse(
      await new Promise<string>((resolve, reject) => {
        server.stdout.on("data", (data) => {
          output += data;
          if (output.endsWith("\n")) resolve(output);
        });
        server.on("error", reject);
        server.on("close", () => reject(new Error(`the Go servers ended: ${output}`)));
      }),
    );
  }

  /** Lets Go's client call everything that a server of ours has. */
  async call(kind: string, address: string): Promise<Record<string, unknown>> {
    return JSON.parse(await run(this.#program, ["call", kind, address]));
  }

  /** Lets Go's client ask a server of ours about itself. */
  async introspect(kind: string, address: string): Promise<Record<string, unknown>> {
    return JSON.parse(await run(this.#program, ["introspect", kind, address]));
  }

  /** Lets Go's client make calls while a server of ours begins to drain. */
  async drain(kind: string, address: string): Promise<Record<string, unknown>> {
    return JSON.parse(await run(this.#program, ["drain", kind, address]));
  }

  /** Lets Go's client make first calls on fresh connections. */
  async connect(address: string, count: number): Promise<{ made: number; answered: number }> {
    return JSON.parse(await run(this.#program, ["connect", address, String(count)]));
  }

  /** Stops the servers. */
  async end(): Promise<void> {
    const server = this.#server;
    if (server !== undefined && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once("close", resolve));
      server.stdin.end();
      await ended;
    }
    await rm(this.#folder, { recursive: true });
  }
}

/** A test with Go's servers. */
export function withGoServers(
  name: string,
  body: (addresses: GoAddresses, peer: GoPeer) => Promise<void>,
): void {
  goTest(name, async () => {
    const peer = await GoPeer.build();
    try {
      await body(await peer.serve(), peer);
    } finally {
      await peer.end();
    }
  });
}

/** A test with Go's clients. */
export function withGoClients(name: string, body: (peer: GoPeer) => Promise<void>): void {
  goTest(name, async () => {
    const peer = await GoPeer.build();
    try {
      await body(peer);
    } finally {
      await peer.end();
    }
  });
}
