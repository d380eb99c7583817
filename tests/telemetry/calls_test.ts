/** What is recorded of real calls, from the client's call to the server's handler. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FailMode } from "../../fleet/fail_mode.ts";
import { gob } from "../../gob.ts";
import type { ClientCall, Next, ServerCall } from "../../connection/interceptor.ts";
import { SelectMode } from "../../selector.ts";
import { type CallContext, Server } from "../../server.ts";
import { telemetry, type TelemetryOptions } from "../../telemetry.ts";
import type { XClientOptions } from "../../fleet/options.ts";
import { XClient } from "../../xclient.ts";
import { withGoClients } from "../interop/peer.ts";
import { arith, arithSchema } from "../interop/services.ts";
import { deferred, failure, inWorld, settled, type World } from "../support/helpers.ts";
import { context, isChild, propagation, type ReadableSpan, Sdk, SpanKind, trace } from "./sdk.ts";

type Recorded = ReturnType<typeof telemetry>;

/** A service whose `Do` does what a test says. */
interface Node {
  readonly address: string;
  run: (args: unknown, ctx: CallContext) => unknown;
}

interface Case {
  readonly world: World;
  readonly sdk: Sdk;
  readonly recorded: Recorded;
  readonly nodes: readonly Node[];
  readonly xclient: XClient;
  /** The only span of a name and kind. */
  one(name: string, kind?: SpanKind): ReadableSpan;
}

/** Runs a test with servers that are gone through in turn; everything is recorded. */
function withFleet(
  count: number,
  body: (test: Case) => Promise<void>,
  options: XClientOptions = {},
  recording: TelemetryOptions = {},
): Promise<void> {
  return inWorld(async (world) => {
    await using sdk = new Sdk();
    sdk.follow();
    const recorded = telemetry({ ...sdk.options, clock: world.clock, ...recording });
    const interceptors = [recorded];
    const nodes: Node[] = [];
    for (const name of "abcd".slice(0, count)) {
      const node: Node = { address: `memory@${name}`, run: () => name };
      nodes.push(node);
      const Do = (args: unknown, ctx: CallContext) => node.run(args, ctx);
      await world.serve(name, { interceptors }, { Work: { Do } });
    }
    const xclient = new XClient(nodes.map(({ address }) => address), {
      ...world.options,
      interceptors,
      onEvent: recorded.onEvent,
      mode: SelectMode.RoundRobin,
      random: () => 0,
      ...options,
    });
    const one = (name: string, kind?: SpanKind) => {
      const found = sdk.named(name, kind);
      assertEquals(found.length, 1, `${found.length} spans ${name}`);
      return found[0];
    };
    await body({ world, sdk, recorded, nodes, xclient, one });
    await xclient.close();
  });
}

const never = () => new Promise(() => {});

Deno.test("a call: the server's span is a child of the attempt, in one trace", () =>
  withFleet(1, async ({ sdk, xclient, one }) => {
    assertEquals(await xclient.call("Work.Do", 1), "a");
    const called = one("Work.Do", SpanKind.CLIENT);
    const tried = one("Work.Do attempt");
    const served = one("Work.Do", SpanKind.SERVER);
    assert(isChild(tried, called) && isChild(served, tried));
    assertEquals(tried.attributes["server.address"], "a");
    assertEquals(tried.attributes["xclient.attempt.reason"], "round_robin");
    for (const end of ["client", "server"]) {
      assertEquals((await sdk.metric(`rpc.${end}.call.duration`))[0].count, 1);
      assertEquals((await sdk.metric(`xclient.${end}.in_flight`))[0].value, 0);
    }
  }));

Deno.test("a call of a Client: likewise", () =>
  withFleet(1, async ({ world, recorded, nodes: [{ address }], one }) => {
    const client = await world.dial(address, { interceptors: [recorded] });
    assertEquals(await client.call("Work.Do", 1), "a");
    const tried = one("Work.Do attempt");
    assert(isChild(tried, one("Work.Do", SpanKind.CLIENT)));
    assert(isChild(one("Work.Do", SpanKind.SERVER), tried));
    assertEquals(tried.attributes["xclient.attempt.reason"], "direct");
    await client.close();
  }));

