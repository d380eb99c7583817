/** What is recorded of calls that are made by hand: each hook by itself. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import type { ClientAttempt, ClientCall, ServerCall } from "../../connection/interceptor.ts";
import { telemetry, type TelemetryOptions } from "../../telemetry.ts";
import { FakeClock } from "../../testing.ts";
import { context, isChild, propagation, Sdk, SpanKind, trace } from "./sdk.ts";

const METHOD = "Arith.Sum";
const BASE = { "rpc.system.name": "geerpc", "rpc.method": METHOD };

function clientCall(serviceMethod = METHOD): ClientCall {
  const [service, method] = serviceMethod.split(".");
  return {
    serviceMethod,
    service,
    method,
    args: undefined,
    meta: {},
    timeoutMs: undefined,
    signal: undefined,
    idempotent: false,
    attempts: [],
  };
}

function attemptOf(call: ClientCall, number = 1, why = "failover"): ClientAttempt {
  return { call, address: `tcp@10.0.0.${number}:9001`, number, why, meta: {} };
}

function serverCall(meta: Record<string, string> = {}): ServerCall {
  const [service, method] = METHOD.split(".");
  const context = {
    signal: new AbortController().signal,
    meta,
    remote: "tcp@10.0.0.9:5000",
    serviceMethod: METHOD,
    reject: (message: string) => new RpcError("unavailable", message),
    inherit: <Options extends object>(options?: Options) => options as Options,
  };
  return { serviceMethod: METHOD, service, method, args: undefined, context };
}

/** A call of a client with attempts that end one after the other, as they are told. */
async function callWith(
  { call, attempt }: ReturnType<typeof telemetry>,
  outcomes: readonly [why: string, outcome: unknown][],
  of = clientCall(),
): Promise<unknown> {
  return await call(of, async () => {
    let last: unknown;
    for (const [place, [why, outcome]] of outcomes.entries()) {
      try {
        return await attempt(
          attemptOf(of, place + 1, why),
          () => outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome),
        );
      } catch (error) {
        last = error;
      }
    }
    throw last;
  });
}

Deno.test("a call that succeeds: a span over it, one for its attempt, a duration", async () => {
  await using sdk = new Sdk();
  const clock = new FakeClock();
  const { call, attempt } = telemetry({ ...sdk.options, clock });
  const of = clientCall();
  const reply = await call(of, async () =>
    await attempt(attemptOf(of, 1, "random"), async () => {
      await clock.advance(30);
      return 3;
    }));
  assertEquals(reply, 3);

  const [tried, called] = sdk.spans;
  assertEquals([tried.name, called.name], ["Arith.Sum attempt", "Arith.Sum"]);
  assertEquals([tried.kind, called.kind], [SpanKind.CLIENT, SpanKind.CLIENT]);
  assert(isChild(tried, called));
  assertEquals(called.attributes, {
    ...BASE,
    "network.peer.address": "10.0.0.1",
    "network.peer.port": 9001,
    "xclient.attempts": 1,
  });
  assertEquals(tried.attributes, {
    ...BASE,
    "server.address": "10.0.0.1",
    "server.port": 9001,
    "network.peer.address": "10.0.0.1",
    "network.peer.port": 9001,
    "xclient.attempt.number": 1,
    "xclient.attempt.reason": "random",
  });
  assertEquals([tried.status.code, called.status.code], [0, 0]);

  const [duration] = await sdk.metric("rpc.client.call.duration");
  assertEquals(duration.attributes, BASE);
  assertEquals([duration.count, duration.value], [1, 0.03]);
  assertEquals(
    duration.bounds,
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  );
  assertEquals(await sdk.unitOf("rpc.client.call.duration"), "s");
  const [attempts] = await sdk.metric("xclient.client.attempt.duration");
  assertEquals(attempts.attributes, {
    ...BASE,
    "server.address": "10.0.0.1",
    "server.port": 9001,
    "xclient.attempt.reason": "random",
  });
  assertEquals((await sdk.metric("xclient.client.in_flight"))[0].value, 0);
  assertEquals(await sdk.metric("xclient.client.retries"), []);
});

Deno.test("a call in flight counts until it ends", async () => {
  await using sdk = new Sdk();
  const { call } = telemetry(sdk.options);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const done = call(clientCall(), () => promise);
  assertEquals((await sdk.metric("xclient.client.in_flight"))[0].value, 1);
  resolve(3);
  await done;
  assertEquals((await sdk.metric("xclient.client.in_flight"))[0].value, 0);
});

