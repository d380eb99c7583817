/** What a registry's streams send: changes to those who ask for them, whole lists to others. */

import { assert, assertEquals } from "@std/assert";
import { RegistryDiscovery } from "../../registry.ts";
import { seededRandom } from "../../testing.ts";
import { assertFails } from "../support/helpers.ts";
import { inWeb, type MemoryWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";
import { withDiscovery } from "../support/watched_registry.ts";

const [A, B, C] = ["tcp@a:1", "tcp@b:1", "tcp@c:1"];

/** Streams straight from the registry, whose every byte is read and counted. */
function reader(web: MemoryWeb, headers: Record<string, string>) {
  const registry = web.registry();
  const open = () => {
    const request = new Request(REGISTRY, { headers: { accept: "text/event-stream", ...headers } });
    const stream = registry.fetch(request).body!.getReader();
    const seen = { bytes: 0, events: 0, end: () => stream.cancel() };
    (async () => {
      for (;;) {
        const { done, value } = await stream.read();
        if (done) return;
        seen.bytes += value.length;
        seen.events++;
      }
    })();
    return seen;
  };
  return { registry, open };
}

const CHANGES = { "X-Geerpc-Stream": "changes" };

for (const [kind, headers, most] of [["changes", CHANGES, 4], ["whole", {}, 100]] as const) {
  Deno.test(`${kind}: 31 changes a second, 4,000 servers and 100 streams cost little in 9 seconds`, () =>
    inWeb(async (web) => {
      const { registry, open } = reader(web, headers);
      const post = (server: string) =>
        registry.fetch(
          new Request(REGISTRY, { method: "POST", headers: { "X-Geerpc-Server": server } }),
        );
      for (let n = 0; n < 4000; n++) post(`tcp@10.0.${n >> 8}.${n & 255}:9001?zone=a`);
      const streams = Array.from({ length: 100 }, open);
      await settle();
      const count = () => streams.reduce((sum, { bytes }) => sum + bytes, 0);
      const first = count();
      for (let n = 0; n < 31 * 9; n++) {
        post(`tcp@10.0.0.1:9001?zone=a&n=${n}`);
        await web.clock.advance(1000 / 31);
      }
      await settle();
      const mib = (count() - first) / 2 ** 20;
      assert(mib < most, `${mib.toFixed(1)} MiB`);
      for (const { events } of streams) assert(events > (kind === "changes" ? 30 : 2), `${events}`);
      for (const stream of streams) await stream.end();
    }));
}

Deno.test("a stream of changes sends what has changed, and no more", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    await web.post(A);
    const request = new Request(REGISTRY, { headers: { accept: "text/event-stream", ...CHANGES } });
    const stream = registry.fetch(request).body!.getReader();
    const next = async () => new TextDecoder().decode((await stream.read()).value);
    assert((await next()).startsWith("event: servers\ndata: {"));
    await web.post(`${B}?zone=a`);
    const joined = {
      since: 1,
      version: 2,
      put: [{ server: `${B}?zone=a`, leaseMs: 300_000, address: B }],
      gone: [],
    };
    assertEquals(await next(), `event: changes\ndata: ${JSON.stringify(joined)}\n\n`);
    await web.fetch(REGISTRY, { method: "DELETE", headers: { "X-Geerpc-Server": A } });
    await web.post(C);
    await web.fetch(REGISTRY, { method: "DELETE", headers: { "X-Geerpc-Server": C } });
    await web.clock.advance(20);
    const left = { since: 2, version: 5, put: [], gone: [A, C] };
    assertEquals(await next(), `event: changes\ndata: ${JSON.stringify(left)}\n\n`);
    await stream.cancel();
  }));

Deno.test("a reader of changes that is slow gets the whole list, and goes on from it", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    const request = new Request(REGISTRY, { headers: { accept: "text/event-stream", ...CHANGES } });
    const stream = registry.fetch(request).body!.getReader();
    const fill = "x".repeat(900);
    for (let n = 0; n < 100; n++) {
      await web.post(`tcp@a:${n + 1}?fill=${fill}`);
      await web.clock.advance(20);
    }
    const events: string[] = [];
    while (events.at(-1)?.startsWith("event: servers") !== true || events.length < 2) {
      events.push(new TextDecoder().decode((await stream.read()).value));
    }
    assert(events.length < 30, `${events.length} events were kept`);
    assertEquals(JSON.parse(events.at(-1)!.split("data: ")[1]).servers.length, 100);
    await web.post(B);
    const change = new TextDecoder().decode((await stream.read()).value);
    assertEquals(JSON.parse(change.split("data: ")[1]).since, 100);
    await stream.cancel();
  }));

