import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { BatchWriter } from "../../connection/batch_writer.ts";
import { Replies } from "../../connection/replies.ts";
import { RunningCalls } from "../../connection/running_calls.ts";
import { ServerLoad } from "../../connection/server_load.ts";
import type { CallContext, Method } from "../../connection/services.ts";
import type { Failure, ServerCodec } from "../../protocol/codec.ts";
import { FakeClock } from "../../testing.ts";
import { RpcError } from "../../errors.ts";
import type { Transport } from "../../transport.ts";
import { deferred, settled } from "../support/helpers.ts";

/** Running calls whose answers are noted; `fails` is what encoding a reply throws. */
function scene({ handleTimeoutMs = 0, fails = undefined as unknown } = {}) {
  const clock = new FakeClock();
  const answers: unknown[][] = [];
  const told: [string, unknown][] = [];
  const seen = { ended: 0, closed: 0 };
  const codec = {
    bufferedBytes: 0,
    reply(seq: number, _serviceMethod: string, value: unknown) {
      if (fails !== undefined) throw fails;
      answers.push([seq, value]);
    },
    fail(seq: number, _serviceMethod: string, { message, code, rejected }: Failure) {
      answers.push([seq, code, message, rejected]);
    },
  } as { -readonly [Key in keyof ServerCodec]: ServerCodec[Key] };
  const owner = {
    remote: "memory@client",
    callEnded: () => void seen.ended++,
    close: () => void seen.closed++,
    handlerFailed: (serviceMethod: string, error: unknown) => {
      told.push([serviceMethod, error]);
    },
    replyRefused: (serviceMethod: string, error: unknown) => {
      told.push([serviceMethod, error]);
    },
  };
  const source = { bufferedBytes: () => 0, take: () => new Uint8Array(), writeFailed() {} };
  const writer = new BatchWriter(
    { write: () => Promise.resolve() } as unknown as Transport,
    source,
  );
  const load = new ServerLoad();
  const calls = new RunningCalls(
    owner,
    new Replies(codec, writer, owner, 1024),
    { clock, handleTimeoutMs, load },
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
  return { clock, answers, seen, told, load, codec, calls, run };
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

Deno.test("RunningCalls: an error that is no RpcError is told, and what an abort has brought is not", async () => {
  const { told, run, calls } = scene();
  const broken = new TypeError("x is undefined");
  run(1, () => {
    throw broken;
  });
  run(2, () => Promise.reject(broken));
  run(3, () => Promise.reject(new RpcError("not_found", "no such user")));
  run(4, (ctx) => Promise.reject(ctx.reject("busy")));
  const ends = [deferred<unknown>(), deferred<unknown>()];
  const contexts = ends.map(({ promise }, n) => run(5 + n, () => promise));
  calls.cancel(5);
  calls.cancel(6);
  ends[0].reject(contexts[0].signal.reason);
  ends[1].reject("behind the cancel");
  await settled();
  assertEquals(told, [["S.M", broken], ["S.M", broken], ["S.M", "behind the cancel"]]);
});

Deno.test("RunningCalls: members of the context work when they are taken out of it", async () => {
  const { answers, run } = scene();
  run(1, ({ reject, serviceMethod, remote, signal }) => {
    assertEquals([serviceMethod, remote, signal.aborted], ["S.M", "memory@client", false]);
    throw reject("busy", "resource_exhausted");
  });
  run(2, ({ reject }) => {
    const [first] = [reject("first"), reject("second")];
    throw first;
  });
  const { reject } = run(3, () => new Promise(() => {}));
  run(4, () => Promise.reject(reject("another call's")));
  await settled();
  assertEquals(answers, [
    [1, "resource_exhausted", "busy", true],
    [2, "unavailable", "first", true],
    [4, "unavailable", "another call's", false],
  ]);
});

Deno.test("RunningCalls: replies are not encoded while too much is buffered", async () => {
  const { answers, seen, load, codec, calls, run } = scene();
  const ends = [1, 2, 3].map((seq) => {
    const end = deferred<unknown>();
    run(seq, () => end.promise, seq === 3 ? 100 : undefined);
    return end;
  });
  codec.bufferedBytes = 1025;
  for (const [n, end] of ends.entries()) end.resolve(`value ${n}`);
  await settled();
  assertEquals([answers, calls.size, calls.handlers, load.running], [[], 3, 3, 0]);
  assert(calls.cancel(1));
  calls.answerHeld();
  assertEquals(answers, []);
  codec.bufferedBytes = 1024;
  calls.answerHeld();
  assertEquals(answers, [[2, "value 1"], [3, "value 2"]]);
  assertEquals([calls.size, calls.handlers, seen.closed], [0, 0, 0]);
});
