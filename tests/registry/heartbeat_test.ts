/** The heartbeat: registering, renewing, outages, restarts, several registries, and closing. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Heartbeat,
  type HeartbeatEvent,
  type HeartbeatOptions,
  register,
  type Registry,
  RegistryDiscovery,
} from "../../registry.ts";
import type { RpcCode } from "../../errors.ts";
import { assertFails, failure } from "../support/helpers.ts";
import { inWeb, type MemoryWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const A = "tcp@a:1?zone=x";

/** Starts a heartbeat, and collects its events. */
function start(
  web: MemoryWeb,
  options: HeartbeatOptions = {},
  url: string | string[] = ORIGIN,
): { heartbeat: Heartbeat; events: HeartbeatEvent[] } {
  const events: HeartbeatEvent[] = [];
  const heartbeat = new Heartbeat(url, A, {
    fetch: web.fetch,
    clock: web.clock,
    random: () => 1,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { heartbeat, events };
}

function types(events: HeartbeatEvent[]): string[] {
  return events.splice(0).map(({ type }) => type);
}

Deno.test("a server is listed while its heartbeat runs, and gone once that is closed", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    const { heartbeat, events } = start(web);
    await heartbeat.registered;
    await heartbeat.tried();
    assertEquals(registry.servers, [A]);
    await web.clock.advance(3_600_000);
    assertEquals(registry.servers, [A]);
    assertEquals(web.requests.length, 1 + 15, "every four minutes");
    await heartbeat.close();
    assertEquals(registry.servers, []);
    assertEquals(web.requests.at(-1), `DELETE ${REGISTRY}`);
    assertEquals(types(events), ["registered"]);
    const count = web.requests.length;
    await heartbeat[Symbol.asyncDispose]();
    await web.clock.advance(3_600_000);
    assertEquals(web.requests.length, count);
  }));

Deno.test("a heartbeat may come a tenth earlier, never later", () =>
  inWeb(async (web) => {
    web.registry();
    const { heartbeat } = start(web, { random: () => 0, everyMs: 1000 });
    await heartbeat.registered;
    await web.clock.advance(899);
    assertEquals(web.requests.length, 1);
    await web.clock.advance(1);
    assertEquals(web.requests.length, 2);
    await heartbeat.close();
  }));

Deno.test("the lease that is granted sets the pace", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    const { heartbeat } = start(web, { timeoutMs: 1000 });
    await heartbeat.registered;
    await web.clock.advance(800);
    assertEquals(web.requests.length, 2);
    await heartbeat.close();

    const short = web.registry({ timeoutMs: 500 });
    const other = start(web).heartbeat;
    await other.registered;
    await web.clock.advance(60_000);
    assertEquals([registry.servers, short.servers], [[], [A]]);
    await other.close();
  }));

Deno.test("a lease that is longer than a timer can be is shortened to that", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    for (const timeoutMs of [1e10, Infinity]) {
      const { heartbeat } = start(web, { timeoutMs });
      await heartbeat.tried();
      assertEquals(registry.servers, [A]);
      await heartbeat.close();
    }
  }));

Deno.test("a heartbeat that is lost leaves time for another, even in a short lease", () =>
  inWeb(async (web) => {
    const told: string[] = [];
    const registry = web.registry({ onEvent: ({ type }) => told.push(type) });
    const { heartbeat } = start(web, { timeoutMs: 2000 });
    await heartbeat.registered;
    for (let time = 0; time < 3; time++) {
      web.at(ORIGIN, "hangs");
      await web.clock.advance(1600); // in which the heartbeat is due
      web.at(ORIGIN, registry.fetch);
      await web.clock.advance(400);
    }
    assertEquals([registry.servers, told], [[A], ["joined"]]);
    await heartbeat.close();
  }));

Deno.test("a slow registry is waited for, whatever the lease", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    web.at(ORIGIN, (request) =>
      new Promise((resolve) => {
        web.clock.setTimer(700, () => resolve(registry.fetch(request)));
      }));
    const { heartbeat, events } = start(web, { timeoutMs: 2000 });
    await web.clock.advance(60_000);
    await heartbeat.registered;
    assertEquals(events.at(-1)?.type, "registered");
    const closed = heartbeat.close();
    await web.clock.advance(2000);
    await closed;
  }));

Deno.test("register waits for the first heartbeat, and fails if that does", () =>
  inWeb(async (web) => {
    const { fetch, clock } = web;
    await assertFails(register("http://registry:9999/", A, { fetch, clock }), {
      code: "unavailable",
      address: REGISTRY,
      message: "connection refused",
    });
    assertEquals(clock.timers, 0, "nothing is left running");

    const registry = web.registry({ maxServers: 0 });
    await assertFails(register(ORIGIN, A, { fetch, clock }), {
      message: "507: the registry is full",
    });
    web.registry({ maxAddressBytes: 5 });
    await assertFails(register(ORIGIN, A, { fetch, clock }), { code: "invalid_argument" });
    assertEquals(registry.servers, []);

    const open = web.registry();
    const heartbeat = await register(ORIGIN, A, { fetch, clock });
    assertEquals(open.servers, [A]);
    await heartbeat.close();
  }));

