/** Registry, heartbeat and discovery over real sockets, behind `node:http`. */

import { createServer, request as httpRequest, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { register, Registry, RegistryDiscovery } from "../../registry.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { deferred, failure } from "../support/helpers.ts";

/** A registry on a free port. */
async function withRegistry(
  body: (url: string, registry: Registry, http: HttpServer) => Promise<void>,
): Promise<void> {
  const registry = new Registry();
  const http = createServer(registry.nodeHandler);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  try {
    await body(`http://127.0.0.1:${port}`, registry, http);
  } finally {
    await registry.close();
    const closed = new Promise((resolve) => http.close(resolve));
    http.closeAllConnections();
    await closed;
  }
}

/** A server that is registered. */
async function serve(url: string, name: string) {
  const server = new Server();
  server.register("Node", { Name: () => name });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const heartbeat = await register(url, `${address}?name=${name}`);
  return {
    address,
    async end() {
      await heartbeat.close();
      await server.close();
    },
  };
}

/** Waits for a list that fulfils a condition. */
async function until(
  discovery: RegistryDiscovery,
  wanted: (servers: readonly string[]) => boolean,
): Promise<void> {
  for await (const servers of discovery.watch(new AbortController().signal)) {
    if (wanted(servers)) return;
  }
}

Deno.test("servers register over HTTP, and a client finds them and sees them go", () =>
  withRegistry(async (url, registry) => {
    const [one, two] = [await serve(url, "one"), await serve(url, "two")];
    const discovery = new RegistryDiscovery(url);
    const xclient = new XClient(discovery);
    assertEquals(await xclient.call("Node.Name", null, { timeoutMs: 5000 }) !== undefined, true);
    assertEquals(discovery.current, registry.servers);

    const three = await serve(url, "three");
    await until(discovery, (servers) => servers.length === 3);
    await one.end();
    await until(discovery, (servers) => servers.length === 2);
    await discovery.refresh();
    assertEquals(discovery.current, registry.servers);
    const names = new Set<string>();
    for await (const receipt of xclient.inform<string>("Node.Name")) {
      if (receipt.ok) names.add(receipt.reply);
    }
    assertEquals([...names].sort(), ["three", "two"]);

    await xclient.close();
    await discovery.close();
    await two.end();
    await three.end();
  }));

Deno.test("a registry that nobody runs is named in the error", async () => {
  const { port, close } = await freePort();
  await close();
  const discovery = new RegistryDiscovery(`http://127.0.0.1:${port}`);
  const error = await failure(discovery.getAll());
  assert(
    /127\.0\.0\.1:\d+\/_geerpc_\/registry: no answer .*refused/i.test(String(error)),
    String(error),
  );
  await discovery.close();
});

Deno.test("a list of 600 servers arrives whole", () =>
  withRegistry(async (url) => {
    const path = "/_geerpc_/registry";
    const names = Array.from({ length: 600 }, (_, n) => `tcp@10.0.0.1:${1000 + n}?zone=zone-${n}`);
    for (const name of names) {
      const headers = { "X-Geerpc-Server": name };
      const response = await fetch(url + path, { method: "POST", headers });
      await response.body?.cancel();
    }
    for (const stream of [true, false]) {
      const discovery = new RegistryDiscovery(url, { stream });
      assertEquals((await discovery.getAll()).length, 600);
      await discovery.close();
    }
  }));

Deno.test("the page and the refusals come through node:http, too", () =>
  withRegistry(async (url) => {
    const page = await fetch(url);
    assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert((await page.text()).includes("No servers yet"));
    const response = await fetch(`${url}/_geerpc_/registry`, { method: "PUT", body: "x" });
    assertEquals([response.status, await response.text()], [405, "PUT is not for a registry\n"]);
    const status = deferred<number | undefined>();
    httpRequest(url, { method: "TRACE", agent: false }, (answer) => {
      answer.resume().on("end", () => status.resolve(answer.statusCode));
    }).end();
    // Bun's `Request` knows the method, and the registry has no answer to it.
    assertEquals(await status.promise, "Bun" in globalThis ? 405 : 400);

    const list = deferred<unknown>();
    const path = `${url}/_geerpc_/registry`; // a whole URL, as for a proxy
    httpRequest(url, { path, agent: false }, (answer) => {
      answer.resume().on("end", () => list.resolve(answer.headers["x-geerpc-servers"]));
    }).end();
    assertEquals(await list.promise, "");
  }));

Deno.test("a client that goes away leaves no stream behind", () =>
  withRegistry(async (url) => {
    const [one, other] = [new RegistryDiscovery(url), new RegistryDiscovery(url)];
    await Promise.all([one.refresh(), other.refresh()]);
    const page = async () => await (await fetch(url)).text();
    const before = await page();
    await one.close();
    await other.close();
    assert(before.includes("2 clients on the stream"), before);
    while (!(await page()).includes("0 clients on the stream"));
  }));

async function freePort(): Promise<{ port: number; close(): Promise<void> }> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return { port, close: () => new Promise((resolve) => http.close(() => resolve())) };
}
