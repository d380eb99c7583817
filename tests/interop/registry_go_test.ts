/** Our registry, discovery and heartbeat with a registry, servers and a client in Go. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { register, Registry, RegistryDiscovery } from "../../registry.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { goTest, run } from "./peer.ts";

const SOURCE = fileURLToPath(new URL("./go_registry/", import.meta.url));

/** A running Go program, and the lines that it prints. */
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

  /** Waits for the next line, which must begin with this word, and returns the rest of it. */
  async line(word: string): Promise<string> {
    const { value } = await this.#lines.next();
    assertEquals(value?.split(" ")[0], word);
    return value.slice(word.length + 1);
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}

/** A test with the Go program, which is built for it. */
function withGo(
  name: string,
  body: (start: (...args: string[]) => GoProcess) => Promise<void>,
): void {
  goTest(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "xclient_go_registry_"));
    const started: GoProcess[] = [];
    try {
      const program = join(folder, "peer");
      await run("go", ["build", "-o", program, "."], SOURCE);
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
    const addresses = [await one.line("registered"), await two.line("registered")];
    assertEquals(registry.servers, [...addresses].sort());
    assertEquals(await xclient.call("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 5000 }), 3);
    for await (const receipt of xclient.inform("Arith.Sum", { A: 3, B: 4 }, { timeoutMs: 5000 })) {
      assertEquals([receipt.ok, receipt.ok && receipt.reply], [true, 7], receipt.address);
    }
    assertEquals(await start("list", url).line("200"), registry.servers.join(","));

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

withGo("a Go server and a Go client bring the registry's tokens in its URL", async (start) => {
  const registry = new Registry({ write: { tokens: "w-token" }, read: { tokens: "r-token" } });
  const http = createServer(registry.nodeHandler);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  try {
    const address = await start("server", `http://any:w-token@127.0.0.1:${port}`, "60000")
      .line("registered");
    assertEquals(registry.servers, [address]);
    assertEquals(await start("list", `http://any:r-token@127.0.0.1:${port}`).line("200"), address);
    assertEquals(await start("list", `http://any:guess@127.0.0.1:${port}`).line("401"), "");
  } finally {
    await registry.close();
    const closed = new Promise((resolve) => http.close(resolve));
    http.closeAllConnections();
    await closed;
  }
});

withGo("our server registers with Go's registry, and our client finds it there", async (start) => {
  const go = start("registry");
  const url = await go.line("listening");
  const server = new Server();
  server.register("Arith", { Sum: ({ A, B }: { A: number; B: number }) => A + B });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const heartbeat = await register(url, `${address}?weight=2`);
  assertEquals(await go.line("registered"), `${address}?weight=2`);

  const discovery = new RegistryDiscovery(url);
  const xclient = new XClient(discovery);
  assertEquals(await xclient.call("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 5000 }), 3);
  assertEquals(await discovery.getAll(), [`${address}?weight=2`]);

  const another = start("server", url, "60000");
  const other = await another.line("registered");
  await discovery.refresh();
  assertEquals(await discovery.getAll(), [`${address}?weight=2`, other].sort());
  assertEquals(await xclient.call("Arith.Sum", { A: 2, B: 2 }, { timeoutMs: 5000 }), 4);
  assertEquals(xclient.endpoints().length, 2);

  await heartbeat.close();
  await go.line("registered"); // the other's
  assertEquals(await go.line("refused"), "DELETE", "Go's registry waits for the lease instead");
  await xclient.close();
  await discovery.close();
  await server.close();
});
