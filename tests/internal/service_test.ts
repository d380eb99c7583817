import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  type CallOptions,
  type Service,
  serviceView,
  type StreamIterator,
  type StreamOptions,
  type ViewCalls,
} from "../../internal/service.ts";
import { RpcError } from "../../errors.ts";
import { watchErrors } from "../../testing/explorer/unhandled.ts";
import { settled } from "../support/async.ts";

/** What makes calls, and no streams. */
function callsOnly(call: ViewCalls<CallOptions>["call"]): ViewCalls<CallOptions> {
  return {
    call,
    stream: () => {
      throw new Error("no stream was asked for");
    },
  };
}

interface Shop {
  Buy(args: { id: number }): string;
  Later(args: number): Promise<string[]>;
  readonly name: string;
}

Deno.test("a view calls Name.Method with argument and options, and is the same each time", async () => {
  const calls: unknown[] = [];
  const view = serviceView<Shop>(
    "Shop",
    callsOnly((...args) => (calls.push(args), Promise.resolve("reply"))),
  );
  const reply: string = await view.Buy({ id: 1 }, { timeoutMs: 5 });
  assertEquals(reply, "reply");
  await view.Later(2);
  assertEquals(calls, [
    ["Shop.Buy", { id: 1 }, { timeoutMs: 5 }],
    ["Shop.Later", 2, undefined],
  ]);
  assertStrictEquals(view.Buy, view.Buy);
  const { Buy } = view; // needs no `this`
  await Buy({ id: 3 });
  assertEquals(calls.length, 3);
});

Deno.test("a view is no promise, and inherited names are methods like others", async () => {
  const called: string[] = [];
  const view = serviceView<Record<string, () => void>>(
    "S",
    callsOnly((name) => {
      called.push(name);
      return Promise.resolve();
    }),
  );
  assertStrictEquals(await view, view);
  assertEquals((view as unknown as Record<symbol, unknown>)[Symbol.iterator], undefined);
  assertEquals([`${view}`, JSON.stringify({ view })], ["service S", '{"view":{}}']);
  for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    await (view[name] as () => Promise<unknown>)();
  }
  assertEquals(called, ["S.toString", "S.constructor", "S.__proto__", "S.hasOwnProperty"]);
});

Deno.test("the types of a view", () => {
  type View = Service<Shop>;
  const check: (keyof View)[] = ["Buy", "Later"]; // `name` is no method
  // @ts-expect-error: `name` is no method
  const wrong: keyof View = "name";
  type Reply = Awaited<ReturnType<View["Later"]>>;
  const reply: Reply = ["a"];
  assertEquals([check.length, wrong, reply.length], [2, "name", 1]);
});

