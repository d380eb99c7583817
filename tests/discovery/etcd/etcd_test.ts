/** Discovery by etcd, with an etcd in memory and a clock that the test moves. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { EtcdDiscovery, type EtcdDiscoveryOptions, type SourceEvent } from "../../../etcd.ts";
import { fromBase64, int64, rangeOfPrefix, toBase64 } from "../../../discovery/etcd/encoding.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { FakeEtcd } from "../../support/fake_etcd.ts";
import { assertFails, deferred, settled } from "../../support/helpers.ts";

const A = "tcp@10.0.0.1:9001";
const B = "tcp@10.0.0.2:9001?weight=3";
const C = "tcp@10.0.0.3:9001";

interface World {
  etcd: FakeEtcd;
  clock: FakeClock;
  discovery: EtcdDiscovery;
  events: SourceEvent[];
  /** Lets all that is on its way end. */
  rest(): Promise<void>;
}

/** A discovery with two servers registered, which must leave nothing behind. */
async function inWorld(
  options: Partial<EtcdDiscoveryOptions>,
  body: (world: World) => Promise<void>,
): Promise<void> {
  const etcd = new FakeEtcd();
  etcd.put("arith/b", B);
  etcd.put("arith/a", A);
  etcd.put("brith/x", "tcp@10.9.9.9:1");
  const clock = new FakeClock();
  const events: SourceEvent[] = [];
  const discovery = new EtcdDiscovery("arith/", {
    endpoints: "http://one",
    fetch: etcd.fetch,
    clock,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const rest = async () => {
    for (let turn = 0; turn < 5; turn++) await settled();
  };
  await body({ etcd, clock, discovery, events, rest });
  await discovery.close();
  assertEquals(clock.timers, 0, "timers are left");
  assertEquals(etcd.watches, 0, "watches are left");
}

Deno.test("etcd: int64, base64, and where a prefix ends", () => {
  assertEquals(int64("9223372036854775807"), 9223372036854775807n);
  assertEquals(int64(undefined), 0n);
  assertEquals(fromBase64(toBase64("arith/ä€")), "arith/ä€");
  assertEquals(fromBase64(undefined), "");
  assertEquals(atob(rangeOfPrefix("arith/").range_end), "arith0");
});

Deno.test("etcd: wrong options are refused", () => {
  const make = (prefix: string, endpoints: string | string[]) => () =>
    new EtcdDiscovery(prefix, { endpoints });
  assertThrows(make("", "http://one"), TypeError, "prefix");
  assertThrows(make("a/", []), TypeError, "at least one endpoint");
  assertThrows(make("a/", ["ftp://one"]), TypeError, '"ftp://one" is not like http://');
});

Deno.test("etcd: one read at a revision, then a watch from the next", async () => {
  await inWorld({}, async ({ etcd, discovery, events, rest }) => {
    assertEquals(discovery.current, undefined);
    assertEquals(discovery.staleMs, Infinity);
    assertEquals(await discovery.getAll(), [A, B]);
    const { current } = discovery;

    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
    etcd.delete("arith/a");
    await rest();
    assertEquals(discovery.current, [B, C]);
    etcd.put("brith/y", "tcp@10.9.9.8:1");
    etcd.put("arith/b", A);
    await rest();
    assertEquals(discovery.current, [A, C]);
    assertEquals(current, [A, B], "a list that was given out does not change");
    assertEquals(etcd.requests, ["one/v3/kv/range", "one/v3/watch"]);
    assertEquals(events.map(({ type }) => type), ["changed", "changed", "changed", "changed"]);
    assertEquals(discovery.staleMs, 0);
  });
});

Deno.test("etcd: a watch that is lost goes on where it ended, and misses nothing", async () => {
  await inWorld({}, async ({ etcd, clock, discovery, events, rest }) => {
    await discovery.refresh();
    etcd.down.add("one");
    etcd.drop();
    await rest();
    etcd.put("arith/c", C);
    etcd.delete("arith/a");
    await clock.advance(1000);
    assertEquals(discovery.current, [A, B]);
    assertEquals(discovery.staleMs, 1000);
    etcd.down.clear();
    await clock.advance(3000);
    await rest();
    assertEquals(discovery.current, [B, C]);
    assertEquals(discovery.staleMs, 0);
    assertEquals(etcd.count("/v3/kv/range"), 1);
    const types = events.map(({ type }) => type);
    assert(types.includes("failed") && types.includes("recovered"), types.join());
  });
});

Deno.test("etcd: after a compaction all is read anew", async () => {
  await inWorld({}, async ({ etcd, clock, discovery, rest }) => {
    await discovery.refresh();
    etcd.down.add("one");
    etcd.drop();
    await rest();
    etcd.put("arith/c", C);
    etcd.delete("arith/a");
    etcd.compact();
    etcd.down.clear();
    await clock.advance(3000);
    await rest();
    assertEquals(discovery.current, [B, C]);
    assertEquals(etcd.count("/v3/kv/range"), 2);
    etcd.put("arith/a", A);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
  });
});

Deno.test("etcd: watches that fail right away are asked for ever more rarely", async () => {
  const created = { result: { header: { revision: "9" }, created: true } };
  const ends = {
    "hangs up": [],
    "refuses": [{ result: { canceled: true, cancel_reason: "permission denied" } }],
    "has compacted": [{ result: { canceled: true, compact_revision: "9" } }],
  };
  for (const [how, end] of Object.entries(ends)) {
    let watches = 0;
    const etcd = new FakeEtcd();
    const fetch: typeof etcd.fetch = (url, init) => {
      if (!url.endsWith("/v3/watch") || watches++ > 999) return etcd.fetch(url, init);
      const lines = [created, ...end].map((line) => `${JSON.stringify(line)}\n`);
      return Promise.resolve(new Response(lines.join("")));
    };
    await inWorld({ fetch }, async ({ clock, discovery, events }) => {
      await discovery.getAll();
      await clock.advance(60_000);
      assert(watches > 100 && watches <= 160, `${how}: ${watches} watches a minute`);
      assert(events.some(({ type }) => type === "failed"), how);
    });
  }
});

Deno.test("etcd: endpoints are tried in turn; the one that answers is kept", async () => {
  const endpoints = ["http://one", "http://two", "http://three/"];
  await inWorld({ endpoints }, async ({ etcd, clock, discovery, rest }) => {
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

Deno.test("etcd: down at start, refresh names who was asked, and it recovers alone", async () => {
  const endpoints = ["http://one", "http://two"];
  await inWorld({ endpoints }, async ({ etcd, clock, discovery }) => {
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

Deno.test("etcd: when no server is left the last ones stay, and their age shows", async () => {
  await inWorld({}, async ({ etcd, clock, discovery, events, rest }) => {
    await discovery.refresh();
    etcd.delete("arith/a");
    etcd.delete("arith/b");
    await rest();
    assertEquals(discovery.current, [B]);
    assertEquals(events.map(({ type }) => type), ["changed", "changed", "empty"]);
    await clock.advance(7000);
    assertEquals(discovery.staleMs, 7000);
    await discovery.refresh();
    assertEquals(discovery.current, [B]);
    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [C]);
    assertEquals(discovery.staleMs, 0);
  });
});

Deno.test("etcd: no server at first is no failure", async () => {
  await inWorld({}, async ({ etcd, discovery, rest }) => {
    etcd.delete("arith/a");
    etcd.delete("arith/b");
    await discovery.refresh();
    assertEquals(await discovery.getAll(), []);
    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [C]);
  });
});

Deno.test("etcd: what is no address is reported once, and skipped", async () => {
  await inWorld({}, async ({ etcd, discovery, events, rest }) => {
    etcd.put("arith/0", "nonsense");
    assertEquals(await discovery.getAll(), [A, B]);
    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
    const invalid = events.filter((event) => event.type === "invalid");
    assertEquals(invalid.map(({ server }) => server), ["nonsense"]);
  });
});

Deno.test("etcd: what others have registered is read by toServer", async () => {
  const toServer = (value: string, key: string) =>
    value.startsWith("{") ? `tcp@${JSON.parse(value).Addr}?key=${key.slice(6)}` : value;
  await inWorld({ toServer }, async ({ etcd, discovery }) => {
    etcd.put("arith/c", '{"Op":0,"Addr":"10.0.0.4:1"}');
    assertEquals(await discovery.getAll(), [A, B, "tcp@10.0.0.4:1?key=c"]);
  });
});

Deno.test("etcd: a value that toServer can't read is told once, and costs no other", async () => {
  const toServer = (value: string) => `tcp@${JSON.parse(value).Addr}`;
  await inWorld({ toServer }, async ({ etcd, clock, discovery, events, rest }) => {
    etcd.put("arith/a", '{"Addr":"10.0.0.1:9001"}');
    assertEquals(await discovery.getAll(), [A]);
    etcd.put("arith/0", '{"Port":9001}');
    etcd.put("arith/c", '{"Addr":"10.0.0.3:9001"}');
    await rest();
    assertEquals(discovery.current, [A, C]);
    await discovery.refresh();
    await clock.advance(60_000);
    await rest();
    assertEquals(etcd.watches, 1);
    const invalid = events.flatMap((event) => event.type === "invalid" ? [event] : []);
    assertEquals(invalid.map(({ server }) => server), [B, "tcp@undefined"]);
    assert(invalid[0].error instanceof SyntaxError);
    assert(!events.some(({ type }) => type === "failed"));
  });
});

Deno.test("etcd: all is read anew after a while, so that a dead watch is noticed", async () => {
  await inWorld({ rereadMs: 10_000 }, async ({ etcd, clock, discovery, rest }) => {
    await discovery.refresh();
    etcd.values.set("arith/c", { value: C, revision: 0 }); // no watch tells of it
    await clock.advance(9999);
    assertEquals(etcd.requests.length, 2);
    await clock.advance(1);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
    assertEquals(etcd.requests.length, 4);
    assertEquals(etcd.watches, 1);
  });
});

Deno.test("etcd: word of progress moves the place where a watch goes on", async () => {
  await inWorld({}, async ({ etcd, clock, discovery, rest }) => {
    await discovery.refresh();
    for (let put = 0; put < 5; put++) etcd.put("brith/x", "tcp@10.9.9.9:1");
    etcd.say({ header: { revision: String(etcd.revision) } });
    await rest();
    etcd.compact();
    etcd.drop();
    await clock.advance(1000);
    await rest();
    assertEquals(etcd.count("/v3/kv/range"), 1, "nothing has been missed");
    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
  });
});

Deno.test("etcd: a token is asked for, and again when it is refused", async () => {
  const user = { username: "root", password: "secret" };
  await inWorld(user, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await discovery.refresh();
    assertEquals(etcd.count("/v3/auth/authenticate"), 1);
    etcd.tokens.clear();
    await discovery.refresh();
    assertEquals(etcd.count("/v3/auth/authenticate"), 2);
    assertEquals(discovery.current, [A, B]);
  });
});

Deno.test("etcd: a wrong password is said to be wrong; no user where one is needed too", async () => {
  await inWorld({ username: "root", password: "guess" }, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await assertFails(discovery.refresh(), {
      code: "invalid_argument",
      message: "etcd at http://one: etcdserver: authentication failed",
    });
  });
  await inWorld({}, async ({ etcd, discovery }) => {
    etcd.tokens = new Set();
    await assertFails(discovery.refresh(), { code: "permission_denied", address: "http://one" });
  });
});

Deno.test("etcd: a user where etcd wants none does no harm", async () => {
  await inWorld({ username: "root", password: "secret" }, async ({ discovery }) => {
    assertEquals(await discovery.getAll(), [A, B]);
  });
});

Deno.test("etcd: a watch that etcd ends for a token's sake is made anew with another", async () => {
  const user = { username: "root", password: "secret" };
  await inWorld(user, async ({ etcd, clock, discovery, rest }) => {
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

Deno.test("etcd: those who refresh at once share one read; one watch is left", async () => {
  await inWorld({}, async ({ etcd, discovery, rest }) => {
    await Promise.all(Array.from({ length: 100 }, () => discovery.refresh()));
    await Promise.all(Array.from({ length: 100 }, () => discovery.getAll()));
    await rest();
    assertEquals(etcd.requests.length, 2);
    await Promise.all(Array.from({ length: 100 }, () => discovery.refresh()));
    await rest();
    assertEquals(etcd.requests.length, 4);
    assertEquals(etcd.watches, 1);
  });
});

Deno.test("etcd: changes reach those who watch; a signal ends it, also in mid-question", async () => {
  const ending = new AbortController();
  await inWorld({ signal: ending.signal }, async ({ etcd, discovery, rest }) => {
    const seen: string[][] = [];
    const watching = (async () => {
      for await (const servers of discovery.watch(new AbortController().signal)) {
        seen.push([...servers]);
      }
    })();
    await rest();
    etcd.put("arith/c", C);
    await rest();
    assertEquals(seen, [[A, B], [A, B, C]]);
    etcd.silent.add("one");
    const refreshed = assertFails(discovery.refresh(), { code: "canceled" });
    await rest();
    ending.abort();
    await refreshed;
    await watching;
    assertEquals(await discovery.getAll(), [A, B, C]);
    await assertFails(discovery.refresh(), { code: "canceled" });
  });
});

Deno.test("etcd: closed at any moment of its beginning, it leaves no watch", async () => {
  for (let turns = 0; turns < 80; turns++) {
    await inWorld({}, async ({ discovery }) => {
      discovery.refresh().catch(() => {});
      for (let turn = 0; turn < turns; turn++) await null;
      await discovery.close();
    });
  }
});

Deno.test("etcd: a fetch that knows no signal leaves no watch either", async () => {
  const etcd = new FakeEtcd();
  const gate = deferred();
  const { signal } = new AbortController();
  const fetch: typeof etcd.fetch = async (url, init) => {
    if (url.endsWith("/v3/watch")) await gate.promise;
    return etcd.fetch(url, { ...init, signal });
  };
  await inWorld({ fetch }, async ({ discovery, rest }) => {
    const refreshed = assertFails(discovery.refresh(), { code: "canceled" });
    await rest();
    await discovery.close();
    await refreshed;
    gate.resolve();
    await rest();
    assertEquals(etcd.count("/v3/watch"), 1);
    assertEquals(etcd.watches, 0);
  });
});
