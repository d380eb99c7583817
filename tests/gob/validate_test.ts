/** Gob's schemas as Standard Schemas: what they make of values that have not come by gob. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type AnyGobSchema, decode, encode, gob, GobNamed } from "../../gob.ts";
import { seededRandom } from "../../testing.ts";
import { randomValue } from "../interop/gob_random.ts";
import { table } from "../interop/gob_table.ts";

const check = (schema: AnyGobSchema, value: unknown) => schema["~standard"].validate(value);

/** What is made of a value, which must be accepted. */
function made(schema: AnyGobSchema, value: unknown): unknown {
  const result = check(schema, value);
  assert(
    !(result instanceof Promise) && !result.issues,
    String(Object(result).issues?.[0]?.message),
  );
  return result.value;
}

/** The issues of a value, which must be refused: each as its path and its message. */
function issues(schema: AnyGobSchema, value: unknown): string[] {
  const result = check(schema, value);
  assert(!(result instanceof Promise) && result.issues, "it is accepted");
  return result.issues.map(({ path = [], message }) => `${path.map(String).join(".")}: ${message}`);
}

interface Tree {
  Name: string;
  Children: Tree[];
}
const tree: AnyGobSchema = gob.struct({
  Name: gob.string,
  Children: gob.slice(gob.lazy(() => tree as never)),
});
const pair = gob.struct({ A: gob.int32, B: gob.float });

Deno.test("validate: what encoding accepts becomes what decoding gives", () => {
  const cases: [AnyGobSchema, unknown][] = [
    [gob.bool, true],
    [gob.int, 7],
    [gob.int, 7n],
    [gob.int, 2n ** 60n],
    [gob.int8, -128n],
    [gob.safeInt, 5n],
    [gob.uint, 7],
    [gob.float, 1.5],
    [gob.float32, 0.1],
    [gob.complex, { real: 1, imaginary: 2, more: 3 }],
    [gob.complex64, { real: 0.1, imaginary: 0 }],
    [gob.string, "text"],
    [gob.bytes, new Uint8Array([1, 2])],
    [gob.time, new Date(5)],
    [gob.instant, new Date(5)],
    [gob.instant, { epochNanoseconds: 5n, offsetSeconds: 60 }],
    [gob.bigInt, 2n ** 70n],
    [gob.slice(gob.int), [1, 2n]],
    [gob.slice(gob.int), new Int16Array([1, 2])],
    [gob.array(2, gob.float32), [0.1, 1]],
    [gob.map(gob.string, gob.int), { a: 1, b: 2n }],
    [gob.map(gob.string, gob.int), new Map([["a", 1]])],
    [gob.map(gob.string, gob.int, { as: "object" }), new Map([["a", 1]])],
    [gob.map(gob.int, gob.string), new Map([[1, "a"]])],
    [pair, { A: 1, B: 2, C: 3 }],
    [pair, { A: null, B: 2 }],
    [pair, {}],
    [gob.struct({ P: gob.optional(pair), Q: gob.optional(gob.int), In: pair }), { P: { A: 1 } }],
    [
      gob.struct({
        T: gob.time,
        B: gob.bytes,
        S: gob.slice(gob.int),
        M: gob.map(gob.int, gob.int),
      }),
      {},
    ],
    [tree, { Name: "root", Children: [{ Name: "leaf" }] }],
    [gob.any, 7],
    [gob.struct({ Any: gob.any }), { Any: "text" }],
    [gob.struct({ Any: gob.any }), {}],
  ];
  for (const [schema, value] of cases) {
    const expected = decode(encode(value, schema as never), schema);
    assertEquals(made(schema, value), expected);
    assertEquals(made(schema, expected), expected, "what has come by gob stays as it is");
  }
});

Deno.test("validate: what encoding refuses is an issue, wherever it is", () => {
  const schemas: [AnyGobSchema, unknown[]][] = [
    [gob.bool, [0, "true", null, undefined]],
    [gob.int8, [128, -129n, 1.5, "1", NaN]],
    [gob.uint, [-1, "1", {}]],
    [gob.float32, [1e300, "1"]],
    [gob.complex, [1, { real: 1 }, null]],
    [gob.string, [1, null, ["a"]]],
    [gob.bytes, [[1, 2], 1]],
    [gob.time, [new Date(NaN), 5, "tomorrow", {}]],
    [gob.bigInt, [1.5, "x", {}]],
    [gob.slice(gob.int), [{ 0: 1 }, "12", ["1"]]],
    [gob.array(2, gob.int), [[1], [1, 2, 3]]],
    [gob.map(gob.string, gob.int), [[["a", 1]], { a: "1" }, 1]],
    [gob.map(gob.int, gob.int), [{ 1: 1 }, new Map([["1", 1]])]],
    [pair, [[], 1, { A: "1" }, { a: 1, b: 2 }]],
    [tree, [{ Name: "root", Children: [{ Name: 1 }] }]],
  ];
  for (const [schema, values] of schemas) {
    for (const value of values) {
      issues(schema, value);
      if (schema !== gob.bigInt) assertThrows(() => encode(value, schema as never));
    }
  }
});

