/** Values that JSON does not have: an error that names them, and none for what JSON can say. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { dial } from "../../client.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { stringify } from "../../protocol/json.ts";
import { findLost } from "../../protocol/json_values.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../../testing.ts";
import { assertFails } from "../support/helpers.ts";

const LIMITS = { maxMessageBytes: 1_000_000, maxDepth: 100 };

function* generator() {
  yield 1;
}
async function* asyncGenerator() {
  yield await 1;
}

function form(entries: Record<string, string | Blob>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(entries)) data.append(name, value);
  return data;
}

/** Where these have no `toJSON`. Bun's has all that is in them. */
function elsewhereThanOnBun<T>(values: readonly T[]): readonly T[] {
  return "toJSON" in URLSearchParams.prototype ? [] : values;
}

/** What JSON does not have, by the name that the error gives it. */
const LOST: readonly (readonly [string, unknown])[] = [
  ["a Map", new Map([["a", 1]])],
  ["a Map", new Map()],
  ["a Set", new Set([1])],
  ["a WeakMap", new WeakMap()],
  ["a Generator", generator()],
  ["an AsyncGenerator", asyncGenerator()],
  ["an Array Iterator", [1][Symbol.iterator]()],
  ["an Error", new Error("lost")],
  ["an Error", new TypeError("lost")],
  ["a ReadableStream", new ReadableStream()],
  ["a Promise", Promise.resolve(1)],
  ["a RegExp", /a/],
  ["a Uint8Array", new Uint8Array([1])],
  ["a Uint8Array", new Uint8Array(0)],
  ["a Float64Array", new Float64Array(2)],
  ["a DataView", new DataView(new ArrayBuffer(1))],
  ["an ArrayBuffer", new ArrayBuffer(8)],
  ["a Blob", new Blob(["x"])],
  ["a FormData", form({ a: new Blob(["x"]) })],
  ...elsewhereThanOnBun<[string, unknown]>([
    ["a URLSearchParams", new URLSearchParams("a=1")],
    ["a Headers", new Headers({ a: "1" })],
    ["a FormData", form({ a: "1" })],
  ]),
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["a bigint", 1n],
];

Deno.test("what JSON does not have is refused wherever it is, and the error names the place", () => {
  for (const [what, value] of LOST) {
    for (
      const [path, whole] of [
        ["args", value],
        ["args.items[3]", { items: [1, "x", { a: null }, value] }],
        ["args[0][1].a.b", [[{}, { a: { b: value } }]]],
        ['args["a b"].c', { "a b": { c: value } }],
        ["args.a", Object.assign(Object.create({ inherited: 1 }), { a: value })],
      ] as const
    ) {
      const error = assertThrows(
        () => stringify(whole, LIMITS, "args"),
        RpcError,
        `${path}: ${what} can't be sent`,
      );
      assertEquals(error.code, "invalid_argument");
    }
  }
  for (const [what, value] of [["a function", () => {}], ["a symbol", Symbol("x")]] as const) {
    assertThrows(() => stringify([value], LIMITS), RpcError, `args[0]: ${what} can't be sent`);
  }
});

Deno.test("what JSON can say is sent as JSON has it", () => {
  class Empty {}
  class Point {
    x = 1;
    none = null;
    move() {}
  }
  const iterable = { items: [{}], *[Symbol.iterator]() {} };
  for (
    const value of [
      {},
      [],
      [{}, [], null],
      { a: null, b: undefined, c() {}, [Symbol("d")]: 1 },
      [undefined, , null],
      "null {}",
      { text: 'null {} {"0":' },
      { 0: "a", 1: "b" },
      new Date(0),
      { at: new Date(NaN), x: {} },
      { toJSON: () => ({ sum: NaN }), x: 1 },
      new Empty(),
      new Point(),
      iterable,
      Object.create(null),
      Object.assign(Object.create(null), { a: {} }),
      [new Number(1), new String("x"), new Boolean(false), {}],
      new URL("http://a/"),
      -0,
      { deep: JSON.parse("[".repeat(500) + "{}" + "]".repeat(500)) },
    ]
  ) assertEquals(stringify(value, LIMITS), JSON.stringify(value));
});