Deno.test("the context of each attempt is in its own metadata", async () => {
  await using sdk = new Sdk();
  const { call, attempt } = telemetry(sdk.options);
  const of = clientCall();
  const first = attemptOf(of, 1);
  const second = attemptOf(of, 2);
  await call(of, async () => {
    await Promise.resolve(attempt(first, () => Promise.reject(new Error("lost")))).catch(() => {});
    return await attempt(second, () => Promise.resolve(3));
  });
  const ids = sdk.named("Arith.Sum attempt").map((span) => span.spanContext());
  const expected = ids.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`);
  assertEquals([first.meta.traceparent, second.meta.traceparent], expected);
  assertEquals(of.meta, {});
});

Deno.test("an error: its code on both spans and both durations", async () => {
  await using sdk = new Sdk();
  const error = new RpcError("not_found", "no such number", { execution: "answered" });
  await assertRejects(() => callWith(telemetry(sdk.options), [["random", error]]), RpcError);
  for (const span of sdk.spans) {
    assertEquals(span.status, { code: 2, message: "no such number" });
    assertEquals(span.attributes["error.type"], "not_found");
    assertEquals(span.attributes["rpc.status_code"], "not_found");
    assertEquals(span.attributes["xclient.execution"], "answered");
  }
  for (const name of ["rpc.client.call.duration", "xclient.client.attempt.duration"]) {
    const [{ attributes }] = await sdk.metric(name);
    assertEquals(attributes["error.type"], "not_found");
    assertEquals(attributes["rpc.status_code"], "not_found");
  }
});

Deno.test("what is no RpcError has its name as its class, and no code", async () => {
  await using sdk = new Sdk();
  const reason = new DOMException("enough", "AbortError");
  const { call } = telemetry(sdk.options);
  for (const thrown of [reason, "enough", new TypeError("wrong")]) {
    await Promise.resolve(call(clientCall(), () => Promise.reject(thrown))).then(
      () => assert(false),
      (error) => assertStrictEquals(error, thrown),
    );
  }
  const classes = sdk.spans.map(({ attributes }) => attributes["error.type"]);
  assertEquals(classes, ["AbortError", "_OTHER", "TypeError"]);
  assert(sdk.spans.every(({ attributes }) => attributes["rpc.status_code"] === undefined));
});

Deno.test("a retry counts, and the call that succeeds in the end has no error", async () => {
  await using sdk = new Sdk();
  const lost = new RpcError("unavailable", "lost");
  const reply = await callWith(telemetry(sdk.options), [["random", lost], ["failover", 3]]);
  assertEquals(reply, 3);
  const [first, second] = sdk.named("Arith.Sum attempt");
  const [called] = sdk.named("Arith.Sum");
  assert(isChild(first, called) && isChild(second, called));
  assertEquals([first.status.code, second.status.code, called.status.code], [2, 0, 0]);
  assertEquals(called.attributes["xclient.attempts"], 2);
  assertEquals(called.attributes["network.peer.address"], "10.0.0.2");
  assertEquals(called.attributes["error.type"], undefined);
  assertEquals(second.links, []);
  const [retries] = await sdk.metric("xclient.client.retries");
  assertEquals(retries.value, 1);
  assertEquals(retries.attributes, { ...BASE, "xclient.attempt.reason": "failover" });
  assertEquals(await sdk.metric("xclient.client.hedges"), []);
});

for (const why of ["hedge", "stalled"]) {
  Deno.test(`${why}: linked to the attempt in flight, which is given up`, async () => {
    await using sdk = new Sdk();
    const { call, attempt } = telemetry(sdk.options);
    const of = clientCall();
    await call(of, async () => {
      attempt(attemptOf(of, 1, "random"), () => new Promise(() => {}));
      return await attempt(attemptOf(of, 2, why), () => Promise.resolve(3));
    });
    const [hedge, first] = sdk.named("Arith.Sum attempt");
    assertEquals(hedge.attributes["xclient.attempt.reason"], why);
    assertEquals(hedge.links.map(({ context }) => context), [first.spanContext()]);
    assertEquals([first.status.code, first.attributes["rpc.status_code"]], [0, "canceled"]);
    assertEquals(first.attributes["error.type"], undefined);
    assertEquals((await sdk.metric("xclient.client.hedges"))[0].value, 1);
    assertEquals(await sdk.metric("xclient.client.retries"), []);
  });
}

Deno.test("a call that is over ends its attempts with its error, once", async () => {
  await using sdk = new Sdk();
  const { call, attempt } = telemetry(sdk.options);
  const of = clientCall();
  const { promise, reject } = Promise.withResolvers<never>();
  const late = new RpcError("deadline_exceeded", "late");
  let tried: Promise<unknown> | undefined;
  await assertRejects(async () =>
    await call(of, () => {
      tried = Promise.resolve(attempt(attemptOf(of), () => promise));
      return Promise.reject(late);
    }), RpcError);
  reject(new Error("given up"));
  await tried!.catch(() => {});
  const spans = sdk.named("Arith.Sum attempt");
  assertEquals(spans.map(({ attributes }) => attributes["error.type"]), ["deadline_exceeded"]);
  const [{ count }] = await sdk.metric("xclient.client.attempt.duration");
  assertEquals(count, 1);
});

Deno.test("the caller's span is the parent, and its baggage travels", async () => {
  await using sdk = new Sdk();
  sdk.follow();
  const parent = sdk.tracerProvider.getTracer("test").startSpan("request");
  const baggage = propagation.createBaggage({ user: { value: "ann" } });
  const within = propagation.setBaggage(trace.setSpan(context.active(), parent), baggage);
  const metas: Record<string, string>[] = [];
  for (const options of [{}, { baggage: false }]) {
    const { call, attempt } = telemetry({ ...sdk.options, ...options });
    const of = clientCall();
    const tried = attemptOf(of);
    const answer = () => Promise.resolve(3);
    await context.with(within, () => call(of, async () => await attempt(tried, answer)));
    metas.push(tried.meta);
  }
  parent.end();
  const [request] = sdk.named("request");
  assert(sdk.named("Arith.Sum").every((span) => isChild(span, request)));
  assertEquals(metas.map(({ baggage }) => baggage), ["user=ann", undefined]);
  assert(metas.every(({ traceparent }) => traceparent.length > 0));
});

Deno.test("at the server: a span whose parent is the attempt, active in the handler", async () => {
  await using sdk = new Sdk();
  sdk.follow();
  const { handle } = telemetry(sdk.options);
  const [traceId, spanId] = ["a".repeat(32), "b".repeat(16)];
  const meta = {
    traceparent: `00-${traceId}-${spanId}-01`,
    tracestate: "x=y",
    baggage: "user=ann",
  };
  let active: string | undefined;
  let user: string | undefined;
  await handle(serverCall(meta), async () => {
    await Promise.resolve();
    active = trace.getSpan(context.active())?.spanContext().spanId;
    user = propagation.getBaggage(context.active())?.getEntry("user")?.value;
  });
  const [span] = sdk.spans;
  assertEquals([span.name, span.kind], ["Arith.Sum", SpanKind.SERVER]);
  assertEquals(span.spanContext().traceId, traceId);
  assertEquals(span.parentSpanContext?.spanId, spanId);
  assertEquals(span.spanContext().traceState?.serialize(), "x=y");
  assertEquals([active, user], [span.spanContext().spanId, "ann"]);
  assertEquals(span.attributes, {
    ...BASE,
    "network.peer.address": "10.0.0.9",
    "network.peer.port": 5000,
  });
  const [{ attributes, count }] = await sdk.metric("rpc.server.call.duration");
  assertEquals([attributes, count], [BASE, 1]);
  assertEquals((await sdk.metric("xclient.server.in_flight"))[0].value, 0);
});

Deno.test("at the server: without metadata a trace begins, whatever is active there", async () => {
  await using sdk = new Sdk();
  sdk.follow();
  const { handle } = telemetry({ ...sdk.options, baggage: false });
  const connection = sdk.tracerProvider.getTracer("test").startSpan("start-up");
  await context.with(trace.setSpan(context.active(), connection), async () => {
    await handle(serverCall(), () => Promise.resolve());
    await handle(serverCall({ baggage: "user=ann" }), () => {
      assertEquals(propagation.getBaggage(context.active()), undefined);
      return Promise.resolve();
    });
  });
  assert(sdk.named("Arith.Sum").every((span) => span.parentSpanContext === undefined));
});

Deno.test("at the server: its own failures are errors, its caller's mistakes are not", async () => {
  await using sdk = new Sdk();
  const { handle } = telemetry(sdk.options);
  const thrown = [
    new RpcError("not_found", "no such number"),
    new RpcError("internal", "a bug"),
    new TypeError("x is not a function"),
  ];
  for (const error of thrown) {
    await assertRejects(async () => await handle(serverCall(), () => Promise.reject(error)));
  }
  const told = sdk.spans.map(({ status, attributes, events }) => [
    status.code,
    attributes["rpc.status_code"],
    attributes["error.type"],
    events.map(({ name }) => name),
  ]);
  assertEquals(told, [
    [0, "not_found", undefined, []],
    [2, "internal", "internal", []],
    [2, "unknown", "unknown", ["exception"]],
  ]);
  const series = await sdk.metric("rpc.server.call.duration");
  assertEquals(series.map(({ attributes }) => attributes["error.type"]), [
    undefined,
    "internal",
    "unknown",
  ]);
});

Deno.test("what the options name is recorded, and a method that is not wanted is not", async () => {
  await using sdk = new Sdk();
  const recorded = telemetry({
    ...sdk.options,
    filter: (serviceMethod) => serviceMethod !== "Health.Check",
    spanName: ({ service, method }) => `${service}/${method}`,
    attributes: ({ method }) => ({ tenant: method, "rpc.system.name": "jsonrpc" }),
    metricAttributes: () => ({ zone: "a" }),
  });
  const of = clientCall("Health.Check");
  const tried = attemptOf(of);
  await recorded.call(of, async () => await recorded.attempt(tried, () => Promise.resolve(1)));
  assertEquals([sdk.spans, tried.meta], [[], {}]);
  assertEquals(await sdk.metric("rpc.client.call.duration"), []);

  await callWith(recorded, [["random", 3]]);
  await recorded.handle(serverCall(), () => Promise.resolve());
  const names = sdk.spans.map(({ name }) => name);
  assertEquals(names, ["Arith/Sum attempt", "Arith/Sum", "Arith/Sum"]);
  for (const { attributes } of sdk.spans) {
    assertEquals([attributes.tenant, attributes["rpc.system.name"]], ["Sum", "jsonrpc"]);
  }
  for (const name of ["rpc.client.call.duration", "rpc.server.call.duration"]) {
    assertEquals((await sdk.metric(name))[0].attributes, { ...BASE, zone: "a" });
  }
});

Deno.test("an option that throws costs no call", async () => {
  await using sdk = new Sdk();
  const fail = () => {
    throw new Error("a bug of the program");
  };
  const recorded = telemetry({
    ...sdk.options,
    filter: fail,
    spanName: fail,
    attributes: fail,
    metricAttributes: fail,
  });
  assertEquals(await callWith(recorded, [["random", 3]]), 3);
  assertEquals(sdk.named("Arith.Sum").length, 1);
});

Deno.test("only spans, or only metrics, where only one is recorded", async () => {
  await using sdk = new Sdk();
  const { tracerProvider, meterProvider } = sdk;
  const only: TelemetryOptions[] = [{ tracerProvider }, { meterProvider }];
  const counts: number[] = [];
  for (const options of only) {
    const recorded = telemetry(options);
    await callWith(recorded, [["random", 3]]);
    await recorded.handle(serverCall(), () => Promise.resolve());
    counts.push(sdk.spans.length, (await sdk.metric("rpc.server.call.duration")).length);
  }
  assertEquals(counts, [3, 0, 3, 1]);
});

Deno.test("without an SDK calls go on as they are; one that comes later records the next", async () => {
  const recorded = telemetry();
  const of = clientCall();
  const tried = attemptOf(of);
  const reply = Promise.resolve(3);
  const next = () => reply;
  assertStrictEquals(recorded.call(of, next), reply);
  assertStrictEquals(recorded.attempt(tried, next), reply);
  assertStrictEquals(recorded.handle(serverCall(), next), reply);
  recorded.onEvent({ type: "ejected", address: "tcp@10.0.0.1:9001" });
  assertEquals([tried.meta, recorded.isActive()], [{}, false]);

  await using sdk = new Sdk();
  sdk.register();
  await Promise.resolve();
  assert(recorded.isActive());
  await callWith(recorded, [["random", 3]]);
  assertEquals(sdk.spans.map(({ name }) => name), ["Arith.Sum attempt", "Arith.Sum"]);
  assertEquals((await sdk.metric("rpc.client.call.duration"))[0].count, 1);
  assertEquals(await sdk.metric("xclient.events"), []);
});

Deno.test("events count by their name, ejections by themselves", async () => {
  await using sdk = new Sdk();
  const { onEvent } = telemetry(sdk.options);
  const address = "tcp@10.0.0.1:9001";
  for (const type of ["ejected", "restored", "ejected"]) onEvent({ type, address });
  onEvent({ type: "overloaded" });
  const place = { "server.address": "10.0.0.1", "server.port": 9001 };
  assertEquals(await sdk.metric("xclient.client.ejections"), [{ attributes: place, value: 2 }]);
  assertEquals(await sdk.metric("xclient.events"), [
    { attributes: { ...place, "xclient.event": "ejected" }, value: 2 },
    { attributes: { ...place, "xclient.event": "restored" }, value: 1 },
    { attributes: { "xclient.event": "overloaded" }, value: 1 },
  ]);
});
