/** What is recorded of streams: spans until their end, and how many items went through. */

import { assert, assertEquals } from "@std/assert";
import type { CallContext, ClientInterceptor } from "../../mod.ts";
import { RpcError } from "../../errors.ts";
import { SelectMode } from "../../selector.ts";
import { telemetry } from "../../telemetry.ts";
import { XClient } from "../../xclient.ts";
import { inWorld, settled, type World } from "../support/helpers.ts";
import { collect, TapRead } from "../support/streams.ts";
import { isChild, type ReadableSpan, Sdk, SpanKind, trace } from "./sdk.ts";

interface Case {
  readonly world: World;
  readonly sdk: Sdk;
  readonly xclient: XClient;
  /** The streams of all servers, in the order in which they were opened. */
  readonly reads: TapRead[];
  pass(ms: number): Promise<void>;
  one(name: string, kind?: SpanKind): ReadableSpan;
}

function test(
  name: string,
  body: (test: Case) => Promise<void>,
  inner: readonly ClientInterceptor[] = [],
): void {
  Deno.test(name, () =>
    inWorld(async (world) => {
      await using sdk = new Sdk();
      sdk.follow();
      const recorded = telemetry({ ...sdk.options, clock: world.clock });
      const reads: TapRead[] = [];
      const Tap = {
        Read(args: unknown, ctx: CallContext) {
          const read = new TapRead(args, ctx);
          reads.push(read);
          return read.items();
        },
        async Sum(numbers: AsyncIterable<number>) {
          let sum = 0;
          for await (const number of numbers) sum += number;
          return sum;
        },
        async *Spans() {
          for (let n = 0; n < 2; n++) {
            yield trace.getActiveSpan()?.spanContext().spanId;
            await settled();
          }
        },
      };
      for (const name of "ab") await world.serve(name, { interceptors: [recorded] }, { Tap });
      const xclient = new XClient(["memory@a", "memory@b"], {
        ...world.options,
        interceptors: [recorded, ...inner],
        mode: SelectMode.RoundRobin,
        random: () => 0,
      });
      const one = (name: string, kind?: SpanKind) => {
        const found = sdk.named(name, kind);
        assertEquals(found.length, 1, `${found.length} spans ${name}`);
        return found[0];
      };
      await body({ world, sdk, xclient, reads, one, pass: (ms) => world.clock.advance(ms) });
      await xclient.close();
      for (const end of ["client", "server"]) {
        for (const { value } of await sdk.metric(`xclient.${end}.in_flight`)) {
          assertEquals(value, 0);
        }
      }
    }));
}

/** The items of streams that a metric has: how many of each direction. */
async function itemsOf(sdk: Sdk, end: "client" | "server"): Promise<unknown> {
  const points = await sdk.metric(`xclient.${end}.stream.items`);
  return Object.fromEntries(
    points.map(({ attributes, value }) => [`${attributes["xclient.stream.direction"]}`, value]),
  );
}

test("spans last until the stream has ended, and items are counted at both ends", async (made) => {
  const { sdk, xclient, reads, pass, one } = made;
  const read = collect(xclient.stream("Tap.Read"));
  await pass(0);
  reads[0].push(1, 2, 3);
  await pass(2000);
  assertEquals(sdk.spans.length, 0);
  assertEquals((await sdk.metric("xclient.client.in_flight"))[0].value, 1);
  reads[0].end();
  await read.ended;
  const called = one("Tap.Read", SpanKind.CLIENT);
  const tried = one("Tap.Read attempt");
  const served = one("Tap.Read", SpanKind.SERVER);
  assert(isChild(tried, called) && isChild(served, tried));
  for (const { status, attributes } of [called, tried, served]) {
    assertEquals([status.code, attributes["rpc.status_code"]], [0, undefined]);
  }
  assertEquals(await itemsOf(sdk, "client"), { received: 3 });
  assertEquals(await itemsOf(sdk, "server"), { sent: 3 });
  for (const end of ["client", "server"]) {
    assertEquals((await sdk.metric(`rpc.${end}.call.duration`))[0].value, 2);
  }
  assertEquals(await sdk.unitOf("xclient.client.stream.items"), "{item}");
});

