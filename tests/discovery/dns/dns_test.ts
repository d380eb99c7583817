/** Discovery by DNS: when DNS is asked, what outages leave in place, and how it ends. */

import { assert, assertEquals } from "@std/assert";
import { DnsDiscovery } from "../../../dns.ts";
import { SelectMode } from "../../../selector.ts";
import { inZone } from "../../support/fake_zone.ts";
import { assertFails, deferred, settled } from "../../support/helpers.ts";

Deno.test("dns: calls do not ask, and concurrent refreshes share one question", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 60);
    const gate = deferred();
    zone.wait = gate.promise;
    const answers = [
      ...Array.from({ length: 100 }, () => discovery.refresh()),
      ...Array.from({ length: 100 }, () => discovery.getAll()),
    ];
    await settled();
    gate.resolve();
    await Promise.all(answers);
    for (let call = 0; call < 100; call++) await discovery.get(SelectMode.Random);
    assertEquals(zone.questions.length, 1);
  });
});

Deno.test("dns: an empty answer, an error and silence leave the last list, and staleMs grows", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery, events }) => {
    assertEquals(discovery.staleMs, Infinity);
    zone.set("A pods.example", ["10.0.0.1"], 10);
    await discovery.refresh();
    assertEquals(discovery.staleMs, 0);
    const { current } = discovery;

    zone.records.clear();
    await assertFails(discovery.refresh(), {
      code: "unavailable",
      address: "dns@pods.example:1",
      message: "no A or AAAA records",
    });
    zone.broken.add("*");
    await assertFails(discovery.refresh(), { code: "unavailable", message: "SERVFAIL" });
    zone.wait = new Promise(() => {});
    const silence = assertFails(discovery.refresh(), {
      code: "unavailable",
      message: "no answer within 5000 ms (asked the system's name servers)",
    });
    await clock.advance(5000);
    await silence;
    assert(discovery.current === current);
    assertEquals(discovery.staleMs, 5000);
    assertEquals(events.map(({ type }) => type), ["changed", "failed", "failed", "failed"]);

    zone.wait = undefined;
    zone.broken.clear();
    zone.set("A pods.example", ["10.0.0.2"], 10);
    await clock.advance(30_000);
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.2:1"]);
    assertEquals(events.slice(4).map(({ type }) => type), ["recovered", "changed"]);
  });
});

Deno.test("dns: where failures look like names that are not there, the error says so", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, discovery }) => {
    const none = "there are no A or AAAA records, or no such name (asked";
    await assertFails(discovery.refresh(), { message: /^dns@pods\.example:1: there are no A/ });
    zone.hidesFailures = true;
    const hint = "the name server can't answer (Deno does not tell), ";
    await assertFails(discovery.refresh(), { code: "unavailable", message: hint + none });
  });
});

Deno.test("dns: down at first, refresh and calls fail at once, and the discovery recovers by itself", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
    zone.broken.add("*");
    await assertFails(discovery.refresh(), { code: "unavailable", message: "SERVFAIL" });
    for (let call = 0; call < 100; call++) {
      await assertFails(discovery.getAll(), { code: "unavailable", message: "SERVFAIL" });
    }
    assertEquals(zone.questions.length, 1, "calls do not ask");
    await clock.advance(120_000);
    const waited = zone.questions.length;
    assert(waited >= 10 && waited <= 20, `backs off: ${waited}`);
    zone.broken.clear();
    zone.set("A pods.example", ["10.0.0.1"], 60);
    await clock.advance(30_000);
    assertEquals(discovery.current, ["tcp@10.0.0.1:1"]);
  });
});

Deno.test("dns: watchers get each change until they or the discovery end", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 10);
    const seen: string[][] = [];
    const leaving = new AbortController();
    const first = (async () => {
      for await (const servers of discovery.watch(leaving.signal)) seen.push([...servers]);
    })();
    const second = (async () => {
      for await (const _ of discovery.watch(new AbortController().signal));
    })();
    await clock.advance(0);
    zone.set("A pods.example", ["10.0.0.1", "10.0.0.2"], 10);
    await clock.advance(10_000);
    assertEquals(seen, [["tcp@10.0.0.1:1"], ["tcp@10.0.0.1:1", "tcp@10.0.0.2:1"]]);
    leaving.abort();
    await first;
    await discovery.close();
    await second;
  });
});

Deno.test("dns: a signal closes it: waiting callers fail, and the last list stays", async () => {
  const ending = new AbortController();
  await inZone("dns@pods.example:1", { signal: ending.signal }, async (world) => {
    const { zone, discovery, clock } = world;
    zone.set("A pods.example", ["10.0.0.1"], 10);
    await discovery.refresh();
    zone.wait = new Promise(() => {});
    const refreshed = assertFails(discovery.refresh(), { code: "canceled" });
    await settled();
    ending.abort();
    await refreshed;
    await assertFails(discovery.refresh(), { code: "canceled", message: "is closed" });
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:1"]);
    await clock.advance(1_000_000);
    assertEquals(zone.questions.length, 2);
  });
  const never = new DnsDiscovery("dns@pods.example:1", { signal: ending.signal });
  await assertFails(never.getAll(), { code: "canceled" });
});

Deno.test("dns: a list put in place by hand holds until the next answer", async () => {
  await inZone("dns@pods.example:1", {}, async ({ zone, clock, discovery }) => {
    zone.set("A pods.example", ["10.0.0.1"], 10);
    await discovery.refresh();
    await discovery.update(["tcp@10.9.9.9:1"]);
    assertEquals(await discovery.getAll(), ["tcp@10.9.9.9:1"]);
    await clock.advance(10_000);
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:1"]);
  });
});
