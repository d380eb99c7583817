/** Values that can't be encoded: their errors say where, and nothing of them is sent. */

import { assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { encode, gob, GobDecoder, GobEncoder, GobNamed, GobWriter } from "../../gob.ts";
import { hex, point, refuses } from "../support/gob.ts";

Deno.test("what can't be sent is named by its path", () => {
  const cycle: Record<string, unknown> = { List: [] };
  (cycle.List as unknown[]).push({ Back: cycle });
  class Socket {
    get [Symbol.toStringTag]() {
      return "Socket";
    }
  }
  const cases: [unknown, string][] = [
    [{ a: { b: [1, 2, 3, () => 1] } }, "$.a.b[3]: a value of type function"],
    [{ a: Symbol("x") }, "$.a: a value of type symbol"],
    [cycle, "$.List[0].Back: the value contains itself"],
    [[], "$: nothing tells the element type"],
    [[1, null], "$[1]: null"],
    [{ a: [1, "x"] }, "$.a[1]: a string beside"],
    [new Map([["k y", [undefined]]]), "$[0][0]: a value of type undefined"],
    [null, "$: null"],
    [{ s: new Socket() }, "$.s: Socket objects"],
    [{ "": 1 }, "no field can have this name"],
    [new Date(NaN), "$: Time can't be encoded"],
  ];
  for (const [value, text] of cases) {
    refuses("invalid_argument", text, () => encode(value));
  }

  const schema = gob.struct({
    M: gob.map(gob.string, gob.slice(gob.struct({ N: gob.int8 }))),
  });
  const bad = { M: new Map([["a b", [{ N: 1 }, { N: 200 }]]]) };
  refuses(
    "invalid_argument",
    '$.M["a b"][1].N: the number 200',
    () => encode(bad, schema),
  );
  refuses(
    "invalid_argument",
    "$.M: an array is not",
    () => encode({ M: [] } as never, schema),
  );
  refuses("invalid_argument", "(m)", () => encode({ m: 1 } as never, schema));
  const any = gob.slice(gob.any);
  const loop: unknown[] = [];
  loop.push(new GobNamed("Loop", loop));
  assertThrows(() => encode(loop, any), RpcError);
});

Deno.test("a value that can't be encoded leaves no trace", () => {
  const encoder = new GobEncoder();
  const writer = new GobWriter(16);
  encoder.encodeTo(writer, 1, gob.int);
  const before = hex(writer.view());
  const list = gob.struct({ P: point, L: gob.slice(gob.any) });
  assertThrows(
    () => encoder.encodeTo(writer, { P: { X: 1, Y: 1 }, L: [() => 1] }, list),
    RpcError,
  );
  assertEquals(hex(writer.view()), before);
  assertThrows(
    () => encoder.encodePairTo(writer, { X: 1, Y: 2 }, point, Symbol("x")),
    RpcError,
  );
  assertEquals(hex(writer.view()), before);
  encoder.encodePairTo(writer, { X: 1, Y: 2 }, point, {
    P: { X: 3, Y: 4 },
    L: ["x"],
  }, list);
  const decoder = new GobDecoder();
  decoder.push(writer.view());
  assertEquals(decoder.next()?.value, 1);
  assertEquals(decoder.next(point)?.value, { X: 1, Y: 2 });
  assertEquals(decoder.next(list)?.value, { P: { X: 3, Y: 4 }, L: ["x"] });
});
