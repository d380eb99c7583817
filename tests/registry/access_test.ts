/** Who may read and who may change a registry's list: tokens and client certificates. */

import { X509Certificate } from "node:crypto";
import { createServer, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Fetch,
  Heartbeat,
  type NodeResponse,
  type PeerCertificate,
  register,
  Registry,
  type RegistryAccess,
  RegistryDiscovery,
  type RegistryOptions,
} from "../../registry.ts";
import { Authority, type Identity } from "../support/certificates.ts";
import { assertFails } from "../support/helpers.ts";
import { inWeb, ORIGIN, REGISTRY, settle } from "../support/memory_web.ts";

const A = "tcp@a:1";
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (user: string, token: string) => ({
  authorization: `Basic ${btoa(`${user}:${token}`)}`,
});

/** What a page, a list, a registration and a deregistration are answered with. */
function statuses(options: RegistryOptions, headers: Record<string, string> = {}): number[] {
  const registry = new Registry(options);
  const asked = [["GET", "/"], ["GET"], ["POST"], ["DELETE"]];
  const found = asked.map(([method, path = "/_geerpc_/registry"]) => {
    const all = { "X-Geerpc-Server": A, ...headers };
    return registry.fetch(new Request(ORIGIN + path, { method, headers: all })).status;
  });
  registry.close();
  return found;
}

Deno.test("without tokens anyone reads and writes, with an authorization or without", () => {
  assertEquals(statuses({}), [200, 200, 200, 200]);
  assertEquals(statuses({}, bearer("x")), [200, 200, 200, 200]);
});

Deno.test("a token lets in where it is one, and nowhere else", () => {
  const write = { tokens: "w-token" };
  const read = { tokens: ["r-token", "r-old"] };
  const both = { read, write };
  assertEquals(statuses({ write }), [200, 200, 401, 401]);
  assertEquals(statuses({ write }, bearer("w-token")), [200, 200, 200, 200]);
  assertEquals(statuses({ read }), [401, 401, 200, 200]);
  assertEquals(statuses(both), [401, 401, 401, 401]);
  for (const token of ["r-token", "r-old"]) {
    assertEquals(statuses(both, bearer(token)), [200, 200, 403, 403], token);
    assertEquals(statuses(both, basic("anyone", token)), [200, 200, 403, 403], token);
  }
  assertEquals(statuses(both, bearer("w-token")), [403, 403, 200, 200]);
  assertEquals(statuses(both, { authorization: "bearer w-token" }), [403, 403, 200, 200]);
  for (
    const authorization of [
      "Bearer w-toke",
      "Bearer w-token0",
      "Bearer W-token",
      "Bearer w-tokenw-token",
      "Bearer w-token r-token",
      "Bearer",
      "Bearer ",
      "w-token",
      "Digest w-token",
      "Basic w-token",
      "Basic %%%",
      `Basic ${btoa("w-token:")}`,
      `Basic ${btoa("w-token")}0`,
      "",
    ]
  ) {
    assertEquals(statuses(both, { authorization }), [401, 401, 401, 401], authorization);
  }
});

Deno.test("a refusal says what is missing, and how to ask, and shows no token", async () => {
  await using registry = new Registry({
    read: { tokens: "r-token" },
    write: { tokens: "w-token" },
  });
  const ask = async (method: string, headers: Record<string, string> = {}) => {
    const answer = registry.fetch(new Request(REGISTRY, { method, headers }));
    return [answer.status, await answer.text(), answer.headers.get("www-authenticate")];
  };
  assertEquals(await ask("GET"), [
    401,
    "to read the list, send a token of this registry: Authorization: Bearer …\n",
    'Bearer realm="registry"',
  ]);
  assertEquals(await ask("POST", bearer("guess")), [
    401,
    "this token is not known here, so you may not register servers\n",
    'Bearer realm="registry", error="invalid_token"',
  ]);
  assertEquals(await ask("DELETE", bearer("r-token")), [
    403,
    "this token is not one to register servers\n",
    'Bearer realm="registry", error="insufficient_scope"',
  ]);
  const page = registry.fetch(new Request(ORIGIN));
  // Alone in its header: a browser does not look for it behind another.
  const challenge = 'Basic realm="registry: any user, the token as the password"';
  assertEquals([page.status, page.headers.get("www-authenticate")], [401, challenge]);
  assertEquals(registry.servers, []);
});

