import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { parse, stringify } from "../../protocol/json.ts";

const LIMITS = { maxMessageBytes: 1000, maxDepth: 10 };

Deno.test("stringify: what JSON can say, and null for nothing", () => {
  const table: [unknown, string][] = [
    [undefined, "null"],
    [null, "null"],
    [[undefined, , null], "[null,null,null]"],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    ["\n\u2028\ud800", '"\\n\u2028\\ud800"'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ];
  for (const [value, text] of table) assertEquals(stringify(value, LIMITS), text);
});

Deno.test("stringify: a text is one line whatever is in it", () => {
  assert(!stringify({ "\n": "\n\r" }, LIMITS).includes("\n"));
});

Deno.test("stringify refuses what it can't say, and what is over the limit by a byte", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const value of [1n, cycle, () => {}, Symbol(), { toJSON: () => undefined }]) {
    const error = assertThrows(
      () => stringify(value, LIMITS),
      RpcError,
      "can't be encoded as JSON",
    );
    assertEquals(error.code, "invalid_argument");
  }
  for (const fits of ["x".repeat(998), "é".repeat(499), "€".repeat(332)]) {
    assert(stringify(fits, LIMITS));
    const error = assertThrows(() => stringify(fits + "abc", LIMITS), RpcError, "1000 bytes");
    assertEquals(error.code, "resource_exhausted");
  }
});

Deno.test("stringify: nesting without end is an error, not a crash", () => {
  let deep: unknown = 1;
  for (let n = 0; n < 100_000; n++) deep = [deep];
  try { // some engines write it
    assertEquals(stringify(deep, { ...LIMITS, maxMessageBytes: 1e9 }).length, 200_001);
  } catch (error) {
    assert(error instanceof RpcError && error.code === "invalid_argument", String(error));
  }
});

Deno.test("parse refuses malformed text as data_loss, quoting a little of it", () => {
  for (const text of ["", "{", "[1,]", "nul", "'a'", '"\n"', "1 2", "\ufeff1", "x".repeat(500)]) {
    const error = assertThrows(() => parse(text, LIMITS), RpcError, "malformed JSON");
    assertEquals(error.code, "data_loss");
    assert(error.message.length < 150);
  }
});

Deno.test("parse refuses __proto__ however it is written and wherever it stands", () => {
  for (
    const text of [
      '{"__proto__":1}',
      '[[{"a":{"__proto__":{}}}]]',
      '{"\\u005f_proto__":1}',
      '{"__pr\\u006fto__":[]}',
      '{"a":"' + "x".repeat(50) + '","__proto\\u005f\\u005F":1}',
    ]
  ) {
    const error = assertThrows(() => parse(text, LIMITS), RpcError, "__proto__");
    assertEquals(error.code, "invalid_argument");
  }
  for (
    const text of [
      '"__proto__"',
      '["__proto__"]',
      '{"a":"__proto__"}',
      '{"constructor":1}',
      '{"\\u0061":1}',
    ]
  ) { // deno-fmt-ignore
    assertEquals(parse(text, LIMITS), JSON.parse(text));
  }
});

Deno.test("parse: nesting up to the limit, arrays and objects counted alike", () => {
  const arrays = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number) => '{"a":'.repeat(depth - 1) + "{}" + "}".repeat(depth - 1);
  const wide = (depth: number) => `[${"1,".repeat(100)}${arrays(depth - 1)}]`;
  for (const nest of [arrays, objects, wide]) {
    assertEquals(parse(nest(10), LIMITS), JSON.parse(nest(10)));
    const error = assertThrows(() => parse(nest(11), LIMITS), RpcError, "nested too deeply");
    assertEquals(error.code, "invalid_argument");
    assertThrows(() => parse(nest(3000), LIMITS), RpcError, "nested too deeply");
  }
});
