/** What a source sends without end costs no more than its bound, and each character is read once. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { joined, LineSplitter, TooLongError } from "../../discovery/bounded_text.ts";
import { EtcdDiscovery, EtcdRegistration } from "../../etcd.ts";
import { RegistryDiscovery } from "../../registry.ts";
import { endless } from "../support/endless.ts";
import { assertFails, failure } from "../support/helpers.ts";

const MIB = 1024 * 1024;

Deno.test("lines are cut wherever the pieces are", () => {
  const text = "one\r\n\ntwo\nthree";
  for (let size = 1; size <= text.length; size++) {
    const splitter = new LineSplitter(5);
    const lines: string[] = [];
    for (let at = 0; at < text.length; at += size) {
      lines.push(...splitter.push(text.slice(at, at + size)));
    }
    assertEquals(lines, ["one", "", "two"], `pieces of ${size}`);
    assertEquals(splitter.push("\n"), ["three"]);
  }
});

Deno.test("a line may have its length and no more, in one piece or in many", () => {
  const splitter = new LineSplitter(4);
  assertEquals(splitter.push("abcd\nefgh"), ["abcd"]);
  assertThrows(() => splitter.push("i"), TooLongError, "a line is too long: over 4 characters");
  assertThrows(() => new LineSplitter(4).push("abcde\n"), TooLongError);
});

Deno.test("a text may have its length and no more", async () => {
  async function* pieces() {
    yield "ab";
    yield "cd";
  }
  assertEquals(await joined(pieces(), 4), "abcd");
  assert(await failure(joined(pieces(), 3)) instanceof TooLongError);
});

const STREAM = { headers: { "content-type": "text/event-stream" } };

for (
  const [name, text] of [
    ["a line", "x"],
    ["an event of many lines", "data: x\n"],
  ]
) {
  Deno.test(`a registry that sends ${name} without end is given up after 4 MiB`, async () => {
    const flood = endless(text);
    const discovery = new RegistryDiscovery("http://registry", {
      fetch: (_url, init) => {
        const { accept } = init.headers as Record<string, string>;
        if (!accept.includes("event-stream")) return Promise.resolve(new Response("[]"));
        return Promise.resolve(new Response(flood.body, STREAM));
      },
    });
    await assertFails(discovery.refresh(), { message: "this is no registry's answer" });
    assert(flood.isCanceled);
    assert(flood.sent < 5 * MIB, `${flood.sent} characters were read`);
    await discovery.close();
  });
}

Deno.test("a registry's answer and refusal without end are given up after 4 MiB", async () => {
  for (const status of [200, 500]) {
    const flood = endless("x");
    const discovery = new RegistryDiscovery("http://registry", {
      stream: false,
      fetch: () => Promise.resolve(new Response(flood.body, { status })),
    });
    await assertFails(discovery.refresh(), {
      code: "unavailable",
      message: status === 200 ? "the answer is too long" : "the registry answers 500",
    });
    assert(flood.sent < 5 * MIB, `${flood.sent} characters were read`);
    assert(flood.isCanceled);
    await discovery.close();
  }
});

Deno.test("etcd: an answer without end is given up after 16 MiB, whatever its status", async () => {
  for (const status of [200, 500]) {
    const flood = endless("x");
    const discovery = new EtcdDiscovery("arith/", {
      endpoints: "http://one",
      fetch: () => Promise.resolve(new Response(flood.body, { status })),
    });
    await assertFails(discovery.refresh(), { code: "unavailable", message: "too long" });
    assert(flood.sent < 17 * MIB, `${flood.sent} characters were read`);
    assert(flood.isCanceled);
    await discovery.close();
  }
  const flood = endless("x");
  const registration = new EtcdRegistration("arith/", "tcp@a:1", {
    endpoints: "http://one",
    onEvent: () => void registration.close(),
    fetch: () => Promise.resolve(new Response(flood.body)),
  });
  await failure(registration.ready);
  await registration.close();
  assert(flood.sent < 17 * MIB, `${flood.sent} characters were read`);
});

const RANGE = { header: { revision: "7" } };

/** A discovery from an etcd whose watch sends a text without end. */
function flooded(text: string | (() => string)) {
  const flood = endless(text, '{"result":{"created":true}}\n');
  const failed = Promise.withResolvers<unknown>();
  const discovery = new EtcdDiscovery("arith/", {
    endpoints: "http://one",
    onEvent: (event) => event.type === "failed" && failed.resolve(event.error),
    fetch: (url) =>
      Promise.resolve(url.endsWith("/range") ? Response.json(RANGE) : new Response(flood.body)),
  });
  return { flood, discovery, failed: failed.promise };
}

Deno.test("etcd: a watch's line without end is given up after 16 MiB", async () => {
  const { flood, discovery, failed } = flooded("x");
  await discovery.refresh();
  await assertFails(failed.then((error) => Promise.reject(error)), {
    code: "unavailable",
    address: "http://one",
    message: "a line is too long: over 16777216 characters",
  });
  await discovery.close();
  assert(flood.sent < 17 * MIB, `${flood.sent} characters were read`);
  assert(flood.isCanceled);
});

Deno.test("etcd: a watch that reports keys without end is given up at 16 MiB of them", async () => {
  let n = 0;
  const value = btoa("x".repeat(MIB));
  const { discovery, failed } = flooded(() => {
    const kv = { key: btoa(`arith/${n}`), value, mod_revision: String(8 + n++) };
    return JSON.stringify({ result: { ...RANGE, events: [{ kv }] } }) + "\n";
  });
  await discovery.refresh();
  await assertFails(failed.then((error) => Promise.reject(error)), {
    code: "unavailable",
    message: "the keys and their values have more than 16777216 characters",
  });
  await discovery.close();
  assertEquals(n > 16 && n < 20, true, `${n} keys were read`);
});

Deno.test("etcd: what can't be understood is told as an answer that is none", async () => {
  for (const kvs of [[null], [{ key: "ä" }], [{ key: 1, value: "=" }]]) {
    const discovery = new EtcdDiscovery("arith/", {
      endpoints: "http://one",
      fetch: () => Promise.resolve(Response.json({ ...RANGE, kvs })),
    });
    await assertFails(discovery.refresh(), {
      code: "unavailable",
      address: "http://one",
      message: "this is no answer of etcd's",
    });
    await discovery.close();
  }
});
