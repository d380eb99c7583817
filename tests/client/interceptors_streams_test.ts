/** Streams of a `Client` pass through its interceptors, and through a server's. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  type CallContext,
  type ClientInterceptor,
  type ClientInterceptors,
  RpcError,
  type ServerInterceptors,
  TimeoutError,
} from "../../mod.ts";
import { inWorld, withStillDate, type World } from "../support/helpers.ts";
import { collect, TapRead } from "../support/streams.ts";

interface Made {
  readonly world: World;
  readonly reads: TapRead[];
  readonly stream: Awaited<ReturnType<World["dial"]>>["stream"];
  readonly close: (graceMs?: number) => Promise<void>;
  pass(ms: number): Promise<void>;
}

function test(
  name: string,
  body: (made: Made) => Promise<void>,
  interceptors: ClientInterceptors,
  server: ServerInterceptors = [],
): void {
  Deno.test(name, () =>
    withStillDate(() =>
      inWorld(async (world) => {
        const reads: TapRead[] = [];
        const { address } = await world.serve("a", { interceptors: server }, {
          Tap: {
            Read(args: unknown, ctx: CallContext) {
              if (ctx.meta.token === "old") throw ctx.reject("expired", "unauthenticated");
              const read = new TapRead(args, ctx);
              reads.push(read);
              return read.items();
            },
          },
        });
        const client = await world.dial(address, { interceptors });
        await body({
          world,
          reads,
          stream: client.stream.bind(client) as Made["stream"],
          close: (graceMs = 0) => client.close({ graceMs }),
          pass: (ms) => world.clock.advance(ms),
        });
        await client.close();
        await world.clock.advance(0);
        for (const { isOver } of reads) assert(isOver, "a stream is left at the server");
      })
    ));
}

/** Doubles what a stream gives. */
async function* doubled(items: unknown) {
  for await (const item of items as AsyncIterable<number>) yield 2 * item;
}

const seen: string[] = [];
const NOTED: ClientInterceptor = {
  async call(call, next) {
    seen.push(`call ${call.serviceMethod} ${call.args}`);
    const items = await next(call);
    seen.push("call is open");
    return doubled(items);
  },
  async attempt(attempt, next) {
    seen.push(`attempt ${attempt.number} ${attempt.why}`);
    const items = await next(attempt);
    seen.push("attempt is open");
    return doubled(items);
  },
};
test(
  "next gives the stream once its first item has come; interceptors may wrap it",
  async (made) => {
    const { stream, reads, pass } = made;
    const read = collect(stream<number>("Tap.Read", 1));
    await pass(0);
    assertEquals(seen, ["call Tap.Read 1", "attempt 1 direct"]);
    reads[0].push(1);
    await pass(0);
    assertEquals(seen.slice(2), ["attempt is open", "call is open"]);
    reads[0].push(2, 3);
    reads[0].end();
    await read.ended;
    assertEquals([read.items, read.error], [[4, 8, 12], undefined]);
    assertEquals(seen.length, 4);
  },
  [NOTED],
);

let tokens = 0;
test("next again opens the stream anew, where nothing has run", async ({ stream, reads, pass }) => {
  const read = collect(stream<number>("Tap.Read", 1));
  await pass(0);
  assertEquals([reads.length, tokens], [1, 2]);
  reads[0].push(1);
  reads[0].end();
  await read.ended;
  assertEquals(read.items, [1]);
}, [{
  async attempt(attempt, next) {
    attempt.meta.token = ["old", "new"][tokens++];
    try {
      return await next(attempt);
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== "unauthenticated") throw error;
      attempt.meta.token = ["old", "new"][tokens++];
      return await next(attempt);
    }
  },
}]);

test("next again is refused once the stream may have run", async ({ stream, reads, pass }) => {
  const read = collect(stream<number>("Tap.Read", 1));
  await pass(0);
  reads[0].push(1);
  await read.ended;
  assertInstanceOf(read.error, RpcError);
  assertEquals(read.error.code, "failed_precondition");
}, [async (call, next) => {
  await next(call);
  return await next(call);
}]);

test("what comes behind the first item passes the interceptors' own loops", async (made) => {
  const { stream, reads, pass } = made;
  const read = collect(stream<number>("Tap.Read", 1));
  await pass(0);
  reads[0].push(1);
  await pass(0);
  reads[0].fail(new RpcError("data_loss", "torn"));
  await read.ended;
  assertEquals([read.items, (read.error as Error).message], [[1], "seen: torn"]);
}, [async (call, next) => {
  const items = await next(call) as AsyncIterable<number>;
  return (async function* () {
    try {
      yield* items;
    } catch (error) {
      throw new Error(`seen: ${(error as Error).message}`);
    }
  })();
}]);