/** Compiles if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

interface Context {
  readonly serviceMethod: string;
}

interface Greeter {
  Greet(name?: string): string;
  Wait(args: unknown, ctx: Context): Promise<number>;
  Find(args: { id: number }, ctx: Context): string | undefined;
  Ping(): void;
  Later?(name: string): string;
  Parse(text: string): number;
  Parse(texts: string[]): number[];
  Same<T>(value: T): T;
}

Deno.test("the types of a view: an argument may be left out where the handler's may be undefined", () => {
  type View = Service<Greeter>;
  type Rest<Method extends keyof View> = Parameters<NonNullable<View[Method]>>;
  const checks: true[] = [
    true satisfies Same<Rest<"Greet">, [args?: string, options?: CallOptions]>,
    true satisfies Same<Rest<"Wait">, [args?: unknown, options?: CallOptions]>,
    true satisfies Same<Rest<"Find">, [args: { id: number }, options?: CallOptions]>,
    true satisfies Same<Rest<"Ping">, [args?: undefined, options?: CallOptions]>,
    true satisfies Same<ReturnType<View["Wait"]>, Promise<number>>,
    true satisfies Same<ReturnType<View["Find"]>, Promise<string | undefined>>,
    true satisfies Same<ReturnType<View["Ping"]>, Promise<void>>,
  ];
  assertEquals(checks.length, 7);
});

Deno.test("the types of a view: optional methods stay so; overloads and generics as documented", () => {
  type View = Service<Greeter>;
  const checks: true[] = [
    true satisfies Same<undefined extends View["Later"] ? true : false, true>,
    true satisfies Same<ReturnType<NonNullable<View["Later"]>>, Promise<string>>,
    true satisfies Same<Parameters<View["Parse"]>[0], string[]>, // the last overload
    true satisfies Same<ReturnType<View["Parse"]>, Promise<number[]>>,
    true satisfies Same<ReturnType<View["Same"]>, Promise<unknown>>, // the constraint
  ];
  assertEquals(checks.length, 5);
});

Deno.test("a view's optional argument is left out, or undefined before options", async () => {
  const calls: unknown[] = [];
  const view = serviceView<Greeter>(
    "G",
    callsOnly((...args) => (calls.push(args), Promise.resolve("hello"))),
  );
  await view.Greet();
  await view.Greet(undefined, { timeoutMs: 5 });
  await view.Later?.("Ann");
  // @ts-expect-error: the argument is a string
  await view.Greet(1);
  // @ts-expect-error: the argument may not be left out
  await view.Find();
  // @ts-expect-error: the method is optional
  await view.Later("Ann");
  assertEquals(calls.slice(0, 3), [
    ["G.Greet", undefined, undefined],
    ["G.Greet", undefined, { timeoutMs: 5 }],
    ["G.Later", "Ann", undefined],
  ]);
});

interface Logs {
  Tail(args: { from: number }): AsyncGenerator<string>;
  Later(): Promise<AsyncIterable<number>>;
  Bytes(): ReadableStream<Uint8Array>;
  Upload(chunks: AsyncIterable<Uint8Array>): Promise<number>;
  Copy(lines: AsyncGenerator<string>, ctx: Context): AsyncIterableIterator<string>;
  Sometimes(): AsyncIterable<string> | string;
  // deno-lint-ignore no-explicit-any
  Any(): any;
  Never(): never;
  Maybe?(): AsyncIterable<string>;
  Count(): number;
}

Deno.test("the types of a view: what returns an async iterable is a stream, and no promise", () => {
  type View = Service<Logs>;
  type Result<Method extends keyof View> = ReturnType<NonNullable<View[Method]>>;
  type Rest<Method extends keyof View> = Parameters<NonNullable<View[Method]>>;
  const checks: true[] = [
    true satisfies Same<Result<"Tail">, StreamIterator<string>>,
    true satisfies Same<Result<"Later">, StreamIterator<number>>,
    true satisfies Same<Result<"Bytes">, StreamIterator<Uint8Array>>,
    true satisfies Same<Result<"Upload">, Promise<number>>,
    true satisfies Same<Result<"Copy">, StreamIterator<string>>,
    true satisfies Same<Result<"Sometimes">, Promise<AsyncIterable<string> | string>>,
    // deno-lint-ignore no-explicit-any
    true satisfies Same<Result<"Any">, Promise<any>>,
    true satisfies Same<Result<"Never">, Promise<never>>,
    true satisfies Same<Result<"Maybe">, StreamIterator<string>>,
    true satisfies Same<Rest<"Tail">[1], (CallOptions & StreamOptions) | undefined>,
    true satisfies Same<Rest<"Count">[1], CallOptions | undefined>,
    true satisfies Same<Rest<"Upload">[0], AsyncIterable<Uint8Array>>,
    true satisfies Same<Rest<"Copy">[0], AsyncIterable<string>>, // any will do
  ];
  assertEquals(checks.length, 13);
});

/** A view whose calls and streams are taken down. */
function watchedView(reply: () => Promise<unknown> = () => Promise.resolve("reply")) {
  const used: string[] = [];
  const view = serviceView<Logs>("Logs", {
    call(serviceMethod) {
      used.push(`call ${serviceMethod}`);
      return reply();
    },
    stream(serviceMethod) {
      used.push(`stream ${serviceMethod}`);
      const items = ["a", "b"];
      return {
        next() {
          const value = items.shift();
          return Promise.resolve(
            value === undefined ? { done: true, value } : { done: false, value },
          );
        },
        return(value: undefined) {
          used.push("return");
          return Promise.resolve({ done: true, value });
        },
        throw: (error) => Promise.reject(error),
        [Symbol.asyncIterator]() {
          return this;
        },
        async [Symbol.asyncDispose]() {
          await this.return(undefined);
        },
      };
    },
  });
  return { view, used };
}