Deno.test("a certain call whose connection is lost: one attempt, that says how often it was asked for", () =>
  withFleet(1, async ({ world, xclient, nodes: [a], sdk, one }) => {
    const end = deferred<string>();
    a.run = () => end.promise;
    const call = xclient.call("Work.Do", 1, { certain: true });
    await settled();
    world.network.cut(a.address);
    await settled();
    end.resolve("there");
    assertEquals(await call, "there");
    const { attributes } = one("Work.Do attempt");
    assertEquals(attributes["xclient.attempt.recalls"], 1);
    assertEquals(one("Work.Do", SpanKind.SERVER).attributes["rpc.status_code"], undefined);
    assertEquals(await sdk.metric("xclient.client.retries"), []);
  }));

Deno.test("what a handler throws: an error at both ends", () =>
  withFleet(1, async ({ xclient, nodes: [a], sdk }) => {
    a.run = () => {
      throw new Error("disk full");
    };
    await assertRejects(() => xclient.call("Work.Do", 1), "disk full");
    const spans = sdk.spans;
    assertEquals(spans.length, 3);
    for (const { status, attributes } of spans) {
      assertEquals(status, { code: 2, message: "disk full" });
      assertEquals(attributes["rpc.status_code"], "unknown");
    }
  }));

Deno.test("failover: an attempt each, and the server's spans below them", () =>
  withFleet(2, async ({ xclient, nodes: [a], sdk, one }) => {
    a.run = (_args, ctx) => {
      throw ctx.reject("full");
    };
    assertEquals(await xclient.call("Work.Do", 1), "b");
    const [first, second] = sdk.named("Work.Do attempt");
    const servers = sdk.named("Work.Do", SpanKind.SERVER);
    const called = one("Work.Do", SpanKind.CLIENT);
    assert(isChild(first, called) && isChild(second, called));
    assert(isChild(servers[0], first) && isChild(servers[1], second));
    assertEquals(first.attributes["error.type"], "unavailable");
    assertEquals(first.attributes["xclient.execution"], "rejected");
    assertEquals(second.attributes["xclient.attempt.reason"], "failover");
    assertEquals([called.status.code, called.attributes["xclient.attempts"]], [0, 2]);
    assertEquals((await sdk.metric("xclient.client.retries"))[0].value, 1);
  }));

Deno.test("an endpoint that can't be reached: an attempt that was not sent", () =>
  withFleet(2, async ({ world, xclient, nodes: [a], sdk }) => {
    world.network.setFaults(a.address, { refuse: true });
    assertEquals(await xclient.call("Work.Do", 1), "b");
    const [first] = sdk.named("Work.Do attempt");
    assertEquals(first.attributes["xclient.execution"], "not_sent");
    assertEquals(sdk.named("Work.Do", SpanKind.SERVER).length, 1);
    await settled();
    const events = await sdk.metric("xclient.events");
    const unreachable = events.find(({ attributes }) =>
      attributes["xclient.event"] === "unreachable"
    );
    assertEquals([unreachable?.value, unreachable?.attributes["server.address"]], [1, "a"]);
  }));

Deno.test("a hedge is linked to the first attempt, which is canceled", () =>
  withFleet(2, async ({ world, xclient, nodes: [a], sdk, one }) => {
    a.run = never;
    const options = { failMode: FailMode.Failbackup, idempotent: true, hedgeAfterMs: 10 };
    const reply = xclient.call("Work.Do", 1, options);
    await world.clock.advance(10);
    assertEquals(await reply, "b");
    const hedge = sdk.named("Work.Do attempt").find(({ attributes }) =>
      attributes["xclient.attempt.reason"] === "hedge"
    )!;
    const first = sdk.named("Work.Do attempt").find((span) => span !== hedge)!;
    assertEquals(hedge.links.map(({ context }) => context), [first.spanContext()]);
    assertEquals(first.attributes["rpc.status_code"], "canceled");
    assertEquals(first.status.code, 0);
    assertEquals(one("Work.Do", SpanKind.CLIENT).status.code, 0);
    assertEquals((await sdk.metric("xclient.client.hedges"))[0].value, 1);
  }));

