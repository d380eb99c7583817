/** The tokens that heartbeats and discoveries send to a registry, and where they send none. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Heartbeat, register, RegistryDiscovery } from "../../registry.ts";
import { assertFails } from "../support/helpers.ts";
import { inWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const A = "tcp@a:1";

Deno.test("heartbeat and discovery send their tokens, anew for each request", () =>
  inWeb(async (web) => {
    let [server, client] = ["w-1", "r-1"];
    const registry = web.registry({
      write: { tokens: () => server },
      read: { tokens: () => client },
    });
    const shared = { fetch: web.fetch, clock: web.clock, random: () => 1, insecure: true };
    const heartbeat = await register(ORIGIN, A, {
      ...shared,
      timeoutMs: 10_000,
      token: async () => await Promise.resolve(server),
    });
    const discovery = new RegistryDiscovery(ORIGIN, { ...shared, token: () => client });
    assertEquals(await discovery.getAll(), [A]);
    [server, client] = ["w-2", "r-2"];
    await web.clock.advance(8_000); // a heartbeat, with the new token
    await settle();
    await web.clock.advance(8_000);
    await settle();
    assertEquals(registry.servers, [A]);
    await discovery.refresh();
    assertEquals(await discovery.getAll(), [A]);
    await heartbeat.close();
    assertEquals(registry.servers, [], "it is deregistered with a token");
    await discovery.close();
  }));

Deno.test("who has no token or a wrong one is told so at once, by heartbeat and discovery", () =>
  inWeb(async (web) => {
    web.registry({ write: { tokens: "w" }, read: { tokens: "r" } });
    const shared = { fetch: web.fetch, clock: web.clock, random: () => 1, insecure: true };
    for (
      const [token, code, message] of [
        [
          undefined,
          "unauthenticated",
          "the registry answers 401: to register servers, send a token",
        ],
        ["guess", "unauthenticated", "401: this token is not known here"],
        ["r", "permission_denied", "403: this token is not one to register servers"],
      ] as const
    ) {
      const refused = { code, address: REGISTRY, message };
      await assertFails(register(ORIGIN, A, { ...shared, token }), refused);
      const heartbeat = new Heartbeat(ORIGIN, A, { ...shared, token });
      await assertFails(heartbeat.registered, refused);
      await heartbeat.close();
    }
    for (
      const [token, code, message] of [
        [undefined, "unauthenticated", "the registry answers 401: to read the list, send a token"],
        ["guess", "unauthenticated", "401: this token is not known here"],
        ["w", "permission_denied", "403: this token is not one to read the list"],
      ] as const
    ) {
      const discovery = new RegistryDiscovery(ORIGIN, { ...shared, token });
      await assertFails(discovery.getAll(), { code, address: REGISTRY, message });
      await discovery.close();
    }
  }));

Deno.test("a token that can't be had fails the request, which is tried again", () =>
  inWeb(async (web) => {
    const registry = web.registry({ write: { tokens: "w" } });
    let token: () => unknown = () => Promise.reject(new Error("the vault is sealed"));
    const heartbeat = new Heartbeat(ORIGIN, A, {
      fetch: web.fetch,
      clock: web.clock,
      random: () => 1,
      token: () => token() as string,
      insecure: true,
    });
    await assertFails(heartbeat.tried(), {
      code: "unavailable",
      message: "the option token has failed: the vault is sealed",
    });
    assertEquals(web.requests, [], "nothing was sent without it");
    for (const wrong of [undefined, "", "a b", 1]) {
      token = () => wrong;
      await web.clock.advance(10_000);
      await settle();
    }
    assertEquals(web.requests, []);
    token = () => new Promise(() => {});
    await web.clock.advance(10_000);
    await settle();
    token = () => "w";
    await web.clock.advance(10_000); // the time limit of the request, and a pause
    await settle();
    await web.clock.advance(10_000);
    await settle();
    await heartbeat.registered;
    assertEquals(registry.servers, [A]);
    await heartbeat.close();
  }));

Deno.test("a token is not sent in the clear to another machine, nor beside another authorization", () => {
  const make = [
    (url: string, options: object) => new RegistryDiscovery(url, options),
    (url: string, options: object) => new Heartbeat(url, A, options),
  ];
  for (const one of make) {
    for (
      const url of [ORIGIN, "http://10.0.0.1:9999", "http://127.0.0.1.example", "http://[::2]"]
    ) {
      const error = assertThrows(() => one(url, { token: "s3cret" }), TypeError, "in the clear");
      assert(error.message.includes(url) && !error.message.includes("s3cret"), error.message);
    }
    const fetch = () => Promise.reject(new TypeError("refused"));
    for (
      const url of [
        "https://registry",
        "http://localhost:9",
        "http://a.localhost:9",
        "http://127.0.0.1:9",
        "http://127.1.2.3:9",
        "http://[::1]:9",
      ]
    ) {
      one(url, { token: "s3cret", fetch }).close();
    }
    one(ORIGIN, { token: "s3cret", insecure: true, fetch }).close();
    assertThrows(
      () => one("https://registry", { token: "a", headers: { Authorization: "Basic x" } }),
      TypeError,
      "both token and headers",
    );
  }
});

Deno.test("the tokens of a URL are sent as its password, as by Go's servers and clients", () =>
  inWeb(async (web) => {
    const registry = web.registry({ write: { tokens: "w:1" }, read: { tokens: "r" } });
    const url = (token: string) => `http://any:${encodeURIComponent(token)}@registry:9999`;
    const shared = { fetch: web.fetch, clock: web.clock, random: () => 1 };
    const heartbeat = await register(url("w:1"), A, shared);
    const discovery = new RegistryDiscovery(url("r"), shared);
    assertEquals([registry.servers, await discovery.getAll()], [[A], [A]]);
    await discovery.close();
    await heartbeat.close();
  }));

Deno.test("a token that is withdrawn ends the streams that it has opened", () =>
  inWeb(async (web) => {
    let tokens = ["r-1", "r-2"];
    web.registry({ read: { tokens: () => tokens } });
    await web.post(A);
    const events: string[] = [];
    const discovery = (token: string) =>
      new RegistryDiscovery(ORIGIN, {
        fetch: web.fetch,
        clock: web.clock,
        random: () => 0.5,
        token,
        insecure: true,
        onEvent: (event) => events.push(`${token} ${event.type}`),
      });
    const [one, two] = [discovery("r-1"), discovery("r-2")];
    assertEquals([await one.getAll(), await two.getAll()], [[A], [A]]);
    events.length = 0;
    tokens = ["r-2"];
    await web.clock.advance(15_000); // a keep-alive
    await settle();
    await web.post("tcp@b:1");
    await settle();
    await web.clock.advance(1000);
    await settle();
    assertEquals(one.current, [A], "the last good list stays");
    assertEquals(two.current, [A, "tcp@b:1"]);
    assert(events.includes("r-1 failed") && !events.includes("r-2 failed"), events.join(", "));
    await one.close();
    await two.close();
  }));
