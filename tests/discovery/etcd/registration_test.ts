/** Registration with etcd, with an etcd in memory and a clock that the test moves. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  EtcdRegistration,
  type EtcdRegistrationEvent,
  type EtcdRegistrationOptions,
} from "../../../etcd.ts";
import { type RpcCode, RpcError } from "../../../errors.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { FakeEtcd } from "../../support/fake_etcd.ts";
import { assertFails } from "../../support/helpers.ts";

const ADDRESS = "tcp@10.0.0.7:9001?weight=3";
const KEY = "arith/tcp@10.0.0.7:9001";

async function inWorld(
  options: Partial<EtcdRegistrationOptions>,
  body: (world: {
    etcd: FakeEtcd;
    clock: FakeClock;
    registration: EtcdRegistration;
    events: EtcdRegistrationEvent[];
  }) => Promise<void>,
  etcd: FakeEtcd = new FakeEtcd(),
): Promise<void> {
  const clock = new FakeClock();
  const events: EtcdRegistrationEvent[] = [];
  const registration = new EtcdRegistration("arith/", ADDRESS, {
    endpoints: "http://one",
    fetch: etcd.fetch,
    clock,
    random: () => 0.9999,
    onEvent: (event) => events.push(event),
    ttlMs: 6000,
    ...options,
  });
  await body({ etcd, clock, registration, events });
  await registration.close();
  assertEquals(clock.timers, 0, "timers are left");
}

Deno.test("registration: a key with a lease, kept alive, revoked on close", async () => {
  await inWorld({}, async ({ etcd, clock, registration, events }) => {
    await registration.ready;
    assert(registration.registered);
    assertEquals(etcd.values.get(KEY)?.value, ADDRESS);
    const [lease] = etcd.leases.keys();
    assertEquals(etcd.values.get(KEY)?.lease, lease);
    assertEquals(lease, "7587000000000000001", "an int64 keeps all its digits");
    await clock.advance(60_000);
    assertEquals(etcd.count("/v3/lease/keepalive"), 30, "three times a lease");
    await registration.close();
    assertEquals(etcd.values.size, 0);
    assertEquals(etcd.leases.size, 0);
    assert(!registration.registered);
    assertEquals(events, [{ type: "registered" }]);
  });
});

Deno.test("registration: a lease that is lost is replaced at once", async () => {
  await inWorld({}, async ({ etcd, clock, events }) => {
    await clock.advance(0);
    etcd.expire([...etcd.leases.keys()][0]);
    assertEquals(etcd.values.size, 0);
    await clock.advance(2000);
    assertEquals(etcd.values.get(KEY)?.value, ADDRESS);
    assertEquals(events.map(({ type }) => type), ["registered", "lost", "registered"]);
  });
});

Deno.test("registration: in an outage there are tries often enough to keep the lease", async () => {
  await inWorld({}, async ({ etcd, clock, registration, events }) => {
    await registration.ready;
    etcd.down.add("one");
    const before = etcd.requests.length;
    await clock.advance(60_000);
    const tries = etcd.requests.length - before;
    assert(tries >= 38 && tries <= 45, `a quarter of the lease between them: ${tries}`);
    etcd.down.clear();
    await clock.advance(1500);
    assertEquals(etcd.count("/v3/lease/grant"), 1, "the same lease");
    assertEquals(events.filter(({ type }) => type === "registered").length, 1);
  });
});

Deno.test("registration: silent endpoints don't cost the lease", async () => {
  const endpoints = ["http://one", "http://two", "http://three"];
  const keptAtMs: number[] = [];
  const etcd = new FakeEtcd();
  const clock = new FakeClock();
  const fetch: typeof etcd.fetch = async (url, init) => {
    const answer = await etcd.fetch(url, init);
    if (!url.endsWith("/v3/kv/put")) keptAtMs.push(clock.now());
    return answer;
  };
  const options = { endpoints, fetch, clock, random: () => 0 };
  await inWorld(options, async ({ registration }) => {
    await registration.ready;
    etcd.silent.add("one").add("two");
    await clock.advance(30_000);
    const gaps = keptAtMs.slice(1).map((atMs, nth) => atMs - keptAtMs[nth]);
    assert(gaps.length > 8 && Math.max(...gaps) < 6000, `${gaps}`);
  }, etcd);
});

Deno.test("registration: an etcd that is down at first is waited for", async () => {
  const etcd = new FakeEtcd();
  etcd.down.add("one");
  await inWorld({}, async ({ clock, registration, events }) => {
    await clock.advance(5000);
    assert(!registration.registered);
    assert(events.length > 3 && events.every(({ type }) => type === "failed"));
    etcd.down.clear();
    await clock.advance(1500);
    await registration.ready;
  }, etcd);
});

Deno.test("registration: a lease that is lost before its key is put is replaced", async () => {
  const etcd = new FakeEtcd();
  let losses = 1;
  const fetch: typeof etcd.fetch = (url, init) => {
    if (url.endsWith("/v3/kv/put") && losses-- > 0) etcd.expire([...etcd.leases.keys()][0]);
    return etcd.fetch(url, init);
  };
  await inWorld({ fetch }, async ({ registration, clock }) => {
    await clock.advance(100);
    await registration.ready;
    assertEquals(etcd.count("/v3/lease/grant"), 2);
  }, etcd);
});

Deno.test("registration: closing before it is ready rejects ready, and leaves nothing", async () => {
  const etcd = new FakeEtcd();
  etcd.silent.add("one");
  const ending = new AbortController();
  await inWorld({ signal: ending.signal }, async ({ registration }) => {
    const ready = assertFails(registration.ready, { code: "canceled", message: KEY });
    ending.abort();
    await ready;
  }, etcd);
});

Deno.test("registration: closing while etcd is down takes no longer than the limit", async () => {
  await inWorld({ requestTimeoutMs: 1000 }, async ({ etcd, clock, registration, events }) => {
    await registration.ready;
    etcd.silent.add("one");
    const closed = registration.close();
    await clock.advance(1000);
    await closed;
    assertEquals(events.at(-1)?.type, "failed");
  });
});

Deno.test("registration: invalid arguments are refused", () => {
  const make = (address: string, ttlMs = 1000) => () =>
    new EtcdRegistration("arith/", address, { endpoints: "http://one", ttlMs });
  assertThrows(make("nonsense"), RpcError, "invalid address");
  assertThrows(make(ADDRESS, 0), RangeError, "ttlMs");
  assertThrows(make(ADDRESS, Infinity), RangeError, "ttlMs must be from 1000 to 9000000000000");
});

for (const TTL of ["0", "-1", "nonsense", undefined]) {
  Deno.test(`registration: a lease of ${TTL} s is not renewed without a pause`, async () => {
    const etcd = new FakeEtcd();
    const fetch: typeof etcd.fetch = async (url, init) => {
      const response = await etcd.fetch(url, init);
      if (!url.endsWith("/grant")) return response;
      return Response.json({ ...await response.json(), TTL });
    };
    await inWorld({ fetch }, async ({ clock, registration }) => {
      await registration.ready;
      await clock.advance(60_000);
      const count = etcd.count("/v3/lease/keepalive");
      assert(count > 0 && count < 200, `${count} times in a minute`);
    }, etcd);
  });
}

const refusal = (code: number, message: string) => () =>
  Promise.resolve(Response.json({ code, message }, { status: 400 }));
const fails = (message: string, cause?: Error) => () =>
  Promise.reject(new TypeError(message, { cause }));
const LASTING: [string, () => Promise<Response>, RpcCode, string][] = [
  ["a wrong password", refusal(3, "authentication failed"), "invalid_argument", "authentication"],
  ["no user", refusal(3, "user name is empty"), "unauthenticated", "username and password"],
  ["no permission", refusal(7, "permission denied"), "permission_denied", "permission denied"],
  [
    "a certificate that Deno refuses",
    fails("error sending request: client error (Connect): invalid peer certificate: UnknownIssuer"),
    "unavailable",
    "invalid peer certificate: UnknownIssuer (an authority of your own comes with the option fetch",
  ],
  [
    "a certificate that Node refuses",
    fails("fetch failed", new Error("self-signed certificate in certificate chain")),
    "unavailable",
    "self-signed certificate in certificate chain (an authority of your own",
  ],
  [
    "a server without TLS, as Deno says it",
    fails("client error (Connect): received corrupt message of type InvalidContentType"),
    "unavailable",
    "a server without TLS?",
  ],
  [
    "a server without TLS, as Node says it",
    fails("fetch failed", new Error("SSL routines:ssl3_get_record:wrong version number")),
    "unavailable",
    "a server without TLS?",
  ],
];

for (const [what, answer, code, message] of LASTING) {
  Deno.test(`registration: ${what} is told by ready, and tried again all the same`, async () => {
    const etcd = new FakeEtcd();
    let isMended = false;
    const fetch: typeof etcd.fetch = (url, init) => isMended ? etcd.fetch(url, init) : answer();
    await inWorld({ fetch }, async ({ clock, registration, events }) => {
      await assertFails(registration.ready, { code, message, address: "http://one" });
      assert(!registration.registered);
      isMended = true;
      await clock.advance(2000);
      assert(registration.registered);
      assertEquals(events.map(({ type }) => type), ["failed", "registered"]);
    }, etcd);
  });
}

Deno.test("registration: of several endpoints one that may heal is waited for", async () => {
  const endpoints = ["http://one", "http://two"];
  const etcd = new FakeEtcd();
  etcd.down.add("two");
  const fetch: typeof etcd.fetch = (url, init) =>
    url.startsWith("http://one") ? LASTING[4][1]() : etcd.fetch(url, init);
  await inWorld({ endpoints, fetch }, async ({ clock, registration, events }) => {
    await clock.advance(3000);
    assert(events.length > 0);
    etcd.down.clear();
    await clock.advance(3000);
    await registration.ready;
  }, etcd);
});