Deno.test("validate: every issue is told with its path, up to a thousand", () => {
  const schema = gob.struct({
    Id: gob.int8,
    Tags: gob.slice(gob.string),
    In: gob.struct({ M: gob.map(gob.string, gob.bool) }),
  });
  assertEquals(issues(schema, { Id: 128, Tags: ["a", 1, {}], In: { M: { "b c": 1, d: true } } }), [
    "Id: the number 128 is not an int of 8 bits",
    "Tags.1: the number 1 is not a string",
    "Tags.2: an object is not a string",
    "In.M.b c: the number 1 is not a boolean",
  ]);
  assertEquals(issues(schema, { id: 1, tags: [] }), [
    ": none of the object's fields (id, tags) is in the schema (Id, Tags, In)",
  ]);
  assertEquals(issues(schema, undefined), [": undefined is not an object"]);
  assertEquals(issues(gob.slice(gob.int), new Array(5000).fill("x")).length, 1000);
});

Deno.test("validate: what JSON has in another form", () => {
  const schema = gob.struct({ At: gob.time, Exact: gob.instant, Sum: gob.bigInt, Data: gob.bytes });
  const text = JSON.stringify({
    At: new Date(1000),
    Exact: "1970-01-01T01:00:01+01:00",
    Sum: "123456789012345678901234567890",
    Data: "AQI=",
  });
  assertEquals(made(schema, JSON.parse(text)), {
    At: new Date(1000),
    Exact: { epochNanoseconds: 1_000_000_000n, offsetSeconds: null },
    Sum: 123456789012345678901234567890n,
    Data: new Uint8Array([1, 2]),
  });
  assertEquals(made(gob.bigInt, 7), 7n);
  assertEquals(issues(gob.bytes, "a b!"), [": a string that is not in base64 is no Uint8Array"]);
});

Deno.test("validate: no key changes a prototype, and zeros without end are refused", () => {
  const objects = gob.map(gob.string, gob.map(gob.string, gob.int), { as: "object" });
  const poisoned = JSON.parse('{"__proto__":{"a":1}}');
  assertEquals(issues(objects, poisoned), ["__proto__: an object can't have this key"]);
  const wide = gob.slice(gob.struct({ Grid: gob.array(1000, gob.int) }));
  assertThrows(() => made(wide, new Array(100_000).fill({})), Error, "parts");
});

Deno.test("validate: an interface takes any value, or those that are named", () => {
  const named = gob.interface({}, { as: "named" });
  const value = new GobNamed("int", 1);
  assertEquals([made(gob.any, { a: 1 }), made(named, value), made(named, null)], [
    { a: 1 },
    value,
    null,
  ]);
  assertEquals(issues(named, { a: 1 }), [": an object is not a GobNamed"]);
});

Deno.test("a gob schema says that it is one, and is the same each time", () => {
  const { vendor, version } = pair["~standard"];
  assertEquals([vendor, version], ["@geerpc/xclient/gob", 1]);
  assert(pair["~standard"] === pair["~standard"]);
});

/** Whether there is a value with its type's name somewhere in it. */
function holdsNamed(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof GobNamed) return true;
  const parts = value instanceof Map ? [...value].flat() : Object.values(value);
  return parts.some(holdsNamed);
}

Deno.test("validate: random values of every type are as if they had come by gob", () => {
  const random = seededRandom(7);
  let compared = 0;
  for (const [name, { send: schema }] of table) {
    for (let round = 0; round < 30; round++) {
      const value = randomValue(schema, random);
      const result = made(schema, value);
      if (holdsNamed(result)) continue; // a value with its type's name stays so, to be sent again
      assertEquals(result, decode(encode(value, schema as never), schema), name);
      compared++;
    }
  }
  assert(compared > 500, String(compared));
});
