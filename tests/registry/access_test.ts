/** Who may read and who may change a registry's list, by tokens: what the registry answers. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Registry, type RegistryAccess, type RegistryOptions } from "../../registry.ts";
import { bearer, ORIGIN, REGISTRY } from "../support/memory_web.ts";

const A = "tcp@a:1";
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