Deno.test("a discovery that takes changes and one that takes whole lists see the same, whatever happens", () =>
  inWeb(async (web) => {
    const random = seededRandom(11);
    const registry = web.registry({ beatMs: 60_000 });
    const options = { fetch: web.fetch, clock: web.clock, random: () => 0.5 };
    const changes = new RegistryDiscovery(ORIGIN, options);
    // As an earlier version of this library asks.
    const older = new RegistryDiscovery(ORIGIN, {
      ...options,
      fetch: (url, init) => {
        const { "X-Geerpc-Stream": _, ...headers } = init.headers as Record<string, string>;
        return web.fetch(url, { ...init, headers });
      },
    });
    await web.post("tcp@stays:1");
    await Promise.all([changes.refresh(), older.refresh()]);
    for (let step = 0; step < 300; step++) {
      const server = `tcp@s:${1 + Math.floor(random() * 20)}`;
      const headers = { "X-Geerpc-Server": server };
      if (random() < 0.3) await web.fetch(REGISTRY, { method: "DELETE", headers });
      else await web.post(`${server}?n=${Math.floor(random() * 3)}`);
      if (random() < 0.2) await changes.refresh();
      if (random() < 0.3) await web.clock.advance(40 * random());
      if (step % 10 > 0) continue;
      await web.clock.advance(40);
      await settle();
      assertEquals(changes.current, registry.servers, `step ${step}`);
      assertEquals(older.current, registry.servers, `step ${step}`);
    }
    assertEquals(web.requests.filter((one) => one.startsWith("GET")).length < 80, true);
    await changes.close();
    await older.close();
  }));

/** A registry that sends these events, then nothing. */
function scripted(events: readonly unknown[]): Response {
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const LISTING = {
  instance: "i",
  version: 3,
  beatMs: 1000,
  servers: [{ server: A, leaseMs: 1000 }, { server: "nonsense", leaseMs: 1000 }],
};
const PUT_B = { server: `${B}?zone=b`, leaseMs: 1000, address: B };

for (
  const [what, events, wanted] of [
    ["a change", [{ since: 3, version: 4, put: [PUT_B], gone: [A] }], [`${B}?zone=b`]],
    ["a change that overlaps", [{ since: 1, version: 4, put: [PUT_B], gone: [] }], [
      A,
      `${B}?zone=b`,
    ]],
    ["a change from before the list", [{ since: 1, version: 3, put: [PUT_B], gone: [A] }], [A]],
    ["a change behind a gap", [{ since: 4, version: 5, put: [], gone: [A] }], undefined],
    ["a change without its parts", [{ since: 3, version: 4 }], undefined],
    [
      "a change of wrong parts",
      [{ since: 3, version: 4, put: [{ server: B }], gone: [] }],
      undefined,
    ],
    ["a whole list", [{ ...LISTING, version: 9, servers: [PUT_B] }], [`${B}?zone=b`]],
  ] as const
) {
  withDiscovery(`${what} on the stream`, async (web, watched) => {
    web.at(ORIGIN, () => scripted([LISTING, ...events]));
    await watched.discovery.refresh();
    await settle();
    const types = watched.take();
    assertEquals(types.includes("failed"), wanted === undefined, types.join());
    assertEquals(watched.current, wanted ?? [A]);
    web.at(ORIGIN, "down");
  });
}

withDiscovery(
  "a list that grows without end on the stream is given up at 4 MiB",
  async (web, watched) => {
    const fill = "x".repeat(100_000);
    const events = Array.from({ length: 60 }, (_, n) => {
      const address = `tcp@b:${n + 1}`;
      const put = [{ server: `${address}?fill=${fill}`, leaseMs: 1000, address }];
      return { since: 3, version: 4 + n, put, gone: [] };
    });
    web.at(ORIGIN, () => scripted([LISTING, ...events]));
    await watched.discovery.refresh();
    await settle();
    const failed = watched.events.find(({ type }) => type === "failed");
    assert(failed?.type === "failed");
    await assertFails(Promise.reject(failed.error), {
      code: "data_loss",
      message: "the list is too long",
    });
    assert(watched.current!.length < 45);
    web.at(ORIGIN, "down");
  },
);
