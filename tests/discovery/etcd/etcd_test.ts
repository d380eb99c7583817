/** Discovery by etcd: which servers are listed, and until when. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { EtcdDiscovery } from "../../../etcd.ts";
import { A, B, C, inEtcdWorld } from "../../support/etcd_world.ts";
import { assertFails } from "../../support/helpers.ts";

Deno.test("etcd: invalid options are refused", () => {
  const make = (prefix: string, endpoints: string | string[]) => () =>
    new EtcdDiscovery(prefix, { endpoints });
  assertThrows(make("", "http://one"), TypeError, "prefix");
  assertThrows(make("a/", []), TypeError, "at least one endpoint");
  assertThrows(make("a/", ["ftp://one"]), TypeError, '"ftp://one" is not like http://');
});

Deno.test("etcd: when no server is left the last list stays, and staleMs grows", async () => {
  await inEtcdWorld({}, async ({ etcd, clock, discovery, events, rest }) => {
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
  await inEtcdWorld({}, async ({ etcd, discovery, rest }) => {
    etcd.delete("arith/a");
    etcd.delete("arith/b");
    await discovery.refresh();
    assertEquals(await discovery.getAll(), []);
    etcd.put("arith/c", C);
    await rest();
    assertEquals(discovery.current, [C]);
  });
});

Deno.test("etcd: an invalid address is reported once and left out", async () => {
  await inEtcdWorld({}, async ({ etcd, discovery, events, rest }) => {
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
  await inEtcdWorld({ toServer }, async ({ etcd, discovery }) => {
    etcd.put("arith/c", '{"Op":0,"Addr":"10.0.0.4:1"}');
    assertEquals(await discovery.getAll(), [A, B, "tcp@10.0.0.4:1?key=c"]);
  });
});

Deno.test("etcd: a value that toServer can't read is reported once, and costs no other server", async () => {
  const toServer = (value: string) => `tcp@${JSON.parse(value).Addr}`;
  await inEtcdWorld({ toServer }, async ({ etcd, clock, discovery, events, rest }) => {
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

Deno.test("etcd: watchers get each change; a signal ends everything, also a request in flight", async () => {
  const ending = new AbortController();
  await inEtcdWorld({ signal: ending.signal }, async ({ etcd, discovery, rest }) => {
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
