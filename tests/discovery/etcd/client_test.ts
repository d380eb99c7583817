/** Requests to etcd: several endpoints, users and tokens. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { EtcdDiscovery, EtcdRegistration } from "../../../etcd.ts";
import { A, B, C, inEtcdWorld } from "../../support/etcd_world.ts";
import { FakeEtcd } from "../../support/fake_etcd.ts";
import { assertFails, failure } from "../../support/helpers.ts";

Deno.test("etcd: endpoints are tried in turn; the one that answers is kept", async () => {
  const endpoints = ["http://one", "http://two", "http://three/"];
  await inEtcdWorld({ endpoints }, async ({ etcd, clock, discovery, rest }) => {
    etcd.down.add("one");
    etcd.silent.add("two");
    const refreshed = discovery.refresh();
    await clock.advance(5000);
    await refreshed;
    assertEquals(etcd.requests, [
      "one/v3/kv/range",
      "two/v3/kv/range",
      "three/v3/kv/range",
      "three/v3/watch",
    ]);
    etcd.down.clear();
    etcd.silent.clear();
    etcd.drop();
    await clock.advance(200);
    await rest();
    assertEquals(etcd.requests.slice(4), ["one/v3/watch"]);
  });
});

Deno.test("etcd: down at first, refresh names the endpoints, and the discovery recovers by itself", async () => {
  const endpoints = ["http://one", "http://two"];
  await inEtcdWorld({ endpoints }, async ({ etcd, clock, discovery }) => {
    etcd.down.add("one").add("two");
    await assertFails(discovery.refresh(), {
      code: "unavailable",
      address: "http://one, http://two",
      message: "none answers; the last said: etcd at http://two: /v3/kv/range: connection refused",
    });
    for (let call = 0; call < 100; call++) {
      await assertFails(discovery.getAll(), { code: "unavailable" });
    }
    assertEquals(etcd.requests.length, 2, "calls do not ask");
    await clock.advance(30_000);
    const { length } = etcd.requests;
    assert(length >= 140 && length <= 160, `backs off: ${length}`);
    etcd.down.clear();
    await clock.advance(3000);
    assertEquals(discovery.current, [A, B]);
  });
});

Deno.test("etcd: a token is requested, and again when it is refused", async () => {
  const user = { username: "root", password: "secret" };
  await inEtcdWorld(user, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await discovery.refresh();
    assertEquals(etcd.count("/v3/auth/authenticate"), 1);
    etcd.tokens.clear();
    await discovery.refresh();
    assertEquals(etcd.count("/v3/auth/authenticate"), 2);
    assertEquals(discovery.current, [A, B]);
  });
});

Deno.test("etcd: a wrong password and a missing user are named in the error", async () => {
  await inEtcdWorld({ username: "root", password: "guess" }, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await assertFails(discovery.refresh(), {
      code: "invalid_argument",
      message: "etcd at http://one: etcdserver: authentication failed",
    });
  });
  await inEtcdWorld({}, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await assertFails(discovery.refresh(), {
      code: "unauthenticated",
      address: "http://one",
      message: "etcd at http://one: etcdserver: user name is empty (it has users: hand one in " +
        "with the options username and password)",
    });
  });
});

Deno.test("etcd: a user does no harm where authentication is disabled", async () => {
  await inEtcdWorld({ username: "root", password: "secret" }, async ({ discovery }) => {
    assertEquals(await discovery.getAll(), [A, B]);
  });
});

Deno.test("etcd: a watch that etcd ends for its token is opened again with another token", async () => {
  const user = { username: "root", password: "secret" };
  await inEtcdWorld(user, async ({ etcd, clock, discovery, rest }) => {
    etcd.tokens = new Set();
    await discovery.refresh();
    etcd.say({ canceled: true, cancel_reason: "permission denied" });
    await clock.advance(1000);
    await rest();
    assertEquals(etcd.count("/v3/auth/authenticate"), 2);
    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
  });
});

const USER = { username: "root", password: "secret" };

Deno.test("etcd: authentication that is enabled later, off and on again: it goes on by itself", async () => {
  await inEtcdWorld(USER, async ({ etcd, clock, discovery, events, rest }) => {
    await discovery.refresh();
    const registration = new EtcdRegistration("arith/", C, {
      endpoints: "http://one",
      fetch: etcd.fetch,
      clock,
      random: () => 0,
      ...USER,
    });
    await registration.ready;
    for (const tokens of [new Set<string>(), undefined, new Set<string>()]) {
      etcd.tokens = tokens;
      await discovery.refresh();
      etcd.drop();
      for (const lease of [...etcd.leases.keys()]) etcd.expire(lease);
      for (let wait = 0; wait < 5; wait++) {
        await clock.advance(3000);
        await rest();
      }
      assertEquals(discovery.current, [A, B, C]);
      assertEquals(registration.registered, true);
    }
    const failed = events.filter(({ type }) => type === "failed");
    assertEquals(failed.length, 3, "the three watches that were cut, and nothing else");
    await registration.close();
    await rest();
  });
});

for (
  const [code, message] of [
    [16, "etcdserver: invalid auth token"],
    [3, "etcdserver: user name is empty"],
    [3, "etcdserver: revision of auth store is old"],
    [3, "etcdserver: auth revision in header is old"],
    [16, "a text of a later version"],
    [undefined, undefined],
  ] as const
) {
  Deno.test(`etcd: another token is asked for when it says ${message ?? "401 in words of a proxy's"}`, async () => {
    let refused = false;
    const etcd = new FakeEtcd();
    etcd.put("arith/a", A);
    etcd.tokens = new Set();
    const discovery = new EtcdDiscovery("arith/", {
      endpoints: "http://one",
      ...USER,
      fetch: (url, init) => {
        if (refused || url.endsWith("/authenticate")) return etcd.fetch(url, init);
        refused = true;
        return Promise.resolve(
          message === undefined
            ? new Response("<html>", { status: 401 })
            : Response.json({ code, message }, { status: 400 }),
        );
      },
    });
    assertEquals(await discovery.getAll(), [A]);
    assertEquals(etcd.count("/authenticate"), 2);
    await discovery.close();
  });
}

Deno.test("etcd: a password that changes is asked for again", async () => {
  let password = "secret";
  const user = { username: "root", password: () => Promise.resolve(password) };
  await inEtcdWorld(user, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await discovery.refresh();
    etcd.password = "other";
    etcd.tokens.clear();
    await assertFails(discovery.refresh(), { message: "authentication failed" });
    password = "other";
    await discovery.refresh();
  });
});

Deno.test("etcd: user and password of a URL are for a proxy, and shown nowhere", async () => {
  const seen: unknown[] = [];
  const discovery = new EtcdDiscovery("arith/", {
    endpoints: ["http://ann:s%20cret@one/", "http://two"],
    random: () => 0,
    fetch: (url, init) => {
      seen.push(url, (init.headers as Record<string, string>).Authorization);
      return Promise.reject(new TypeError("connection refused"));
    },
  });
  const error = await assertFails(discovery.refresh(), { address: "http://one, http://two" });
  assertEquals(seen, [
    "http://one/v3/kv/range",
    `Basic ${btoa("ann:s cret")}`,
    "http://two/v3/kv/range",
    undefined,
  ]);
  await discovery.close();
  const closed = await failure(discovery.refresh());
  for (const text of [error, closed].map(String)) assert(!/ann|cret/.test(text), text);
  for (const endpoints of ["http://ann:secret@one:port", "ftp://ann:secret@one"]) {
    const { message } = assertThrows(() => new EtcdDiscovery("arith/", { endpoints }), TypeError);
    assert(!/ann|secret/.test(message), message);
  }
});