Deno.test("a form, headers and the parameters of a URL arrive whole, or are refused", () => {
  const twice = form({ a: "1", b: "2" });
  twice.append("a", "3");
  const cases: [object, unknown][] = [
    [twice, { a: ["1", "3"], b: "2" }],
    [new URLSearchParams("a=1&b=2&a=3"), { a: ["1", "3"], b: "2" }],
    [new Headers([["a", "1"], ["b", "2"], ["a", "3"]]), { a: "1, 3", b: "2" }],
  ];
  for (const [value, expected] of cases) {
    // With a null beside it, it is looked at.
    for (const whole of [value, [value, null]]) {
      const send = () => JSON.parse(stringify(whole, LIMITS));
      if (!("toJSON" in value)) assertThrows(send, RpcError, "can't be sent");
      else assertEquals(send(), whole === value ? expected : [expected, null]);
    }
  }
});

Deno.test("plain values are not looked at, only written", () => {
  let reads = 0;
  const get = (target: object, key: string | symbol) => (reads++, Reflect.get(target, key));
  const plain = { id: 1, name: "x", list: [1.5, 2], inner: { ok: true } };
  JSON.stringify(new Proxy(plain, { get }));
  const once = reads;
  stringify(new Proxy(plain, { get }), LIMITS);
  assertEquals(reads, 2 * once);
  assertEquals(findLost(plain), undefined);
});

Deno.test("a value that is nested without end, or throws when it is read, is no endless search", () => {
  let deep: unknown = null;
  for (let n = 0; n < 20_000; n++) deep = [deep];
  try { // some engines write it
    assert(stringify(deep, LIMITS).length > 0);
  } catch (error) {
    assert(error instanceof RpcError && error.code === "invalid_argument", String(error));
  }
  let reads = 0;
  const moody = {
    get a(): unknown {
      if (reads++ > 0) throw new Error("not twice");
      return null;
    },
  };
  assertEquals(stringify(moody, LIMITS), '{"a":null}');
});

/** What travels between our own ends on `geerpc/json`. */
const CARRIED =
  /^(?:an? (?:Map|Set|Error|Uint8Array|Float64Array|DataView|ArrayBuffer|bigint)|NaN|-?Infinity)$/;

for (const protocol of ["geerpc/json", "netrpc/json"] as readonly Protocol[]) {
  Deno.test(`${protocol}: arguments and replies that can't be said fail their own call`, async () => {
    const isOurs = protocol === "geerpc/json";
    const network = new MemoryNetwork();
    const server = new Server();
    let value: unknown;
    let calls = 0;
    server.register("Values", { Get: () => value, Put: () => void calls++ });
    await server.listen("memory@a", { network, protocol });
    const client = await dial("memory@a", { network, protocol });
    for (const [what, lost] of LOST) {
      if (isOurs && CARRIED.test(what)) continue;
      await assertFails(client.call("Values.Put", { items: [0, lost] }), {
        code: "invalid_argument",
        execution: "not_sent",
        message: `args.items[1]: ${what} can't be sent`,
      });
      value = Promise.resolve({ items: [0, lost] });
      await assertFails(client.call("Values.Get"), {
        code: isOurs ? "internal" : "unknown",
        execution: "answered",
        message: `reply.items[1]: ${what} can't be sent`,
      });
    }
    value = { at: new Date(0), none: null };
    const at = isOurs ? new Date(0) : "1970-01-01T00:00:00.000Z";
    assertEquals(await client.call("Values.Get"), { at, none: null });
    assertEquals(calls, 0);
    await client.close();
    await server.close();
  });
}
