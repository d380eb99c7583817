/** The demo, run as by `deno task demo`: it exits with 0 only if all that it shows has happened. */

import { assertEquals } from "@std/assert";
import { ownStdFlags } from "../../scripts/std.ts";

Deno.test("all that the demo shows has happened", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...ownStdFlags(), `${import.meta.dirname}/../../examples/demo.ts`],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text + new TextDecoder().decode(stderr));
  assertEquals(text.match(/^ {2}ok /gm)?.length, 8, text);
});
