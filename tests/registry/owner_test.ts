/** Who may change a registry's list: owners of leases, and hosts by which it may be reached. */

import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { assertEquals, assertThrows } from "@std/assert";
import { Heartbeat, type HeartbeatOptions, register, Registry } from "../../registry.ts";
import { assertFails } from "../support/helpers.ts";
import { inWeb, type MemoryWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const A = "tcp@a:1";

async function ask(web: MemoryWeb, method: string, headers: Record<string, string>) {
  const response = await web.fetch(REGISTRY, { method, headers });
  return { status: response.status, text: await response.text() };
}

const send = (web: MemoryWeb, method: string, owner?: string, server = A) =>
  ask(web, method, { "X-Geerpc-Server": server, ...(owner && { "X-Geerpc-Owner": owner }) });

Deno.test("a lease that began with an owner is renewed, changed and ended by its owner alone", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    assertEquals((await send(web, "POST", "s3cret")).status, 200);
    await web.clock.advance(100_500);
    for (const owner of [undefined, "guess", "s3cre", "s3cret0", "S3cret"]) {
      for (const [method, server] of [["POST", `${A}?weight=9`], ["DELETE", A]]) {
        const { status, text } = await send(web, method, owner, server);
        assertEquals([status, text], [
          403,
          "the lease of tcp@a:1 has another owner, for 200 s at least\n",
        ]);
      }
    }
    assertEquals(registry.servers, [A]);
    assertEquals((await send(web, "POST", "s3cret", `${A}?weight=2`)).status, 200);
    assertEquals(registry.servers, [`${A}?weight=2`]);
    assertEquals((await send(web, "DELETE", "s3cret")).status, 200);
    assertEquals(registry.servers, []);
  }));

Deno.test("an owner is one until the lease ends, and a lease that began without one has none", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    await send(web, "POST", "one");
    await web.clock.advance(300_000);
    assertEquals(registry.servers, []);
    assertEquals((await send(web, "POST")).status, 200, "as Go's servers register");
    assertEquals((await send(web, "POST", "two")).status, 200);
    assertEquals((await send(web, "POST")).status, 200, "it was not locked out by that");
    assertEquals((await send(web, "DELETE")).status, 200);
    assertEquals((await send(web, "POST", "two")).status, 200);
    assertEquals((await send(web, "DELETE")).status, 403);
    for (const owner of ["ä", "a b", "x".repeat(257)]) {
      assertEquals((await send(web, "POST", owner, "tcp@b:1")).status, 400, owner);
    }
  }));

Deno.test("a heartbeat sends its owner, and another's is told at once and waits for the lease", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    const options: HeartbeatOptions = {
      fetch: web.fetch,
      clock: web.clock,
      random: () => 1,
      timeoutMs: 20_000,
    };
    const heartbeat = await register(ORIGIN, A, { ...options, owner: "s3cret" });
    const refused = {
      code: "permission_denied",
      address: REGISTRY,
      message: "the lease of tcp@a:1 has another owner, for 20 s at least",
    } as const;
    await assertFails(register(ORIGIN, A, { ...options, owner: "other" }), refused);
    const stranger = new Heartbeat(ORIGIN, `${A}?zone=b`, options);
    await assertFails(stranger.registered, refused);
    await heartbeat.close();
    assertEquals(registry.servers, []);
    await web.clock.advance(10_000);
    await settle();
    assertEquals(registry.servers, [`${A}?zone=b`], "it was tried again");
    await stranger.close();
    assertEquals(registry.servers, []);
    for (const owner of ["", "a b", "é", "x".repeat(257)]) {
      assertThrows(() => new Heartbeat(ORIGIN, A, { ...options, owner }), TypeError, "owner");
    }
  }));

/** The statuses of a page, a list, a registration and a deregistration, by URL and headers. */
function statuses(registry: Registry, origin: string, headers: Record<string, string> = {}) {
  const asked = [["GET", "/"], ["GET"], ["POST"], ["DELETE"]];
  return asked.map(([method, path = "/_geerpc_/registry"]) => {
    const all = { "X-Geerpc-Server": A, ...headers };
    return registry.fetch(new Request(origin + path, { method, headers: all })).status;
  });
}

const ALL = [200, 200, 200, 200];
const NONE = [403, 403, 403, 403];

Deno.test("with allowedHosts a registry is reached by these, by IP addresses and as localhost", async () => {
  await using registry = new Registry({ allowedHosts: ["registry.example", ".Fleet.example"] });
  for (
    const host of [
      "registry.example:9999",
      "REGISTRY.example",
      "a.b.fleet.example",
      "10.0.0.1:9999",
      "[::1]:9999",
      "localhost:9999",
      "x.localhost",
    ]
  ) {
    assertEquals(statuses(registry, `http://${host}`), ALL, host);
  }
  for (
    const host of [
      "evil.example",
      "registry.example.evil.example",
      "xregistry.example",
      "fleet.example",
      "evilfleet.example",
      "localhost.evil.example",
      "10.0.0.1.evil.example",
    ]
  ) {
    assertEquals(statuses(registry, `http://${host}:9999`), NONE, host);
  }
  const headers = { host: "evil.example:9999" };
  assertEquals(statuses(registry, "http://localhost", headers), NONE, "as behind a proxy's URL");
  const page = registry.fetch(new Request("http://evil.example/"));
  assertEquals(
    await page.text(),
    "evil.example is no host of this registry; see its option allowedHosts\n",
  );
});

Deno.test("without allowedHosts a browser changes nothing under a name, and all else is as before", async () => {
  await using registry = new Registry();
  assertEquals(statuses(registry, "http://registry.example:9999"), ALL);
  for (const mark of ["origin", "sec-fetch-site"]) {
    const headers = { [mark]: "same-origin" };
    assertEquals(statuses(registry, "http://evil.example", headers), [200, 200, 403, 403], mark);
    assertEquals(statuses(registry, "http://127.0.0.1:9999", headers), ALL, mark);
  }
});

Deno.test("an allowed host that is no name is refused", () => {
  for (const host of ["", "a:9999", "http://a", "a/b", "*.a", "a b", "[::1]"]) {
    assertThrows(() => new Registry({ allowedHosts: [host] }), TypeError, "allowedHosts");
  }
});

Deno.test("on Node's HTTP server the host is looked at, too", async () => {
  await using registry = new Registry({ allowedHosts: ["registry.example"] });
  const http = createServer(registry.nodeHandler);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const statusOf = (host: string, path = "/_geerpc_/registry") =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { host, "X-Geerpc-Server": A };
      httpRequest({ port, host: "127.0.0.1", method: "POST", path, headers }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      }).on("error", reject).end();
    });
  assertEquals(await statusOf("registry.example:9999"), 200);
  assertEquals(await statusOf(`127.0.0.1:${port}`), 200);
  assertEquals(await statusOf("evil.example"), 403);
  assertEquals(await statusOf("127.0.0.1", "http://evil.example/_geerpc_/registry"), 403);
  assertEquals(await statusOf("evil.example", "http://127.0.0.1/_geerpc_/registry"), 403);
  const closed = new Promise((resolve) => http.close(resolve));
  http.closeAllConnections();
  await closed;
});
