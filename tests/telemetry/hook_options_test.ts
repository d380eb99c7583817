/** What the options of `telemetry` change: what is recorded, under which names, and whether it is. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { telemetry, type TelemetryOptions } from "../../telemetry.ts";
import { Sdk } from "./sdk.ts";
import { attemptOf, BASE, callWith, clientCall, serverCall } from "./hook_calls.ts";

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
