/** Discovery from registries that are down, hang, restart, lie, or say nothing. */

import { assert, assertEquals } from "@std/assert";
import { SelectMode } from "../../selector.ts";
import { assertFails, deferred, failure } from "../support/helpers.ts";
import { goRegistry, Watched, withDiscovery } from "../support/watched_registry.ts";
import { inWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const [A, B, C] = ["tcp@a:1", "tcp@b:1", "tcp@c:1"];

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
    assertEquals(web.requests.length, 1, "callers don't hurry it");
    await assertFails(discovery.refresh(), wanted);
    assertEquals(web.requests.length, 2, "refresh does");
    web.registry();
    await web.post(A);
    await web.clock.advance(200); // the second pause: 200 ms at the most
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
    // As when the other machine is gone without a word: the first list, then nothing.
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
  "a restart takes no server out of the list before its lease",
  async (web, watched) => {
    web.registry();
    for (const server of [A, B, C]) await web.post(server, { "X-Geerpc-Timeout-Ms": "10000" });
    await watched.discovery.refresh();
    web.registry(); // another, which knows nobody
    await web.clock.advance(100);
    assertEquals(watched.current, [A, B, C]);
    assertEquals(watched.take(), ["changed", "failed", "recovered", "empty"]);
    await web.post(A);
    await web.clock.advance(20);
    assertEquals(watched.current, [A, B, C], "the others have their leases to turn up");
    await web.post(B, { "X-Geerpc-Timeout-Ms": "1000" });
    await web.clock.advance(1000);
    assertEquals(watched.current, [A, C], "whom the new one has seen is its own");
    await web.clock.advance(9000);
    assertEquals(watched.current, [A], "who did not turn up is gone");
  },
);

withDiscovery("in an outage nobody is given up, since nobody can turn up", async (web, watched) => {
  const lease = { "X-Geerpc-Timeout-Ms": "10000" };
  const servers = [A, B, C];
  web.registry();
  for (const server of servers) await web.post(server, lease);
  await watched.discovery.refresh();
  web.registry(); // another, which knows nobody
  await web.post(A, lease);
  await web.clock.advance(9000);
  assertEquals(watched.current, servers);
  web.at(ORIGIN, "down");
  await web.clock.advance(60_000);
  assertEquals(watched.current, servers, "B and C were about to turn up");

  web.registry();
  await web.clock.advance(10_000); // within which the registry is asked
  assertEquals(watched.current, servers);
  await web.post(B, lease);
  await web.clock.advance(9000);
  assertEquals(watched.current, [B], "the others had the whole of their leases");
});

withDiscovery("a stream that is cut and resumed gives no lease anew", async (web, watched) => {
  web.registry();
  for (const server of [A, B]) await web.post(server);
  await watched.discovery.refresh();
  const registry = web.registry();
  await web.post(A);
  for (let cut = 0; cut < 6; cut++) {
    await web.clock.advance(60_000);
    await web.post(A);
    web.at(ORIGIN, "down");
    web.at(ORIGIN, registry.fetch);
  }
  await web.clock.advance(100);
  assertEquals(watched.current, [A]);
});

withDiscovery("an answer that is older than what is known is left", async (web, watched) => {
  const registry = web.registry();
  await web.post(A);
  await watched.discovery.refresh();
  let release = () => {};
  web.at(ORIGIN, async (request) => {
    const answer = registry.fetch(request); // of now
    await new Promise<void>((resolve) => release = resolve);
    return answer;
  });
  const refreshed = watched.discovery.refresh();
  await settle();
  registry.fetch(
    new Request(REGISTRY, { method: "POST", headers: { "X-Geerpc-Server": B } }),
  );
  await settle();
  assertEquals(watched.current, [A, B]);
  await watched.discovery.update([A, B, C]);
  release();
  await refreshed;
  assertEquals(watched.current, [A, B, C], "not even by hand is it forgotten what is newer");
});

withDiscovery("after an outage, Go's registry may have forgotten servers", async (web, watched) => {
  web.at(ORIGIN, goRegistry(() => `${A},${B}`));
  await watched.discovery.refresh();
  web.at(ORIGIN, "down");
  await web.clock.advance(20_000);
  web.at(ORIGIN, goRegistry(() => A));
  await web.clock.advance(10_000);
  assertEquals(watched.discovery.staleMs < 10_000, true);
  assertEquals(watched.current, [A, B]);
  await web.clock.advance(300_000);
  assertEquals(watched.current, [A]);
});

