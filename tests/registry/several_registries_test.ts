/** Discovery from several registries: which one is asked, and whose answer counts. */

import { assert, assertEquals } from "@std/assert";
import { assertFails, deferred, failure } from "../support/helpers.ts";
import { Watched } from "../support/watched_registry.ts";
import { inWeb, settle } from "../support/memory_web.ts";

const [A, B] = ["tcp@a:1", "tcp@b:1"];

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
    assertEquals(watched.current, [A], "the other registry does not list it yet");
    await web.clock.advance(300_000);
    assertEquals(watched.current, [A], "nor does it list another");

    const polling = new Watched(web, { stream: false }, ["http://down", "http://one"]);
    await polling.discovery.getAll();
    await web.clock.advance(20_000);
    assertEquals(polling.take(), ["changed"], "it is no failure that the first one is down");
    await polling.discovery.close();
    await watched.discovery.close();
  }));

Deno.test("a late answer of a registry that is no longer followed is ignored", () =>
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
    web.at(one, "down"); // the stream breaks; the request of the refresh is in flight
    await web.clock.advance(200);
    assertEquals(watched.current, [A, B]);
    gate.resolve();
    await refreshed;
    for (let renewal = 0; renewal < 3; renewal++) {
      await web.clock.advance(200_000);
      for (const server of [A, B]) await post(two, server);
    }
    assertEquals(watched.current, [A, B]);
    await watched.discovery.close();
  }));

Deno.test("a refresh asks the registry whose stream is followed; its caller need not wait", () =>
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