Deno.test("a broadcast: every endpoint's call and handler, below the caller's span", () =>
  withFleet(3, async ({ xclient, sdk }) => {
    const root = sdk.tracerProvider.getTracer("test").startSpan("request");
    await context.with(
      trace.setSpan(context.active(), root),
      () => xclient.broadcast("Work.Do", 1),
    );
    root.end();
    const served = sdk.named("Work.Do", SpanKind.SERVER);
    const tried = sdk.named("Work.Do attempt");
    assertEquals([served.length, tried.length], [3, 3]);
    assertEquals(sdk.named("Work.Do", SpanKind.CLIENT).length, 1);
    const addresses = tried.map(({ attributes }) => attributes["server.address"]).sort();
    assertEquals(addresses, ["a", "b", "c"]);
    assert(served.every((span) => tried.some((attempt) => isChild(span, attempt))));
    const traces = new Set(sdk.spans.map((span) => span.spanContext().traceId));
    assertEquals([...traces], [root.spanContext().traceId]);
  }));

Deno.test("fork: the endpoints that lose are canceled, which is no error", () =>
  withFleet(3, async ({ xclient, nodes: [a, b], sdk, one }) => {
    a.run = b.run = never;
    assertEquals(await xclient.fork("Work.Do", 1), "c");
    await settled();
    const told = sdk.named("Work.Do attempt").map(({ attributes, status }) => [
      attributes["server.address"],
      attributes["rpc.status_code"],
      status.code,
    ]).sort();
    assertEquals(told, [["a", "canceled", 0], ["b", "canceled", 0], ["c", undefined, 0]]);
    assertEquals(one("Work.Do", SpanKind.CLIENT).status.code, 0);
  }));

Deno.test("inform: an attempt for each endpoint, also where one fails", () =>
  withFleet(3, async ({ xclient, nodes: [a], sdk, one }) => {
    a.run = () => {
      throw new Error("disk full");
    };
    let receipts = 0;
    for await (const _ of xclient.inform("Work.Do", 1)) receipts++;
    assertEquals(receipts, 3);
    const told = sdk.named("Work.Do attempt").map(({ attributes, status }) => [
      attributes["server.address"],
      attributes["rpc.status_code"],
      status.code,
    ]).sort();
    assertEquals(told, [["a", "unknown", 2], ["b", undefined, 0], ["c", undefined, 0]]);
    assertEquals(one("Work.Do", SpanKind.CLIENT).attributes["xclient.attempts"], 3);
  }));

Deno.test("an abort ends the call's and the attempt's span with the reason", () =>
  withFleet(1, async ({ xclient, nodes: [a], one }) => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    a.run = (_args, ctx) => {
      begin();
      return new Promise((_, reject) =>
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))
      );
    };
    const controller = new AbortController();
    const call = failure(xclient.call("Work.Do", 1, { signal: controller.signal }));
    await begun;
    controller.abort();
    await call;
    await settled();
    for (const span of [one("Work.Do", SpanKind.CLIENT), one("Work.Do attempt")]) {
      assertEquals(span.attributes["error.type"], "AbortError");
      assertEquals(span.status.code, 2);
    }
    assertEquals(one("Work.Do", SpanKind.SERVER).attributes["rpc.status_code"], "canceled");
  }));

Deno.test("a deadline ends them with deadline_exceeded, in the time of the clock", () =>
  withFleet(1, async ({ world, xclient, nodes: [a], sdk, one }) => {
    a.run = never;
    const call = failure(xclient.call("Work.Do", 1, { timeoutMs: 250 }));
    await world.clock.advance(250);
    await call;
    await settled();
    for (const span of [one("Work.Do", SpanKind.CLIENT), one("Work.Do attempt")]) {
      assertEquals(span.attributes["error.type"], "deadline_exceeded");
    }
    const [{ value, attributes }] = await sdk.metric("rpc.client.call.duration");
    assertEquals([value, attributes["rpc.status_code"]], [0.25, "deadline_exceeded"]);
    assertEquals((await sdk.metric("xclient.client.in_flight"))[0].value, 0);
  }));

Deno.test("a call within a handler is a child of the handler's span, with its baggage", () =>
  withFleet(2, async ({ xclient, nodes: [a, b], sdk }) => {
    let user: string | undefined;
    a.run = async () => {
      await Promise.resolve();
      return await xclient.call("Work.Do", 2);
    };
    b.run = () => {
      user = propagation.getBaggage(context.active())?.getEntry("user")?.value;
      return "b";
    };
    const baggage = propagation.createBaggage({ user: { value: "ann" } });
    const within = propagation.setBaggage(context.active(), baggage);
    assertEquals(await context.with(within, () => xclient.call("Work.Do", 1)), "b");
    assertEquals(user, "ann");
    const [inner, outer] = sdk.named("Work.Do", SpanKind.CLIENT);
    const [, handler] = sdk.named("Work.Do", SpanKind.SERVER);
    assert(isChild(inner, handler));
    assertEquals(inner.spanContext().traceId, outer.spanContext().traceId);
  }));

