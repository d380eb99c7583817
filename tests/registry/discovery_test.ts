/** Discovery from a registry: streams, polling, lists put in place by hand, and closing. */

import { getEventListeners } from "node:events";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { RegistryDiscovery } from "../../registry.ts";
import { type EndpointView, SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure } from "../support/helpers.ts";
import { goRegistry, Watched, withDiscovery } from "../support/watched_registry.ts";
import { inWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const [A, B, C] = ["tcp@a:1", "tcp@b:1", "tcp@c:1"];

withDiscovery("a change in the registry is in the list at once", async (web, watched) => {
  web.registry();
  await web.post(A);
  assertEquals(watched.current, undefined);
  assertEquals(web.requests.length, 1, "it asks when it is used");
  assertEquals(await watched.discovery.getAll(), [A]);
  await web.post(B);
  await settle();
  assertEquals(watched.current, [A, B]);
  await web.clock.advance(300_000);
  assertEquals(watched.take(), ["changed", "changed", "empty"]);
  assertEquals(watched.current, [A, B], "the last good list");
  assertEquals(web.requests.filter((one) => one.startsWith("GET")).length, 1, "one stream");
});

withDiscovery("getAll gives a copy, and get picks", async (web, { discovery }) => {
  web.registry();
  await web.post(A);
  (await discovery.getAll()).pop();
  assertEquals(await discovery.getAll(), [A]);
  assertEquals(await discovery.get(SelectMode.RoundRobin), A);
  await assertFails(discovery.get("best" as SelectMode), { code: "invalid_argument" });
});

withDiscovery("watchers get each list until they end", async (web, { discovery }) => {
  web.registry();
  await web.post(A);
  const leave = new AbortController();
  const seen: (readonly string[])[] = [];
  const watching = (async () => {
    for await (const list of discovery.watch(leave.signal)) seen.push(list);
  })();
  await settle();
  await web.post(B);
  await settle();
  leave.abort();
  await watching;
  await web.clock.advance(20);
  await web.post(C);
  await settle();
  assertEquals(seen, [[A], [A, B]]);
  assertEquals(discovery.current, [A, B, C]);
  const ended = (async () => {
    for await (const _ of discovery.watch(new AbortController().signal));
  })();
  await settle();
  await discovery.close();
  await ended;
  for await (const _ of discovery.watch(leave.signal)) throw new Error("it has aborted");
});

withDiscovery("callers share one first request", async (web, { discovery }) => {
  web.registry();
  await web.post(A);
  const lists = await Promise.all([discovery.getAll(), discovery.getAll(), discovery.refresh()]);
  assertEquals(lists, [[A], [A], undefined]);
  assertEquals(web.requests.length, 2);
});

withDiscovery("Go's registry is asked every ten seconds, give or take", async (web, watched) => {
  let servers = " tcp@b:1, tcp@a:1,";
  web.at(ORIGIN, goRegistry(() => servers));
  assertEquals(await watched.discovery.getAll(), [A, B]);
  servers = C;
  await web.clock.advance(9999);
  assertEquals(watched.current, [A, B]);
  await web.clock.advance(1);
  assertEquals(watched.current, [C]);
  servers = "";
  await web.clock.advance(10_000);
  assertEquals(watched.current, [C]);
  assertEquals(watched.discovery.staleMs, 10_000, "the registry no longer confirms it");
  assertEquals(watched.take(), ["changed", "changed", "empty"]);
  servers = B;
  await watched.discovery.refresh();
  assertEquals(watched.current, [B], "on demand");
});

withDiscovery("jitter is a tenth", async (web, { discovery }) => {
  web.at(ORIGIN, goRegistry(() => A));
  await discovery.refresh();
  await web.clock.advance(10_989);
  assertEquals(web.requests.length, 1);
  await web.clock.advance(1);
  assertEquals(web.requests.length, 2);
}, { random: () => 0.9949 });

withDiscovery("no stream is asked for if none is wanted", async (web, watched) => {
  web.registry();
  await web.post(A);
  await watched.discovery.refresh();
  await web.post(B);
  await settle();
  assertEquals(watched.current, [A]);
  await web.clock.advance(10_000);
  assertEquals(watched.current, [A, B]);
}, { stream: false });

withDiscovery(
  "a list put in place by hand stays until a registry says otherwise",
  async (web, watched) => {
    const { discovery } = watched;
    await discovery.update([A]);
    assertEquals(await discovery.getAll(), [A], "no registry is needed for it");
    await assertFails(discovery.update(["nonsense"]), { code: "invalid_argument" });
    await web.clock.advance(1000);
    assertEquals(watched.current, [A]);
    web.registry();
    await web.post(B);
    await web.clock.advance(10_000);
    assertEquals(watched.current, [B]);
    assertEquals(watched.take().filter((type) => type === "changed").length, 2);
  },
);

Deno.test("a list by hand and an answer at the same time: the later one holds", () =>
  inWeb(async (web) => {
    web.registry();
    await web.post(A);
    const lists: (readonly string[] | undefined)[] = [];
    for (let turns = 0; turns < 40; turns++) {
      const watched = new Watched(web);
      const refreshed = watched.discovery.refresh();
      for (let turn = 0; turn < turns; turn++) await null;
      const isKnown = watched.current !== undefined;
      await watched.discovery.update([C]);
      await refreshed;
      await settle();
      if (!isKnown) lists.push(watched.current);
      await watched.discovery.close();
    }
    assertEquals(lists, lists.map(() => [A]));
    assert(lists.length > 5, `${lists.length}`);
  }));

Deno.test("closing ends everything, whatever it is doing", () =>
  inWeb(async (web) => {
    const closed = { code: "canceled", message: REGISTRY } as const;
    const states: ((watched: Watched) => Promise<unknown> | undefined)[] = [
      () => undefined,
      ({ discovery }) => assertFails(discovery.getAll(), closed), // a request that hangs
      ({ discovery }) => {
        web.at(ORIGIN, "down");
        return failure(discovery.getAll()); // a pause after a failure
      },
      ({ discovery }) => {
        web.registry();
        return discovery.getAll(); // a stream
      },
      ({ discovery }) => {
        web.at(ORIGIN, goRegistry(() => A));
        return discovery.getAll(); // a wait between polls
      },
    ];
    for (const begin of states) {
      web.at(ORIGIN, "hangs");
      const watched = new Watched(web);
      const begun = begin(watched);
      await settle();
      await Promise.all([watched.discovery.close(), watched.discovery[Symbol.asyncDispose]()]);
      await begun;
      await settle();
      const asked = web.requests.length;
      await assertFails(watched.discovery.refresh(), closed);
      assertEquals(web.requests.length, asked);
      assertEquals(web.open, 0);
    }
  }));

Deno.test("a fetch that ignores its signal can neither delay closing nor leave a stream", () =>
  inWeb(async (web) => {
    web.registry();
    const fetch = (url: string, { method, headers }: RequestInit) =>
      web.fetch(url, { method, headers });
    for (let turns = 0; turns < 40; turns++) {
      const { discovery } = new Watched(web, { fetch });
      discovery.refresh().catch(() => {});
      for (let turn = 0; turn < turns; turn++) await null;
      await discovery.close();
      await settle();
      assertEquals(web.open, 0, `closed after ${turns} turns`);
    }

    const { discovery } = new Watched(web, { fetch: () => new Promise(() => {}) });
    const late = {
      code: "unavailable",
      message: "no list of servers came within 5000 ms",
    } as const;
    const refreshed = assertFails(discovery.refresh(), late);
    await web.clock.advance(5000);
    await refreshed;
    const again = assertFails(discovery.refresh(), { code: "canceled" });
    await discovery.close();
    await again;
  }));

Deno.test("an abort ends everything, too", () =>
  inWeb(async (web) => {
    web.registry();
    await web.post(A);
    const abort = new AbortController();
    const { discovery } = new Watched(web, { signal: abort.signal });
    await discovery.refresh();
    abort.abort();
    await discovery.close();
    await settle();
    assertEquals(web.open, 0);
    const closed = { code: "canceled", message: REGISTRY } as const;
    await assertFails(discovery.refresh(), closed);
    assertEquals(await discovery.getAll(), [A], "the last list can be had");

    const late = new Watched(web, { signal: abort.signal });
    await assertFails(late.discovery.getAll(), closed);
    await late.discovery.close();
  }));

Deno.test("headers go with each request", () =>
  inWeb(async (web) => {
    const seen: (string | null)[] = [];
    web.at(ORIGIN, (request) => {
      seen.push(request.headers.get("authorization"));
      return goRegistry(() => A)();
    });
    const { discovery } = new Watched(web, { headers: { authorization: "Bearer x" } });
    await discovery.refresh();
    assertEquals(seen, ["Bearer x"]);
    await discovery.close();
  }));

Deno.test("an invalid URL or duration is refused", () => {
  for (const url of ["", "registry:9999", "ftp://registry", "10.0.0.1:9999", []]) {
    assertThrows(() => new RegistryDiscovery(url), TypeError, "registry");
  }
  const { signal } = new AbortController();
  for (const name of ["refreshMs", "requestTimeoutMs"]) {
    const make = () => new RegistryDiscovery(ORIGIN, { [name]: 0, signal });
    assertThrows(make, RangeError, name);
  }
  assertEquals(getEventListeners(signal, "abort").length, 0);
});

withDiscovery(
  "a server's zone comes with its address, and a change of it",
  async (web, watched) => {
    web.registry();
    const zones: string[] = [];
    const pick = <T extends EndpointView>(shown: readonly T[]): undefined => {
      zones.push(shown.map(({ address, zone }) => `${address.at(-3)} ${zone}`).join(", "));
    };
    for (const server of [`${A}?zone=x`, `${B}?zone=y&weight=2`, C]) await web.post(server);
    const xclient = new XClient(watched.discovery, { mode: { pick }, zone: "y", clock: web.clock });
    await failure(xclient.call("S.M"));
    await web.post(`${A}?zone=y`); // its next heartbeat says another one
    await settle();
    await failure(xclient.call("S.M"));
    assertEquals(zones, ["b y", "a y, b y"]);
    await xclient.close();
  },
);
