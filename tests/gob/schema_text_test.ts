/** Schemas in words. */

import { assertEquals } from "@std/assert";
import { type AnyGobSchema, gob, type GobSchema } from "../../gob.ts";

interface Tree {
  Name: string;
  Children: Tree[];
}
const tree: GobSchema<Tree> = gob.struct({
  Name: gob.string,
  Children: gob.slice(gob.lazy(() => tree)),
}, { name: "Tree" });

Deno.test("a schema's words are Go's type", () => {
  const cases: [AnyGobSchema, string][] = [
    [gob.int, "int"],
    [gob.safeInt, "int"],
    [gob.int32, "int32"],
    [gob.uint8, "uint8"],
    [gob.uint64, "uint"],
    [gob.float, "float64"],
    [gob.float32, "float32"],
    [gob.complex, "complex128"],
    [gob.bool, "bool"],
    [gob.bytes, "[]byte"],
    [gob.time, "Time"],
    [gob.slice(gob.array(3, gob.string)), "[][3]string"],
    [gob.map(gob.string, gob.slice(gob.float)), "map[string][]float64"],
    [gob.interface(), "any"],
    [gob.struct({}), "struct {}"],
    [gob.optional(gob.struct({ A: gob.int })), "struct { A int }"],
    [tree, "struct { Children []^2; Name string }"],
    [
      gob.struct({ Left: tree, N: gob.int }),
      "struct { Left struct { Children []^2; Name string }; N int }",
    ],
  ];
  assertEquals(cases.map(([schema]) => schema["~text"]), cases.map(([, text]) => text));
});

Deno.test("types that are the same on the wire have the same words", () => {
  const one = gob.struct({ A: gob.int, B: gob.string }, { name: "One" });
  const other = gob.struct({ B: gob.string, A: gob.int64 }, { name: "Other" });
  assertEquals(one["~text"], other["~text"]);
});