test(
  "a reader that leaves ends what interceptors have wrapped, and what they have not",
  async (made) => {
    const { stream, reads, pass } = made;
    for (const method of ["return", "abort"]) {
      const controller = new AbortController();
      const items = stream<number>("Tap.Read", 1, { signal: controller.signal });
      const first = items.next();
      await pass(0);
      reads.at(-1)!.push(1);
      assertEquals((await first).value, 1);
      const second = items.next();
      if (method === "return") await items.return();
      else controller.abort(new Error("enough"));
      const error = await second.catch((error) => error.message);
      assertEquals(error, method === "return" ? { done: true, value: undefined } : "enough");
      await pass(0);
      assert(reads.at(-1)!.isOver);
    }
  },
  [async (call, next) => {
    const items = await next(call) as AsyncIterable<number>;
    return {
      [Symbol.asyncIterator]() {
        const iterator = items[Symbol.asyncIterator]();
        return { next: () => iterator.next() }; // it has no `return`
      },
    };
  }],
);

test(
  "an interceptor may give a stream of its own, and no other thing",
  async ({ stream, reads }) => {
    const read = collect(stream<number>("Tap.Read", "cached"));
    await read.ended;
    assertEquals([read.items, reads.length], [[7, 8], 0]);
    const wrong = stream("Tap.Read", "wrong");
    await assertRejects(() => wrong.next(), TypeError, "another async iterable");
  },
  [(call) =>
    call.args === "wrong" ? [1, 2] : (async function* () {
      yield 7;
      yield 8;
    })()],
);

test(
  "deadlines hold over interceptors: before the first item, behind it, and for their own streams",
  async (made) => {
    const { stream, reads, pass } = made;
    const options = { timeoutMs: 100 };
    const kept = stream("Tap.Read", "keep", options);
    const error = assertRejects(() => kept.next(), TimeoutError, "an interceptor kept the call");
    await pass(100);
    await error;
    const late = collect(stream<number>("Tap.Read", "pass", options));
    await pass(50);
    reads[0].push(1);
    await pass(50);
    assertInstanceOf(late.error, TimeoutError);
    assertEquals(
      late.error.message,
      "Tap.Read at memory@a: the stream has not ended within 100 ms",
    );
    const own = collect(stream<number>("Tap.Read", "own", options));
    await pass(100);
    assertInstanceOf(own.error, TimeoutError);
    assertEquals(own.items, [1]);
    const item = stream<number>("Tap.Read", "pass", { itemTimeoutMs: 100 });
    const first = assertRejects(() => item.next(), TimeoutError);
    await pass(100);
    assertEquals((await first).message, "Tap.Read at memory@a: no item within 100 ms");
  },
  [async (call, next) => {
    if (call.args === "keep") return await new Promise(() => {});
    if (call.args === "pass") return await next(call);
    return (async function* () {
      yield 1;
      await new Promise(() => {});
    })();
  }],
);

test("closing the client ends the streams that interceptors give", async ({ stream, close }) => {
  const own = collect(stream<number>("Tap.Read", "own"));
  await own.stream[Symbol.asyncIterator]();
  await close();
  await own.ended;
  assertInstanceOf(own.error, RpcError);
  assertEquals(own.error.code, "canceled");
}, [() =>
  (async function* () {
    yield 1;
    await new Promise(() => {});
  })()]);

const served: string[] = [];
test(
  "a server's interceptors get what the handler returns, and may wrap it",
  async (made) => {
    const { stream, reads, pass } = made;
    const read = collect(stream<number>("Tap.Read", 1));
    await pass(0);
    reads[0].push(1, 2);
    reads[0].end();
    await read.ended;
    assertEquals([read.items, served], [[2, 4], ["Tap.Read", "over"]]);
  },
  [],
  [async (call, next) => {
    served.push(call.serviceMethod);
    const items = await next(call);
    return (async function* () {
      yield* doubled(items);
      served.push("over");
    })();
  }],
);

test(
  "a server's interceptor that throws turns a stream away before anything ran",
  async (made) => {
    const items = made.stream("Tap.Read", 1);
    const error = await assertRejects(() => items.next(), RpcError);
    assertEquals([error.code, error.execution, made.reads.length], [
      "permission_denied",
      "rejected",
      0,
    ]);
  },
  [],
  [(call) => {
    throw call.context.reject("not you", "permission_denied");
  }],
);
