/** The etcd watch: one read at a revision, changes from the next, and what a lost watch costs. */

import { assert, assertEquals } from "@std/assert";
import { A, B, C, inEtcdWorld } from "../../support/etcd_world.ts";
import { FakeEtcd } from "../../support/fake_etcd.ts";
import { assertFails, deferred } from "../../support/helpers.ts";

Deno.test("etcd: one read at a revision, then a watch from the next", async () => {
  await inEtcdWorld({}, async ({ etcd, discovery, events, rest }) => {
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

Deno.test("etcd: a watch that is lost is resumed where it ended, and misses nothing", async () => {
  await inEtcdWorld({}, async ({ etcd, clock, discovery, events, rest }) => {
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

Deno.test("etcd: after a compaction all keys are read again", async () => {
  await inEtcdWorld({}, async ({ etcd, clock, discovery, rest }) => {
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

Deno.test("etcd: watches that fail right away are retried after growing pauses", async () => {
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
    await inEtcdWorld({ fetch }, async ({ clock, discovery, events }) => {
      await discovery.getAll();
      await clock.advance(60_000);
      assert(watches > 100 && watches <= 160, `${how}: ${watches} watches a minute`);
      assert(events.some(({ type }) => type === "failed"), how);
    });
  }
});

Deno.test("etcd: all keys are read again after rereadMs, so a dead watch is noticed", async () => {
  await inEtcdWorld({ rereadMs: 10_000 }, async ({ etcd, clock, discovery, rest }) => {
    await discovery.refresh();
    etcd.values.set("arith/c", { value: C, revision: 0 }); // which no watch reports
    await clock.advance(9999);
    assertEquals(etcd.requests.length, 2);
    await clock.advance(1);
    await rest();
    assertEquals(discovery.current, [A, B, C]);
    assertEquals(etcd.requests.length, 4);
    assertEquals(etcd.watches, 1);
  });
});

Deno.test("etcd: a progress notification moves the revision from which a watch is resumed", async () => {
  await inEtcdWorld({}, async ({ etcd, clock, discovery, rest }) => {
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

Deno.test("etcd: concurrent refreshes share one read, and one watch is left", async () => {
  await inEtcdWorld({}, async ({ etcd, discovery, rest }) => {
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

Deno.test("etcd: closing at any moment of the start leaves no watch", async () => {
  for (let turns = 0; turns < 80; turns++) {
    await inEtcdWorld({}, async ({ discovery }) => {
      discovery.refresh().catch(() => {});
      for (let turn = 0; turn < turns; turn++) await null;
      await discovery.close();
    });
  }
});

Deno.test("etcd: a fetch that ignores its signal leaves no watch either", async () => {
  const etcd = new FakeEtcd();
  const gate = deferred();
  const { signal } = new AbortController();
  const fetch: typeof etcd.fetch = async (url, init) => {
    if (url.endsWith("/v3/watch")) await gate.promise;
    return etcd.fetch(url, { ...init, signal });
  };
  await inEtcdWorld({ fetch }, async ({ discovery, rest }) => {
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
