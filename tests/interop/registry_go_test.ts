/** Our registry, discovery and heartbeat with a registry, servers and a client in Go. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { register, Registry, RegistryDiscovery } from "../../registry.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";

const SOURCE = fileURLToPath(new URL("./go_registry/", import.meta.url));
const hasGo = spawnSync("go", ["version"]).status === 0;

/** A Go program that runs, and what it says. */
class GoProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(program: string, args: string[]) {
    const child = this.#child = spawn(program, args);
    child.stderr.on("data", (data) => console.error(String(data)));
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => child.once("close", resolve));
  }

  /** The rest of the next line, which has to begin with this word. */
  async heard(word: string): Promise<string> {
    const { value } = await this.#lines.next();
    assertEquals(value?.split(" ")[0], word);
    return value.slice(word.length + 1);
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}

/** Runs a test with the Go program, built for it. Without Go it is skipped, but in CI it fails. */
function withGo(
  name: string,
  body: (start: (...args: string[]) => GoProcess) => Promise<void>,
): void {
  if (!hasGo && !process.env.CI) {
    return Deno.test({ name: `${name} (skipped: there is no Go here)`, ignore: true, fn() {} });
  }
  Deno.test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "xclient_go_registry_"));
    const started: GoProcess[] = [];
    try {
      const program = join(folder, "peer");
      const built = spawnSync("go", ["build", "-o", program, "."], { cwd: SOURCE });
      assertEquals(built.status, 0, String(built.stderr));
      await body((...args) => {
        started.push(new GoProcess(program, args));
        return started.at(-1)!;
      });
    } finally {
      for (const one of started) await one.end();
      await rm(folder, { recursive: true });
    }
  });
}

withGo("a Go server registers with our registry, and our client calls it", async (start) => {
  const left: string[] = [];
  const registry = new Registry({
    timeoutMs: 1000,
    onEvent: ({ type, server }) => left.push(`${type} ${server}`),
  });
  const http = createServer(registry.nodeHandler);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const discovery = new RegistryDiscovery(url);
  const xclient = new XClient(discovery);
  try {
    const one = start("server", url, "200");
    const two = start("server", url, "200");
    const addresses = [await one.heard("registered"), await two.heard("registered")];
    assertEquals(registry.servers, [...addresses].sort());
    assertEquals(await xclient.call("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 5000 }), 3);
    for await (const receipt of xclient.inform("Arith.Sum", { A: 3, B: 4 }, { timeoutMs: 5000 })) {
      assertEquals([receipt.ok, receipt.ok && receipt.reply], [true, 7], receipt.address);
    }
    assertEquals(await start("list", url).heard("200"), registry.servers.join(","));

    await one.end();
    for await (const servers of discovery.watch(new AbortController().signal)) {
      if (servers.length === 1) break; // its lease has run out
    }
    assertEquals(registry.servers, [addresses[1]], "the other one sends heartbeats");
    assertEquals(left.at(-1), `expired ${addresses[0]}`);
  } finally {
    await xclient.close();
    await discovery.close();
    await registry.close();
    const closed = new Promise((resolve) => http.close(resolve));
    http.closeAllConnections();
    await closed;
  }
});

withGo("our server registers with Go's registry, and our client finds it there", async (start) => {
  const go = start("registry");
  const url = await go.heard("listening");
  const server = new Server();
  server.register("Arith", { Sum: ({ A, B }: { A: number; B: number }) => A + B });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const heartbeat = await register(url, `${address}?weight=2`);
  assertEquals(await go.heard("registered"), `${address}?weight=2`);

  const discovery = new RegistryDiscovery(url);
  const xclient = new XClient(discovery);
  assertEquals(await xclient.call("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 5000 }), 3);
  assertEquals(await discovery.getAll(), [`${address}?weight=2`]);

  const another = start("server", url, "60000");
  const other = await another.heard("registered");
  await discovery.refresh();
  assertEquals(await discovery.getAll(), [`${address}?weight=2`, other].sort());
  assertEquals(await xclient.call("Arith.Sum", { A: 2, B: 2 }, { timeoutMs: 5000 }), 4);
  assertEquals(xclient.endpoints().length, 2);

  await heartbeat.close();
  await go.heard("registered"); // the other's
  assertEquals(await go.heard("refused"), "DELETE", "Go's registry waits for the lease instead");
  await xclient.close();
  await discovery.close();
  await server.close();
});