Deno.test("ctx.inherit() keeps a trace together where no context manager is set", () =>
  withFleet(2, async ({ xclient, nodes: [a], sdk }) => {
    context.disable();
    a.run = (_args, ctx) => xclient.call("Work.Do", 2, ctx.inherit());
    assertEquals(await xclient.call("Work.Do", 1), "b");
    const traces = new Set(sdk.spans.map((span) => span.spanContext().traceId));
    assertEquals([traces.size, sdk.spans.length], [1, 6]);
  }));

Deno.test("interceptors that have nothing to do are passed by, until they have", () =>
  inWorld(async (world) => {
    const seen: string[] = [];
    let isOn = false;
    const isActive = () => isOn;
    const interceptors = [{
      isActive,
      call: (call: ClientCall, next: Next<ClientCall>) => (seen.push("call"), next(call)),
      handle: (call: ServerCall, next: Next<ServerCall>) => (seen.push("handle"), next(call)),
    }];
    await world.serve("a", { interceptors });
    const client = await world.dial("memory@a", { interceptors });
    const always = (call: ClientCall, next: Next<ClientCall>) => next(call);
    const other = await world.dial("memory@a", { interceptors: [...interceptors, always] });
    const xclient = new XClient(["memory@a"], { ...world.options, interceptors });
    assertEquals(await client.call("Gate.Echo", 1), 1);
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    assertEquals(await xclient.broadcast("Gate.Echo", 1), 1);
    assertEquals(seen, []);
    await other.call("Gate.Echo", 1);
    assertEquals(seen.splice(0), ["call"]); // one of the client's others is always active
    isOn = true;
    await client.call("Gate.Echo", 1);
    await xclient.call("Gate.Echo", 1);
    assertEquals(seen, ["call", "handle", "call", "handle"]);
    await Promise.all([client.close(), other.close(), xclient.close()]);
  }));

Deno.test("an endpoint that is ejected counts", () =>
  withFleet(2, async ({ xclient, nodes: [a, b], sdk }) => {
    a.run = b.run = (_args, ctx) => {
      throw ctx.reject("broken", "internal");
    };
    for (let n = 0; n < 4; n++) await failure(xclient.call("Work.Do", n));
    await settled();
    const ejections = await sdk.metric("xclient.client.ejections");
    assert(ejections.some(({ value }) => value === 1), JSON.stringify(ejections));
  }, { failMode: FailMode.Failfast, health: { failuresInARow: 2 } }));

Deno.test("a protocol without metadata: a trace of its own at the server", () =>
  inWorld(async (world) => {
    await using sdk = new Sdk();
    const interceptors = [telemetry(sdk.options)];
    const server = new Server({ ...world.options, interceptors });
    const schema = gob.service({ Sum: { args: gob.slice(gob.float), reply: gob.float } });
    const Sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
    server.register("Arith", { Sum }, { schema });
    const protocol = "netrpc/gob";
    const { address } = await server.listen("memory@go", { network: world.network, protocol });
    const client = await world.dial(address, { protocol, interceptors });
    assertEquals(await client.service("Arith", schema).Sum([1, 2]), 3);
    await client.close();
    await server.close();
    const [served] = sdk.named("Arith.Sum", SpanKind.SERVER);
    assertEquals(served.parentSpanContext, undefined);
    assertEquals(sdk.named("Arith.Sum", SpanKind.CLIENT).length, 1);
  }));

withGoClients("a client in Go, which sends no metadata: a trace for each call", async (peer) => {
  await using sdk = new Sdk();
  const server = new Server({ interceptors: [telemetry(sdk.options)] });
  server.register("Arith", arith, { schema: arithSchema });
  server.register("Types", { Echo: (value: unknown) => value });
  const { address } = await server.listen("tcp@127.0.0.1:0", { protocol: "netrpc/gob" });
  await peer.call("tcp/gob", address.slice(address.indexOf("@") + 1));
  await server.close();
  const spans = sdk.spans;
  assert(spans.length > 200, `${spans.length} spans`);
  assert(spans.every((span) => span.kind === SpanKind.SERVER && !span.parentSpanContext));
  assert(spans.every(({ attributes }) => attributes["network.peer.address"] === "127.0.0.1"));
});
