import { assertEquals } from "@std/assert";
import { splitName } from "../../internal/method_name.ts";

Deno.test("splitName: the method is what is behind the last dot", () => {
  for (
    const [name, service, method] of [
      ["Arith.Sum", "Arith", "Sum"],
      ["a.b.C", "a.b", "C"],
      ["Sum", "", "Sum"],
      [".Sum", "", "Sum"],
      ["Arith.", "Arith", ""],
      ["", "", ""],
    ]
  ) assertEquals(splitName(name), { service, method });
});
