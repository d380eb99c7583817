/** Types that are inferred from values without a schema. */

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import process from "node:process";
import { decode, encode, GobEncoder } from "../../gob.ts";
import { GobInference } from "../../gob/inference.ts";
import { dictionary, refuses, wide } from "../support/gob.ts";

Deno.test("types are inferred where there is no schema", () => {
  const value = {
    Int: 7,
    Float: 1.5,
    Big: 2n ** 63n,
    Text: "x",
    Flag: true,
    Bytes: new Uint8Array([1]),
    List: [1, 2.5],
    Nested: [[], [1]],
    Structs: [{ A: 1 }, { A: 2, B: "x" }],
    Map: new Map([[1, { A: 1 }]]),
    At: new Date(86_400_000),
  };
  const plain = decode(encode(value)) as typeof value;
  assertEquals(plain, {
    ...value,
    Structs: [{ A: 1, B: "" }, { A: 2, B: "x" }],
  });
  assertEquals(
    decode(encode({ A: 1, B: null, C: undefined, D: [], E: new Map() })),
    { A: 1 },
  );
  const encoder = new GobEncoder();
  const first = encoder.encode({ A: 1, B: "x" });
  assert(
    encoder.encode({ A: 2, B: "" }).length < first.length / 3,
    "one definition for one shape",
  );
});

Deno.test("an inferred struct takes memory in proportion to its fields, not to their square", () => {
  const encoder = new GobEncoder();
  const before = process.memoryUsage().heapUsed;
  for (let name = 0; name < 8; name++) encoder.encode(dictionary(name, 4000));
  assert(process.memoryUsage().heapUsed - before < 200e6);
});

Deno.test("inferred schemas are forgotten beyond a limit, and their definitions are not", () => {
  const inference = new GobInference(100);
  const schema = inference.schemaOf({ A: 1 });
  for (let name = 0; name < 10; name++) inference.schemaOf(dictionary(name, 1000));
  assertStrictEquals(inference.schemaOf({ A: 1 }), schema);
  for (let name = 0; name < 50; name++) inference.schemaOf(dictionary(name, 1000));
  assertNotStrictEquals(inference.schemaOf({ A: 1 }), schema);

  const encoder = new GobEncoder();
  assertEquals(encoder.encode({ A: 1 }).length, 25);
  for (let name = 0; name < 60; name++) encoder.encode(dictionary(name, 1000));
  assertEquals(encoder.encode({ A: 1 }).length, 6);
});

Deno.test("a list of objects that are all different costs time in proportion to their fields", () => {
  const list = Array.from({ length: 400 }, (_, index) => ({ [`K${index}`]: "x".repeat(50) }));
  const inference = new GobInference(100);
  const schema = inference.schemaOf(list);
  // Were each union of the first n kept, all would have been forgotten.
  assertStrictEquals(inference.schemaOf([...list, ...list]), schema);

  let reads = 0;
  const get = (target: object, name: string) => (reads++, Reflect.get(target, name));
  const bytes = encode(list.map((item) => new Proxy(item, { get })));
  assert(reads < 3 * list.length);
  const back = decode(bytes) as Record<string, string>[];
  assertEquals(back.length, 400);
  for (const [index, item] of back.entries()) {
    const found = Object.entries(item).filter(([, text]) => text !== "");
    assertEquals(found, Object.entries(list[index]));
  }

  class Getters {
    get F7() {
      return 7;
    }
  }
  for (
    const value of [{ F299: 2, More: 3, F7: 7, F8: 0 }, new Getters()] as Record<string, number>[]
  ) {
    const back = decode(encode(value, wide(300)), wide(300));
    assertEquals([back.F7, back.F8, back.F299], [7, 0, value.F299 ?? 0]);
  }
});

Deno.test("elements of several types become one, or the first that can't is named", () => {
  const pairs: [unknown[], unknown][] = [
    [[1, 2.5, 3], [1, 2.5, 3]],
    [[1, 2n ** 63n], [1, 2n ** 63n]],
    [[[], [1], [0.5]], [[], [1], [0.5]]],
    [[new Map(), new Map([["a", 1]]), new Map([["b", 1.5]])], [
      new Map(),
      new Map([["a", 1]]),
      new Map([["b", 1.5]]),
    ]],
    [[{ A: 1 }, { A: 1.5, B: "x" }, { B: "y", C: [] }, { C: [{ D: 1 }] }, { C: [{ E: 1 }] }], [
      { A: 1, B: "", C: [] },
      { A: 1.5, B: "x", C: [] },
      { A: 0, B: "y", C: [] },
      { A: 0, B: "", C: [{ D: 1, E: 0 }] },
      { A: 0, B: "", C: [{ D: 0, E: 1 }] },
    ]],
  ];
  for (const [value, expected] of pairs) assertEquals(decode(encode(value)), expected);
  const wrong: [unknown, string][] = [
    [[1, 2, "x", 3], "$[2]: a string beside a int"],
    [[0.5, 1, 2n ** 63n], "$[2]: a uint beside a float"],
    [[[1], [2], ["x"]], "$[2]: a string beside a int"],
    [{ L: [{ A: 1 }, { B: 1 }, { A: [1] }] }, "$.L[2]: a slice beside a int"],
    [new Map<string, unknown>([["a", 1], ["b", "x"]]), "$[1]: a string beside a int"],
  ];
  for (const [value, text] of wrong) refuses("invalid_argument", text, () => encode(value));
});