Deno.test("a view's method is a stream if it is iterated: in a loop, by hand, by using", async () => {
  const { view, used } = watchedView();
  const items: string[] = [];
  for await (const item of view.Tail({ from: 0 })) items.push(item);
  assertEquals(items, ["a", "b"]);
  const byHand = view.Tail({ from: 0 });
  assertEquals(await byHand.next(), { done: false, value: "a" });
  assertEquals((await byHand.return()).done, true);
  {
    await using tail = view.Tail({ from: 0 });
    await tail.next();
  }
  await settled();
  assertEquals(
    used,
    ["stream Logs.Tail", "stream Logs.Tail", "return"].concat([
      "stream Logs.Tail",
      "return",
    ]),
  );
});

Deno.test("a view's method is a call if it is awaited, made in the turn in which it is", async () => {
  const { view, used } = watchedView();
  const replies = Promise.all([view.Count(), view.Count().then((reply) => `${reply}!`)]);
  assertEquals(used.length, 2);
  assertEquals(await replies as unknown[], ["reply", "reply!"]);
  await view.Count().finally(() => used.push("finally"));
  await view.Count().catch(() => {});
  assertEquals(
    used,
    [..."ab"].map(() => "call Logs.Count").concat([
      "call Logs.Count",
      "finally",
      "call Logs.Count",
    ]),
  );
});

Deno.test("a view's method that nobody asks anything is a call, too, before the next task", async () => {
  const { view, used } = watchedView();
  view.Count();
  assertEquals(used, []);
  await Promise.resolve();
  assertEquals(used, ["call Logs.Count"]);
  const kept = view.Upload(view.Tail({ from: 0 }) as AsyncIterable<never>);
  await settled();
  assertEquals(await kept as unknown, "reply");
  assertEquals(used.filter((what) => what === "call Logs.Upload").length, 1);
});

Deno.test("once a call has succeeded, a view's method returns the call's own promise", async () => {
  const { view } = watchedView();
  const first = view.Count();
  assertEquals(first instanceof Promise, false);
  await first;
  assertEquals(view.Count() instanceof Promise, true);
});

Deno.test("a stream that is kept for later is no unhandled rejection, and can be iterated", async () => {
  const refused = new RpcError(
    "failed_precondition",
    "rpc server: Logs.Tail answers with a stream",
  );
  const { view, used } = watchedView(() => Promise.reject(refused));
  const kept = view.Tail({ from: 0 });
  await settled();
  const items: string[] = [];
  for await (const item of kept) items.push(item);
  assertEquals([items, used], [["a", "b"], ["call Logs.Tail", "stream Logs.Tail"]]);
});

Deno.test("any other failure of a call that nobody waits for is an unhandled rejection", async () => {
  const failure = new Error("failed");
  const unhandled: unknown[] = [];
  const stop = watchErrors((error) => unhandled.push(error), () => {});
  const { view } = watchedView(() => Promise.reject(failure));
  view.Count();
  const caught = view.Count();
  const asked = caught.catch(() => "caught");
  await settled();
  stop();
  assertEquals([unhandled, await asked as unknown], [[failure], "caught"]);
});