Deno.test("a function's tokens change while it runs; what fails lets nobody in", () => {
  let tokens: () => unknown = () => "one";
  const write = { tokens: () => tokens() } as RegistryAccess;
  const post = (token: string) => statuses({ write }, bearer(token))[2];
  assertEquals(["one", "two"].map(post), [200, 401]);
  tokens = () => ["one", "two"];
  assertEquals(["one", "two"].map(post), [200, 200]);
  tokens = () => "two";
  assertEquals(["one", "two"].map(post), [401, 200]);
  for (const none of [[], "", [""], [undefined]]) {
    tokens = () => none;
    assertEquals(["one", "undefined"].map(post), [401, 401], JSON.stringify(none));
  }
  for (const wrong of [undefined, null, 1, { length: 1, 0: "one" }, Promise.resolve("one")]) {
    tokens = () => wrong;
    assertEquals(post("one"), 503, String(wrong));
  }
  tokens = () => {
    throw new Error("s3cret");
  };
  assertEquals(post("one"), 503);
});

Deno.test("an access that nobody could have, and what is no token, is refused without showing it", () => {
  for (const kind of ["read", "write"] as const) {
    const refused = (access: unknown, what: string) => {
      const error = assertThrows(
        () => new Registry({ [kind]: access } as RegistryOptions),
        TypeError,
        what,
      );
      assert(!error.message.includes("s3cret"), error.message);
    };
    // As with a variable of the environment that is not set.
    refused({ tokens: undefined }, `${kind} needs tokens or certificate`);
    refused({}, `${kind} needs tokens or certificate`);
    for (const tokens of ["", "s3cret s3cret", "s3crét", "s3cret\n", [], [""], ["a", "s3cret\t"]]) {
      refused({ tokens }, `${kind}.tokens must be tokens of visible ASCII`);
    }
    refused({ tokens: 1 }, `${kind}.tokens must be a token, a list of some, or a function`);
    refused({ token: "a" }, "tokens");
  }
});

const ours = new Authority("ours");
const server1 = ours.issue({
  name: "server-1",
  subject: [["2.5.4.10", "Acme"]],
  sans: ["DNS:server-1.example", "IP:10.0.0.1"],
});

Deno.test("a certificate is looked at only if TLS has verified it, and while it is valid", async () => {
  const seen: PeerCertificate[] = [];
  await using registry = new Registry({
    write: {
      tokens: "w-token",
      certificate: (certificate) => {
        seen.push(certificate);
        return certificate.sans.includes("DNS:server-1.example");
      },
    },
  });
  const post = async (socket: object | undefined, headers: Record<string, string> = {}) => {
    let status = 0;
    const response: NodeResponse = {
      on() {},
      off() {},
      end() {},
      write: () => true,
      writeHead: (given) => status = given,
    };
    const all = { "x-geerpc-server": A, host: "registry", ...headers };
    const url = "/_geerpc_/registry";
    registry.nodeHandler({ method: "POST", url, headers: all, resume() {}, socket }, response);
    await settle();
    return status;
  };
  const shown = ({ cert }: { cert: string }) => {
    const { raw, fingerprint256 } = new X509Certificate(cert);
    return { raw, fingerprint256 };
  };
  const socket = (authorized: unknown, certificate: object = shown(server1)) => ({
    authorized,
    getPeerCertificate: () => certificate,
  });
  assertEquals(await post(socket(true)), 200);
  const [{ subject, sans }] = seen;
  assertEquals(subject, "CN=server-1,O=Acme");
  assertEquals(sans, ["DNS:server-1.example", "IP:10.0.0.1"]);
  assertEquals(await post(socket(false)), 401, "it is not verified");
  assertEquals(await post(socket("true")), 401);
  assertEquals(await post(socket(true, {})), 401, "there is none");
  assertEquals(await post(socket(true, { raw: new Uint8Array(9), fingerprint256: "AB" })), 401);
  assertEquals(await post({}), 401);
  assertEquals(await post(undefined), 401);
  const sansOf1 = { name: "server-1", sans: ["DNS:server-1.example"] };
  const late = ours.issue({ ...sansOf1, validTo: new Date(Date.UTC(2021, 0, 1)) });
  const early = ours.issue({ ...sansOf1, validFrom: new Date(Date.UTC(2100, 0, 1)) });
  for (const one of [late, early]) assertEquals(await post(socket(true, shown(one))), 401);
  assertEquals(seen.length, 1, "nobody asks of those");
  const other = shown(ours.issue({ name: "server-1.example", sans: ["DNS:server-10.example"] }));
  assertEquals(await post(socket(true, other)), 403);
  assertEquals(await post(socket(true, other), bearer("w-token")), 200, "a token will do, too");
  assertEquals(await post(socket(true, other), bearer("guess")), 401);
});

