/** Values between our two ends: what is written is read as it was, and nothing else is read. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../../../errors.ts";
import { limitsOf } from "../../../../protocol/codec.ts";
import { decodeBody } from "../../../../protocol/geerpc_json/values/decode.ts";
import { encodeBody, needsExtensions } from "../../../../protocol/geerpc_json/values/encode.ts";
import { turnItems } from "../../../../protocol/geerpc_json/values/kinds.ts";
import { anyValue, arrivedParts, shape, TYPED_ARRAYS } from "../../../support/values.ts";

const LIMITS = limitsOf();

function travelled(value: unknown, areOwn = false): unknown {
  const body = encodeBody(value, "args");
  const parts = arrivedParts(body).map((part) => areOwn ? new Uint8Array(part) : part);
  return decodeBody(body.text, LIMITS, parts.length === 0 ? undefined : { parts, areOwn });
}

Deno.test("values of every kind, nested anywhere, arrive as they were", () => {
  for (let seed = 1; seed <= 600; seed++) {
    const value = anyValue(seed);
    const before = JSON.stringify(shape(value));
    assertEquals(JSON.stringify(shape(travelled(value, seed % 2 === 0))), before, `seed ${seed}`);
    assertEquals(JSON.stringify(shape(value)), before, `seed ${seed}: the caller's is unchanged`);
  }
});

const EXAMPLES: [unknown, string, number?][] = [
  [10n ** 20n, '{"$":["bigint","100000000000000000000"]}'],
  [new Date(1.5e12), '{"$":["date",1500000000000]}'],
  [new Date(NaN), '{"$":["date",null]}'],
  [new Map([["a", new Set([1])]]), '{"$":["map",[["a",{"$":["set",[1]]}]]]}'],
  [
    [NaN, Infinity, -Infinity, -0, 0],
    '[{"$":["number","NaN"]},{"$":["number","Infinity"]},' +
    '{"$":["number","-Infinity"]},{"$":["number","-0"]},0]',
  ],
  [{ a: undefined, b: [, 1] }, '{"a":{"$":["undefined"]},"b":[{"$":["undefined"]},1]}'],
  [{ $: 1, a: 2 }, '{"$":["object",{"$":1,"a":2}]}'],
  [{ $: new Date(0) }, '{"$":["object",{"$":{"$":["date",0]}}]}'],
  [new Uint8Array(3), '{"$":["bytes",0]}', 1],
  [
    [new Float64Array(1), new DataView(new ArrayBuffer(2)), new ArrayBuffer(0)],
    '[{"$":["bytes",0,"Float64Array"]},{"$":["bytes",1,"DataView"]},{"$":["bytes",2,"ArrayBuffer"]}]',
    3,
  ],
  ["x".repeat(4095), `"${"x".repeat(4095)}"`],
  ["x".repeat(4096), '{"$":["text",0]}', 1],
  [
    new RangeError("no", { cause: 1n }),
    '{"$":["error",{"name":"RangeError","message":"no","cause":{"$":["bigint","1"]}}]}',
  ],
  [
    new AggregateError([new Error("a")], "all"),
    '{"$":["error",{"name":"AggregateError","message":"all",' +
    '"errors":[{"$":["error",{"name":"Error","message":"a"}]}]}]}',
  ],
];

Deno.test("what is on the wire", () => {
  for (const [value, text, parts = 0] of EXAMPLES) {
    const body = encodeBody(value, "args");
    assertEquals([body.text, body.parts.length], [text, parts]);
  }
});

Deno.test("plain JSON, and what is plain in it, is not copied", () => {
  const plain = { a: [1, "b", null, { c: true }], d: 1.5, f: () => {}, s: Symbol("s") };
  assertEquals(needsExtensions(plain, "args"), false);
  assertEquals(encodeBody(plain, "args"), { text: JSON.stringify(plain), parts: [] });
  assertEquals(needsExtensions("x".repeat(5000), "args"), false);
  for (const value of [{ a: undefined }, [new Date(0)], { $: 1 }, -0, 1n, [new Uint8Array(1)]]) {
    assertEquals(needsExtensions(value, "args"), true);
  }
});

Deno.test("what JSON makes of other objects stays", () => {
  class Point {
    x = 1;
    y = 2n;
    get sum() {
      return 3;
    }
  }
  const url = new URL("http://a.example/");
  assertEquals(
    travelled([new Point(), url, new Number(-0), new String("s"), Object.create(null)]),
    [
      { x: 1, y: 2n },
      url.href,
      -0,
      "s",
      {},
    ],
  );
  assertEquals(travelled({ toJSON: () => new Map([[1, 2]]) }), new Map([[1, 2]]));
  assertEquals(travelled({ a: { toJSON: () => undefined } }), { a: undefined });
  class Bag extends Map<number, number> {}
  assertEquals(shape(travelled(new Bag([[1, 2]]))), shape(new Map([[1, 2]])));
});

Deno.test("what can't be sent is refused with its path", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = [cycle];
  let deep: unknown = 1;
  for (let depth = 0; depth < 1200; depth++) deep = [deep];
  for (
    const [value, text] of [
      [() => {}, "args: a function can't be sent"],
      [{ items: [1, Symbol("s")] }, "args.items[1]: a symbol can't be sent"],
      [
        { "a b": new Map<number, unknown>([[1, 1], [2, /x/]]) },
        'args["a b"][1]: a RegExp can\'t be sent',
      ],
      [[new WeakMap()], "args[0]: a WeakMap can't be sent"],
      [[Promise.resolve()], "args[0]: a Promise can't be sent"],
      [new Set([[].values()]), "args[0]: an Array Iterator can't be sent"],
      [(async function* () {})(), "args: an AsyncGenerator can't be sent"],
      [10n ** 70_000n, "args: a bigint of more than 65536 digits can't be sent"],
      [cycle, "circular"],
      [deep, "nested more than 1000 deep"],
      [{ [Symbol.toStringTag]: "x", __proto__: class {}.prototype, a: 1 }, ""],
      [Object.assign(Object.create({ [Symbol.toStringTag]: "Map" }), { a: 1 }), "can't be encoded"],
      [Object.assign(Object.create({ [Symbol.toStringTag]: "ArrayBuffer" }), { a: 1 }), "can't be"],
    ] as [unknown, string][]
  ) {
    if (text === "") {
      travelled(value);
      continue;
    }
    const error = assertThrows(() => encodeBody(value, "args"), RpcError, text);
    assertEquals(error.code, "invalid_argument");
  }
  const detached = new Uint16Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });
  if ("detached" in ArrayBuffer.prototype) {
    assertThrows(() => encodeBody([detached], "args"), RpcError, "args[0]: a detached Uint16Array");
  }
});

const bytesOf = (...lengths: number[]) => lengths.map((length) => new Uint8Array(length));

Deno.test("what our end does not write is not read", () => {
  for (
    const [text, parts, message, code = "data_loss"] of [
      ['{"$":["odd",1]}', [], '"odd"'],
      ['{"$":["date",0],"a":1}', [], "a key $"],
      ['{"$":5}', [], "a key $"],
      ['{"$":[]}', [], "nothing"],
      ['{"$":[["date"],0]}', [], "date"],
      ['{"\\u0024":["odd",1]}', [], '"odd"'],
      ['{"$":["bytes",0]}', [], "there is no part"],
      ['{"$":["bytes",1]}', bytesOf(1), "there is no part"],
      ['{"$":["bytes",-1]}', bytesOf(1), "there is no part"],
      ['{"$":["bytes",0.5]}', bytesOf(1), "there is no part"],
      ['{"$":["bytes","0"]}', bytesOf(1), "there is no part"],
      ['{"$":["bytes","length"]}', bytesOf(1), "there is no part"],
      ['{"$":["text",1e9]}', bytesOf(1), "there is no part"],
      ['[{"$":["bytes",0]},{"$":["text",0]}]', bytesOf(1), "has two places"],
      ['{"$":["bytes",0]}', bytesOf(1, 2, 3), "2 of 3 parts"],
      ["1", bytesOf(0), "1 of 1 parts"],
      ['{"$":["bytes",0,"Float64Array"]}', bytesOf(12), "12 bytes are no Float64Array"],
      ['{"$":["bytes",0,"SharedArrayBuffer"]}', bytesOf(12), "no bytes of the kind"],
      ['{"$":["bytes",0,"constructor"]}', bytesOf(12), "no bytes of the kind"],
      ['{"$":["bytes",0,null]}', bytesOf(12), "no bytes of the kind"],
      ['{"$":["bytes",0,"Int8Array",1]}', bytesOf(12), "bytes"],
      ['{"$":["text",0]}', [new Uint8Array([0xff])], "no UTF-8"],
      ['{"$":["text",0]}', [new Uint8Array([0xed, 0xa0, 0x80])], "no UTF-8"],
      ['{"$":["bigint","1e3"]}', [], "bigint"],
      ['{"$":["bigint","0x10"]}', [], "bigint"],
      ['{"$":["bigint",""]}', [], "bigint"],
      ['{"$":["bigint","-0"]}', [], "bigint"],
      ['{"$":["bigint",1]}', [], "bigint"],
      [`{"$":["bigint","${"9".repeat(70_000)}"]}`, [], "bigint"],
      ['{"$":["date","2026"]}', [], "date"],
      ['{"$":["date",1.5]}', [], "date"],
      ['{"$":["date",1e17]}', [], "date"],
      ['{"$":["date"]}', [], "date"],
      ['{"$":["number","0"]}', [], "number"],
      ['{"$":["number",1]}', [], "number"],
      ['{"$":["undefined",1]}', [], "undefined"],
      ['{"$":["map",{"a":1}]}', [], "map"],
      ['{"$":["map",[["a"]]]}', [], "map"],
      ['{"$":["map",[["a",1],["a",2]]]}', [], "the same key twice"],
      [
        '{"$":["map",[[{"$":["number","NaN"]},1],[{"$":["number","NaN"]},2]]]}',
        [],
        "same key twice",
      ],
      ['{"$":["set",[1,1]]}', [], "the same value twice"],
      ['{"$":["set","ab"]}', [], "set"],
      ['{"$":["object",{"a":1}]}', [], "object"],
      ['{"$":["object",[1]]}', [], "object"],
      ['{"$":["error",{"name":1,"message":"m"}]}', [], "error"],
      ['{"$":["error",null]}', [], "error"],
      ['{"$":["object",{"$":1,"__proto__":{"a":1}}]}', [], "__proto__", "invalid_argument"],
      ['{"$":["map",[["a",{"__proto__":1}]]]}', [], "__proto__", "invalid_argument"],
      [
        '{"$":["error",{"name":"a","message":"m","__proto__":{}}]}',
        [],
        "__proto__",
        "invalid_argument",
      ],
      [
        `${'{"$":["set",['.repeat(101)}${"]]}".repeat(101)}`,
        [],
        "nested too deeply",
        "invalid_argument",
      ],
      [
        `[${Array(10_001).fill('{"$":["error",{"name":"","message":""}]}')}]`,
        [],
        "more than 10000 errors",
        "invalid_argument",
      ],
      ['{"$":["date",0]', [], "malformed JSON"],
    ] as [string, Uint8Array[], string, string?][]
  ) {
    const beside = parts.length === 0 ? undefined : { parts, areOwn: false };
    const error = assertThrows(() => decodeBody(text, LIMITS, beside), RpcError, message, text);
    assertEquals(error.code, code, text);
  }
  assertEquals(({} as Record<string, unknown>).a, undefined);
});

Deno.test("an error arrives with its class, if that is one of the language's, and tells of no stack", () => {
  const odd = Object.assign(new Error("m"), { name: "QuotaError", code: "E" });
  const [first, second] = travelled([new TypeError("t"), odd]) as Error[];
  assert(first instanceof TypeError && second.constructor === Error);
  assertEquals([second.name, second.message, Object.keys(second)], ["QuotaError", "m", []]);
  assertEquals(second.stack, "QuotaError: m");
  assert(!Object.keys(first).includes("stack"));
  assertEquals(String(second), "QuotaError: m");
  assert(!("cause" in first));
});

Deno.test("bytes that arrive are memory of their own, aligned as their kind needs it", () => {
  const arrived = new Uint8Array(1 + 24).fill(7);
  for (const kind of TYPED_ARRAYS) {
    const part = arrived.subarray(1, 1 + 8 * kind.BYTES_PER_ELEMENT);
    const beside = { parts: [part.subarray(0, 16)], areOwn: false };
    const value = decodeBody(`{"$":["bytes",0,"${kind.name}"]}`, LIMITS, beside) as Uint8Array;
    assertEquals([value.constructor, value.byteLength, value.byteOffset], [
      kind,
      Math.min(16, part.length),
      0,
    ]);
    assert(value.buffer !== arrived.buffer);
  }
  const own = new Uint8Array(16);
  const value = decodeBody('{"$":["bytes",0,"Float64Array"]}', LIMITS, {
    parts: [own],
    areOwn: true,
  });
  assert((value as Float64Array).buffer === own.buffer);
});

Deno.test("a machine with the highest byte first turns the items around", () => {
  assertEquals(turnItems(new Uint8Array([1, 2, 3, 4]), 2), new Uint8Array([2, 1, 4, 3]));
  assertEquals(turnItems(new Uint8Array([1, 2, 3, 4]), 4), new Uint8Array([4, 3, 2, 1]));
});