Deno.test("an address that nobody can reach is refused at once", () => {
  for (
    const [address, why] of [
      ["tcp@0.0.0.0:9001", "clients reach it by"],
      ["tcp@[::]:9001", "clients reach it by"],
      ["tcp@[0:0::0]:9001", "clients reach it by"],
      ["tcp@a:0", "port 0"],
      ["tcp@a:1?tags=x,y", "comma"],
      ["unix@/run/\u20ac", "ASCII"],
      ["a:1", "scheme"],
    ]
  ) {
    assertThrows(() => new Heartbeat(ORIGIN, address), Error, why);
  }
  assertThrows(() => new Heartbeat("registry", A), TypeError, "registry");
  assertThrows(() => new Heartbeat(ORIGIN, A, { timeoutMs: 0 }), RangeError, "timeoutMs");
  assertThrows(() => new Heartbeat(ORIGIN, A, { everyMs: -1 }), RangeError, "everyMs");
});

Deno.test("a registry that starts later than the server finds it soon", () =>
  inWeb(async (web) => {
    const { heartbeat, events } = start(web);
    await assertFails(heartbeat.tried(), { code: "unavailable", address: REGISTRY });
    await web.clock.advance(60_000);
    assert(web.requests.length >= 8 && web.requests.length <= 14, `${web.requests.length} tries`);
    const registry = web.registry();
    await web.clock.advance(10_000);
    await heartbeat.registered;
    assertEquals(registry.servers, [A]);
    const told = types(events);
    assertEquals([told[0], told.at(-1)], ["failed", "registered"]);
    await heartbeat.close();
  }));

Deno.test("a registry that restarts has the server at the next heartbeat", () =>
  inWeb(async (web) => {
    web.registry();
    const { heartbeat, events } = start(web, { timeoutMs: 1000 });
    await heartbeat.registered;
    const second = web.registry(); // the heartbeat does not know of it
    await web.clock.advance(800);
    assertEquals(second.servers, [A]);
    web.at(ORIGIN, "down");
    await web.clock.advance(5000);
    const third = web.registry();
    await web.clock.advance(800);
    assertEquals(third.servers, [A]);
    assertEquals(new Set(types(events)), new Set(["registered", "failed"]));
    await heartbeat.close();
  }));

Deno.test("a registry that hangs is given up in time", () =>
  inWeb(async (web) => {
    web.at(ORIGIN, "hangs");
    const { heartbeat } = start(web);
    const tried = failure(heartbeat.tried());
    await web.clock.advance(5000);
    assert(String(await tried).includes("no answer came within 5000 ms"));
    const closed = heartbeat.close();
    await web.clock.advance(2000);
    await closed;
    await assertFails(heartbeat.registered, { code: "canceled", message: A });
  }));

Deno.test("a heartbeat in flight can't register a server that has been closed", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    const { heartbeat } = start(web, { everyMs: 1000 });
    await heartbeat.registered;
    let release = () => {};
    web.at(ORIGIN, async (request) => {
      if (request.method === "POST") await new Promise<void>((resolve) => release = resolve);
      return registry.fetch(request);
    });
    await web.clock.advance(1000);
    const closed = heartbeat.close();
    await settle();
    release();
    await closed;
    assertEquals(registry.servers, []);
    assertEquals(web.requests.at(-1), `DELETE ${REGISTRY}`);
  }));

Deno.test("Go's registry knows neither DELETE nor leases, and works nevertheless", () =>
  inWeb(async (web) => {
    const posted: (string | null)[] = [];
    web.at(ORIGIN, ({ method, headers }) => {
      if (method !== "POST") return new Response(null, { status: 405 });
      posted.push(headers.get("x-geerpc-server"));
      return new Response(null);
    });
    const { heartbeat } = start(web);
    await heartbeat.registered;
    await web.clock.advance(240_000);
    assertEquals(posted, [A, A]);
    await heartbeat.close();

    const asking = start(web, { timeoutMs: 600_000 }).heartbeat;
    await asking.registered;
    await web.clock.advance(240_000);
    assertEquals(posted.length, 4, "nor any lease but five minutes");
    await asking.close();
  }));

Deno.test("several registries each have the server; one is enough", () =>
  inWeb(async (web) => {
    const urls = ["http://one", "http://two"];
    const { fetch, clock } = web;
    const error = await failure(register(urls, A, { fetch, clock }));
    assert(/one.*two/.test(String(error)), String(error));

    const two = web.registry({}, "http://two");
    const heartbeat = await register(urls, A, { fetch, clock });
    await heartbeat.registered;
    const one: Registry = web.registry({}, "http://one");
    await web.clock.advance(10_000);
    assertEquals([one.servers, two.servers], [[A], [A]]);
    await heartbeat.close();
    assertEquals([one.servers, two.servers], [[], []]);
  }));

