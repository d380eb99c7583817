/** What is recorded at a server, of calls that are made by hand. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { telemetry } from "../../telemetry.ts";
import { context, propagation, Sdk, SpanKind, trace } from "./sdk.ts";
import { BASE, serverCall } from "./hook_calls.ts";

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
