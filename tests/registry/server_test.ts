/** The registry by itself: GeeRPC's protocol, leases, limits, and streams. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Registry, type RegistryEvent } from "../../registry.ts";
import { inWeb, type MemoryWeb, REGISTRY, settle } from "../support/memory_web.ts";

/** Makes a request, and reads the answer. */
async function ask(
  web: MemoryWeb,
  method: string,
  headers: Record<string, string> = {},
  url = REGISTRY,
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await web.fetch(url, { method, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** Opens an event stream. */
async function listen(web: MemoryWeb) {
  const response = await web.fetch(REGISTRY, { headers: { accept: "text/event-stream" } });
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body!.getReader();
  return {
    reader,
    async next(): Promise<string> {
      const { done, value } = await reader.read();
      return done ? "end" : new TextDecoder().decode(value);
    },
    async servers(): Promise<string[]> {
      const text = await this.next();
      const data = /^event: servers\ndata: (.*)\n\n$/.exec(text);
      return JSON.parse(data![1]).servers.map((one: { server: string }) => one.server);
    },
  };
}

Deno.test("a registry speaks GeeRPC's protocol", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    assertEquals(await web.list(), "");
    assertEquals(await web.post("tcp@10.0.0.2:9001"), 200);
    assertEquals(await web.post("tcp@10.0.0.1:9001?weight=3"), 200);
    assertEquals(await web.post("tcp@[::]:40321"), 200); // as Go writes a listener's address
    assertEquals(await web.post("unix@/run/a.sock"), 200);
    assertEquals(
      await web.list(),
      "tcp@10.0.0.1:9001?weight=3,tcp@10.0.0.2:9001,tcp@[::]:40321,unix@/run/a.sock",
    );
    const { servers } = registry;
    assertEquals(servers.length, 4);
    servers.pop();
    assertEquals(registry.servers.length, 4);
  }));

Deno.test("the same server with other metadata is the same server", () =>
  inWeb(async (web) => {
    web.registry();
    await web.post("tcp@a:1?weight=3");
    await web.post("tcp@A:1?weight=5");
    assertEquals(await web.list(), "tcp@A:1?weight=5");
    const headers = { "X-Geerpc-Server": "tcp@a:1" };
    assertEquals((await ask(web, "DELETE", headers)).status, 200);
    assertEquals(await web.list(), "");
    assertEquals((await ask(web, "DELETE", headers)).status, 200, "it is gone already");
  }));

Deno.test("a server is dead five minutes after its last heartbeat", () =>
  inWeb(async (web) => {
    const events: RegistryEvent[] = [];
    web.registry({ onEvent: (event) => events.push(event) });
    await web.post("tcp@a:1");
    await web.post("tcp@b:1");
    await web.clock.advance(240_000);
    await web.post("tcp@a:1");
    await web.clock.advance(59_999);
    assertEquals(await web.list(), "tcp@a:1,tcp@b:1");
    await web.clock.advance(1);
    assertEquals(await web.list(), "tcp@a:1");
    await web.clock.advance(240_000);
    assertEquals(await web.list(), "");
    assertEquals(events.map(({ type, server }) => `${type} ${server}`), [
      "joined tcp@a:1",
      "joined tcp@b:1",
      "expired tcp@b:1",
      "expired tcp@a:1",
    ]);
  }));

Deno.test("a server may ask for a lease of its own", () =>
  inWeb(async (web) => {
    web.registry({ timeoutMs: Infinity });
    const lease = (ms: string) => ({ "X-Geerpc-Timeout-Ms": ms });
    await web.post("tcp@a:1", lease("1500"));
    await web.post("tcp@b:1", lease("9999999999"));
    await web.post("tcp@c:1");
    await web.clock.advance(1499);
    assertEquals(await web.list(), "tcp@a:1,tcp@b:1,tcp@c:1");
    await web.clock.advance(1);
    assertEquals(await web.list(), "tcp@b:1,tcp@c:1");
    const granted = await ask(web, "POST", { "X-Geerpc-Server": "tcp@a:1", ...lease("700") });
    assertEquals(granted.headers.get("X-Geerpc-Timeout-Ms"), "700");
    await web.clock.advance(2 ** 31);
    assertEquals(await web.list(), "tcp@c:1", "the longest lease is what a timer can wait for");
    for (const wrong of ["0", "-1", "1.5", "1e3", "never", "99999999999"]) {
      assertEquals(await web.post("tcp@d:1", lease(wrong)), 400, wrong);
    }
  }));

Deno.test("a refusal says why", () =>
  inWeb(async (web) => {
    web.registry();
    for (const method of ["PUT", "HEAD", "OPTIONS", "PATCH"]) {
      const { status, headers } = await ask(web, method);
      assertEquals([status, headers.get("allow")], [405, "GET, POST, DELETE"], method);
    }
    assertEquals((await ask(web, "POST", {}, new URL("/", REGISTRY).href)).status, 405);
    const elsewhere = await ask(web, "GET", {}, new URL("/elsewhere", REGISTRY).href);
    assertEquals([elsewhere.status, elsewhere.text.includes("/_geerpc_/registry")], [404, true]);

    const none = await ask(web, "POST");
    assertEquals([none.status, none.text.includes("X-Geerpc-Server")], [400, true]);
    for (
      const [server, why] of [
        ["10.0.0.1:9001", "no scheme"],
        ["tcp@10.0.0.1", "expected host:port"],
        ["udp@10.0.0.1:9001", "unknown scheme"],
        ["tcp@10.0.0.1:0", "port 0"],
        ["tcp@10.0.0.1:1?weight=-1", "weight"],
        ["tcp@a:1,tcp@b:1", "expected host:port"],
        ["tcp@a:1?tags=x,y", "comma"],
        ["unix@/run/\u00e9", "ASCII"],
        ["unix@/" + "x".repeat(1024), "longer than 1024 bytes"],
      ]
    ) {
      const { status, text } = await ask(web, "POST", { "X-Geerpc-Server": server });
      assertEquals([status, text.includes(why)], [400, true], `${server}: ${text}`);
    }
    assertEquals((await ask(web, "DELETE")).status, 400);
    assertEquals(await web.list(), "");

    const { headers } = new Request(REGISTRY);
    const odd = { url: "http://[/_geerpc_/registry", method: "GET", headers } as Request;
    assertEquals(web.registry().fetch(odd).status, 400, "as Deno makes it of `Host: [`");
  }));

Deno.test("a registry that is full refuses new servers and keeps the old", () =>
  inWeb(async (web) => {
    web.registry({ maxServers: 2 });
    assertEquals(await web.post("tcp@a:1"), 200);
    assertEquals(await web.post("tcp@b:1"), 200);
    const refused = await ask(web, "POST", { "X-Geerpc-Server": "tcp@c:1" });
    assertEquals([refused.status, refused.text.includes("full")], [507, true]);
    assertEquals(await web.post("tcp@b:1?zone=a"), 200);

    web.registry({ maxListBytes: 18 });
    assertEquals(await web.post("tcp@a:1"), 200);
    assertEquals(await web.post("tcp@b:1"), 200);
    assertEquals(await web.post("tcp@b:12"), 507);
    assertEquals(await web.post("tcp@b:1?a=b"), 507, "it would not fit");
    assertEquals(await web.post("tcp@b:1"), 200);
    assertEquals(await web.list(), "tcp@a:1,tcp@b:1");
    assertEquals((await ask(web, "DELETE", { "X-Geerpc-Server": "tcp@b:1" })).status, 200);
    assertEquals(await web.post("tcp@b:12"), 200);
  }));

Deno.test("invalid options are refused", () => {
  for (const ms of [0, -1, NaN]) {
    assertThrows(() => new Registry({ timeoutMs: ms }), RangeError, "timeoutMs");
    assertThrows(() => new Registry({ beatMs: ms }), RangeError, "beatMs");
  }
  for (const name of ["maxServers", "maxAddressBytes", "maxListBytes", "maxStreams"]) {
    for (const most of [-1, NaN, 2.5]) {
      assertThrows(() => new Registry({ [name]: most }), RangeError, `${name} must be a whole`);
    }
    new Registry({ [name]: Infinity });
  }
  for (const path of ["", "fleet", "/fleet?a", "/fleet#a"]) {
    assertThrows(() => new Registry({ path }), TypeError, "path must be like");
  }
});

Deno.test("the path may be another", () =>
  inWeb(async (web) => {
    web.registry({ path: "/fleet" });
    const url = new URL("/fleet", REGISTRY).href;
    const headers = { "X-Geerpc-Server": "tcp@a:1" };
    assertEquals((await ask(web, "POST", headers, url)).status, 200);
    assertEquals(await web.list(url), "tcp@a:1");
    assertEquals((await ask(web, "GET")).status, 404);
  }));

Deno.test("a listing has instance, version and leases", () =>
  inWeb(async (web) => {
    web.registry({ beatMs: 7000, timeoutMs: Infinity });
    await web.post("tcp@a:1");
    await web.post("tcp@b:1", { "X-Geerpc-Timeout-Ms": "2000" });
    const { text, headers } = await ask(web, "GET", { accept: "application/json" });
    assertEquals(headers.get("x-geerpc-servers"), null, "a long list is no header");
    const listing = JSON.parse(text);
    assertEquals(typeof listing.instance, "string");
    assertEquals(listing, {
      instance: listing.instance,
      version: 2,
      beatMs: 7000,
      servers: [{ server: "tcp@a:1", leaseMs: 2 ** 31 - 1 }, { server: "tcp@b:1", leaseMs: 2000 }],
    });
  }));

Deno.test("a stream has the list, each change at once, and signs of life", () =>
  inWeb(async (web) => {
    web.registry({ beatMs: 1000 });
    await web.post("tcp@a:1", { "X-Geerpc-Timeout-Ms": "1500" });
    const stream = await listen(web);
    assertEquals(await stream.servers(), ["tcp@a:1"]);
    await web.post("tcp@b:1");
    assertEquals(await stream.servers(), ["tcp@a:1", "tcp@b:1"], "with no time gone by");
    await web.post("tcp@b:1"); // a heartbeat changes nothing
    await web.clock.advance(1000);
    assertEquals(await stream.next(), ":\n\n");
    await web.clock.advance(500);
    assertEquals(await stream.servers(), ["tcp@b:1"]);
    await stream.reader.cancel();
  }));

Deno.test("changes that come close together are sent together", () =>
  inWeb(async (web) => {
    web.registry();
    const stream = await listen(web);
    assertEquals(await stream.servers(), []);
    for (let n = 1; n <= 9; n++) await web.post(`tcp@a:${n}`);
    assertEquals(await stream.servers(), ["tcp@a:1"]);
    await web.clock.advance(20);
    assertEquals((await stream.servers()).length, 9);
    await stream.reader.cancel();
  }));

Deno.test("a slow reader misses lists, never the last one", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    // From the registry itself, since MemoryWeb reads ahead.
    const request = new Request(REGISTRY, { headers: { accept: "text/event-stream" } });
    const reader = registry.fetch(request).body!.getReader();
    for (let n = 1; n <= 9; n++) {
      await web.post(`tcp@a:${n}`);
      await web.clock.advance(20);
    }
    const texts: string[] = [];
    while (!texts.at(-1)?.includes("tcp@a:9")) {
      texts.push(new TextDecoder().decode((await reader.read()).value));
    }
    assert(texts.length <= 3, `${texts.length} lists were kept`);
    await reader.cancel();
  }));

Deno.test("a client beyond maxStreams gets a plain listing", () =>
  inWeb(async (web) => {
    web.registry({ maxStreams: 1 });
    const stream = await listen(web);
    const accept = "text/event-stream, application/json";
    const second = await ask(web, "GET", { accept });
    assertEquals(second.headers.get("content-type"), "application/json");
    await stream.reader.cancel();
    await settle();
    const third = await web.fetch(REGISTRY, { headers: { accept } });
    assertEquals(third.headers.get("content-type"), "text/event-stream");
    await third.body!.cancel();
  }));

Deno.test("closing ends streams and timers, and refuses later requests", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    await web.post("tcp@a:1");
    const stream = await listen(web);
    await stream.servers();
    await registry.close();
    assertEquals(await stream.next(), "end");
    assertEquals(web.clock.timers, 0);
    assertEquals(await web.post("tcp@b:1"), 503);
    await registry[Symbol.asyncDispose]();
  }));
