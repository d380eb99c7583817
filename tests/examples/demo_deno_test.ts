/** The demo, as it is run by `deno task demo`: it ends with 0 only if all of it happened. */

import { assertEquals } from "@std/assert";
import { ownStdFlags } from "../../scripts/std.ts";

Deno.test("the demo shows what it says", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...ownStdFlags(), `${import.meta.dirname}/../../examples/demo.ts`],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text + new TextDecoder().decode(stderr));
  assertEquals(text.match(/^ {2}ok /gm)?.length, 8, text);
});
