import { assertEquals, assertStrictEquals } from "@std/assert";
import { type CallOptions, type Service, serviceView } from "../service.ts";

interface Shop {
  Buy(args: { id: number }): string;
  Later(args: number): Promise<string[]>;
  readonly name: string;
}

Deno.test("a view calls Name.Method with argument and options, and is the same each time", async () => {
  const calls: unknown[] = [];
  const view = serviceView<Shop>("Shop", (...args) => (calls.push(args), Promise.resolve("reply")));
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
  const view = serviceView<Record<string, () => void>>("S", (name) => {
    called.push(name);
    return Promise.resolve();
  });
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
  const view = serviceView<Greeter>("G", (...args) => (calls.push(args), Promise.resolve("hello")));
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
