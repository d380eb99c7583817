import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { BatchWriter } from "../../connection/batch_writer.ts";
import { Replies } from "../../connection/replies.ts";
import { RunningCalls } from "../../connection/running_calls.ts";
import type { CallContext, Method } from "../../connection/services.ts";
import type { Failure, ServerCodec } from "../../protocol/codec.ts";
import { FakeClock } from "../../testing.ts";
import type { Transport } from "../../transport.ts";
import { deferred, settled } from "../support/helpers.ts";

/** Running calls whose answers are noted; `fails` is what encoding a reply throws. */
function scene({ handleTimeoutMs = 0, fails = undefined as unknown } = {}) {
  const clock = new FakeClock();
  const answers: unknown[][] = [];
  const seen = { ended: 0, closed: 0 };
  const codec = {
    reply(seq: number, _serviceMethod: string, value: unknown) {
      if (fails !== undefined) throw fails;
      answers.push([seq, value]);
    },
    fail(seq: number, _serviceMethod: string, { message, code, rejected }: Failure) {
      answers.push([seq, code, message, rejected]);
    },
  } as ServerCodec;
  const owner = {
    remote: "memory@client",
    callEnded: () => void seen.ended++,
    close: () => void seen.closed++,
  };
  const source = { bufferedBytes: () => 0, take: () => new Uint8Array(), writeFailed() {} };
  const writer = new BatchWriter(
    { write: () => Promise.resolve() } as unknown as Transport,
    source,
  );
  const calls = new RunningCalls(
    owner,
    new Replies(codec, writer, owner, 1024),
    clock,
    handleTimeoutMs,
  );
  let context!: CallContext;
  const run = (seq: number, handle: (ctx: CallContext) => unknown, timeoutMs?: number) => {
    const method: Method = {
      serviceMethod: "S.M",
      handle: (_args, ctx) => handle(context = ctx),
    };
    calls.run(seq, method, null, { timeoutMs });
    return context;
  };
  return { clock, answers, seen, calls, run };
}

Deno.test("RunningCalls: a value is answered at once, a promise when it settles", async () => {
  const { answers, seen, calls, run } = scene();
  run(1, () => "value");
  assertEquals([answers, calls.size, calls.handlers], [[[1, "value"]], 0, 0]);
  const later = deferred<unknown>();
  run(2, () => later.promise);
  assertEquals([calls.size, calls.handlers, seen.ended], [1, 1, 0]);
  later.resolve("later");
  await settled();
  assertEquals(answers.slice(1), [[2, "later"]]);
  assertEquals([calls.size, calls.handlers, seen.ended], [0, 0, 1]);
});

Deno.test("RunningCalls: what a handler throws is its answer; rejected only by its own reject", async () => {
  const { answers, run } = scene();
  let other: unknown;
  run(1, (ctx) => {
    throw other = ctx.reject("elsewhere, please");
  });
  run(2, () => Promise.reject(other));
  run(3, (ctx) => Promise.reject(ctx.reject("busy", "resource_exhausted")));
  await settled();
  assertEquals(answers, [
    [1, "unavailable", "elsewhere, please", true],
    [2, "unavailable", "elsewhere, please", false],
    [3, "resource_exhausted", "busy", true],
  ]);
});

Deno.test("RunningCalls: a number that runs already and a deadline that has passed are rejected", () => {
  const { answers, calls, run } = scene();
  run(1, () => new Promise(() => {}));
  run(1, () => "again");
  run(2, () => "late", 0);
  assertEquals(answers, [
    [1, "invalid_argument", "rpc server: a call with Seq 1 is running already", true],
    [2, "deadline_exceeded", "rpc server: the deadline had passed before the call could run", true],
  ]);
  assertEquals(calls.size, 1);
});

Deno.test("RunningCalls: a cancelled call is not answered; its handler counts until it ends", async () => {
  const { answers, seen, calls, run } = scene();
  const later = deferred<unknown>();
  const { signal } = run(1, () => later.promise);
  assertEquals([calls.cancel(2), calls.cancel(1), calls.cancel(1)], [false, true, false]);
  assertEquals(signal.reason.code, "canceled");
  assertEquals([calls.size, calls.handlers, seen.ended], [0, 1, 0]);
  later.resolve("too late");
  await settled();
  assertEquals([answers, calls.handlers, seen.ended], [[], 0, 1]);
});

Deno.test("RunningCalls: the handshake's time is answered for, a caller's deadline is not", async () => {
  const { clock, answers, seen, calls, run } = scene({ handleTimeoutMs: 100 });
  const wait = () => new Promise(() => {});
  const own = run(1, wait, 50);
  const given = run(2, wait, 150);
  const both = run(3, wait, 100);
  await clock.advance(50);
  assertEquals([answers, seen.ended, own.signal.reason.name], [[], 1, "TimeoutError"]);
  await clock.advance(50);
  const message = "rpc server: request handle timeout: expect within 100ms";
  assertEquals(
    answers.sort(([one], [other]) => Number(one) - Number(other)),
    [2, 3].map((seq) => [seq, "deadline_exceeded", message, false]),
  );
  assertEquals(given.signal.reason.message, message);
  assert(both.signal.aborted);
  assertEquals([calls.size, clock.timers, seen.ended], [0, 0, 3]);
});

Deno.test("RunningCalls: close aborts every call, and leaves no timer", async () => {
  const { clock, answers, calls, run } = scene();
  const later = deferred<unknown>();
  const first = run(1, () => later.promise, 1000);
  const second = run(2, () => later.promise);
  const before = second.signal;
  calls.close();
  assertEquals(first.signal.reason.message, "the connection of memory@client is over");
  assertStrictEquals(second.signal, before);
  assert(before.aborted);
  later.reject(new Error("too late"));
  await settled();
  assertEquals([calls.size, clock.timers, answers], [0, 0, []]);
});

Deno.test("RunningCalls: a reply that can't be encoded is answered with an error", async () => {
  const { answers, seen, run } = scene({ fails: new Error("a cycle") });
  run(1, () => "value");
  run(2, () => Promise.resolve("value"));
  await settled();
  const message = "rpc server: the reply is refused: a cycle";
  assertEquals(answers, [1, 2].map((seq) => [seq, "internal", message, false]));
  assertEquals(seen.closed, 0);
});
