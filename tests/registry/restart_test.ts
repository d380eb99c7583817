/** Registries that restart, and answers that are out of date: no healthy server leaves the list. */

import { assertEquals } from "@std/assert";
import { goRegistry, withDiscovery } from "../support/watched_registry.ts";
import { ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const [A, B, C] = ["tcp@a:1", "tcp@b:1", "tcp@c:1"];

withDiscovery(
  "a restart takes no server out of the list before its lease",
  async (web, watched) => {
    web.registry();
    for (const server of [A, B, C]) await web.post(server, { "X-Geerpc-Timeout-Ms": "10000" });
    await watched.discovery.refresh();
    web.registry(); // another one, which lists no server
    await web.clock.advance(100);
    assertEquals(watched.current, [A, B, C]);
    assertEquals(watched.take(), ["changed", "failed", "recovered", "empty"]);
    await web.post(A);
    await web.clock.advance(20);
    assertEquals(watched.current, [A, B, C], "the others have their leases to register again");
    await web.post(B, { "X-Geerpc-Timeout-Ms": "1000" });
    await web.clock.advance(1000);
    assertEquals(watched.current, [A, C], "B has registered with the new one, whose lease counts");
    await web.clock.advance(9000);
    assertEquals(watched.current, [A], "C has not registered again");
  },
);

withDiscovery(
  "in an outage no server is given up, since none can register",
  async (web, watched) => {
    const lease = { "X-Geerpc-Timeout-Ms": "10000" };
    const servers = [A, B, C];
    web.registry();
    for (const server of servers) await web.post(server, lease);
    await watched.discovery.refresh();
    web.registry(); // another one, which lists no server
    await web.post(A, lease);
    await web.clock.advance(9000);
    assertEquals(watched.current, servers);
    web.at(ORIGIN, "down");
    await web.clock.advance(60_000);
    assertEquals(watched.current, servers, "B and C could still have registered");

    web.registry();
    await web.clock.advance(10_000); // within which the registry is asked
    assertEquals(watched.current, servers);
    await web.post(B, lease);
    await web.clock.advance(9000);
    assertEquals(watched.current, [B], "the others had the whole of their leases");
  },
);

withDiscovery("a stream that is cut and resumed renews no lease", async (web, watched) => {
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

withDiscovery("an answer that is older than the list is ignored", async (web, watched) => {
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
  assertEquals(watched.current, [A, B, C], "a list by hand does not make the version forgotten");
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
