/** Interceptors of an `XClient` that call `next` again: once more there, or through all endpoints. */

import { assert, assertEquals } from "@std/assert";
import { type ClientAttempt, type Next, RpcError, Server, XClient } from "../../mod.ts";
import type { Case } from "../support/fleet.ts";
import { assertFailure, failure } from "../support/helpers.ts";
import { test } from "../support/intercepted_fleet.ts";

test("an attempt is made again at the same endpoint, by the same rules", [{
  async attempt(attempt: ClientAttempt, next: Next<ClientAttempt>) {
    const first = await next(attempt).catch((error) => error);
    if (!(first instanceof RpcError)) return first;
    made.nodes[0].behaviour = "echo";
    return await next(attempt);
  },
}], async (given) => {
  made = given;
  const { xclient, nodes: [a, b] } = made;
  a.behaviour = "reject";
  assertEquals(await xclient.call("Work.Do", 1), "a");
  a.behaviour = "fail";
  b.behaviour = "fail";
  const refused = await failure(xclient.call("Work.Do", 1)) as RpcError;
  assertFailure(refused, { code: "failed_precondition", execution: "answered" });
  assertEquals([a.came, b.came], [2, 1]);
  assertEquals(xclient.endpoints().map(({ inFlight }) => inFlight), [0, 0, 0]);
});
let made: Case;

test("next again around the call: once more through all endpoints, if it did not run", [
  async (call, next) => {
    const error = await failure(next(call));
    assertFailure(error, { execution: "rejected" });
    assertEquals(call.attempts.length, 3);
    const reply = await next(call);
    assertEquals(call.attempts.length, 4);
    return [reply];
  },
], async ({ xclient, nodes }) => {
  for (const node of nodes) node.behaviour = "reject";
  const behaviours = nodes.map((node) => node.came);
  assertEquals(behaviours, [0, 0, 0]);
  const call = xclient.call("Work.Do", 1, { maxAttempts: 3 });
  while (nodes.some(({ came }) => came === 0)) await Promise.resolve();
  for (const node of nodes) node.behaviour = "echo";
  const [reply] = await call as string[];
  assert(["a", "b", "c"].includes(reply));
});

Deno.test("over real sockets: a token is renewed once, whichever endpoint has the call", async () => {
  let valid = "one";
  const tokens: unknown[] = [];
  const server = new Server({
    interceptors: [(call, next) => {
      const { token } = call.context.meta;
      tokens.push(token);
      if (token !== valid) throw call.context.reject("the token has expired", "unauthenticated");
      return next(call);
    }],
  });
  server.register("My", { Echo: (args: unknown) => args });
  const addresses = [
    (await server.listen("tcp@127.0.0.1:0")).address,
    (await server.listen("tcp@127.0.0.1:0")).address,
  ];
  let token = "one";
  const xclient = new XClient(addresses, {
    interceptors: [{
      async attempt(attempt, next) {
        attempt.meta.token = token;
        try {
          return await next(attempt);
        } catch (error) {
          if (!(error instanceof RpcError) || error.code !== "unauthenticated") throw error;
          attempt.meta.token = token = "two";
          return await next(attempt);
        }
      },
    }],
  });
  assertEquals(await xclient.call("My.Echo", 1), 1);
  valid = "two";
  assertEquals(await xclient.call("My.Echo", 2), 2);
  assertEquals(await xclient.broadcast("My.Echo", 3), 3);
  assertEquals(tokens, ["one", "one", "two", "two", "two"]);
  await xclient.close();
  await server.close();
});
