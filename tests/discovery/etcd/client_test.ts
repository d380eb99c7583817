/** Requests to etcd: several endpoints, users and tokens. */

import { assert, assertEquals } from "@std/assert";
import { A, B, C, inEtcdWorld } from "../../support/etcd_world.ts";
import { assertFails } from "../../support/helpers.ts";

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
    await assertFails(discovery.refresh(), { code: "permission_denied", address: "http://one" });
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
