/** What is recorded at a client, of calls that are made by hand: spans, durations, and events. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { telemetry } from "../../telemetry.ts";
import { FakeClock } from "../../testing.ts";
import { context, isChild, propagation, Sdk, SpanKind, trace } from "./sdk.ts";
import { attemptOf, BASE, callWith, clientCall } from "./hook_calls.ts";

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