test("a reader that leaves is no error: the stream is canceled", async (made) => {
  const { sdk, xclient, reads, pass } = made;
  const stream = xclient.stream("Tap.Read");
  const first = stream.next();
  await pass(0);
  reads[0].push(1);
  await first;
  await stream.return();
  await pass(0);
  assertEquals(sdk.spans.length, 3);
  for (const { status, attributes } of sdk.spans) {
    assertEquals([status.code, attributes["rpc.status_code"]], [0, "canceled"]);
    assertEquals(attributes["error.type"], undefined);
  }
});

test("what a stream fails with behind its items is its span's error", async (made) => {
  const { sdk, xclient, reads, pass } = made;
  const read = collect(xclient.stream("Tap.Read"));
  await pass(0);
  reads[0].push(1);
  await pass(0);
  reads[0].fail(new RpcError("data_loss", "torn"));
  await read.ended;
  assertEquals(sdk.spans.length, 3);
  for (const { status, attributes } of sdk.spans) {
    assertEquals([status.code, attributes["error.type"]], [2, "data_loss"]);
  }
  assertEquals(await itemsOf(sdk, "client"), { received: 1 });
});

test("a stream that goes on has an attempt for each server", async (made) => {
  const { world, sdk, xclient, reads, pass, one } = made;
  const read = collect(xclient.stream<number>("Tap.Read", 0, { resume: (last) => last }));
  await pass(0);
  reads[0].push(1);
  await pass(0);
  world.network.cut("memory@a");
  await pass(0);
  reads[1].push(2);
  reads[1].end();
  await read.ended;
  const called = one("Tap.Read", SpanKind.CLIENT);
  const [first, second] = sdk.named("Tap.Read attempt");
  assert(isChild(first, called) && isChild(second, called));
  assertEquals(first.attributes["error.type"], "unavailable");
  assertEquals([second.status.code, second.attributes["xclient.attempt.reason"]], [0, "failover"]);
  assertEquals([called.status.code, called.attributes["xclient.attempts"]], [0, 2]);
  assertEquals(await itemsOf(sdk, "client"), { received: 2 });
  assertEquals((await sdk.metric("xclient.client.retries"))[0].value, 1);
});

test("the items of an argument are counted, too", async ({ sdk, xclient }) => {
  async function* numbers() {
    yield 1;
    yield 2;
    await Promise.resolve();
  }
  assertEquals(await xclient.call<number>("Tap.Sum", numbers()), 3);
  assertEquals(await itemsOf(sdk, "client"), { sent: 2 });
  assertEquals(await itemsOf(sdk, "server"), { received: 2 });
});

test("a handler's span is active between its items", async ({ xclient, one }) => {
  const read = collect(xclient.stream("Tap.Spans"));
  await read.ended;
  const { spanId } = one("Tap.Spans", SpanKind.SERVER).spanContext();
  assertEquals(read.items, [spanId, spanId]);
});

test("a stream of all servers: one span, with an attempt at each", async (made) => {
  const { sdk, xclient, reads, pass, one } = made;
  const read = collect(xclient.streamAll("Tap.Read"));
  await pass(0);
  reads[0].push(1);
  reads[0].end();
  reads[1].fail(new RpcError("not_found", "no log"));
  await read.ended;
  const called = one("Tap.Read", SpanKind.CLIENT);
  const attempts = sdk.named("Tap.Read attempt");
  assert(attempts.every((span) => isChild(span, called)));
  assertEquals(attempts.map(({ attributes }) => attributes["error.type"]).sort(), [
    "not_found",
    undefined,
  ]);
  assertEquals(called.status.code, 0);
});
