/** The web fronts of the examples, on Deno and on Node with Express, over real sockets. */

import { assert, assertEquals } from "@std/assert";
import { connect, HTTP_STATUS } from "../../examples/web_front.ts";
import { webFront } from "../../examples/web_front_deno.ts";
import { authorize, type CallContext, RpcError, Server } from "../../mod.ts";
import { emit, list, npmPackages, sources } from "../../scripts/javascript.ts";
import { installed } from "../../scripts/packages.ts";
import { telemetry } from "../../telemetry.ts";
import { deferred } from "../support/helpers.ts";
import { LineProgram } from "../support/line_program.ts";
import { type ReadableSpan, Sdk, SpanKind } from "../telemetry/sdk.ts";

const FRONT_TOKEN = "the-front's";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const USERS = new Map([
  ["ann's", { name: "Ann", isAdmin: false }],
  ["root's", { name: "Root", isAdmin: true }],
]);

/** The orders, behind an authorizer; everything that they do is recorded. */
class Backend {
  readonly sdk = new Sdk();
  readonly begun = deferred();
  /** The reasons for which slow calls were given up, by their ids. */
  readonly aborted = { slow: deferred<unknown>(), gone: deferred<unknown>() };
  readonly #server: Server;

  constructor() {
    this.sdk.register();
    // Who asks for whom: a program that is known, and who is at its other end.
    const authorizer = authorize(
      ({ context: { meta } }) => meta.front === FRONT_TOKEN ? USERS.get(meta.user) : undefined,
      { "Orders.*": "authenticated", "Orders.Delete": (user) => user.isAdmin },
    );
    this.#server = new Server({ interceptors: [telemetry(), authorizer] });
    this.#server.register("Orders", {
      Find: ({ id }: { id: string }, ctx: CallContext) => {
        const { signal } = ctx;
        switch (id) {
          case "none":
            throw new RpcError("not_found", "there is no such order");
          case "bug":
            throw new Error("the disk at /dev/sda1 is full");
          case "busy":
            throw ctx.reject("too many questions", {
              code: "resource_exhausted",
              retryAfterMs: 3500,
            });
          case "slow":
          case "gone":
            return new Promise((_, reject) => {
              if (id === "gone") this.begun.resolve();
              signal.addEventListener("abort", () => {
                this.aborted[id].resolve(signal.reason);
                reject(signal.reason);
              });
            });
        }
        return { id, by: authorizer.principal(ctx)?.name };
      },
      Place: (order: { item?: unknown }) => {
        if (typeof order?.item === "string") return { placed: order.item };
        throw new RpcError("invalid_argument", "item: expected a string");
      },
      Delete: () => undefined,
    });
  }

  async listen(): Promise<string> {
    return (await this.#server.listen("tcp@127.0.0.1:0")).address;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /** The spans of the servers' side. */
  get spans(): ReadableSpan[] {
    return this.sdk.spans.filter(({ kind }) => kind === SpanKind.SERVER);
  }
}

/** Asks a front for all that it may be asked for. */
async function checkFront(url: string, backend: Backend): Promise<void> {
  const ask = async (method: string, path: string, init: RequestInit = {}) => {
    const headers = { authorization: "Bearer ann's", ...init.headers as Record<string, string> };
    const response = await fetch(url + path, { method, ...init, headers });
    const text = await response.text();
    const wait = response.headers.get("retry-after");
    return [response.status, text, ...wait === null ? [] : [wait]];
  };
  const refused = (
    status: number,
    code: string,
    message: string,
  ) => [status, JSON.stringify({ error: { code, message } })];

  const traced = { headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` } };
  assertEquals(await ask("GET", "/orders/7", traced), [200, '{"id":"7","by":"Ann"}']);
  const json = { "content-type": "application/json" };
  const order = { headers: json, body: '{"item":"tea"}' };
  assertEquals(await ask("POST", "/orders", order), [200, '{"placed":"tea"}']);

  // Who it is, and what they may.
  for (const authorization of ["", "Bearer guess", "Basic YTpi"]) {
    const [status, text] = await ask("GET", "/orders/7", { headers: { authorization } });
    assertEquals([status, JSON.parse(String(text)).error.code], [401, "unauthenticated"]);
  }
  const denied = refused(403, "permission_denied", "you may not call Orders.Delete");
  assertEquals(await ask("DELETE", "/orders/7"), denied);
  const root = { headers: { authorization: "Bearer root's" } };
  assertEquals(await ask("DELETE", "/orders/7", root), [200, "null"]);

  // What can go wrong with a call, and what of it the web is told.
  assertEquals(
    await ask("GET", "/orders/none"),
    refused(404, "not_found", "there is no such order"),
  );
  assertEquals(
    await ask("POST", "/orders", { headers: json, body: '{"item":7}' }),
    refused(400, "invalid_argument", "item: expected a string"),
  );
  assertEquals((await ask("POST", "/orders", { headers: json, body: "{" }))[0], 400);
  assertEquals((await ask("GET", "/elsewhere"))[0], 404);
  assertEquals(
    await ask("GET", "/orders/bug"),
    refused(500, "unknown", "the request has failed: unknown"),
  );
  const [status, text, wait] = await ask("GET", "/orders/busy");
  assertEquals([status, wait], [429, "4"], String(text));

  // Deadlines and aborts reach the handler.
  assertEquals(
    await ask("GET", "/orders/slow", { headers: { "x-timeout-ms": "50" } }),
    refused(504, "deadline_exceeded", "the request has failed: deadline_exceeded"),
  );
  // By the deadline that it was told of, or the cancel that came with the client's own.
  const { code } = await backend.aborted.slow.promise as RpcError;
  assert(["deadline_exceeded", "canceled"].includes(code), code);
  const controller = new AbortController();
  const gone = fetch(`${url}/orders/gone`, {
    headers: { authorization: "Bearer ann's" },
    signal: controller.signal,
  }).catch((error) => error.name);
  await backend.begun.promise;
  controller.abort();
  assertEquals(await gone, "AbortError");
  assertEquals((await backend.aborted.gone.promise as RpcError).code, "canceled");

  const [span, ...others] = backend.spans
    .filter((span) => span.spanContext().traceId === TRACE);
  assertEquals([span?.attributes["rpc.method"], others], ["Orders.Find", []]);
  assert(span.parentSpanContext?.isRemote, "its parent is the front's span");
}

Deno.test("a web front with Deno.serve", async () => {
  const backend = new Backend();
  await using _sdk = backend.sdk;
  const xclient = connect([await backend.listen()], () => Promise.resolve(FRONT_TOKEN));
  const onListen = () => {};
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, webFront(xclient));
  const url = `http://127.0.0.1:${http.addr.port}`;
  await checkFront(url, backend);

  const [attempt] = backend.sdk.spans.filter((span) => span.spanContext().traceId === TRACE)
    .filter(({ kind }) => kind === SpanKind.CLIENT);
  assert(attempt !== undefined, "the front's spans are in the same trace");
  const durations = await backend.sdk.metric("rpc.client.call.duration");
  const counts = durations.map(({ attributes, count }) => [attributes["rpc.status_code"], count]);
  assertEquals(counts.filter(([code]) => code === "unauthenticated"), [["unauthenticated", 3]]);

  await backend.close();
  const headers = { authorization: "Bearer ann's" };
  const down = await fetch(`${url}/orders/7`, { headers });
  assertEquals([down.status, (await down.json()).error.code], [503, "unavailable"]);
  await xclient.close();
  await http.shutdown();
});

Deno.test("a front whose own token can't be had is at fault, not who asks", async () => {
  const xclient = connect(["tcp@127.0.0.1:1"], () => Promise.reject(new Error("no vault")));
  const front = webFront(xclient);
  const answer = await front(new Request("http://front/orders/7"));
  assertEquals([answer.status, await answer.json()], [500, {
    error: { code: "unauthenticated", message: "the request has failed: unauthenticated" },
  }]);
  await xclient.close();
});

Deno.test("every code has a status of HTTP for an error", () => {
  assertEquals(Object.keys(HTTP_STATUS).length, 16);
  for (const status of Object.values(HTTP_STATUS)) assert(status >= 400 && status < 600);
});

Deno.test("a web front with Express on Node", async () => {
  const folder = await Deno.makeTempDir({ prefix: "xclient_express_" });
  const backend = new Backend();
  await using _sdk = backend.sdk;
  try {
    await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
    for (const file of [...sources(), ...list("examples/"), ...list("scripts/offline/")]) {
      emit(file, folder);
    }
    await Deno.symlink(await installed(npmPackages("examples/")), `${folder}/node_modules`);
    const env = { ...Deno.env.toObject(), PORT: "0", FRONT_TOKEN };
    const args = [`${folder}/examples/web_front_express.js`, await backend.listen()];
    const node = new LineProgram("node", args, env);
    try {
      const { port } = JSON.parse((await node.firstLine()).replace("listening ", ""));
      await checkFront(`http://127.0.0.1:${port}`, backend);
      const printed: string[] = [];
      node.follow((line) => printed.push(line));
      assertEquals(await node.terminate(), "");
      const text = printed.join("\n");
      assert(text.includes(TRACE), "its spans are printed");
      assert(text.includes("rpc.client.call.duration"), "its metrics are printed");
    } finally {
      node.kill();
    }
  } finally {
    await backend.close();
    await Deno.remove(folder, { recursive: true });
  }
});