Deno.test("an abort closes it", () =>
  inWeb(async (web) => {
    const registry = web.registry();
    const abort = new AbortController();
    const { heartbeat } = start(web, { signal: abort.signal });
    await heartbeat.registered;
    abort.abort(new Error("enough"));
    await heartbeat.close();
    assertEquals(registry.servers, []);
    await web.clock.advance(300_000);
    assertEquals(web.requests.length, 2);

    const { fetch, clock } = web;
    const { signal } = abort;
    assertEquals(await failure(register(ORIGIN, A, { fetch, clock, signal })), signal.reason);
    const later = new AbortController();
    web.at(ORIGIN, "hangs");
    const registering = failure(register(ORIGIN, A, { fetch, clock, signal: later.signal }));
    await settle();
    later.abort(new Error("too long"));
    await clock.advance(1000);
    await clock.advance(1000);
    assertEquals(await registering, later.signal.reason);
  }));

for (const granted of ["1", "0", "-5", "1e-9", "Infinity", "nonsense", "99999999999"]) {
  Deno.test(`a registry that grants a lease of ${granted} ms gets no flood of heartbeats`, () =>
    inWeb(async (web) => {
      web.at(ORIGIN, () => new Response(null, { headers: { "X-Geerpc-Timeout-Ms": granted } }));
      const { heartbeat, events } = start(web);
      await heartbeat.registered;
      await web.clock.advance(240_000);
      const beats = web.requests.length - 1;
      assertEquals(beats, granted === "1" ? 5 * 240 : 1);
      assertEquals(types(events), ["registered"]);
      await heartbeat.close();
    }));
}

Deno.test("user and password of a URL are sent, and shown nowhere", () =>
  inWeb(async (web) => {
    const seen: (string | null)[] = [];
    web.at(ORIGIN, (request) => {
      seen.push(request.headers.get("authorization"));
      return new Response("no\n", { status: 500 });
    });
    const url = "http://ann:s%20cret@registry:9999";
    const { heartbeat, events } = start(web, {}, url);
    const error = await assertFails(heartbeat.tried(), { code: "unavailable", address: REGISTRY });
    const discovery = new RegistryDiscovery(url, { fetch: web.fetch, clock: web.clock });
    const other = await assertFails(discovery.refresh(), { address: REGISTRY });
    const basic = `Basic ${btoa("ann:s cret")}`;
    assertEquals(seen, [basic, basic]);
    await heartbeat.close();
    await discovery.close();
    const closed = await failure(discovery.refresh());
    const texts = [error, other, closed].map(String).concat(JSON.stringify(events));
    for (const text of texts) assert(!/ann|cret/.test(text), text);

    const own = { headers: { authorization: "Bearer x" } };
    const another = start(web, own, url).heartbeat;
    await failure(another.tried());
    assertEquals(seen.at(-1), "Bearer x");
    await another.close();
  }));

Deno.test("a URL that is none is quoted without user and password", () => {
  const wrong = ["http://ann:secret@registry:port", "ann:secret@registry", "ftp://ann:secret@a/b"];
  for (const url of wrong) {
    for (const make of [() => new Heartbeat(url, A), () => new RegistryDiscovery(url)]) {
      const { message } = assertThrows(make, TypeError, "invalid registry");
      assert(!/ann|secret/.test(message), message);
    }
  }
});

Deno.test("what does not heal by itself is told, and tried again all the same", () =>
  inWeb(async (web) => {
    const untrusted = new TypeError("fetch failed", {
      cause: new Error("self-signed certificate"),
    });
    const refusals: [() => Response | Promise<Response>, RpcCode, string][] = [
      [() => new Response("no\n", { status: 400 }), "invalid_argument", "answers 400: no"],
      [() => new Response("who?\n", { status: 401 }), "unauthenticated", "answers 401: who?"],
      [() => new Response("no\n", { status: 403 }), "permission_denied", "answers 403: no"],
      [() => Promise.reject(untrusted), "unavailable", "comes with the option fetch"],
    ];
    for (const [answer, code, message] of refusals) {
      web.at(ORIGIN, answer);
      const { heartbeat, events } = start(web);
      await assertFails(heartbeat.registered, { code, message, address: REGISTRY });
      web.registry();
      await web.clock.advance(10_000);
      assertEquals(types(events), ["failed", "registered"]);
      await heartbeat.close();
    }
    const busy = () => new Response("full\n", { status: 507 });
    web.at(ORIGIN, busy);
    web.at("http://other", () => new Response("no\n", { status: 400 }));
    const { heartbeat } = start(web, {}, [ORIGIN, "http://other"]);
    await failure(heartbeat.tried());
    web.registry();
    await web.clock.advance(1000);
    await heartbeat.registered; // one of two may heal
    await heartbeat.close();
  }));
