import { assertEquals, assertStrictEquals } from "@std/assert";
import { type Service, serviceView } from "../service.ts";

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
