/** The short notation of Go's types. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { goType, methodTypes } from "../../cli/gob_types.ts";
import { textOf } from "../../internal/schema.ts";
import { command } from "../support/command.ts";
import { inWorld } from "../support/helpers.ts";

Deno.test("types are read, as they are written by hand and as servers describe them", () => {
  const cases: [text: string, go: string][] = [
    ["int", "int"],
    ["float", "float64"],
    ["float32", "float32"],
    ["uint8", "uint8"],
    ["bytes", "[]byte"],
    ["[]byte", "[]byte"],
    ["[]uint8", "[]byte"],
    ["[3]uint16", "[3]uint16"],
    ["[][]string", "[][]string"],
    ["map[string]float", "map[string]float64"],
    ["map[int]{Name:string}", "map[int]struct { Name string }"],
    ["{A:int, B:[]string,}", "struct { A int; B []string }"],
    [" { } ", "struct {}"],
    ["*{A:*int}", "struct { A int }"],
    ["any", "any"],
  ];
  for (const [text, go] of cases) {
    assertEquals(textOf(goType(text)), go);
    assertEquals(textOf(goType(go)), go, "what is described is read again");
  }
  const both = methodTypes("{A:int} -> []float");
  assertEquals([textOf(both.args), textOf(both.reply)], ["struct { A int }", "[]float64"]);
  assertEquals(methodTypes("-> int").args, undefined);
  assertEquals(methodTypes("int ->").reply, undefined);
});

Deno.test("what is no type is refused, saying where", () => {
  const cases: [text: string, message: string][] = [
    ["", "types: expected a type, got the end"],
    ["strng", 'types: expected a type, got "strng"; did you mean "string"?'],
    ["{A:int", 'types: expected "}" behind "{A:int", got the end'],
    ["{1:int}", 'types: expected a field behind "{", got "1:int}"'],
    ["int int", 'types: expected the end behind "int", got "int"'],
    ["[2", 'types: expected "]" behind "[2", got the end'],
  ];
  for (const [text, message] of cases) {
    assertEquals(assertThrows(() => goType(text), Error).message, message);
  }
  assertThrows(() => goType("*".repeat(200) + "int"), Error, "nested less deep");
  assertThrows(() => methodTypes("int"), Error, "--types must be ARGUMENT -> REPLY");
});

Deno.test("an argument is checked and converted by its type before it is sent", async () => {
  await inWorld(async (world) => {
    const seen: unknown[] = [];
    const keep = (args: unknown) => {
      seen.push(args);
      return args;
    };
    await world.serve("a", {}, { Keep: { It: keep } });
    const call = (json: string, types: string) =>
      command(
        world.options,
        "call",
        "memory@a?protocol=geerpc/gob",
        "Keep.It",
        json,
        "--types",
        types,
      );
    const { code, out, err } = await call(
      '{"At": "2026-01-02T03:04:05Z", "Raw": "AQI=", "By": {"x": 1}, "N": 3}',
      "{At:time, Raw:bytes, By:map[string]int, N:int} -> {At:time, Raw:bytes, By:map[string]int, N:int}",
    );
    assertEquals([code, err], [0, ""]);
    assertEquals(JSON.parse(out), {
      At: "2026-01-02T03:04:05.000Z",
      Raw: "AQI=",
      By: { x: 1 },
      N: 3,
    });
    assert((seen[0] as { By: unknown }).By instanceof Map);
    const wrong = await call('{"N": "three"}', "{N:int} -> int");
    assertEquals([wrong.code, seen.length], [2, 1]);
    assert(wrong.err.startsWith("error: the argument.N does not fit --types: "), wrong.err);
  });
});