Deno.test("what a request shows of itself is no certificate", async () => {
  let isAsked = false;
  const certificate = () => isAsked = true;
  await using registry = new Registry({ write: { certificate } });
  const headers = { "X-Geerpc-Server": A, certificate: "x", "x-client-cert": "x" };
  const request = new Request(REGISTRY, { method: "POST", headers });
  assertEquals(registry.fetch(request).status, 401);
  assertEquals(isAsked, false);
});

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

/** A `fetch` that trusts our authority, and shows a certificate if it has one. */
const fetchAs = (identity?: Identity): Fetch => (url, { method, headers, signal }) =>
  new Promise((resolve, reject) => {
    const options = {
      ...identity,
      ca: ours.cert,
      method,
      headers: headers as Record<string, string>,
      agent: false,
      signal: signal ?? undefined,
    } as const;
    const request = httpsRequest(url, options, (answer) => {
      const chunks: Uint8Array[] = [];
      answer.on("error", reject).on("data", (chunk) => chunks.push(chunk)).on("end", () => {
        const status = answer.statusCode;
        const found = Object.entries(answer.headers).map(([key, value]) => [key, String(value)]);
        const body = new TextDecoder().decode(chunks.length > 0 ? chunks[0] : undefined);
        resolve(new Response(body, { status, headers: found as [string, string][] }));
      });
    });
    request.on("error", reject).end();
  });

Deno.test("over TLS a server registers by its certificate, and those without one only read", async () => {
  const registry = new Registry({
    write: { certificate: ({ sans }) => sans.includes("DNS:server-1.example") },
  });
  const own = ours.issue({ name: "registry" });
  const https = createServer({
    ...own,
    ca: ours.cert,
    requestCert: true,
    rejectUnauthorized: false,
  }, registry.nodeHandler);
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
  const url = `https://localhost:${(https.address() as AddressInfo).port}`;
  try {
    const heartbeat = await register(url, A, { fetch: fetchAs(server1) });
    assertEquals(registry.servers, [A]);
    for (
      const [identity, code, message] of [
        [undefined, "unauthenticated", "401: to register servers"],
        [
          new Authority("theirs").issue({ name: "x", sans: ["DNS:server-1.example"] }),
          "unauthenticated",
          "401",
        ],
        [
          ours.issue({ name: "server-2", sans: ["DNS:server-2.example"] }),
          "permission_denied",
          "403: the certificate of CN=server-2 is not one to register servers",
        ],
      ] as const
    ) {
      const refused = register(url, "tcp@b:1", { fetch: fetchAs(identity) });
      await assertFails(refused, { code, message });
    }
    const discovery = new RegistryDiscovery(url, { fetch: fetchAs(), stream: false });
    assertEquals(await discovery.getAll(), [A]);
    await discovery.close();
    await heartbeat.close();
    assertEquals(registry.servers, []);
  } finally {
    await registry.close();
    const closed = new Promise((resolve) => https.close(resolve));
    https.closeAllConnections();
    await closed;
  }
});