withDiscovery(
  "something on the way that holds streams back costs only time",
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
  "a stream that ends after each first list is asked for ever more rarely",
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

withDiscovery("what is no address is told once, and skipped", async (web, watched) => {
  let servers = `nonsense,${A},tcp@b`;
  web.at(ORIGIN, goRegistry(() => servers));
  assertEquals(await watched.discovery.getAll(), [A]);
  await web.clock.advance(10_000);
  const told = watched.events.flatMap((event) => event.type === "invalid" ? [event] : []);
  assertEquals(told.map(({ server }) => server), ["nonsense", "tcp@b"]);
  assert(String(told[0].error).includes("nonsense"));
  servers = "nonsense";
  watched.take();
  await web.clock.advance(10_000);
  assertEquals([watched.current, watched.take()], [[A], ["empty"]], "as if it listed none");
});

withDiscovery("an answer that is none is a failure", async (web, { discovery }) => {
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
  await assertFails(watched.discovery.get(SelectMode.Random), { message: "no available servers" });
  await web.post(A);
  await settle();
  assertEquals(watched.current, [A]);
});

Deno.test("of several registries the first that answers is asked", () =>
  inWeb(async (web) => {
    const urls = ["http://one", "http://two", "http://one/_geerpc_/registry"];
    const watched = new Watched(web, {}, urls);
    const error = await failure(watched.discovery.getAll());
    assert(/one.*two/.test(String(error)), String(error));
    web.registry({}, "http://two");
    await web.fetch("http://two/_geerpc_/registry", {
      method: "POST",
      headers: { "X-Geerpc-Server": A },
    });
    await web.clock.advance(100);
    assertEquals(watched.current, [A]);
    watched.take();

    web.registry({}, "http://one");
    await web.clock.advance(15_000);
    web.at("http://two", "down");
    await web.clock.advance(100);
    assertEquals(watched.take(), ["failed", "recovered", "empty"]);
    assertEquals(watched.current, [A], "the other one does not know it yet");
    await web.clock.advance(300_000);
    assertEquals(watched.current, [A], "nor anybody else");

    const polling = new Watched(web, { stream: false }, ["http://down", "http://one"]);
    await polling.discovery.getAll();
    await web.clock.advance(20_000);
    assertEquals(polling.take(), ["changed"], "it is no failure that the first one is down");
    await polling.discovery.close();
    await watched.discovery.close();
  }));

Deno.test("a late answer of a registry that is followed no more is left", () =>
  inWeb(async (web) => {
    const [one, two] = ["http://one", "http://two"];
    const post = (origin: string, server: string) =>
      web.fetch(`${origin}/_geerpc_/registry`, {
        method: "POST",
        headers: { "X-Geerpc-Server": server },
      });
    const registry = web.registry({}, one);
    web.registry({}, two);
    await post(one, A);
    await post(two, A);
    await post(two, B);
    const watched = new Watched(web, {}, [one, two]);
    assertEquals(await watched.discovery.getAll(), [A]);

    const gate = deferred();
    web.at(one, async (request) => {
      const answer = registry.fetch(request);
      await gate.promise;
      return answer;
    });
    const refreshed = watched.discovery.refresh();
    await settle();
    web.at(one, "down"); // the stream breaks; the question is still on its way
    await web.clock.advance(200);
    assertEquals(watched.current, [A, B]);
    gate.resolve();
    await refreshed;
    for (let beat = 0; beat < 3; beat++) {
      await web.clock.advance(200_000);
      for (const server of [A, B]) await post(two, server);
    }
    assertEquals(watched.current, [A, B]);
    await watched.discovery.close();
  }));

Deno.test("besides a stream its own registry is asked; nobody needs to wait for that", () =>
  inWeb(async (web) => {
    web.registry({}, "http://one");
    web.registry({}, "http://two");
    const watched = new Watched(web, {}, ["http://one", "http://two"]);
    await watched.discovery.refresh();
    web.at("http://one", () => new Response("busy", { status: 503 }));
    await assertFails(watched.discovery.refresh(), {
      code: "unavailable",
      address: "http://one/_geerpc_/registry",
      message: "503: busy",
    });
    void watched.discovery.refresh();
    await settle(); // an unhandled rejection would end the tests
    assert(!web.requests.some((request) => request.includes("two")));
    await watched.discovery.close();
  }));
