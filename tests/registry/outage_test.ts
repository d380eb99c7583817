/** Discovery from a registry that is down, hangs, or answers wrongly. */

import { assert, assertEquals } from "@std/assert";
import { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure } from "../support/helpers.ts";
import { goRegistry, withDiscovery } from "../support/watched_registry.ts";
import { ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const [A, B] = ["tcp@a:1", "tcp@b:1"];

withDiscovery(
  "a registry that is down at first fails clearly, and recovers",
  async (web, watched) => {
    const { discovery } = watched;
    const wanted = {
      code: "unavailable",
      execution: "not_sent",
      address: REGISTRY,
      message: "connection refused",
    } as const;
    await assertFails(discovery.getAll(), wanted);
    await assertFails(discovery.get(SelectMode.Random), wanted);
    await assertFails(discovery.getAll(), wanted);
    assertEquals(web.requests.length, 1, "calls do not make it ask");
    await assertFails(discovery.refresh(), wanted);
    assertEquals(web.requests.length, 2, "refresh does");
    web.registry();
    await web.post(A);
    await web.clock.advance(200); // the second pause: at most 200 ms
    assertEquals(await discovery.getAll(), [A]);
    assertEquals(watched.take(), ["failed", "failed", "recovered", "changed"]);
  },
);

withDiscovery("a registry that hangs fails in time", async (web, { discovery }) => {
  web.at(ORIGIN, "hangs");
  const failed = failure(discovery.getAll());
  await web.clock.advance(5000);
  assert(String(await failed).includes("no list of servers came within 5000 ms"));
});

withDiscovery("an outage keeps the list, and staleMs tells its age", async (web, watched) => {
  const { discovery } = watched;
  web.registry({ timeoutMs: Infinity });
  await web.post(A);
  await web.post(B);
  assertEquals(discovery.staleMs, Infinity);
  await discovery.refresh();
  assertEquals(discovery.staleMs, 0);
  await web.clock.advance(15_000); // a sign of life
  assertEquals(discovery.staleMs, 0);
  web.at(ORIGIN, "down");
  await web.clock.advance(60_000);
  assertEquals(watched.current, [A, B]);
  assertEquals(discovery.staleMs, 60_000);
  await assertFails(discovery.refresh(), { code: "unavailable" });
  const asked = web.requests.length;
  await web.clock.advance(60_000);
  assert(web.requests.length - asked <= 9, "no oftener than every 7.5 s");
});

withDiscovery("a stream that falls silent is given up", async (web, watched) => {
  let streams = 0;
  const registry = web.registry();
  await web.post(A);
  web.at(ORIGIN, async (request) => {
    const answer = registry.fetch(request);
    if (streams++ > 0) return answer;
    // As if the other machine had lost its power: the first list, then silence.
    const reader = answer.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    const body = new ReadableStream({ start: (controller) => controller.enqueue(value) });
    return new Response(body, { headers: answer.headers });
  });
  await watched.discovery.refresh();
  await web.clock.advance(44_999);
  assertEquals(watched.take(), ["changed"]);
  await web.clock.advance(1);
  assertEquals(watched.take(), ["failed"]);
  await web.clock.advance(100);
  assertEquals(watched.take(), ["recovered"]);
  assertEquals(streams, 2);
});

withDiscovery(
  "a proxy that holds streams back costs only time",
  async (web, watched) => {
    const registry = web.registry();
    await web.post(A);
    web.at(ORIGIN, (request) => {
      const answer = registry.fetch(request);
      if (answer.headers.get("content-type") !== "text/event-stream") return answer;
      answer.body!.cancel();
      return new Response(new ReadableStream(), { headers: answer.headers });
    });
    const listed = watched.discovery.getAll();
    await web.clock.advance(5000);
    assertEquals(await listed, [A]);
  },
);

withDiscovery(
  "a stream that ends after its first list is retried after growing pauses",
  async (web, watched) => {
    const registry = web.registry();
    await web.post(A);
    web.at(ORIGIN, async (request) => {
      const answer = registry.fetch(request);
      const reader = answer.body!.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return new Response(value!, { headers: answer.headers });
    });
    await watched.discovery.refresh();
    await web.clock.advance(60_000);
    assert(web.requests.length < 20, `${web.requests.length} requests a minute`);
  },
);

withDiscovery("an invalid address is reported once and left out", async (web, watched) => {
  let servers = `nonsense,${A},tcp@b`;
  web.at(ORIGIN, goRegistry(() => servers));
  assertEquals(await watched.discovery.getAll(), [A]);
  await web.clock.advance(10_000);
  const invalid = watched.events.flatMap((event) => event.type === "invalid" ? [event] : []);
  assertEquals(invalid.map(({ server }) => server), ["nonsense", "tcp@b"]);
  assert(String(invalid[0].error).includes("nonsense"));
  servers = "nonsense";
  watched.take();
  await web.clock.advance(10_000);
  assertEquals([watched.current, watched.take()], [[A], ["empty"]], "as if it listed none");
});

withDiscovery("an answer that is no listing is a failure", async (web, { discovery }) => {
  for (
    const [answer, code, why] of [
      [new Response("<html>"), "data_loss", "no registry's answer"],
      [new Response('{"servers":[]}'), "data_loss", "no registry's answer"],
      [new Response("busy\n", { status: 503 }), "unavailable", "answers 503: busy"],
      [new Response("x".repeat(5_000_000)), "unavailable", "too long"],
    ] as const
  ) {
    web.at(ORIGIN, () => answer);
    await assertFails(discovery.refresh(), { code, address: REGISTRY, message: why });
  }
});

withDiscovery("a registry without servers is no failure", async (web, watched) => {
  web.registry();
  assertEquals(await watched.discovery.getAll(), []);
  const empty = {
    code: "unavailable",
    execution: "not_sent",
    message: `no available servers: registry ${REGISTRY} lists none`,
  } as const;
  await assertFails(watched.discovery.get(SelectMode.Random), empty);
  const xclient = new XClient(watched.discovery, { clock: web.clock });
  await assertFails(xclient.call("Arith.Sum", null), { ...empty, serviceMethod: "Arith.Sum" });
  await assertFails(xclient.broadcast("Arith.Sum", null), empty);
  await xclient.close();
  await web.post(A);
  await settle();
  assertEquals(watched.current, [A]);
});
